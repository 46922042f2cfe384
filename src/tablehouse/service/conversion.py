"""Moving a field's cells from one type, kind or list of choices to another, inside the transaction of the change (contract §5.3).

Cells are read and written a few thousand at a time; readers go on reading what was there before.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from tablehouse.fields.base import NewChoice, Reject
from tablehouse.fields.convert import conversion
from tablehouse.fields.select import Choice, SelectOptions
from tablehouse.ids import new_uuid
from tablehouse.kinds.kind import BOOLEAN, PERSON, fold
from tablehouse.query.cells import parameters, stored_value
from tablehouse.schema.model import Field, Table
from tablehouse.sql import catalog as sql
from tablehouse.sql import ddl
from tablehouse.storage.transaction import Writing

_AT_ONCE: Final = 2_000
_EXAMPLES: Final = 10


class Example(msgspec.Struct, frozen=True, rename="camel"):
    """What would become of one cell: its text form before, and after; null where it would be empty."""

    record_id: str
    before: str
    after: str | None


class Outcome(msgspec.Struct):
    """What became of the cells that were not empty. `choices`: those that the conversion made."""

    converted: int = 0
    cleared: int = 0
    examples: list[Example] = msgspec.field(default_factory=list)
    choices: list[Choice] = msgspec.field(default_factory=list)


class Conversion:
    """Converts the cells of `old` to those of `new`; `table` has the columns of both when they differ."""

    def __init__(self, writing: Writing, table: Table, old: Field, new: Field, most_choices: int) -> None:
        self._writing = writing
        self._table = table
        self._old = old
        self._new = new
        self._most_choices = most_choices
        self._convert = conversion(old.type, old.spec, new.type, new.spec)
        self._labels: dict[str, int] = {}
        self._people = self._names() if old.kind is PERSON else {}
        self.outcome = Outcome()

    def run(self) -> Outcome:
        """Returns what became of the cells; the new ones are written."""
        fill = self._writing.dialect.compile(ddl.fill_cell(self._table, self._new))
        for page in self._pages():
            changes = []
            for num, raw, record_id in page:
                before = stored_value(self._old, raw)
                after = self._settle(self._after(before))
                self._count(record_id, before, after)
                if self._new.num != self._old.num or after != before:
                    changes.append({"num": num, **parameters({self._new: after})})
            if changes:
                self._writing.run_many(fill, changes)
        return self.outcome

    def _pages(self) -> Iterator[list[Any]]:
        read = self._writing.dialect.compile(ddl.filled_cells(self._table, self._old))
        after = 0
        while page := self._writing.rows(read, {"after": after, "limit": _AT_ONCE}):
            after = page[-1][0]
            yield [row for row in page if self._old.kind is not BOOLEAN or row[1]]  # an unchecked box is an empty cell

    def _after(self, before: Any) -> Any:
        if self._old.kind is not PERSON:
            return self._convert(before)
        text = self._people.get(before, "")
        try:
            return self._new.type.read_text(text, self._new.spec) if text else None
        except Reject:
            return None

    def _settle(self, value: Any) -> Any:
        """Returns a value with its new choices as numbers; those for which there is no room are left out."""
        if isinstance(value, tuple):
            return tuple(num for num in (self._choice(item) for item in value) if num is not None) or None
        return self._choice(value)

    def _choice(self, item: Any) -> Any:
        if not isinstance(item, NewChoice):
            return item
        label = fold(item.label)
        if label not in self._labels:
            if len(self._new.options.choices) + len(self.outcome.choices) >= self._most_choices:
                return None
            num = self._writing.catalog.take_nums()
            self._labels[label] = num
            self.outcome.choices.append(Choice(label=item.label, id=new_uuid(), num=num))
        return self._labels[label]

    def _count(self, record_id: str, before: Any, after: Any) -> None:
        if after is None or after == "":
            self.outcome.cleared += 1
        else:
            self.outcome.converted += 1
        examples = self.outcome.examples
        if len(examples) >= _EXAMPLES and (after is not None or all(example.after is None for example in examples)):
            return
        shown = Example(record_id, self._text(self._old, before), None if after is None else self._text(self._new, after))
        if len(examples) >= _EXAMPLES:
            # What would be lost matters most: it takes the place of an example that converts.
            examples.remove(next(example for example in reversed(examples) if example.after is not None))
        examples.append(shown)

    def _text(self, field: Field, stored: Any) -> str:
        if field.kind is PERSON:
            return self._people.get(stored, "")
        if field is self._new and isinstance(field.options, SelectOptions) and self.outcome.choices:
            made = (*field.options.choices, *self.outcome.choices)
            spec = msgspec.structs.replace(field.spec, options=msgspec.structs.replace(field.options, choices=made))
            return field.type.text(stored, spec)
        return field.type.text(stored, field.spec)

    def _names(self) -> dict[int, str]:
        rows = self._writing.rows(self._writing.dialect.fixed(sql.READ_PEOPLE))
        return {num: msgspec.json.decode(shown)["name"] for num, shown in rows}


def with_made_choices(field: Field, made: list[Choice]) -> Field:
    """Returns the field with the choices that its conversion made added at the end."""
    if not made:
        return field
    options = msgspec.structs.replace(field.options, choices=(*field.options.choices, *made))
    return msgspec.structs.replace(field, options=options)
