"""settings.md: everything `tablehouse serve` can be told."""

from __future__ import annotations

from tablehouse.cli.reference.markdown import code, page, table
from tablehouse.config import OPTIONS, RATE_LIMITS


def settings() -> str:
    """Returns the page."""
    rows = [
        (code(option.flag or ""), code(option.env), code(option.default_text), f"{option.help} Values: {option.values}.")
        for option in OPTIONS
    ]
    presets = [
        (code(name), f"{limit.reads:g}" if limit else "no limit", f"{limit.writes:g}" if limit else "no limit")
        for name, limit in RATE_LIMITS.items()
    ]
    return page(
        "Settings",
        "Each setting is an option of `tablehouse serve` and an environment variable; the option wins. Sizes may be written like `64MB`, in powers of 1,024.",
        table(("Option", "Variable", "Default", "Meaning"), rows),
        "## Rate limits by name",
        "Requests per second of one token; the burst is one second's worth.",
        table(("Name", "Reads", "Writes"), presets),
    )
