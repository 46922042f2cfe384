"""From a file's columns to the fields they go into: of a table to be made, or of one that is there. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from tablehouse.errors import BadRequest, UnknownField, nearest
from tablehouse.fields.registry import BY_NAME
from tablehouse.kinds.kind import fold
from tablehouse.query.requests import CreateField, CreateTable
from tablehouse.service.answers import FieldAnswer, TableAnswer
from tablehouse.transfer.guess import Column, Guess

_LONGEST_NAME: Final = 255
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f\s]+")
_NUMBER_FIELD: Final = "No."
"""The name of the field that counts the records of a table in which nothing else can name them."""


class PlannedColumn(msgspec.Struct, frozen=True):
    """A column that is imported: its place in the file's rows, the field it goes into, and what its texts are."""

    place: int
    field: str
    guess: Guess


class Plan(msgspec.Struct, frozen=True):
    """What to import where. `into`: a table to be made, or the one that is there. `notes`: what people should know of it."""

    into: CreateTable | TableAnswer
    columns: list[PlannedColumn]
    notes: list[str]


def column_names(cells: Sequence[str]) -> list[str]:
    """Returns the names of a file's columns as fields can have them: none empty, no two alike, at most 255 characters."""
    names: list[str] = []
    taken: set[str] = set()
    for number, cell in enumerate(cells, 1):
        name = plain = _CONTROL.sub(" ", cell).strip()[:_LONGEST_NAME].strip() or f"Column {number}"
        again = 2
        while fold(name) in taken:
            suffix = f" {again}"
            name = plain[: _LONGEST_NAME - len(suffix)] + suffix
            again += 1
        taken.add(fold(name))
        names.append(name)
    return names


def read_types(given: Sequence[str], names: Sequence[str]) -> dict[str, str]:
    """Returns column → field type for texts like `Name=TYPE`. Raises BadRequest for what is no column or no type that can be written."""
    types: dict[str, str] = {}
    known = {fold(name): name for name in names}
    for text in given:
        column, mark, wanted = text.rpartition("=")
        type_name = wanted.strip().upper()
        if not mark:
            raise BadRequest(f'--type {text}: write it as COLUMN=TYPE, like --type "zip=SINGLE_LINE_TEXT".')
        if fold(column.strip()) not in known:
            raise BadRequest(f'--type {text}: there is no column "{column}".{nearest(column, names)}')
        if type_name not in BY_NAME or BY_NAME[type_name].readonly or BY_NAME[type_name].joined:
            writable = [name for name, field_type in BY_NAME.items() if not field_type.readonly and not field_type.joined]
            raise BadRequest(
                f'--type {text}: there is no type "{wanted}" to import into.{nearest(type_name, writable)} Types are {", ".join(writable)}.'
            )
        types[known[fold(column.strip())]] = type_name
    return types


def plan_new(table_name: str, columns: Sequence[Column], unnamed: set[int], types: Mapping[str, str]) -> Plan:
    """Returns the plan for a new table with a field for each column; `unnamed` ones are left out when they are empty."""
    planned = []
    for place, column in enumerate(columns):
        if place in unnamed and column.is_empty and column.name not in types:
            continue
        guess = column.as_type(types[column.name]) if column.name in types else column.guess()
        planned.append(PlannedColumn(place, column.name, guess))
    primary = _choose_primary(planned, columns, types)
    notes = [f"{each.field}: {each.guess.note}; imported as text." for each in planned if each.guess.note]
    fields = [CreateField(name=each.field, type=each.guess.type, options=each.guess.options) for each in planned]
    if primary is None:
        names = column_names([*(field.name for field in fields), _NUMBER_FIELD])
        fields.insert(0, CreateField(name=names[-1], type="AUTONUMBER"))
    return Plan(CreateTable(name=table_name, fields=fields, primary_field_name=primary or fields[0].name), planned, notes)


def plan_append(table: TableAnswer, columns: Sequence[Column], unnamed: set[int], types: Mapping[str, str], skip_unknown: bool) -> Plan:
    """Returns the plan for a table that is there: columns go into the fields of their names.

    Raises UnknownField for columns without a field to write, unless they are to be skipped, and BadRequest for types and for nothing to import.
    """
    if types:
        raise BadRequest(f'--type: the table "{table.name}" is there already, and its fields have their types.')
    fields = {fold(field.name): field for field in table.fields}
    planned, unknown, notes = [], [], []
    for place, column in enumerate(columns):
        field = fields.get(fold(column.name))
        if place in unnamed and column.is_empty:
            continue
        if field is None or field.readonly or BY_NAME[field.type].joined:
            unknown.append(f'"{column.name}"' + (f" (a {field.type} field, {_why_not(field)})" if field else ""))
            continue
        planned.append(PlannedColumn(place, field.name, column.as_type(_type_name(field.type, field.options))))
    if unknown and not skip_unknown:
        plural = "s" if len(unknown) > 1 else ""
        raise UnknownField(
            f'The table "{table.name}" has no field to write for the column{plural} {", ".join(unknown)}. '
            f"It has {', '.join(field.name for field in table.fields if not field.readonly and not BY_NAME[field.type].joined)}. Add --skip-unknown to import the other columns."
        )
    if unknown:
        notes.append(f"Left out: {', '.join(unknown)}.")
    if not planned:
        raise BadRequest(f'None of the columns is a field of the table "{table.name}".')
    return Plan(table, planned, notes)


def _why_not(field: FieldAnswer) -> str:
    return "which is read-only" if field.readonly else "which takes ids of records, not texts"


def _type_name(name: str, options: Mapping[str, Any]) -> str:
    return "DATE" if name == "DATETIME" and options.get("precision") == "DATE" else name


def _choose_primary(planned: list[PlannedColumn], columns: Sequence[Column], types: Mapping[str, str]) -> str | None:
    """Returns the column that names the records; None when none can. The first one becomes text where it has to.

    That is the first column of text in which no value comes twice, else the first column.
    """
    for each in planned:
        if columns[each.place].tells_apart and each.guess.type in ("SINGLE_LINE_TEXT", "EMAIL", "URL"):
            return each.field
    for number, each in enumerate(planned):
        if BY_NAME[each.guess.type].primary:
            return each.field
        column = columns[each.place]
        if column.one_line and each.field not in types:
            planned[number] = PlannedColumn(each.place, each.field, column.as_line())
            return each.field
    return None
