"""Whether a caller may do something with the thing a path names: 404 goes before 403 (contract §9.11)."""

from __future__ import annotations

from collections.abc import Mapping

from tablehouse.service.access import App, Caller, workspace_of
from tablehouse.service.records import get_record
from tablehouse.service.things import find_field, find_table
from tablehouse.service.views import find_view
from tablehouse.service.workspaces import find_workspace


def check_permission(app: App, caller: Caller, level: int, path: Mapping[str, str]) -> None:
    """Raises NotFound when the workspace or database is out of reach, Forbidden when the token's level there is too low."""
    if "database" in path:
        allowed = caller.levels[workspace_of(caller, path["database"])]
    elif "workspace" in path:
        allowed = caller.levels[find_workspace(caller.control, caller, path["workspace"]).id]
    else:
        allowed = caller.level
    if allowed >= level:
        return
    # What is not there is said to be not there, also to those who may not touch it.
    check_there(app, caller, path)
    raise app.access.refusal(caller, level)


def check_there(app: App, caller: Caller, path: Mapping[str, str]) -> None:
    """Raises NotFound when something that the path names in its database is not there."""
    if "table" in path:
        with app.store.database(path["database"]) as database:
            table = find_table(database.snapshot(), path["table"])
        if "field" in path:
            find_field(table, path["field"])
        if "view" in path:
            find_view(table, path["view"])
        if "record" in path:
            get_record(app, caller, path["database"], path["table"], path["record"])
