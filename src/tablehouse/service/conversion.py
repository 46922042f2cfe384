"""Moving a field's cells from one type, kind or list of choices to another, inside the transaction of the change (contract §5.3).

Cells are read and written a few thousand at a time; readers go on reading what was there before.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from functools import partial
from itertools import chain
from typing import Any, Final

import msgspec

from tablehouse.fields.base import Mention, NewChoice, Person, Reject
from tablehouse.fields.convert import conversion
from tablehouse.fields.linked_record import LABELS_JOINED_BY
from tablehouse.fields.select import Choice, SelectOptions
from tablehouse.ids import new_uuid
from tablehouse.kinds.kind import CHOICE, FILE, PERSON, TEXT, fold
from tablehouse.query.cells import parameters, stored_value, text_of, texts_of
from tablehouse.query.members import Members
from tablehouse.schema.model import Field, Table
from tablehouse.service.access import App
from tablehouse.service.file_conversion import CellFiles, page_of_cells, people_in
from tablehouse.service.jobs import check_filled
from tablehouse.service.link_writes import add_links
from tablehouse.sql import bulk as bulk_sql
from tablehouse.sql import ddl
from tablehouse.sql import files as file_sql
from tablehouse.storage.transaction import Writing

_EXAMPLES: Final = 10


class Example(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """What becomes of one cell: its text form before, and after; null where it is empty then. `reason`: why files are missing there."""

    record_id: str
    before: str
    after: str | None
    reason: str | None = None

    @property
    def is_loss(self) -> bool:
        """Whether something of the cell gets lost."""
        return self.after is None or self.reason is not None


class Outcome(msgspec.Struct):
    """What became of the cells that were not empty. `choices`: those that the conversion made."""

    converted: int = 0
    cleared: int = 0
    examples: list[Example] = msgspec.field(default_factory=list)
    choices: list[Choice] = msgspec.field(default_factory=list)


class Conversion:
    """Converts the cells of `old` to those of `new`; `table` has the columns of both when they differ.

    `members`: whom texts may name; `match`: the field of the linked table whose texts say what links are to lead to; its primary field when left out.
    """

    def __init__(
        self, app: App, writing: Writing, table: Table, old: Field, new: Field, members: Members, match: Field | None = None
    ) -> None:
        self._writing = writing
        self._table = table
        self._old = old
        self._new = new
        self._most_choices = app.settings.max_choices
        self._members = members
        self._convert = conversion(old.type, old.spec, new.type, new.spec)
        self._labels: dict[str, int] = {}
        self._people = people_in(writing, old if old.kind is PERSON else new)
        if old.kind is FILE:
            self._people = self._names_of_files()
        self._files = CellFiles(app, writing, table, old, new, members.arrivals) if new.kind is FILE and new is not old else None
        self._write = self._link if new.link is not None else self._fill if self._files is None else partial(self._attach, self._files)
        self._match = match or (new.linked_table.primary if new.linked_table is not None else None)
        self.outcome = Outcome()

    def run(self) -> Outcome:
        """Returns what became of the cells; the new ones are written."""
        for page in _pages(self._writing, self._table, self._old):
            self._write(page)
        if self._files is not None:
            self._files.finish()
        return self.outcome

    def _fill(self, page: list[Any]) -> None:
        changes = []
        for num, raw, record_id in page:
            before = stored_value(self._old, raw)
            after = self._settle(self._after(raw if self._old.joined or self._old.kind in (PERSON, FILE) else before))
            self._count(record_id, raw, None if after is None or after == "" else partial(self._text, self._new, after))
            if self._new.num != self._old.num or after != before:
                changes.append({"num": num, **parameters({self._new: after})})
        if changes:
            fill = self._writing.compiled(self._table, ("fill", self._new.num), lambda: ddl.fill_cell(self._table, self._new))
            self._writing.run_many(fill, changes)

    def _link(self, page: list[Any]) -> None:
        """Links a page of records to those whose text their cells hold."""
        assert self._match is not None
        wanted = [_wanted(self._old, raw, self._people) for _, raw, _ in page]
        texts = {fold(text) for either in wanted for texts in either for text in texts}
        numbers = numbers_by_text(self._writing, self._new, self._match, texts)
        cells = []
        for (num, raw, record_id), either in zip(page, wanted, strict=True):
            found = _found(either, numbers, self._new.many)
            self._count(record_id, raw, partial(LABELS_JOINED_BY.join, found) if found else None)
            if found:
                cells.append((num, tuple(found.values())))
        add_links(self._writing, self._table, self._new, cells)

    def _attach(self, files: CellFiles, page: list[Any]) -> None:
        """Gives a page of records the files that their cells name."""
        for (_, raw, record_id), names, reason in files.write(page):
            self._count(record_id, raw, None if names is None else names.__str__, reason)

    def _after(self, before: Any) -> Any:
        old, new = self._old, self._new
        if old.kind is PERSON and new.kind is PERSON:
            return self._same_people(stored_value(old, before))
        if old.kind not in (PERSON, FILE) and not old.joined:
            return self._convert(before)
        # Of several values one that holds one keeps the first, unless it is a text, which holds all.
        texts = texts_of(old, before, self._people)
        if old.is_list and new.kind is CHOICE and new.many:
            return self._each_choice(texts)
        text = LABELS_JOINED_BY.join(texts if new.many or new.kind is TEXT else texts[:1])
        try:
            return self._new.type.read_text(text, self._new.spec) if text else None
        except Reject:
            return None

    def _each_choice(self, labels: list[str]) -> Any:
        """Returns one choice for each label, whatever commas it holds."""
        one = msgspec.structs.replace(self._new.spec, many=False)
        found: list[Any] = []
        for label in labels:
            with suppress(Reject):
                found.append(self._new.type.read_text(label, one))
        return tuple(dict.fromkeys(found)) or None

    def _settle(self, value: Any) -> Any:
        """Returns a value with its new choices and people as numbers; choices for which there is no room, and strangers, are left out."""
        if isinstance(value, tuple) and any(isinstance(item, Mention) for item in value):
            return self._same_people([self._number(person) for person in self._members.known(value)])
        if isinstance(value, tuple):
            return tuple(dict.fromkeys(num for num in map(self._choice, value) if num is not None)) or None
        return self._choice(value)

    def _same_people(self, nums: Any) -> Any:
        """Returns a cell of the new field with these people, each once; of several one that holds one keeps the first."""
        each = tuple(dict.fromkeys(num for num in (nums if isinstance(nums, list | tuple) else (nums,)) if num is not None))
        return (each if self._new.many else each[0]) if each else None

    def _number(self, person: Person) -> int:
        num = self._writing.person(person)
        self._people[num] = person.name
        return num

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

    def _count(self, record_id: str, raw: Any, after: Callable[[], str] | None, reason: str | None = None) -> None:
        """Counts a cell; `after` gives the text that it becomes, None stands for none. `reason`: why something of it gets lost."""
        if after is None:
            self.outcome.cleared += 1
        else:
            self.outcome.converted += 1
        examples = self.outcome.examples
        full = len(examples) >= _EXAMPLES
        if full and ((after is not None and reason is None) or all(example.is_loss for example in examples)):
            return
        shown = Example(record_id, text_of(self._old, raw, self._people), None if after is None else after(), reason)
        if full:
            # What gets lost matters most: it takes the place of an example that converts.
            examples.remove(next(example for example in reversed(examples) if not example.is_loss))
        examples.append(shown)

    def _text(self, field: Field, stored: Any) -> str:
        if isinstance(field.options, SelectOptions) and self.outcome.choices:
            made = (*field.options.choices, *self.outcome.choices)
            spec = msgspec.structs.replace(field.spec, options=msgspec.structs.replace(field.options, choices=made))
            return field.type.text(stored, spec)
        if field.kind is PERSON:
            return LABELS_JOINED_BY.join(self._people.get(num, "") for num in (stored if isinstance(stored, tuple) else (stored,)))
        return field.type.text(stored, field.spec)

    def _names_of_files(self) -> dict[int, str]:
        holder = self._old.shown
        values = {"table_num": holder.table_num, "field_num": holder.num}
        return dict(self._writing.rows(self._writing.dialect.fixed(file_sql.NAMES_OF_FIELD), values))


def first_of_each(writing: Writing, table: Table, field: Field) -> Outcome:
    """Returns what becomes of a link field's cells when only the first link of each is kept; examples are of those that hold several."""
    outcome = Outcome()
    for _, raw, record_id in chain.from_iterable(_pages(writing, table, field)):
        texts = texts_of(field, raw, {})
        outcome.converted += 1
        if len(texts) > 1 and len(outcome.examples) < _EXAMPLES:
            outcome.examples.append(Example(record_id, LABELS_JOINED_BY.join(texts), texts[0]))
    return outcome


def _pages(writing: Writing, table: Table, field: Field) -> Iterator[list[Any]]:
    """Gives (number, cell, record id) of the records whose cell is not empty, a few thousand at a time."""
    after = 0
    while page := page_of_cells(writing, table, field, after):
        after = page[-1][0]
        yield page


def numbers_by_text(writing: Writing, field: Field, match: Field, texts: Collection[str]) -> dict[str, int]:
    """Returns the linked table's records by the text of one of its fields, case-folded: of those with the same text the oldest."""
    linked = field.linked_table
    assert linked is not None
    check_filled(writing, [match])
    statement = writing.compiled(linked, ("by text", match.num), lambda: bulk_sql.numbers_by_text(linked, match))
    found: dict[str, int] = {}
    for text, number in writing.rows(statement, {"texts": msgspec.json.encode([text for text in texts if text]).decode()}):
        found.setdefault(text, number)
    return found


def _wanted(old: Field, raw: Any, people: Mapping[int, str]) -> list[list[str]]:
    """Returns what a cell may link to, the likelier first: each of several values, or else a text as a whole, and then the parts of it."""
    texts = texts_of(old, raw, people)
    if len(texts) != 1 or old.is_list or "," not in texts[0]:
        return [texts]
    return [texts, [part.strip() for part in texts[0].split(",")]]


def _found(wanted: list[list[str]], numbers: Mapping[str, int], many: bool) -> dict[str, int]:
    """Returns what is linked to, by the text that says so."""
    for texts in wanted:
        found = {text: numbers[fold(text)] for text in texts if fold(text) in numbers}
        if found:
            return found if many else dict(list(found.items())[:1])
    return {}


def with_made_choices(field: Field, made: list[Choice]) -> Field:
    """Returns the field with the choices that its conversion made added at the end."""
    if not made:
        return field
    options = msgspec.structs.replace(field.options, choices=(*field.options.choices, *made))
    return msgspec.structs.replace(field, options=options)
