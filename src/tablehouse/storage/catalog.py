"""A database's catalog as structs: reading a Snapshot, and the rows that schema changes write."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from tablehouse.fields.base import decode_options
from tablehouse.fields.registry import BY_NAME
from tablehouse.fields.select import Choice, SelectOptions
from tablehouse.kinds.zones import zone_named
from tablehouse.schema.index import ORDER, TRIGRAM, Index, Spec
from tablehouse.schema.jobs import Following, Job
from tablehouse.schema.model import Database, Field, Snapshot, Table, View
from tablehouse.schema.parts import Parts
from tablehouse.schema.relations import End, Link, Relation, connected, links_of
from tablehouse.sql import catalog as sql
from tablehouse.sql import catalog_tables
from tablehouse.sql.catalog_tables import NOT_BEGUN
from tablehouse.sql.dialect import Dialect
from tablehouse.sql.postgres_parts import part_number
from tablehouse.storage.migrations import check_format
from tablehouse.storage.session import Row, Session

Computing = Mapping[int, tuple[str, bool]]
"""Field number -> (the id of the job that fills its cells, whether it is at them)."""


class Catalog:
    """Reads and writes the catalog inside one transaction."""

    def __init__(self, session: Session, dialect: Dialect) -> None:
        self._session = session
        self._dialect = dialect

    def version(self) -> int:
        """Returns the schema version as of this transaction."""
        version: int = self._rows(sql.VERSION)[0][0]
        return version

    def load(self, known: Snapshot | None = None) -> Snapshot:
        """Returns the schema; tables that have not changed since `known`, nor any that relations lead to from them, are taken over
        with all that was compiled for them.
        """
        _, form, version, _, *properties = self._rows(sql.READ_META)[0]
        check_format(form, catalog_tables.FORMAT)
        database = Database(*properties)
        kept = {} if known is None else known.table_by_num
        rows = self._rows(sql.READ_TABLES)
        versions = {row[0]: row[7] for row in rows}
        relations = self.relations()
        groups = connected(list(versions), relations)
        links = links_of(relations)
        jobs = self.active_jobs()
        computing = {num: (job.id, num in (job.filling or ())) for job in jobs for num in job.fields}
        arounds: dict[frozenset[int], dict[int, Table]] = defaultdict(dict)
        tables = []
        for row in rows:
            num = row[0]
            group = groups[num]
            before = kept.get(num)
            current = before is not None and before.around.keys() == group
            if before is not None and current and all(other.version == versions[other.num] for other in before.around.values()):
                tables.append(before)
                continue
            around = arounds[group]
            around[num] = self._table(row, database, links, around, computing)
            tables.append(around[num])
        return Snapshot(version=version, database=database, tables=tuple(tables), relations=relations)

    def relations(self) -> tuple[Relation, ...]:
        """Returns the relations between tables."""
        rows = self._rows(sql.READ_RELATIONS)
        return tuple(Relation(num, End(one, one_field), End(other, other_field)) for num, one, one_field, other, other_field in rows)

    def insert_relation(self, relation: Relation) -> None:
        """Writes a new relation."""
        self._rows(
            sql.INSERT_RELATION,
            num=relation.num,
            source_table=relation.source.table_num,
            source_field=relation.source.field_num,
            target_table=relation.target.table_num,
            target_field=relation.target.field_num,
        )

    def save_relation(self, relation: Relation) -> None:
        """Writes which fields show a relation."""
        self._rows(sql.UPDATE_RELATION, which=relation.num, source_field=relation.source.field_num, target_field=relation.target.field_num)

    def delete_relation(self, num: int) -> None:
        """Removes a relation."""
        self._rows(sql.DELETE_RELATION, num=num)

    def take_nums(self, count: int = 1) -> int:
        """Returns the first of `count` fresh numbers for tables, fields, views and choices."""
        following: int = self._rows(sql.TAKE_NUMS, count=count)[0][0]
        return following - count

    def raise_version(self) -> int:
        """Returns the new schema version; every other transaction notices it."""
        version: int = self._rows(sql.RAISE_VERSION)[0][0]
        return version

    def save_database(self, database: Database, version: int) -> None:
        """Writes a database's properties; all its tables count as changed, for cells are read in its time zone."""
        self._rows(
            sql.UPDATE_META,
            name=database.name,
            description=database.description,
            timezone=database.timezone,
            week_start=database.week_start,
            updated_at=database.updated_at,
        )
        self._rows(sql.TOUCH_TABLES, version=version)

    def insert_table(self, table: Table) -> None:
        """Writes a new table with its fields, views and counters."""
        self._rows(
            sql.INSERT_TABLE,
            num=table.num,
            id=table.id,
            name=table.name,
            description=table.description,
            primary_num=table.primary_num,
            default_view_id=table.default_view_id,
            position=table.position,
            version=table.version,
            created_at=table.created_at,
            updated_at=table.updated_at,
        )
        for field in table.fields:
            self.insert_field(table, field)
        for view in table.views:
            self.insert_view(table, view)
        self._rows(sql.INSERT_COUNTER, table_num=table.num, next=1, live=0)

    def save_table(self, table: Table) -> None:
        """Writes a table's own properties."""
        self._rows(
            sql.UPDATE_TABLE,
            which=table.num,
            name=table.name,
            description=table.description,
            primary_num=table.primary_num,
            version=table.version,
            updated_at=table.updated_at,
        )

    def touch_table(self, table: Table, version: int) -> None:
        """Notes that something of a table has changed at this schema version."""
        self._rows(sql.TOUCH_TABLE, which=table.num, version=version)

    def delete_table(self, table: Table) -> None:
        """Removes a table with its fields, choices, views and counters."""
        for field in table.fields:
            self._rows(sql.DELETE_CHOICES, num=field.num)
        for statement in (
            sql.DELETE_FIELDS,
            sql.DELETE_VIEWS,
            sql.DELETE_INDEXES,
            sql.DELETE_NEEDS,
            sql.DELETE_COUNTER,
            sql.DELETE_HOLES,
            sql.DELETE_TABLE,
        ):
            self._rows(statement, num=table.num)

    def insert_field(self, table: Table, field: Field) -> None:
        """Writes a new field with its choices."""
        self._rows(
            sql.INSERT_FIELD,
            num=field.num,
            table_num=table.num,
            id=field.id,
            position=field.position,
            created_at=field.created_at,
            **_changing(field),
        )
        self.insert_choices(field.num, choices_of(field.options))

    def save_field(self, field: Field, before: Field) -> None:
        """Writes a changed field. A new `num` moves it to new columns; choices that are gone are removed."""
        if field.num != before.num:
            self._rows(sql.RENUMBER_FIELD, which=before.num, num=field.num)
        self._rows(sql.UPDATE_FIELD, which=field.num, **_changing(field))
        kept = {choice.num for choice in choices_of(field.options)}
        known = {choice.num for choice in choices_of(before.options)}
        for num in known - kept:
            self._rows(sql.DELETE_CHOICE, num=num)
        self.insert_choices(field.num, choices_of(field.options), known)

    def delete_field(self, field: Field) -> None:
        """Removes a field with its choices."""
        self._rows(sql.DELETE_CHOICES, num=field.num)
        self._rows(sql.DELETE_FIELD, num=field.num)

    def insert_view(self, table: Table, view: View) -> None:
        """Writes a new view."""
        self._rows(sql.INSERT_VIEW, num=view.num, table_num=table.num, id=view.id, created_at=view.created_at, **_of_view(view))

    def save_view(self, view: View) -> None:
        """Writes a changed view."""
        self._rows(sql.UPDATE_VIEW, which=view.num, **_of_view(view))

    def delete_view(self, view: View) -> None:
        """Removes a view."""
        self._rows(sql.DELETE_VIEW, num=view.num)

    def insert_choices(self, field_num: int, choices: Sequence[Choice], known: Iterable[int] = ()) -> None:
        """Writes a field's choices in their order; those whose number is `known` are changed in place."""
        there = set(known)
        for position, choice in enumerate(choices):
            shown = msgspec.json.encode({"id": choice.id, "label": choice.label}).decode()
            values = {"field_num": field_num, "label": choice.label, "color": choice.color, "position": position, "json": shown}
            if choice.num in there:
                self._rows(sql.UPDATE_CHOICE, which=choice.num, **values)
            else:
                self._rows(sql.INSERT_CHOICE, num=choice.num, id=choice.id, **values)

    def announce_indexes(self, snapshot: Snapshot, at: str) -> None:
        """Writes the indexes of a schema as such that have yet to be built: of a copied database only the records are there."""
        for table in snapshot.tables:
            for index in table.indexes:
                self.insert_index(table, msgspec.structs.replace(index, ready=False), at, NOT_BEGUN)

    def insert_index(self, table: Table, index: Index, at: str, filled: int = 0) -> None:
        """Writes a new index; `filled` is the number up to which records are in it."""
        self._rows(
            sql.INSERT_INDEX,
            num=index.num,
            table_num=table.num,
            spec=msgspec.json.encode(index.spec).decode(),
            origin=index.origin,
            ready=int(index.ready),
            filled=filled,
            uses=0,
            last_used_at=None,
            created_at=at,
        )

    def delete_index(self, index: Index) -> None:
        """Removes an index from the catalog."""
        self._rows(sql.DELETE_INDEX, num=index.num)

    def jobs(self) -> list[Job]:
        """Returns the jobs there are, the latest first."""
        return [_job(row) for row in self._rows(sql.READ_JOBS)]

    def job(self, job_id: str) -> Job | None:
        """Returns the job with this id."""
        found = self._rows(sql.READ_JOB, which=job_id)
        return _job(found[0]) if found else None

    def active_jobs(self) -> list[Job]:
        """Returns the jobs that have not ended, in the order in which they are to be done."""
        return [_job(row) for row in self._rows(sql.READ_ACTIVE_JOBS)]

    def insert_job(self, job: Job, forgotten_before: str) -> None:
        """Writes a new job, and forgets those that ended before an instant."""
        self._rows(sql.FORGET_JOBS, before=forgotten_before)
        values = msgspec.structs.asdict(job)
        lists = {name: _json(values[name]) for name in ("fields", "field_ids", "filling")}
        self._rows(sql.INSERT_JOB, **{**values, **lists, "following": _json(job.following)})

    def save_job(self, job: Job) -> None:
        """Writes how a job stands."""
        self._rows(
            sql.UPDATE_JOB,
            which=job.num,
            fields=_json(job.fields),
            filling=_json(job.filling),
            last=job.last,
            state=job.state,
            filled=job.filled,
            done=job.done,
            total=job.total,
            error=job.error,
            started_at=job.started_at,
            ended_at=job.ended_at,
        )

    def records_of_tables(self) -> dict[int, int]:
        """Returns how many records each table has, by the table's number."""
        return {num: live for num, live in self._rows(sql.READ_LIVE)}  # noqa: C416 - rows are tuples of any length

    def counter(self, table: Table) -> tuple[int, int]:
        """Returns (the number that the next record gets, how many records there are)."""
        row = self._rows(sql.READ_COUNTER, num=table.num)[0]
        return row[0], row[1]

    def next_numbers(self) -> dict[int, int]:
        """Returns the number that the next record of each table gets, by the table's number."""
        return {row[0]: row[1] for row in self._rows(sql.READ_COUNTERS)}

    def _rows(self, statement: Any, **values: Any) -> list[Row]:
        return self._session.rows(self._dialect.fixed(statement), values)

    def _table(self, row: Row, database: Database, links: Mapping[int, Link], around: Mapping[int, Table], computing: Computing) -> Table:
        num, table_id, name, description, primary_num, default_view_id, position, version, created_at, updated_at = row
        choices: dict[int, list[Choice]] = defaultdict(list)
        for field_num, choice_num, choice_id, label, color in self._rows(sql.READ_CHOICES, num=num):
            choices[field_num].append(Choice(label=label, id=choice_id, color=color, num=choice_num))
        indexes = tuple(
            Index(found[0], msgspec.json.decode(found[1], type=Spec), found[2], bool(found[3]))
            for found in self._rows(sql.READ_INDEXES, num=num)
        )
        fields = tuple(
            _known_by(indexes, _field(found, choices, database, links, around, computing.get(found[0], (None, False))))
            for found in self._rows(sql.READ_FIELDS, num=num)
        )
        views = tuple(_view(found) for found in self._rows(sql.READ_VIEWS, num=num))
        parts = self._parts(num)
        return Table(
            num,
            table_id,
            name,
            description,
            primary_num,
            default_view_id,
            position,
            version,
            created_at,
            updated_at,
            fields,
            views,
            parts,
            around,
            indexes,
        )

    def _parts(self, num: int) -> Parts:
        if self._dialect.parts is None:
            return Parts()
        found = {
            part_number(name): (spent, columns.split()) for name, spent, columns in self._session.rows(self._dialect.parts, {"num": num})
        }
        places = {column: part for part, (_, columns) in found.items() for column in columns}
        return Parts(places, {part: spent for part, (spent, _) in found.items()})


def choices_of(options: Any) -> tuple[Choice, ...]:
    """Returns the choices in a field's options; none for types without."""
    return options.choices if isinstance(options, SelectOptions) else ()


def _of_view(view: View) -> dict[str, Any]:
    return {
        "name": view.name,
        "description": view.description,
        "updated_at": view.updated_at,
        "filter": _json(view.filter),
        "sorting": _json(view.sorting or None),
        "visible_fields": _json(view.visible_fields),
    }


def _view(row: Row) -> View:
    num, _, view_id, name, description, created_at, updated_at, *kept = row
    condition, sorting, visible = (None if text is None else msgspec.json.decode(text) for text in kept)
    shown = None if visible is None else tuple(visible)
    return View(num, view_id, name, description, created_at, updated_at, condition, tuple(sorting or ()), shown)


def _json(value: Any) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()


def _job(row: Row) -> Job:
    num, job_id, kind, table_num, table_id, fields, field_ids, *standing, filling, following = row
    job = Job(num, job_id, kind, table_num, table_id, tuple(msgspec.json.decode(fields)), tuple(msgspec.json.decode(field_ids)), *standing)
    return msgspec.structs.replace(
        job,
        filling=None if filling is None else tuple(msgspec.json.decode(filling)),
        following=msgspec.json.decode(following, type=tuple[Following, ...]),
    )


def _known_by(indexes: Sequence[Index], field: Field) -> Field:
    """Returns a field that knows which indexes searches have to be written for: others the database finds by itself."""
    ready = [(index, part) for index in indexes if index.ready for part in index.spec.parts if part.column == field.shown_column]
    trigrams = next((index.name for index, _ in ready if index.spec.kind == TRIGRAM), None)
    heads = [part.head for index, part in ready if index.spec.kind == ORDER]
    head = 0 if not heads or 0 in heads else heads[0]
    return field if trigrams is None and not head else msgspec.structs.replace(field, trigrams=trigrams, head=head)


def _changing(field: Field) -> dict[str, Any]:
    options = field.type.wire_options(field.options)
    options.pop("choices", None)
    return {
        "name": field.name,
        "description": field.description,
        "type": field.type_name,
        "options": msgspec.json.encode(options).decode(),
        "many": int(field.many),
        "required": int(field.required),
        "is_unique": int(field.unique),
        "default_value": _json(field.default),
        "number_offset": field.offset,
        "updated_at": field.updated_at,
    }


def _field(
    row: Row,
    choices: dict[int, list[Choice]],
    database: Database,
    links: Mapping[int, Link],
    around: Mapping[int, Table],
    computing: tuple[str | None, bool],
) -> Field:
    (
        num,
        table_num,
        field_id,
        name,
        description,
        type_name,
        options_json,
        many,
        required,
        unique,
        default_json,
        position,
        offset,
        created_at,
        updated_at,
    ) = row
    options = decode_options(BY_NAME[type_name], msgspec.json.decode(options_json))
    if isinstance(options, SelectOptions):
        options = msgspec.structs.replace(options, choices=tuple(choices[num]))
    return Field(
        num=num,
        id=field_id,
        name=name,
        description=description,
        type_name=type_name,
        options=options,
        many=bool(many),
        required=bool(required),
        unique=bool(unique),
        default=None if default_json is None else msgspec.json.decode(default_json),
        position=position,
        created_at=created_at,
        updated_at=updated_at,
        zone=zone_named(database.timezone),
        offset=offset,
        table_num=table_num,
        link=links.get(num),
        around=around,
        computing=computing[0],
        filling=computing[1],
    )
