"""audit.md: what the audit log notes."""

from __future__ import annotations

from tablehouse.cli.reference.markdown import code, page, table
from tablehouse.schema.audit import ACTIONS


def audit() -> str:
    """Returns the page."""
    return page(
        "Audit log",
        "Owners read at `GET /workspaces/{workspace}/audit` who changed what of a workspace, and at `GET /databases/{database}/audit` who changed "
        "what of a database's schema, the latest first. Each event says when, by whom (`by`) and to what (`what`: ids and names; of a change "
        "the keys that it changed). It is noted in the transaction of the change, and never holds a password or a token.",
        table(("Action", "Meaning"), [(code(name), says) for name, says in ACTIONS.items()]),
    )
