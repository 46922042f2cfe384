"""The indexes of a table as the API shows them: which there are and why, how large, how often used; pinned and dropped by hand."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta

from tablehouse.errors import BadRequest, NotFound, ServiceUnavailable
from tablehouse.kinds import kind
from tablehouse.query.cells import find_field
from tablehouse.query.needs import in_one_table, is_sortable
from tablehouse.query.requests import PinIndex
from tablehouse.query.wire import FieldId, IndexId
from tablehouse.schema.formulas import is_volatile
from tablehouse.schema.index import AUTOMATIC, ORDER, PINNED, TRIGRAM, Index, Part, Spec
from tablehouse.schema.model import Field, Table
from tablehouse.service.access import App, Caller, workspace_of
from tablehouse.service.answers import Answer
from tablehouse.service.building import build_index, drop_index, fill_index
from tablehouse.service.things import find_table
from tablehouse.sql import catalog as catalog_sql
from tablehouse.storage.transaction import Reading

_MOST_PINNED: Final = 16
_MOST_FIELDS: Final = 4


class IndexedField(msgspec.Struct, frozen=True, rename="camel"):
    """A field of an index. Of a record's own columns there is no field id."""

    field_id: Annotated[FieldId | None, Meta(description="null for a record's own times and people.")]
    name: Annotated[str, Meta(examples=["Status"])]
    direction: Annotated[Literal["ASC", "DESC"], Meta(examples=["ASC"])]
    characters: Annotated[int | None, Meta(description="Of long texts: how many characters are indexed; null for all.", examples=[None])]


class IndexAnswer(Answer, frozen=True, kw_only=True):
    """An index. One of kind ORDER finds values, ranges and sorted pages; one of kind TRIGRAM finds parts of texts."""

    id: IndexId
    kind: Annotated[Literal["ORDER", "TRIGRAM"], Meta(examples=["ORDER"])]
    fields: Annotated[list[IndexedField], Meta(description="In the index's order.")]
    origin: Annotated[
        Literal["AUTOMATIC", "PINNED", "UNIQUE"],
        Meta(description="Why it is there: slow searches needed it, somebody asked for it, a unique field.", examples=["AUTOMATIC"]),
    ]
    state: Annotated[Literal["READY", "BUILDING"], Meta(examples=["READY"])]
    size_bytes: Annotated[int | None, Meta(description="Space that it takes; null where the database cannot say.", examples=[65536])]
    uses: Annotated[int | None, Meta(description="Searches that read it; null where nobody counts.", examples=[12])]
    last_used_at: Annotated[str | None, Meta(description="Precise to a minute; null: not yet.", examples=[None])]
    created_at: Annotated[str | None, Meta(description="null: with its field.", examples=["2025-06-01T12:30:00.000Z"])]


class IndexesMetadata(msgspec.Struct, frozen=True, rename="camel"):
    """What the server does with indexes by itself."""

    auto_index: Annotated[str, Meta(description="Whether it builds indexes for slow searches: on, off or eager.", examples=["on"])]
    trigrams: Annotated[bool, Meta(description="Whether the database can have indexes for parts of texts.", examples=[True])]


class Indexes(msgspec.Struct, frozen=True):
    """A table's indexes, and what the server does by itself."""

    indexes: list[IndexAnswer]
    metadata: IndexesMetadata


def indexes_of(app: App, caller: Caller, database_id: str, table_id: str) -> Indexes:
    """Returns a table's indexes: those of unique fields, then the others by age. Raises NotFound."""
    workspace_of(caller, database_id)

    def work(reading: Reading) -> Indexes:
        table = find_table(reading.snapshot, table_id)
        pending = app.store.usage.uses_of(database_id)
        answers = [*_of_unique(reading, table), *_answers(reading, table, pending)]
        return Indexes(answers, IndexesMetadata(app.settings.auto_index, reading.has_trigrams()))

    with app.store.database(database_id) as database:
        return database.read(work)


def index_of(app: App, caller: Caller, database_id: str, table_id: str, index_id: str) -> IndexAnswer:
    """Returns one index of a table. Raises NotFound."""
    found = next((index for index in indexes_of(app, caller, database_id, table_id).indexes if index.id == index_id), None)
    if found is None:
        raise NotFound(f"There is no index {index_id} on this table.")
    return found


def pin_named(app: App, caller: Caller, database_id: str, table_id: str, body: PinIndex) -> IndexAnswer:
    """Returns an index that stays until it is dropped by hand: a new one, or the automatic one that is there for the same fields.

    One of trigrams is filled in the background. Raises NotFound, UnknownField, BadRequest.
    """
    workspace_of(caller, database_id)
    with app.store.database(database_id) as database:
        table = find_table(database.snapshot(), table_id)
        spec = read_spec(table, body)
        if not in_one_table(table, spec):
            raise BadRequest(
                "A field of so wide a table lies in a second table of the database, where it cannot be indexed.", path="fields"
            )
        if sum(index.origin == PINNED for index in table.indexes) >= _MOST_PINNED:
            raise BadRequest(f"A table has at most {_MOST_PINNED} pinned indexes: each makes every write slower.", limit=_MOST_PINNED)
        if spec.kind == TRIGRAM and not database.read(lambda reading: reading.has_trigrams()):
            raise BadRequest("This database cannot have trigram indexes: its PostgreSQL has no extension pg_trgm.", path="kind")
        index = build_index(database, table_id, spec, PINNED)
        if not index.ready and index.spec.kind == ORDER:
            # One of order takes a second or a few. Should a change of the table stop it, it is made in the background.
            with suppress(ServiceUnavailable):
                fill_index(database, table_id, index.num)
        app.store.usage.stirred.set()
    return index_of(app, caller, database_id, table_id, index.name)


def drop_named(app: App, caller: Caller, database_id: str, table_id: str, index_id: str) -> None:
    """Drops an index. Raises NotFound, and BadRequest for that of a unique field."""
    workspace_of(caller, database_id)
    with app.store.database(database_id) as database:
        table = find_table(database.snapshot(), table_id)
        if any(field.unique and f"u{field.num}" == index_id for field in table.fields):
            raise BadRequest("This index keeps a field unique. Make the field not unique, and it is gone.")
        found = next((index for index in table.indexes if index.name == index_id), None)
        if found is None:
            raise NotFound(f'There is no index {index_id} on the table "{table.name}".')
        drop_index(database, table_id, found.num)


def read_spec(table: Table, body: PinIndex) -> Spec:
    """Returns what an index is to be made of. Raises UnknownField, BadRequest."""
    if len(body.fields) > _MOST_FIELDS:
        raise BadRequest(f"fields: an index has at most {_MOST_FIELDS} fields.", path="fields", limit=_MOST_FIELDS)
    trigram = body.kind == "TRIGRAM"
    if trigram and len(body.fields) != 1:
        raise BadRequest("fields: a trigram index has one field.", path="fields")
    parts: list[Part] = []
    for place, given in enumerate(body.fields):
        name, direction = (given, UNSET) if isinstance(given, str) else (given.field, given.direction)
        path = f"fields[{place}]"
        field = find_field(table, name, path)
        _check_indexable(field, trigram, path)
        if any(part.column == field.shown_column for part in parts):
            raise BadRequest(f'{path}: "{field.name}" is there twice.', path=path)
        parts.append(Part(field.shown_column, direction == "DESC"))
    return Spec(TRIGRAM if trigram else ORDER, tuple(parts))


def _check_indexable(field: Field, trigram: bool, path: str) -> None:
    if trigram and not field.folded_column:
        raise BadRequest(f'{path}: a trigram index is for text, and "{field.name}" is {describe_field(field)}.', path=path)
    if is_volatile(field):
        raise BadRequest(
            f'{path}: "{field.name}" changes without being written and is evaluated when it is read, so no index can hold it.', path=path
        )
    if field.is_list or field.kind is kind.DATE_RANGE or field.type.source == "id" or not (field.column or is_sortable(field)):
        raise BadRequest(f'{path}: {describe_field(field)} ("{field.name}") cannot be indexed.', path=path)


def describe_field(field: Field) -> str:
    """Returns what a field is, in words for a sentence."""
    return f"a {field.type_name} field{' that holds several' if field.is_list else ''}"


def _answers(reading: Reading, table: Table, pending: dict[int, int]) -> Iterable[IndexAnswer]:
    rows = {row[0]: row[2:] for row in reading.rows(reading.dialect.fixed(catalog_sql.READ_INDEX_USES), {"num": table.num})}
    for index in table.indexes:
        uses, last_used_at, created_at = rows[index.num]
        yield IndexAnswer(
            id=index.name,
            kind="TRIGRAM" if index.spec.kind == TRIGRAM else "ORDER",
            fields=[_indexed(table, part) for part in index.spec.parts],
            origin="AUTOMATIC" if index.origin == AUTOMATIC else "PINNED",
            state="READY" if index.ready else "BUILDING",
            size_bytes=reading.index_bytes(_stored_as(index)),
            uses=uses + pending.get(index.num, 0),
            last_used_at=last_used_at,
            created_at=created_at,
        )


def _of_unique(reading: Reading, table: Table) -> Iterable[IndexAnswer]:
    for field in table.fields:
        if field.unique:
            yield IndexAnswer(
                id=f"u{field.num}",
                kind="ORDER",
                fields=[_indexed(table, Part(field.shown_column))],
                origin="UNIQUE",
                state="READY",
                size_bytes=reading.index_bytes((f"u{field.num}",)),
                uses=None,
                last_used_at=None,
                created_at=None,
            )


def _stored_as(index: Index) -> tuple[str, ...]:
    """Returns the names of what the database keeps for an index; those that it does not have count nothing."""
    return (index.name, *(f"{index.name}_{part}" for part in ("data", "idx", "docsize"))) if index.spec.kind == TRIGRAM else (index.name,)


def _indexed(table: Table, part: Part) -> IndexedField:
    field: Any = next((field for field in table.fields if field.shown_column == part.column), None)
    return IndexedField(
        field_id=None if field is None else field.id,
        name=part.column if field is None else field.name,
        direction="DESC" if part.descending else "ASC",
        characters=part.head or None,
    )
