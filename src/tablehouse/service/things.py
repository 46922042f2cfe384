"""Finding the thing a path names. What is not there is RESOURCE_NOT_FOUND, said before anything else is looked at."""

from __future__ import annotations

from tablehouse.errors import NotFound
from tablehouse.schema.model import Field, Snapshot, Table


def find_table(snapshot: Snapshot, table_id: str) -> Table:
    """Returns the table with this id. Raises NotFound."""
    table = snapshot.table_by_id.get(table_id)
    if table is None:
        raise NotFound(f"There is no table {table_id} in this database.")
    return table


def find_field(table: Table, field_id: str) -> Field:
    """Returns the field with this id. Raises NotFound."""
    field = table.field_by_id.get(field_id)
    if field is None:
        raise NotFound(f'There is no field {field_id} in the table "{table.name}".')
    return field


def no_record(table: Table, record_id: str, path: str | None = None) -> NotFound:
    """Returns the refusal of a record that is not there. `path`: where a body names it."""
    where = f"{path}: there" if path else "There"
    return NotFound(f'{where} is no record {record_id} in the table "{table.name}".', path=path)
