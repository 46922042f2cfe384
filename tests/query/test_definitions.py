"""What a PUT makes of a field: keys left out stay, options merge, choices keep their cells, and a default lives as long as it is valid."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tablehouse.errors import ApiError, BadRequest, ValidationError
from tablehouse.query.definitions import Draft, clean_name, clean_text, draft_change, draft_field, find_type, numbered, unnumbered
from tablehouse.query.requests import CreateField, PutField
from tablehouse.schema.model import Field
from tests.fields.types import UTC
from tests.local import Local

FIELDS: list[dict[str, Any]] = [
    {"name": "Name", "type": "SINGLE_LINE_TEXT"},
    {"name": "No", "type": "NUMBER", "description": "how many", "options": {"min": 1, "max": 9, "prefix": "#"}, "defaultValue": 5, "unique": True},
    {"name": "Tag", "type": "SELECT", "options": {"choices": [{"label": "A", "id": "a"}, {"label": "B", "color": "red"}], "enforceOrder": True}},
    {"name": "Day", "type": "DATE"},
]  # fmt: skip


@pytest.fixture
def fields(local: Local) -> dict[str, Field]:
    return {field.name: field for field in local.new_table(FIELDS).schema.fields}


def put(field: Field, **keys: Any) -> Draft:
    return draft_change(field, msgspec.convert(keys, PutField), UTC)


def new(**keys: Any) -> Draft:
    return draft_field(msgspec.convert({"name": "F", **keys}, CreateField), UTC)


def choices(draft: Draft) -> list[tuple[str, int]]:
    return [(choice.label, choice.num) for choice in draft.options.choices]


def test_keys_left_out_stay(fields: dict[str, Field]) -> None:
    draft = put(fields["No"], name=" Number ")
    assert (draft.name, draft.description, draft.type_name) == ("Number", "how many", "NUMBER")
    assert (draft.options, draft.unique, draft.default) == (fields["No"].options, True, 5)
    assert put(fields["No"]) == put(fields["No"], options={}) == put(fields["No"], options=None)


def test_a_given_option_replaces_that_option_and_null_means_its_default(fields: dict[str, Field]) -> None:
    options = put(fields["No"], options={"max": 20, "prefix": None}).options
    assert (options.min, options.max, options.prefix) == (1, 20, None)


def test_options_that_fit_only_together_are_checked_together(fields: dict[str, Field]) -> None:
    with pytest.raises(ValidationError, match="min 1 is more than max 0"):
        put(fields["No"], options={"max": 0})


def test_choices_keep_their_numbers_by_id_and_by_label(fields: dict[str, Field]) -> None:
    (_, a), (_, b) = choices(put(fields["Tag"]))
    second = fields["Tag"].options.choices[1]
    cases: list[tuple[list[dict[str, Any]], list[tuple[str, int]]]] = [
        ([{"id": "a", "label": "Renamed"}, {"id": second.id, "label": "B"}], [("Renamed", a), ("B", b)]),
        ([{"label": "b"}, {"label": "A"}], [("b", b), ("A", a)]),
        ([{"label": "B"}, {"label": "New"}], [("B", b), ("New", 0)]),
        ([{"id": "a", "label": "B"}, {"id": second.id, "label": "A"}], [("B", a), ("A", b)]),
        ([{"id": "a", "label": "B"}, {"label": "A"}], [("B", a), ("A", 0)]),  # the label's old id is given to another choice
        ([{"id": "else", "label": "A"}], [("A", 0)]),  # another id is another choice
        ([], []),
    ]
    for given, expected in cases:
        assert choices(put(fields["Tag"], options={"choices": given})) == expected, given
    assert put(fields["Tag"], options={"choices": []}).options.enforce_order is True


def test_new_choices_are_numbered_in_their_order(fields: dict[str, Field]) -> None:
    draft = put(fields["Tag"], options={"choices": [{"label": "New"}, {"label": "A"}, {"label": "Newer"}]})
    assert unnumbered(draft.options) == 2
    a = fields["Tag"].options.choices[0].num
    assert [choice.num for choice in numbered(draft.options, 100).choices] == [100, a, 101]
    assert numbered(fields["No"].options, 100) is fields["No"].options


def test_another_type_starts_with_its_own_options(fields: dict[str, Field]) -> None:
    draft = put(fields["No"], type="RATING", options={"max": 10})
    assert (draft.type_name, draft.options.max, draft.unique, draft.default) == ("RATING", 10, True, 5)
    draft = put(fields["No"], type="CHECKBOX")
    assert (draft.unique, draft.default) == (False, None)
    assert put(fields["Tag"], type="SINGLE_LINE_TEXT", allowMultipleEntries=False).many is False


def test_date_is_datetime_of_days(fields: dict[str, Field]) -> None:
    assert fields["Day"].type_name == "DATETIME"
    assert put(fields["Day"], type="DATE").options.precision == "DATE"
    assert put(fields["Day"], type="DATE", options={"precision": "DATETIME"}).options.precision == "DATETIME"
    assert put(fields["Name"], type="DATE").options.precision == "DATE"
    assert put(fields["Name"], type="DATETIME").options.precision == "DATETIME"
    assert put(fields["Day"], name="x").options.precision == "DATE"


@pytest.mark.parametrize(
    "keys",
    [
        {"type": "NUMBER", "defaultValue": "x"},
        {"type": "NUMBER", "options": {"max": 3}, "defaultValue": 4},
        {"type": "SELECT", "options": {"choices": [{"label": "A"}], "allowToAddNewChoice": True}, "defaultValue": "B"},
        {"type": "DATE", "defaultValue": "PREDEFINED:SOMETIME"},
        {"type": "SINGLE_LINE_TEXT", "options": {"minLength": 5}, "defaultValue": "abc"},
        {"type": "CHECKBOX", "defaultValue": ""},
    ],
)  # fmt: skip
def test_a_default_is_checked_like_any_write(keys: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as refused:
        new(**keys)
    assert refused.value.details["path"] == "defaultValue"


@pytest.mark.parametrize(
    ("keys", "path"),
    [
        ({"type": "NUMBR"}, "type"),
        ({"type": "NUMBER", "allowMultipleEntries": True}, "allowMultipleEntries"),
        ({"type": "CHECKBOX", "unique": True}, "unique"),
        ({"type": "SELECT", "unique": True}, "unique"),
        ({"type": "AUTONUMBER", "required": True}, "required"),
        ({"type": "CREATED_AT", "defaultValue": "2025-01-01"}, "defaultValue"),
        ({"type": "NUMBER", "options": {"mix": 1}}, "options.mix"),
        ({"type": "SELECT", "options": {"choices": [{"label": "A"}, {"label": ""}]}}, "options.choices[1].label"),
        ({"type": "SELECT", "options": {"choices": [{"label": "A", "colour": "red"}]}}, "options.choices[0].colour"),
    ],
)  # fmt: skip
def test_what_a_field_cannot_be(keys: dict[str, Any], path: str) -> None:
    with pytest.raises(ApiError) as refused:
        new(**keys)
    assert refused.value.details["path"] == path
    assert refused.value.message[-1] in ".?"


def test_the_nearest_type_and_option_are_suggested() -> None:
    with pytest.raises(BadRequest, match='Did you mean "NUMBER"'):
        find_type("NUMBR", "")
    with pytest.raises(ValidationError, match='Did you mean "precision"'):
        new(type="NUMBER", options={"precison": 2})


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "a\x00b", "\x7f", "\t"])
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(BadRequest, match="name"):
        clean_name(name, "name")


def test_names_and_descriptions_are_trimmed_as_people_mean_them() -> None:
    assert clean_name("  Größe 名前 ", "name") == "Größe 名前"
    assert [clean_text(text, "description") for text in ("", None, " kept ", "two\nlines")] == [None, None, " kept ", "two\nlines"]
    with pytest.raises(BadRequest, match="NUL"):
        clean_text("a\x00", "description")
