"""The formulas of a table: read once per version of it, in the order in which they depend on one another."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Final

import msgspec

from tablehouse.fields.button import ButtonOptions
from tablehouse.fields.formula import FormulaOptions
from tablehouse.fields.rollup import RollupOptions
from tablehouse.formula.checker import KnownField, KnownFields
from tablehouse.formula.faults import FormulaError
from tablehouse.formula.formula import Formula, read_formula
from tablehouse.formula.parser import parse
from tablehouse.formula.printer import with_names
from tablehouse.formula.tree import references
from tablehouse.schema.buttons import button_parts, condition_of
from tablehouse.schema.changing import by_itself, changing_of, filtered_by
from tablehouse.schema.circles import ADVICE, place_of
from tablehouse.schema.model import Field, Table

_ALWAYS_CHANGING: Final = "LAST_MODIFIED_TIME"
_OF_CREATION: Final = "CREATED_TIME"


class Cycle(FormulaError):
    """Formulas that need one another's values. `path`: their fields, from one back to itself."""

    def __init__(self, path: Sequence[Field]) -> None:
        names = " → ".join(f'"{field.name}"' for field in path)
        super().__init__(f"The formula would need its own value: {names}. {ADVICE}", 0)
        self.path = tuple(path)

    def place_in(self, field: Field, known: KnownFields) -> int:
        """Returns where the text of a field on the way names the following one."""
        option = {"formula": "formula", "urlFormula": "url_formula", "conditionFormula": "condition_formula"}[self.option]
        following = self.path[[each.num for each in self.path].index(field.num) + 1]
        return place_of(str(getattr(field.options, option, "") or ""), known, [following.id])


class ReadyFormula(msgspec.Struct, frozen=True, eq=False):
    """A formula field with its formula, and the fields whose values the formula's references stand for, in this order.

    `volatile`: its values change without a write of the record, by a function or by what it uses; they are evaluated when they are read.
    """

    field: Field
    formula: Formula
    inputs: tuple[Field, ...]
    local: bool
    """Whether the record's own cells are all it needs, so that it is computed before they are sent; others follow from other records."""
    volatile: bool = False

    @property
    def changes_with_every_write(self) -> bool:
        """Whether the value depends on when the record was last changed."""
        return _ALWAYS_CHANGING in self.formula.checked.functions or any(each.type.source == "updated_at" for each in self.inputs)

    @property
    def needs_creation(self) -> bool:
        """Whether the value depends on when the record was made."""
        return _OF_CREATION in self.formula.checked.functions or any(each.type.source == "created_at" for each in self.inputs)


class Formulas(msgspec.Struct, frozen=True, eq=False):
    """The formulas of a table. `ready`: those that can be computed, each after those it needs; `broken`: the others, with what is wrong, by number."""

    ready: tuple[ReadyFormula, ...]
    broken: dict[int, FormulaError]
    known: KnownFields
    volatile: frozenset[int] = frozenset()
    """The numbers of the fields whose columns stay empty, because they are evaluated when they are read."""

    def of(self, field: Field) -> ReadyFormula | None:
        """Returns a field's formula; None when it cannot be computed."""
        return next((each for each in self.ready if each.field.num == field.num), None)


def formulas_of(table: Table) -> Formulas:
    """Returns the formulas of a table; read once per version of it."""
    known = table.derived.get(formulas_of)
    if known is None:
        known = table.derived[formulas_of] = read_formulas(table.fields, changing_of(table))
    assert isinstance(known, Formulas)
    return known


def read_formulas(fields: Sequence[Field], changing: Collection[int] = ()) -> Formulas:
    """Returns the formulas among the fields of a table, whether they name fields by id or by name. `changing`: the fields whose cells change by
    themselves, by number; for those who only want to know what texts mean it may be left out.
    """
    reader = _Reader(fields, changing)
    for field in fields:
        if isinstance(field.options, FormulaOptions | ButtonOptions):
            reader.read(field, ())
    return Formulas(tuple(reader.ready), reader.broken, reader.known(), frozenset(reader.volatile))


def is_volatile(field: Field) -> bool:
    """Returns whether a field's own cells are evaluated when they are read; never of a field that is not part of a Snapshot."""
    own = field.around.get(field.table_num) if field.type.computed else None
    return own is not None and field.num in formulas_of(own).volatile


def read_late(field: Field) -> Field | None:
    """Returns the field whose cells have to be evaluated to show or compare a field's: itself, or what a lookup finds; None when all is stored."""
    if field.joined:
        leaf = None if field.path is None else field.path.leaf
        return leaf if leaf is not None and is_volatile(leaf) else None
    return field if is_volatile(field) else None


def awaited_by(field: Field) -> str | None:
    """Returns the id of the job that has yet to fill cells which a field shows, or of which it is evaluated at read; None when all are there."""
    if field.awaited is not None:
        return field.awaited
    late = read_late(field)
    return None if late is None else next((found for each in _made_of(late) if (found := awaited_by(each))), None)


def _made_of(field: Field) -> Iterable[Field]:
    """The fields that a field evaluated at read is made of; of a rollup also those that its filter looks at."""
    if isinstance(field.options, RollupOptions) and field.gathered is not None:
        linked = field.gathered.links[0].linked_table
        assert linked is not None
        looked_at = [there for name in filtered_by(field.options.filter) if (there := linked.field_by_id.get(name)) is not None]
        return looked_at if field.gathered.leaf is None else [field.gathered.leaf, *looked_at]
    ready = formulas_of(field.around[field.table_num]).of(field)
    return () if ready is None else ready.inputs


class _Reader:
    def __init__(self, fields: Sequence[Field], changing: Collection[int]) -> None:
        self._changing = changing
        self._by_id = {field.id: field for field in fields}
        # A formula's kind is found before anything asks for it.
        self._known = {field.id: KnownField(field.id, field.name, field.kind, field.many) for field in fields}
        self._names = KnownFields(self._known.values())
        self._done: set[int] = set()
        self.volatile: set[int] = {field.num for field in fields if field.num in changing}
        self._local: set[int] = set()
        self.ready: list[ReadyFormula] = []
        self.broken: dict[int, FormulaError] = {}

    def known(self) -> KnownFields:
        return KnownFields(self._known.values())

    def read(self, field: Field, behind: tuple[Field, ...]) -> None:
        if field in behind:
            path = (*behind[behind.index(field) :], field)
            for each in path:
                self.broken.setdefault(each.num, Cycle(path))
            return
        if field.num in self._done:
            return
        for needed in self._needed(field):
            self.read(needed, (*behind, field))
        self._done.add(field.num)
        if isinstance(field.options, ButtonOptions):
            self._read_button(field)
            return
        if field.num in self.broken:
            return
        try:
            formula = read_formula(field.options.formula, self.known())
        except FormulaError as error:
            self.broken[field.num] = error
            return
        inputs = tuple(self._by_id[each] for each in formula.references)
        volatile = field.num in self._changing or by_itself(formula, inputs)
        self._known[field.id] = KnownField(field.id, field.name, formula.kind, many=False)
        if volatile:
            self.volatile.add(field.num)
        local = not any(each.joined or (each.type.computed and each.num not in self._local) for each in inputs)
        if local:
            self._local.add(field.num)
        self.ready.append(ReadyFormula(field, formula, inputs, local, volatile))

    def _needed(self, field: Field) -> Iterable[Field]:
        """The formula fields that a formula names; none for one that does not parse."""
        texts = [part.text for part in button_parts(field)] if isinstance(field.options, ButtonOptions) else [field.options.formula]
        try:
            names = [reference.name for text in texts for reference in references(parse(text))]
        except FormulaError:
            return ()
        found = (self._names.find(name) for name in names)
        needed = (self._by_id[known.id] for known in found if known is not None)
        return [each for each in needed if isinstance(each.options, FormulaOptions | ButtonOptions)]

    def _read_button(self, field: Field) -> None:
        """A button is shown where nothing can be computed, too; what it is made of is never stored."""
        self.volatile.add(field.num)
        found = []
        for part in button_parts(field):
            try:
                if (error := self.broken.get(field.num)) is not None:
                    raise error
                formula = part.formula(self.known())
            except FormulaError as error:
                error.option = part.option
                self.broken[field.num] = error
                return
            inputs = tuple(self._by_id[each] for each in formula.references)
            found.append(ReadyFormula(part.field, formula, inputs, local=False, volatile=True))
        self.volatile.update(ready.field.num for ready in found)
        self.ready += found


def shown_options(table: Table, field: Field) -> FormulaOptions | ButtonOptions:
    """Returns the options of a formula field or a button as they read: current names in the texts, the fields used, whether it can be computed."""
    formulas, options = formulas_of(table), field.options
    if isinstance(options, ButtonOptions):
        return _shown_button(formulas, field, options)
    assert isinstance(options, FormulaOptions)
    assert options.formula is not None
    ready = formulas.of(field)
    used = () if ready is None else ready.formula.references
    return msgspec.structs.replace(
        options,
        formula=with_names(options.formula, formulas.known),
        referenced_field_ids=used,
        is_valid=ready is not None,
        valid=ready is not None,
    )


def _shown_button(formulas: Formulas, field: Field, options: ButtonOptions) -> ButtonOptions:
    def named(text: str | None) -> str | None:
        return None if text is None else with_names(text, formulas.known)

    def used(text: str | None, ready: ReadyFormula | None) -> tuple[str, ...]:
        return () if text is None or ready is None else ready.formula.references

    valid = field.num not in formulas.broken
    return msgspec.structs.replace(
        options,
        condition_formula=named(options.condition_formula),
        condition_referenced_field_ids=used(options.condition_formula, formulas.of(condition_of(field))),
        url_formula=named(options.url_formula),
        url_referenced_field_ids=used(options.url_formula, formulas.of(field)),
        is_valid=valid,
        valid=valid,
    )
