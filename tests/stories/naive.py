"""Every computed cell of a database from nothing: asked for one by one, each made anew from what is stored and what is linked.

Reads contract §5.2, §7 and §9 by itself; only what a formula or a rollup function gives over known values is the product's own, which has
its own tests. Knows nothing of how the server keeps cells in step.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import cached_property
from random import Random
from typing import Any, Final
from zoneinfo import ZoneInfo

from tablehouse.formula import rollups
from tablehouse.formula.checker import KnownField, KnownFields
from tablehouse.formula.context import Context
from tablehouse.formula.faults import CellError, FormulaError
from tablehouse.formula.formula import Formula, evaluate, read_formula
from tablehouse.formula.parser import parse
from tablehouse.formula.tree import references
from tablehouse.formula.values import Value, from_stored, text_of
from tablehouse.kinds import kind
from tablehouse.kinds.kind import Kind
from tablehouse.schema.jobs import COMPUTING

Json = dict[str, Any]

COMPUTED: Final = ("LOOKUP", "ROLLUP", "COUNT", "FORMULA")
KINDS: Final[dict[str, Kind]] = {
    "SINGLE_LINE_TEXT": kind.TEXT,
    "LONG_TEXT": kind.TEXT,
    "NUMBER": kind.NUMBER,
    "AUTONUMBER": kind.NUMBER,
    "CHECKBOX": kind.BOOLEAN,
    "SELECT": kind.TEXT,
    "DATETIME": kind.DATE,
    "COUNT": kind.NUMBER,
    "LINKED_RECORD": kind.TEXT,
}
"""What formulas see of the types that stories use; choices and links are their labels. Dates have no time here."""


class Naive:
    """A database at one moment: its tables as the API shows them, and its records by table id."""

    def __init__(self, tables: Iterable[Json], records: dict[str, list[Json]]) -> None:
        self.tables = {table["id"]: table for table in tables}
        self._records = {table: {record["id"]: record for record in listed} for table, listed in records.items()}
        self._columns: dict[tuple[str, str], Column] = {}

    def computed(self) -> Iterable[tuple[Json, Json]]:
        """Every table with each of its computed fields."""
        for table in self.tables.values():
            for field in table["fields"]:
                if field["type"] in COMPUTED:
                    yield table, field

    @property
    def is_computing(self) -> bool:
        """Whether a job has yet to fill cells."""
        return any(field.get("computing") for table in self.tables.values() for field in table["fields"])

    def column(self, table: Json, field: Json) -> Column:
        """The cells of a field."""
        key = (table["id"], field["id"])
        if key not in self._columns:
            self._columns[key] = Column(self, table, field)
        return self._columns[key]

    def field(self, table: str, field: str | None) -> Json | None:
        """A field by its id; None when it is not there."""
        return next((each for each in self.tables[table]["fields"] if each["id"] == field), None)

    def link(self, table: Json, field: str | None) -> Json | None:
        """A link field by its id; None when there is none."""
        found = self.field(table["id"], field)
        return found if found is not None and found["type"] == "LINKED_RECORD" else None

    def label(self, table: str, record: str) -> str:
        """What links to a record show: the text of its primary field."""
        owner = self.tables[table]
        primary = self.field(table, owner["primaryFieldId"])
        assert primary is not None
        return self.column(owner, primary).label_text(record)

    def record(self, table: str, record: str) -> Json:
        return self._records[table][record]

    def ids(self, table: str) -> list[str]:
        """The records of a table, in order of creation."""
        return list(self._records[table])


class Column:
    """The cells of one field."""

    def __init__(self, whole: Naive, table: Json, field: Json) -> None:
        self._whole = whole
        self._table = table
        self._field = field
        self._options: Json = field["options"]
        self.type: str = field["type"]
        self._known_values: dict[str, str | int | float | CellError | None] = {}

    def shown(self, record: str) -> Any:
        """What a cell reads."""
        if self.type == "LINKED_RECORD":
            there = self._options["linkedTableId"]
            return [{"id": each, "label": self._whole.label(there, each)} for each in self._linked(record)]
        if self.type == "LOOKUP":
            return [item for item, _ in self._looked_up(record)]
        if self.type not in COMPUTED:
            return self._raw(record)
        stored = self._stored(record)
        return None if isinstance(stored, CellError) else stored

    def reason(self, record: str) -> str | None:
        """Why a cell failed; None when it did not."""
        stored = self._stored(record) if self.type in ("FORMULA", "ROLLUP") else None
        return stored.reason if isinstance(stored, CellError) else None

    def value(self, record: str) -> Value:
        """What formulas see of a cell; the error of one that failed."""
        if self.type == "LINKED_RECORD":
            return [self._whole.label(self._options["linkedTableId"], each) for each in self._linked(record)]
        if self.type == "LOOKUP":
            return [value for _, value in self._looked_up(record)]
        if self.type in COMPUTED:
            stored = self._stored(record)
            return stored if isinstance(stored, CellError) else from_stored(stored, self.kind)
        raw = self._raw(record)
        if isinstance(raw, list):
            return [each["label"] for each in raw]
        return raw["label"] if isinstance(raw, dict) else from_stored(raw, self.kind)

    def label_text(self, record: str) -> str:
        """The text of a cell."""
        value = self.value(record)
        return "" if isinstance(value, CellError) else text_of(value)

    @cached_property
    def kind(self) -> Kind:
        """The kind of the values."""
        if self.type == "LOOKUP":
            return self._source.kind if self._source else kind.TEXT
        if self.type == "ROLLUP":
            return rollups.BY_NAME[self._options["function"]].result(self._source.kind if self._source else kind.TEXT)
        if self.type == "FORMULA":
            return self._formula.kind if self._formula else kind.TEXT
        return KINDS[self.type]

    @property
    def several(self) -> bool:
        """Whether a cell reads as an array."""
        return self.type in ("LINKED_RECORD", "LOOKUP") or bool(self._field["allowMultipleEntries"])

    @property
    def valid(self) -> bool:
        """Whether everything that a computed field needs is there."""
        match self.type:
            case "FORMULA":
                return self._formula is not None
            case "COUNT":
                return self._way is not None
            case "LOOKUP" | "ROLLUP":
                # What goes through a lookup that leads nowhere leads nowhere.
                there = self._source is not None and (self._source.type != "LOOKUP" or self._source.valid)
                return there and (self.type == "LOOKUP" or self._condition_holds is not None)
            case _:
                return True

    @property
    def is_awaited(self) -> bool:
        """Whether a job has yet to fill cells that this field shows."""
        if self.type == "LINKED_RECORD":
            owner = self._whole.tables[self._options["linkedTableId"]]
            return bool((self._whole.field(owner["id"], owner["primaryFieldId"]) or {}).get("computing"))
        if self.type == "LOOKUP":
            return self.valid and self._source is not None and self._source.is_awaited
        # What is evaluated at read is not filled, but made of cells that may have to be.
        return bool(self._field.get("computing")) or any(each.is_awaited for each in self._needed())

    def _needed(self) -> Iterator[Column]:
        """The fields that a formula or a rollup is made of."""
        if self.type == "FORMULA" and self._formula is not None:
            for reference in self._formula.references:
                if (field := self._whole.field(self._table["id"], reference)) is not None:
                    yield self._whole.column(self._table, field)
        if self.type == "ROLLUP" and self._source is not None and self._way is not None:
            yield self._source
            given = (self._options["filter"] or {}).get("condition", self._options["filter"] or {})
            there = self._whole.tables[self._way._options["linkedTableId"]]
            if given and (field := self._whole.field(there["id"], given["leftSide"])) is not None:
                yield self._whole.column(there, field)

    def _raw(self, record: str) -> Any:
        return self._whole.record(self._table["id"], record)["fields"][self._field["id"]]

    def _linked(self, record: str) -> list[str]:
        """The records that a link field's cell names."""
        return [each["id"] for each in self._raw(record)]

    @cached_property
    def _way(self) -> Column | None:
        """The link field that a computed field goes along."""
        link = self._whole.link(self._table, self._options["linkedRecordFieldId"])
        return None if link is None else self._whole.column(self._table, link)

    @cached_property
    def _source(self) -> Column | None:
        """The field of the linked table whose cells a lookup or a rollup takes."""
        if self._way is None:
            return None
        there = self._whole.tables[self._way._options["linkedTableId"]]
        wanted = self._options["lookupFieldId" if self.type == "LOOKUP" else "rollupFieldId"]
        field = self._whole.field(there["id"], wanted)
        return None if field is None else self._whole.column(there, field)

    def _looked_up(self, record: str) -> list[tuple[Any, Value]]:
        """The values of a lookup's cell, as they read and as formulas see them."""
        if not self.valid or self._way is None or self._source is None:
            return []
        found: list[tuple[Any, Value]] = []
        for linked in self._way._linked(record):
            shown, value = self._source.shown(linked), self._source.value(linked)
            if self._source.several:
                assert isinstance(value, list)
                found += zip(shown, value, strict=True)
            else:
                found.append((shown, value))
        return found

    def _stored(self, record: str) -> str | int | float | CellError | None:
        """The stored value of a formula, a rollup or a count, or why there is none."""
        if record not in self._known_values:
            self._known_values[record] = self._compute(record)
        return self._known_values[record]

    def _compute(self, record: str) -> str | int | float | CellError | None:
        if not self.valid:
            return None
        if self.type == "FORMULA":
            return self._evaluated(record)
        assert self._way is not None
        linked = self._way._linked(record)
        if self.type == "COUNT":
            return len(linked)
        source = self._source
        assert source is not None
        counted = [each for each in linked if self._condition_holds is None or self._condition_holds(each)]
        values: list[Value] = []
        for each in counted:
            value = source.value(each)
            values += value if source.several and isinstance(value, list) else [value]
        try:
            return rollups.BY_NAME[self._options["function"]].value(values, source.kind)
        except CellError as error:
            return CellError(error.reason)

    @cached_property
    def _condition_holds(self) -> Any:
        """The test of a rollup's filter, by record id; None when it cannot be read."""
        given = (self._options["filter"] or {}).get("condition", self._options["filter"] or {})
        if not given:
            return lambda record: True
        if given["leftSide"] == "created_at":
            return lambda record: True  # all are of these days
        assert self._way is not None
        there = self._whole.tables[self._way._options["linkedTableId"]]
        field = self._whole.field(there["id"], given["leftSide"])
        if field is None:
            return None
        column = self._whole.column(there, field)
        return lambda record: holds(column.shown(record), given["operator"], given.get("rightSide"))

    @cached_property
    def _formula(self) -> Formula | None:
        """The formula; None when it cannot be read as the table is now."""
        text = self._options["formula"]
        try:
            named = {reference.name for reference in references(parse(text))}
            return read_formula(text, self._known(named))
        except FormulaError:
            return None

    def _known(self, named: set[str]) -> KnownFields:
        """The table's fields; the kinds matter of those that the formula names."""
        folded = {name.casefold() for name in named}
        known = []
        for field in self._table["fields"]:
            used = field["name"].casefold() in folded or field["id"] in named
            column = self._whole.column(self._table, field)
            known.append(KnownField(field["id"], field["name"], column.kind if used else kind.TEXT, used and column.several))
        return KnownFields(known)

    def _evaluated(self, record: str) -> str | int | float | CellError | None:
        formula = self._formula
        assert formula is not None
        owner = self._whole.record(self._table["id"], record)
        created, updated = (datetime.fromisoformat(owner[key]) for key in ("createdAt", "updatedAt"))
        cells = []
        for reference in formula.references:
            field = self._whole.field(self._table["id"], reference)
            assert field is not None
            cells.append(self._whole.column(self._table, field).value(record))
        return evaluate(
            formula,
            Context(
                cells,
                record_id=record,
                created_at=created,
                updated_at=updated,
                now=updated,
                zone=ZoneInfo("UTC"),
                random=Random(1).random,
                processor_ns=time.thread_time_ns,
            ),
        )


def check(whole: Naive) -> None:
    """Every computed cell reads what a computation from nothing gives, with its reason where it fails, or says that a job has yet to fill it, as its field
    does, too; and every field says whether it is valid.
    """
    for table, field in whole.computed():
        column = whole.column(table, field)
        assert field["options"].get("isValid", column.valid) == column.valid, (table["name"], field)
        for record in whole.ids(table["id"]):
            found = whole.record(table["id"], record)
            shown = (found["fields"][field["id"]], found.get("errors", {}).get(field["id"]))
            if shown[1] == COMPUTING:
                assert column.is_awaited, (table["name"], field, record)
                assert shown[0] is None or field["type"] == "LOOKUP", (table["name"], field, record)
                continue
            assert not column.is_awaited or field["type"] != "LOOKUP", (table["name"], field, record)
            assert shown == (column.shown(record), column.reason(record)), (table["name"], field, record)


def holds(shown: Any, operator: str, right: Any) -> bool:
    """Whether a cell that reads so meets a condition, of those few that stories use."""
    items: Sequence[Any] = shown if isinstance(shown, list) else [shown]
    filled = [item["label"] if isinstance(item, dict) else item for item in items if item is not None and item is not False and item != ""]
    match operator:
        case "IS_NOT_EMPTY":
            return bool(filled)
        case "IS_EMPTY":
            return not filled
        case "GREATER_THAN":
            return any(item > right for item in filled)
        case "CONTAINS":
            return any(str(right).casefold() in str(item).casefold() for item in filled)
        case _:
            raise AssertionError(operator)
