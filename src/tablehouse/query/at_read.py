"""Cells that are evaluated when they are read: what a page has to bring along for them, and how their values get into its records.

Pure. A rendered record has `null` where such a cell is, and its *inputs* come beside it: a JSON object of what the columns hold that the
formulas need, by their names, and for each lookup of such cells an array of the inputs of what it finds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from tablehouse.fields.button import ButtonOptions
from tablehouse.query.computed import Computation, Computer, Setting, computation_of_volatile
from tablehouse.schema.buttons import condition_of
from tablehouse.schema.formulas import formulas_of, read_late
from tablehouse.schema.model import Field, Table

Spend = Callable[[int], None]
"""Is told how many cells are about to be evaluated; raises when there is no time left for them."""


class LateLookup(msgspec.Struct, frozen=True, eq=False):
    """A lookup of cells that are evaluated. `key`: where its array stands among a record's inputs; `leaf`: whose cells they are."""

    field: Field
    leaf: Field
    key: str
    computation: Computation


class LateButton(msgspec.Struct, frozen=True, eq=False):
    """What a button shows beside its address. `enabled`: the name of the value that says whether it is; None where it always is, or never."""

    label: str
    enabled: str | None
    always: bool


class AtRead(msgspec.Struct, frozen=True, eq=False):
    """What of some fields of a table is evaluated when they are read. `own`: those of the table itself, with what they need."""

    shown: tuple[Field, ...]
    own: Computation | None
    lookups: tuple[LateLookup, ...]


def at_read(table: Table, fields: Sequence[Field]) -> AtRead | None:
    """Returns what has to be evaluated to show these fields; None when nothing has to. Found once for each choice of fields."""
    known: dict[Any, AtRead | None] = table.derived.setdefault(at_read, {})
    key = None if fields is table.fields else tuple(field.num for field in fields)
    if key not in known:
        made = _at_read(table, fields)
        if made is None and key is not None:
            return None  # most choices: nothing to remember
        known[key] = made
    return known[key]


def _at_read(table: Table, fields: Sequence[Field]) -> AtRead | None:
    late = [(field, leaf) for field in fields if (leaf := read_late(field)) is not None]
    if not late:
        return None
    own = tuple(field for field, leaf in late if leaf is field)
    nums = [num for field in own for num in _nums(field)]
    lookups = tuple(LateLookup(field, leaf, f"v{field.num}", _alone(leaf)) for field, leaf in late if leaf is not field)
    return AtRead(own, computation_of_volatile(table, nums) if own else None, lookups)


def _nums(field: Field) -> list[int]:
    """Returns the numbers of the values that showing a field takes."""
    button = button_of(field)
    return [field.num] if button is None or button.enabled is None else [field.num, condition_of(field).num]


def button_of(field: Field) -> LateButton | None:
    """Returns what a button shows beside its address; None for other fields."""
    options = field.options
    if not isinstance(options, ButtonOptions):
        return None
    valid = field.num not in formulas_of(field.around[field.table_num]).broken
    conditional = valid and options.condition_formula is not None
    return LateButton(options.label or field.name, condition_of(field).cell_names[0] if conditional else None, valid)


def _alone(field: Field) -> Computation:
    return computation_of_volatile(field.around[field.table_num], _nums(field))


class _Record(msgspec.Struct):
    """A rendered record as far as it has to be taken apart."""

    id: msgspec.Raw
    tableId: msgspec.Raw  # noqa: N815 - the key on the wire
    fields: dict[str, msgspec.Raw]
    createdAt: msgspec.Raw  # noqa: N815
    updatedAt: msgspec.Raw  # noqa: N815
    errors: dict[str, str] | msgspec.UnsetType = msgspec.UNSET


_RECORD: Final = msgspec.json.Decoder(_Record)
_RECORDS: Final = msgspec.json.Decoder(list[_Record])
_ENCODER: Final = msgspec.json.Encoder()


class Evaluator:
    """Evaluates the cells of records that have been read. `by_name`: whether the records have names as keys."""

    def __init__(self, what: AtRead, setting: Setting, spend: Spend, by_name: bool = False) -> None:
        self._what = what
        self._by_name = by_name
        self._spend = spend
        setting = msgspec.structs.replace(setting, spend=spend)
        self._own = None if what.own is None else Computer(what.own, setting)
        self._lookups = [(lookup, Computer(lookup.computation, setting)) for lookup in what.lookups]

    def record(self, rendered: str, inputs: str) -> str:
        """Returns a rendered record with its cells."""
        return _ENCODER.encode(self._completed(_RECORD.decode(rendered), msgspec.json.decode(inputs))).decode()

    def page(self, rendered: bytes, inputs: str) -> bytes:
        """Returns a rendered array of records with their cells."""
        pairs = zip(_RECORDS.decode(rendered), msgspec.json.decode(inputs), strict=True)
        return _ENCODER.encode([self._completed(record, raw) for record, raw in pairs])

    def values(self, inputs: dict[str, Any]) -> dict[int, Any]:
        """Returns what the columns of the fields would hold, by field number: of a lookup a JSON array of that, or None for no values."""
        found: dict[int, Any] = {}
        if self._own is not None:
            made = self._own.cells(inputs)
            found = {field.num: made[field.cell_names[0]] for field in self._what.shown}
        for lookup, computer in self._lookups:
            name = lookup.leaf.cell_names[0]
            values = [made[name] for made in self._looked_up(lookup, computer, inputs)]
            found[lookup.field.num] = _ENCODER.encode(values).decode() if values else None
        return found

    def _completed(self, record: _Record, inputs: dict[str, Any]) -> _Record:
        failed: dict[str, str] = {}
        if self._own is not None:
            self._spend(len(self._own.computation.steps))
            made = self._own.cells(inputs)
            for field in self._what.shown:
                reason = _reason(field, made)
                if reason is not None:
                    failed[field.id] = reason
                self._put(record, field, _shown(field, made))
        for lookup, computer in self._lookups:
            found = self._looked_up(lookup, computer, inputs)
            self._put(record, lookup.field, [_shown(lookup.leaf, made) for made in found])
        if failed:
            record.errors = failed if record.errors is msgspec.UNSET else {**record.errors, **failed}
        return record

    def _looked_up(self, lookup: LateLookup, computer: Computer, inputs: dict[str, Any]) -> list[dict[str, Any]]:
        found = inputs[lookup.key]
        self._spend(len(found))
        return [computer.cells(each) for each in found]

    def _put(self, record: _Record, field: Field, value: Any) -> None:
        record.fields[field.name if self._by_name else field.id] = msgspec.Raw(_ENCODER.encode(value))


def _shown(field: Field, made: Mapping[str, Any]) -> Any:
    """Returns a cell as records show it."""
    value = shown_value(made[field.cell_names[0]])
    button = button_of(field)
    if button is None:
        return value
    return {"label": button.label, "url": value, "enabled": button.always if button.enabled is None else bool(made[button.enabled])}


def _reason(field: Field, made: Mapping[str, Any]) -> str | None:
    """Returns why a cell failed; of a button also why it is not known to be enabled."""
    reason: str | None = made[str(field.error_column)]
    button = button_of(field)
    if reason is None and button is not None and button.enabled is not None:
        reason = made[str(condition_of(field).error_column)]
    return reason


def shown_value(value: Any) -> Any:
    """Returns a stored value as records show it: `45`, not `45.0`."""
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**63 else value


class Late(msgspec.Struct, frozen=True):
    """Fields whose cells have to be evaluated before a table can be searched: its own, and those that its lookups find, each once, by number."""

    own: tuple[Field, ...] = ()
    found: tuple[Field, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.own or self.found)


_NONE: Final = Late()


def late_fields(fields: Iterable[Field]) -> Late:
    """Returns what has to be evaluated before these fields of a table can be compared or sorted by."""
    own: dict[int, Field] = {}
    found: dict[int, Field] = {}
    for field in fields:
        leaf = read_late(field)
        if leaf is not None:
            (own if leaf is field else found)[leaf.num] = leaf
    return Late(_by_number(own), _by_number(found)) if own or found else _NONE


def _by_number(fields: dict[int, Field]) -> tuple[Field, ...]:
    return tuple(fields[num] for num in sorted(fields))
