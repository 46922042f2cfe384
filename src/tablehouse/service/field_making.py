"""A field as it comes into being: its row in the catalog, its columns or its relation, what fills them."""

from __future__ import annotations

import msgspec

from tablehouse.errors import ConstraintViolation
from tablehouse.fields.base import whole as as_read
from tablehouse.fields.system import AutonumberOptions
from tablehouse.ids import new_field_id
from tablehouse.kinds.kind import fold
from tablehouse.query.definitions import Draft, field_from, numbered, unnumbered
from tablehouse.schema.model import Field, Table
from tablehouse.service.building import drop_indexes_of
from tablehouse.service.formula_fields import checked_formula, settle
from tablehouse.service.link_fields import join_relation
from tablehouse.sql import ddl
from tablehouse.storage.transaction import Writing


def make_field(writing: Writing, table: Table, draft: Draft, position: int, most_fields: int) -> str:
    """Returns the id of a field made of a draft whose references are settled; records that exist have it empty, system fields have it filled.

    Raises ConstraintViolation for values that repeat, ValidationError for a formula that cannot be saved, BadRequest when the linked table has no room for a partner.
    """
    num = writing.catalog.take_nums(1 + unnumbered(draft.options))
    field_id = new_field_id({fold(field.id) for field in table.fields})
    options = numbered(draft.options, num + 1)
    made = field_from(draft, num, field_id, position, writing.at, writing.snapshot.database.timezone, options)
    made = with_offset(writing, table, made)
    field = checked_formula((*table.fields, made), made)
    before = writing.snapshot

    def change(version: int) -> None:
        writing.catalog.insert_field(table, field)
        writing.catalog.touch_table(table, version)
        make_columns(writing, table, field)
        if draft.type.joined and not draft.type.readonly:
            join_relation(writing, table, field, most_fields, version)

    writing.change_schema(change)
    settle(writing, before)
    return field_id


def with_offset(writing: Writing, table: Table, field: Field) -> Field:
    """An AUTONUMBER field numbers the records there are from 1, and goes on from there with every record made."""
    if not isinstance(field.options, AutonumberOptions):
        return field
    following, live = writing.catalog.counter(table)
    return msgspec.structs.replace(field, offset=max(live, field.options.counter) - (following - 1))


def make_columns(writing: Writing, table: Table, field: Field, unique: bool = True) -> None:
    """Gives a table the columns of a field, filled where the server fills them. `unique`: whether its values are made so at once."""
    whole = table if field in table.fields else msgspec.structs.replace(table, fields=(*table.fields, field))
    # Until it is known who fills them (`settle`), the cells of computed fields say that they are being computed.
    writing.session.script(ddl.add_columns(writing.dialect, whole, field, computing=field.type.computed))
    if isinstance(field.options, AutonumberOptions):
        writing.rows(writing.dialect.compile(ddl.number_records(whole, field)))
    if field.unique and unique:
        make_unique(writing, whole, field)


def drop_columns(writing: Writing, table: Table, field: Field) -> None:
    """Removes the columns of a field with what is in them."""
    if field.unique:
        writing.session.script([ddl.drop_unique(writing.dialect, field)])
    drop_indexes_of(writing, table, field)
    writing.session.script(ddl.drop_columns(writing.dialect, table, field))


def make_unique(writing: Writing, table: Table, field: Field) -> None:
    """Makes a field's values unique. Raises ConstraintViolation when some repeat."""
    repeated = writing.rows(writing.dialect.compile(ddl.duplicates(table, field)))
    if repeated:
        examples = ", ".join(f'"{as_read(value)}" ({count} times)' for value, count in repeated)
        raise ConstraintViolation(f'"{field.name}" cannot be unique: values repeat, such as {examples}.', fieldId=field.id)
    writing.session.script([ddl.create_unique(writing.dialect, table, field)])
