"""Database, Table, Field, View, and the Snapshot that holds them all at one schema version.

Pure and immutable: a request works on one Snapshot from its first line to its last. `num`s are the store's own counters, from
which columns and tables take their names (`c12`, `t3`); ids and names of users never reach SQL identifiers.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from tablehouse.fields.base import FieldType, Reject, Spec
from tablehouse.fields.datetime import NOW, TODAY, predefined
from tablehouse.fields.registry import BY_NAME
from tablehouse.kinds.kind import DATE, DATETIME, Kind, fold
from tablehouse.kinds.zones import zone_named
from tablehouse.schema.parts import Parts
from tablehouse.schema.plans import Plans


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
    """One field; the same object within a Snapshot. `default` is the value as it was written; `offset` turns a record's number into an AUTONUMBER's."""

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

    @cached_property
    def type(self) -> FieldType[Any]:
        return BY_NAME[self.type_name]

    @cached_property
    def kind(self) -> Kind:
        return self.type.kind_of(self.options)

    @cached_property
    def spec(self) -> Spec[Any]:
        return spec_of(self.options, self.many, self.zone)

    @property
    def column(self) -> str | None:
        """The name of the column that holds the cells; None where the record itself knows the value."""
        return None if self.type.source else f"c{self.num}"

    @property
    def shown_column(self) -> str:
        """The name of the column that a reader looks at: the field's own, or the record's."""
        return self.column or str(self.type.source)

    @cached_property
    def folded_column(self) -> str | None:
        """The name of the column with the case-folded text where it differs; None for kinds without."""
        return f"k{self.num}" if self.kind.folded and self.column and not self.many else None

    @cached_property
    def cell_names(self) -> tuple[str, str | None]:
        """The names under which a write passes this field's cell, and its folded text."""
        return f"c{self.num}", self.folded_column

    def default_at(self, now: str) -> Any:
        """Returns the stored value that a new record gets when nothing is written, at an instant in the wire's form."""
        if self.default in (NOW, TODAY) and self.kind in (DATE, DATETIME):
            return self.type.read(predefined(self.default, now), self.spec)
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

    @cached_property
    def table_by_id(self) -> dict[str, Table]:
        return {table.id: table for table in self.tables}

    @cached_property
    def table_by_num(self) -> dict[int, Table]:
        return {table.num: table for table in self.tables}


def spec_of(options: Any, many: bool, zone: ZoneInfo) -> Spec[Any]:
    """Returns what reading cells depends on; `zone` is the database's, a FIXED time zone of the options wins."""
    if getattr(options, "timezone_type", None) == "FIXED":
        zone = zone_named(options.timezone)
    return Spec(options=options, many=many, zone=zone)
