"""Database, Table, Field, View, and the Snapshot that holds them all at one schema version.

Pure and immutable: a request works on one Snapshot from its first line to its last. `num`s are the store's own counters, from
which columns and tables take their names (`c12`, `t3`); ids and names of users never reach SQL identifiers.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from tablehouse.fields.base import FieldType, Reject, Spec
from tablehouse.fields.count import CountOptions
from tablehouse.fields.datetime import NOW, TODAY, predefined
from tablehouse.fields.lookup import LookupOptions
from tablehouse.fields.registry import BY_NAME
from tablehouse.fields.rollup import RollupOptions
from tablehouse.kinds.kind import DATE, DATETIME, FILE, PERSON, TEXT, Kind, fold
from tablehouse.kinds.zones import zone_named
from tablehouse.schema.index import Index
from tablehouse.schema.parts import Parts
from tablehouse.schema.plans import Plans
from tablehouse.schema.relations import Link, Relation


class Database(msgspec.Struct, frozen=True):
    """A database's own properties; times in the wire's form."""

    id: str
    name: str
    description: str | None
    timezone: str
    week_start: str
    created_at: str
    updated_at: str


class Field(msgspec.Struct, frozen=True, dict=True, eq=False):
    """One field; the same object within a Snapshot. `default` is the value as it was written; `offset` turns a record's number into an AUTONUMBER's.

    `link`: the relation that a link field shows. `around`: the tables that relations lead to from this field's own, by number, itself
    among them; empty for a field that is not part of a Snapshot.
    """

    num: int
    id: str
    name: str
    description: str | None
    type_name: str
    options: Any
    many: bool
    required: bool
    unique: bool
    default: Any
    position: int
    created_at: str
    updated_at: str
    zone: ZoneInfo
    offset: int = 0
    table_num: int = 0
    link: Link | None = None
    around: Mapping[int, Table] = msgspec.field(default_factory=dict)
    trigrams: str | None = None
    """The name of the index by which parts of the text are found; None without one."""
    computing: str | None = None
    """The id of the job that is filling the cells; None when they are all there."""
    filling: bool = False
    """Whether that job has come to these cells: all that they are made of is there, and new records have theirs at once."""
    head: int = 0
    """How many characters of the text an index holds, where none holds all of it; 0 otherwise."""

    @cached_property
    def type(self) -> FieldType[Any]:
        return BY_NAME[self.type_name]

    @cached_property
    def kind(self) -> Kind:
        if isinstance(self.options, LookupOptions):
            return TEXT if self.shown is self else self.shown.kind
        return self.type.kind_of(self.options)

    @property
    def joined(self) -> bool:
        """Whether cells are read from other records, by way of links."""
        return self.type.joined

    @property
    def is_list(self) -> bool:
        """Whether cells read as arrays; a link that may lead to one record only does, too."""
        return self.many or self.joined

    @cached_property
    def path(self) -> Path | None:
        """How a joined cell's values are reached; None for other fields, and for a lookup that is not valid."""
        return _path(self, ())

    @cached_property
    def gathered(self) -> Path | None:
        """Where the values come from that a rollup or count takes together; None for other fields, and while the fields are not there."""
        if isinstance(self.options, RollupOptions):
            return _path_through(self, self.options.linked_record_field_id, self.options.rollup_field_id, ())
        if isinstance(self.options, CountOptions):
            own = self.around.get(self.table_num)
            through = None if own is None else own.field_by_id.get(self.options.linked_record_field_id or "")
            return None if through is None or through.link is None else through.path
        return None

    @cached_property
    def shown(self) -> Field:
        """The field whose values cells show: the field itself, or what a valid lookup finds at the end of its chain."""
        if not isinstance(self.options, LookupOptions) or self.path is None:
            return self
        return self.path.leaf or self.path.links[-1]

    @property
    def awaited(self) -> str | None:
        """The id of the job that has yet to fill some cells, be they others' which this field shows; None when all are there."""
        if self.path is None:
            return self.computing
        return (self.path.leaf or self.path.table.primary).computing

    @property
    def linked_table(self) -> Table | None:
        """The table that a link field leads to; None for other fields."""
        return None if self.link is None else self.around.get(self.link.table_num)

    @property
    def partner(self) -> Field | None:
        """The field that shows a link field's relation from the other side; None where there is none."""
        table = self.linked_table
        return None if table is None or self.link is None else table.field_by_num.get(self.link.partner_num or 0)

    @cached_property
    def spec(self) -> Spec[Any]:
        return spec_of(self.options, self.many, self.zone)

    @property
    def column(self) -> str | None:
        """The name of the column that holds the cells; None where the record itself knows the value, or others do."""
        return None if self.type.source or self.type.joined else f"c{self.num}"

    @property
    def shown_column(self) -> str:
        """The name of the column that a reader looks at: the field's own, or the record's."""
        return self.column or str(self.type.source)

    @cached_property
    def folded_column(self) -> str | None:
        """The name of the column with the case-folded text where it differs; None for kinds without."""
        return f"k{self.num}" if self.kind.folded and self.column and not self.many else None

    @property
    def error_column(self) -> str | None:
        """The name of the column that says why a computed cell failed; None for fields whose cells cannot fail."""
        return f"e{self.num}" if self.type.fails else None

    @property
    def waits(self) -> bool:
        """Whether a job has yet to come to these cells: what they are made of may not be there."""
        return self.computing is not None and not self.filling

    @property
    def state_column(self) -> str | None:
        """The name of the column with what a rollup has to remember to move by differences; None for other fields."""
        return f"s{self.num}" if isinstance(self.options, RollupOptions) else None

    @cached_property
    def cell_names(self) -> tuple[str, str | None]:
        """The names under which a write passes this field's cell, and its folded text."""
        return f"c{self.num}", self.folded_column

    def default_at(self, now: str) -> Any:
        """Returns the stored value that a new record gets when nothing is written, at an instant in the wire's form."""
        if self.default in (NOW, TODAY) and self.kind in (DATE, DATETIME):
            return self.type.read(predefined(self.default, now, self.spec.zone), self.spec)
        return self._constant_default

    @cached_property
    def _constant_default(self) -> Any:
        if self.default is None:
            return None
        try:
            return self.type.read(self.default, self.spec)
        except Reject:
            # Options tightened after the default was accepted bind writes from then on: the default no longer applies.
            return None


class Path(msgspec.Struct, frozen=True):
    """The way to a joined cell's values: along `links` one after the other, into `table`. `leaf`: whose cells they are there; None for the
    records themselves, as id and label.
    """

    links: tuple[Field, ...]
    leaf: Field | None
    table: Table


class View(msgspec.Struct, frozen=True):
    """A saved way of looking at a table. `filter`, `sorting`: as `query.kept` keeps them; `visible_fields`: ids, None for all."""

    num: int
    id: str
    name: str
    description: str | None
    created_at: str
    updated_at: str
    filter: Any = None
    sorting: tuple[Any, ...] = ()
    visible_fields: tuple[str, ...] | None = None

    @property
    def selects(self) -> bool:
        """Whether it shows anything but all records in order of creation."""
        return self.filter is not None or bool(self.sorting)


class Table(msgspec.Struct, frozen=True, dict=True, eq=False):
    """One table. `version` is the schema version at which it last changed; fields are in field order."""

    num: int
    id: str
    name: str
    description: str | None
    primary_num: int
    default_view_id: str
    position: int
    version: int
    created_at: str
    updated_at: str
    fields: tuple[Field, ...]
    views: tuple[View, ...]
    parts: Parts = Parts()
    around: Mapping[int, Table] = msgspec.field(default_factory=dict)

    @cached_property
    def names_people(self) -> bool:
        """Whether a field holds people who are written, not noted by the server."""
        return any(field.kind is PERSON and field.column is not None for field in self.fields)

    @cached_property
    def file_fields(self) -> tuple[Field, ...]:
        """The fields that hold files."""
        return tuple(field for field in self.fields if field.kind is FILE and field.column is not None)

    @cached_property
    def shows_files(self) -> bool:
        """Whether records show links to files, their own or those of others."""
        return any(field.kind is FILE for field in self.fields)

    @property
    def rendered_last(self) -> bool:
        """Whether what records read follows from more than their rows: it is rendered once all of a write is done."""
        return self.linked or bool(self.file_fields)

    @cached_property
    def linked(self) -> bool:
        """Whether relations lead from here: a write then may change what other records show, and is rendered once all of it is done."""
        return len(self.around) > 1 or any(field.link for field in self.fields)

    indexes: tuple[Index, ...] = ()
    """Those that were built beyond the unique fields', also those that are still being built."""

    @cached_property
    def plans(self) -> Plans:
        """What has been compiled for this very version of the table, by shape of request."""
        return Plans()

    @cached_property
    def derived(self) -> dict[Any, Any]:
        """What a layer above makes once of this very version of the table, whatever the requests."""
        return {}

    @cached_property
    def field_by_id(self) -> dict[str, Field]:
        return {field.id: field for field in self.fields}

    @cached_property
    def field_by_num(self) -> dict[int, Field]:
        return {field.num: field for field in self.fields}

    @cached_property
    def field_by_folded_name(self) -> dict[str, Field]:
        return {fold(field.name): field for field in self.fields}

    @property
    def primary(self) -> Field:
        return self.field_by_num[self.primary_num]

    def find_field(self, id_or_name: str) -> Field | None:
        """Returns the field with this id, or else with this name (letter case ignored)."""
        return self.field_by_id.get(id_or_name) or self.field_by_folded_name.get(fold(id_or_name))


class Snapshot(msgspec.Struct, frozen=True, dict=True, eq=False):
    """A database's whole schema at one version."""

    version: int
    database: Database
    tables: tuple[Table, ...]
    relations: tuple[Relation, ...] = ()

    @cached_property
    def computing(self) -> bool:
        """Whether a job has yet to fill cells."""
        return any(field.computing for table in self.tables for field in table.fields)

    @cached_property
    def table_by_id(self) -> dict[str, Table]:
        return {table.id: table for table in self.tables}

    @cached_property
    def table_by_num(self) -> dict[int, Table]:
        return {table.num: table for table in self.tables}


def _path(field: Field, behind: tuple[Field, ...]) -> Path | None:
    """Returns the way from a joined field to its values. `behind`: the lookups that lead here; one that comes again leads nowhere."""
    if field.link is not None:
        table = field.linked_table
        return None if table is None else Path((field,), None, table)
    options = field.options
    if not isinstance(options, LookupOptions) or field in behind:
        return None
    return _path_through(field, options.linked_record_field_id, options.lookup_field_id, behind)


def _path_through(field: Field, link_id: str | None, of_id: str | None, behind: tuple[Field, ...]) -> Path | None:
    """Returns the way through a link field of the same table to the cells of a field of the linked one, or on to where those come from."""
    own = field.around.get(field.table_num)
    through = None if own is None else own.field_by_id.get(link_id or "")
    table = None if through is None else through.linked_table
    of = None if table is None else table.field_by_id.get(of_id or "")
    if through is None or table is None or of is None:
        return None
    if not of.joined:
        return Path((through,), of, table)
    further = _path(of, (*behind, field))
    return None if further is None else Path((through, *further.links), further.leaf, further.table)


def spec_of(options: Any, many: bool, zone: ZoneInfo) -> Spec[Any]:
    """Returns what reading cells depends on; `zone` is the database's, a FIXED time zone of the options wins."""
    if getattr(options, "timezone_type", None) == "FIXED":
        zone = zone_named(options.timezone)
    return Spec(options=options, many=many, zone=zone)
