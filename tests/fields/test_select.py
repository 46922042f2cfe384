"""Choices: found by id or label, made when that is allowed, told apart whatever they are called."""

from __future__ import annotations

from typing import Any

import pytest

from tablehouse.fields.base import NewChoice, Reject, Spec
from tablehouse.fields.registry import BY_NAME
from tests.fields.types import read, spec

SWAPPED = {"choices": [{"id": "one", "label": "two"}, {"id": "two", "label": "one"}, {"id": "ID-3", "label": "Größe"}]}
"""Ids and labels that are each other's."""
OPEN = {**SWAPPED, "allowToAddNewChoice": True}


def shown(stored: Any, of: Spec[Any]) -> str:
    return BY_NAME["SELECT"].text(stored, of)


@pytest.mark.parametrize(
    ("value", "label"),
    [
        ("one", "two"),  # a bare text is an id first
        ({"id": "one"}, "two"), ({"label": "one"}, "one"), ({"id": "one", "label": "one"}, "two"), ({"id": None, "label": "two"}, "two"),
        ("GRÖSSE", "Größe"), (" größe ", "Größe"), ({"label": "GRÖßE "}, "Größe"), ("ID-3", "Größe"), (["ID-3"], "Größe"),
    ],
)  # fmt: skip
def test_a_choice_is_found(value: Any, label: str) -> None:
    assert shown(read("SELECT", value, SWAPPED), spec("SELECT", SWAPPED)) == label


@pytest.mark.parametrize(
    "value", ["three", "id-3", {"id": "Größe"}, {"id": "three"}, {"label": "ID-3"}, {}, {"name": "one"}, 7, ["one", "two"], [["one"]]]
)
def test_what_is_no_choice(value: Any) -> None:
    with pytest.raises(Reject):
        read("SELECT", value, SWAPPED)


def test_a_rejected_choice_is_told_which_there_are() -> None:
    with pytest.raises(Reject, match=r'no choice "Lost".*"Open", "In progress"'):
        read("SELECT", "Lost")
    with pytest.raises(Reject, match="no choices yet"):
        read("SELECT", "Lost", {"choices": []})
    many = {"choices": [{"label": f"Choice {number}"} for number in range(500)]}
    with pytest.raises(Reject, match="and 480 more"):
        read("SELECT", "Lost", many)


@pytest.mark.parametrize(
    ("value", "label"), [("new", "new"), (" new ", "new"), ({"label": "new"}, "new"), (12, "12"), ({"label": "ID-3"}, "ID-3")]
)
def test_an_unknown_label_makes_a_choice_where_that_is_allowed(value: Any, label: str) -> None:
    assert read("SELECT", value, OPEN) == NewChoice(label)


@pytest.mark.parametrize("value", [{"id": "unknown"}, " ", "x" * 1025, "a\x00b", {"label": " "}])
def test_what_makes_no_choice(value: Any) -> None:
    with pytest.raises(Reject):
        read("SELECT", value, OPEN)


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (["one", "two", "one"], (1, 2)),
        ("one, two", (1, 2)),
        ("two,one,,", (2, 1)),
        ("two", (2,)),
        ([], None),
        ([{"id": "one"}, {"label": "one"}], (1, 2)),
        (["new", " NEW", "one"], (NewChoice("new"), 1)),
    ],
)
def test_several_choices(value: Any, stored: Any) -> None:
    assert read("SELECT", value, OPEN, many=True) == stored


def test_a_label_with_a_comma_is_one_choice() -> None:
    assert shown(read("SELECT", "Done, really", many=True), spec("SELECT", many=True)) == "Done, really"
    assert shown(read("SELECT", ["Done, really", "Open"], many=True), spec("SELECT", many=True)) == "Done, really, Open"
