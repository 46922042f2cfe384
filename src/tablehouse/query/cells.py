"""From the `fields` object of a request to the cells to write: every value read by its field's type, all faults gathered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from tablehouse.errors import Fault, UnknownField, nearest
from tablehouse.fields.base import GivenFile, NewChoice, Person, Read, Reject, describe
from tablehouse.fields.instants import day_of
from tablehouse.fields.linked_record import LABELS_JOINED_BY
from tablehouse.kinds.kind import BOOLEAN, DATE, FILE, PERSON, RECORD, fold
from tablehouse.query.arrivals import GivenFiles
from tablehouse.query.members import Members
from tablehouse.schema.model import Field, Table


class LinkedIds(msgspec.Struct, frozen=True):
    """The records that a link cell is to lead to, by the ids written, and where in the request they stand."""

    ids: tuple[str, ...]
    path: str


class Cells(msgspec.Struct, frozen=True):
    """The cells that one record is to get: what was read, by field; None empties a cell. Links are written apart from the row."""

    values: dict[Field, Read]
    links: dict[Field, LinkedIds] = msgspec.field(default_factory=dict)
    files: dict[Field, GivenFiles] = msgspec.field(default_factory=dict)
    """Files that are to be held; their numbers are among the values once they have some (`service.file_writes`)."""
    given: Mapping[str, Any] = msgspec.field(default_factory=dict)
    """What the request said, by field id or name; nothing where no request says it."""
    path: str = ""
    """Where `given` stands in the request."""

    def path_of(self, field: Field) -> str | None:
        """Where the request writes this field's cell; None where no request does, as of a default."""
        key = next((key for key in self.given if key == field.id or fold(key) == fold(field.name)), None)
        return None if key is None else f"{self.path}.{key}"

    @property
    def new_choices(self) -> bool:
        """Whether some value names a choice that is not there yet."""
        return any(_has_new_choice(value) for value in self.values.values())


def read_cells(table: Table, given: Mapping[str, Any], path: str, faults: list[Fault], members: Members) -> Cells:
    """Returns the cells given; faults are added to the list. `path`: where `given` stands in the request; `members`: whom it may name.

    Raises UnknownField for a key that is neither an id nor a name of a field.
    """
    values: dict[Field, Read] = {}
    links: dict[Field, LinkedIds] = {}
    files: dict[Field, GivenFiles] = {}
    for key, value in given.items():
        field = find_field(table, key, f"{path}.{key}")
        if field in values or field in links or field in files:
            faults.append(Fault(f'The field "{field.name}" is given twice, by its id and by its name.', f"{path}.{key}", field.id))
            continue
        try:
            read = read_value(field, value, members)
            arrived = members.arrivals.resolve(given_files(read)) if field.kind is FILE else ()
        except Reject as reject:
            faults.append(Fault(f"{field.name}: {reject}", f"{path}.{key}", field.id))
            values[field] = None
            continue
        if arrived:
            files[field] = GivenFiles(arrived, f"{path}.{key}")
        elif field.kind is FILE:
            values[field] = None
        elif field.link is not None:
            links[field] = LinkedIds(linked_ids(read), f"{path}.{key}")
        else:
            values[field] = read
        if field.required and is_empty(field, read):
            faults.append(Fault(f'"{field.name}" is required and cannot be left empty.', f"{path}.{key}", field.id))
    return Cells(values, links, files, given, path)


def read_new_record(table: Table, given: Mapping[str, Any], now: str, path: str, faults: list[Fault], members: Members) -> Cells:
    """Returns the cells of a record to be made: those given, defaults for the others. `now`: the instant, in the wire's form."""
    cells = read_cells(table, given, path, faults, members)
    for field in table.fields:
        if field in cells.values or field in cells.links or field in cells.files or field.type.readonly:
            continue
        if field.link is not None:
            if field.required:
                faults.append(Fault(f'"{field.name}" is required.', f"{path}.{field.name}", field.id))
            continue
        default = default_of(field, now, members)
        if field.required and is_empty(field, default):
            faults.append(Fault(f'"{field.name}" is required.', f"{path}.{field.name}", field.id))
        cells.values[field] = default
    return cells


def default_of(field: Field, now: str, members: Members) -> Read:
    """Returns what a new record gets when nothing is written; None where the default names somebody who is no member any more."""
    default: Read = field.default_at(now)
    if field.kind is not PERSON or not isinstance(default, tuple):
        return default
    try:
        return members.resolve(default, field.many)
    except Reject:
        return None


def read_value(field: Field, value: Any, members: Members) -> Read:
    """Returns what to store for a written value, None for an empty cell; people are among the members. Raises Reject."""
    if field.type.readonly:
        raise Reject(f"{field.type_name} fields are read-only; leave it out.")
    if value is None or (value == "" and field.type.empty_text_clears):
        return None
    read = field.type.read(value, field.spec)
    if field.kind is PERSON and isinstance(read, tuple):
        return members.resolve(read, field.many)
    return None if read == "" else read


def given_files(read: Read) -> tuple[GivenFile, ...]:
    """Returns what a written cell says of files."""
    return tuple(item for item in read if isinstance(item, GivenFile)) if isinstance(read, tuple) else ()


def linked_ids(read: Read) -> tuple[str, ...]:
    """Returns the ids of records that a written link cell was read as."""
    return tuple(str(item) for item in read) if isinstance(read, tuple) else ()


def is_empty(field: Field, value: Read) -> bool:
    """Returns whether a cell of the field with this value is empty; an unchecked box is."""
    return value is None or value == () or (field.kind is BOOLEAN and not value)


def find_field(table: Table, key: str, path: str | None = None) -> Field:
    """Returns the field with this id, or else this name. `path`: where the key stands in the request. Raises UnknownField with the nearest name."""
    field = table.find_field(key)
    if field is None:
        names = [field.name for field in table.fields]
        where: dict[str, Any] = {} if path is None else {"path": path}
        raise UnknownField(f'The table "{table.name}" has no field {describe(key)}.{nearest(key, names)}', fieldId=key, **where)
    return field


def choose_fields(table: Table, chosen: str | None) -> tuple[Field, ...]:
    """Returns the fields that a comma-separated list of ids or names chooses, in field order; all of them where it names none."""
    keys = [key.strip() for key in (chosen or "").split(",") if key.strip()]
    if not keys:
        return table.fields
    wanted = {find_field(table, key, "fields") for key in keys}
    return tuple(field for field in table.fields if field in wanted)


def parameters(values: Mapping[Field, Read]) -> dict[str, Any]:
    """Returns the cells as parameters of a statement: a field's column, and beside it its folded text where that differs."""
    bound: dict[str, Any] = {}
    for field, value in values.items():
        name, folded_name = field.cell_names
        if isinstance(value, tuple):
            bound[name] = msgspec.json.encode(value).decode() if value else None
            continue
        bound[name] = value
        if folded_name is not None:
            bound[folded_name] = folded_text(value)
    return bound


def folded_text(value: Any) -> str | None:
    """Returns the case-folded text where it differs from the text itself."""
    if value is None:
        return None
    folded = fold(value)
    return None if folded == value else folded


def compared_value(field: Field, value: Read) -> Any:
    """Returns a value as its column compares: folded for text."""
    return fold(value) if isinstance(value, str) and field.folded_column else value


def stored_value(field: Field, value: Any) -> Any:
    """Returns what a column holds as a stored value: several choices as a tuple."""
    return tuple(msgspec.json.decode(value)) if field.is_list and value is not None else value


def text_of(field: Field, raw: Any, people: Mapping[int, str]) -> str:
    """Returns the text form of what a column holds, "" for an empty cell. `people`: their names by number; those of files in a cell of files."""
    if raw is None:
        return "false" if field.kind is BOOLEAN and not field.is_list else ""
    return LABELS_JOINED_BY.join(texts_of(field, raw, people))


def texts_of(field: Field, raw: Any, people: Mapping[int, str]) -> list[str]:
    """Returns the text form of each value in a cell; a cell that holds one value has one, empty cells at the end of a path have none."""
    if field.kind is RECORD:
        return list(stored_value(field, raw))
    shown = field.shown
    values = stored_value(field, raw) if field.is_list else (raw,)
    return [_text_of_one(shown, value, people) for value in values if value is not None]


def _text_of_one(field: Field, value: Any, people: Mapping[int, str]) -> str:
    if field.kind in (PERSON, FILE):
        return people.get(value, "")
    if field.type.source and field.kind is DATE:
        return day_of(value, field.spec.zone)
    return field.type.text(value, field.spec)


def new_labels(cells: Iterable[Cells]) -> dict[Field, list[str]]:
    """Returns the labels of choices that are not there yet, by field, each once whatever its letter case."""
    found: dict[Field, dict[str, str]] = {}
    for row in cells:
        for field, value in row.values.items():
            for item in value if isinstance(value, tuple) else (value,):
                if isinstance(item, NewChoice):
                    found.setdefault(field, {}).setdefault(fold(item.label), item.label)
    return {field: list(labels.values()) for field, labels in found.items()}


def with_choices(cells: Sequence[Cells], table: Table) -> list[Cells]:
    """Returns the cells for a newer version of their table, with new choices as the numbers that they have there."""
    settled = []
    for row in cells:
        values: dict[Field, Read] = {}
        for field, value in row.values.items():
            current = table.field_by_num[field.num]
            if isinstance(value, tuple):
                values[current] = tuple(_settle(current, item) for item in value)
            else:
                values[current] = _settle(current, value)
        current_fields = table.field_by_num
        links = {current_fields[field.num]: linked for field, linked in row.links.items()}
        files = {current_fields[field.num]: held for field, held in row.files.items()}
        settled.append(msgspec.structs.replace(row, values=values, links=links, files=files))
    return settled


def with_people(cells: Sequence[Cells], number: Callable[[Person], int]) -> list[Cells]:
    """Returns the cells with people as the numbers that `number` gives."""
    return [
        msgspec.structs.replace(
            row, values={field: people_numbered(value, number) if field.kind is PERSON else value for field, value in row.values.items()}
        )
        for row in cells
    ]


def people_numbered(value: Read, number: Callable[[Person], int]) -> Read:
    """Returns a value with the people in it as the numbers that `number` gives."""
    if isinstance(value, tuple):
        return tuple(number(item) if isinstance(item, Person) else item for item in value)
    return number(value) if isinstance(value, Person) else value


def _settle(field: Field, value: Any) -> Any:
    return field.options.find_label(value.label).num if isinstance(value, NewChoice) else value


def _has_new_choice(value: Read) -> bool:
    return isinstance(value, NewChoice) or (isinstance(value, tuple) and any(isinstance(item, NewChoice) for item in value))
