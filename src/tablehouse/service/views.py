"""Views of a table."""

from __future__ import annotations

from tablehouse.errors import NotFound
from tablehouse.schema.model import Table, View
from tablehouse.service.access import App, Caller, workspace_of
from tablehouse.service.answers import ViewAnswer, view_answer
from tablehouse.service.things import find_table


def list_views(app: App, caller: Caller, database_id: str, table_id: str) -> list[ViewAnswer]:
    """Returns a table's views, the default one first. Raises NotFound."""
    workspace_of(caller, database_id)
    with app.store.database(database_id) as database:
        table = find_table(database.snapshot(), table_id)
        return [view_answer(table, view) for view in table.views]


def get_view(app: App, caller: Caller, database_id: str, table_id: str, view_id: str) -> ViewAnswer:
    """Returns a view. Raises NotFound."""
    workspace_of(caller, database_id)
    with app.store.database(database_id) as database:
        table = find_table(database.snapshot(), table_id)
        return view_answer(table, find_view(table, view_id))


def find_view(table: Table, view_id: str) -> View:
    """Returns the view with this id. Raises NotFound."""
    for view in table.views:
        if view.id == view_id:
            return view
    raise NotFound(f'There is no view {view_id} in the table "{table.name}".')
