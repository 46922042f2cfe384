"""commands.md: every command of `tablehouse`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tablehouse.cli.reference.markdown import code, page, table


def commands(root: Any) -> str:
    """Returns the page for the root command. Typer does not export the types of commands and their parameters."""
    parts = [
        root.help or "",
        "Data go to standard output, everything else to standard error. Exit status: 0 done, 1 refused, 2 wrong usage.",
    ]
    return page("Commands", *parts, *_options(root), *_below("tablehouse", root))


def _below(path: str, group: Any) -> Iterator[str]:
    for name, command in group.commands.items():
        if command.hidden:
            continue
        called = f"{path} {name}"
        if hasattr(command, "commands"):
            yield from _below(called, command)
            continue
        given = [parameter for parameter in command.params if parameter.param_type_name == "argument"]
        chosen = ["[options]"] if len(given) < len(command.params) else []
        words = [called, *(_argument(parameter) for parameter in given), *chosen]
        yield f"## {called}"
        yield (command.help or "").replace("\n\n", "\n").strip()
        yield f"```\n{' '.join(words)}\n```"
        yield table(("Argument", "Meaning"), [(code(_argument(parameter)), parameter.help or "") for parameter in given])
        yield from _options(command)


def _argument(parameter: Any) -> str:
    word = parameter.metavar or str(parameter.name).upper()
    many = "…" if parameter.nargs == -1 else ""
    return f"{word}{many}" if parameter.required else f"[{word}{many}]"


def _options(command: Any) -> Iterator[str]:
    found = [each for each in command.params if each.param_type_name == "option" and not each.hidden]
    yield table(
        ("Option", "Default", "Variable", "Meaning"),
        [(_names(each), code(each.envvar or ""), _says(each)) for each in found],
    )


def _names(parameter: Any) -> str:
    return ", ".join(code(name) for name in [*parameter.opts, *parameter.secondary_opts])


def _says(parameter: Any) -> str:
    default, text = parameter.default, (parameter.help or "").replace("\\[", "[")  # terminals would take it for markup
    shown = "" if default in (None, False, "") or callable(default) or "[default: " in text else f" [default: {default}]"
    return text + shown + (" Required." if parameter.required else "")
