"""Whom a written cell means, told among the members of a workspace."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tablehouse.fields.base import NoOptions, Person, Reject, Spec
from tablehouse.fields.user import User
from tablehouse.kinds.zones import zone_named
from tablehouse.query.members import Members

PEOPLE = [
    Person(f"0000-{number}", name, f"{name}{number}@example.org") for number, name in enumerate(("Ada", "Bob", "Doe, Jane", "Twin", "Twin"))
]
BY_ID = {person.id: person for person in PEOPLE}
MEMBERS = Members(BY_ID.get, lambda: PEOPLE)


def resolved(value: Any, many: bool = True) -> Any:
    mentions = User().read(value, Spec(options=NoOptions(), many=many, zone=zone_named("UTC")))
    assert isinstance(mentions, tuple)
    return MEMBERS.resolve(mentions, many)


@pytest.mark.parametrize("person", PEOPLE)
def test_everybody_is_found_by_id_and_address(person: Person) -> None:
    for value in (person.id, person.email.upper(), {"id": person.id}, {"email": person.email}, {"id": person.id, "name": "any"}):
        assert resolved(value) == (person,)
        assert resolved(value, many=False) == person


def test_a_name_with_a_comma_goes_before_two_names() -> None:
    assert resolved("doe, jane") == (PEOPLE[2],)
    assert resolved("Bob, Ada") == (PEOPLE[1], PEOPLE[0])


@given(st.lists(st.sampled_from(PEOPLE[:3]), min_size=1))
def test_each_is_there_once_in_the_order_written(people: list[Person]) -> None:
    assert resolved([{"id": person.id} for person in people]) == tuple(dict.fromkeys(people))


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("Twin", "2 members"),
        (["Ada", "x", "y"], '"x", "y" are no members'),
        ("x", '"x" is no member'),
        ({"email": "Ada"}, '"Ada" is no member'),
    ],
)
def test_strangers_and_shared_names_are_refused(value: Any, says: str) -> None:
    with pytest.raises(Reject, match=says):
        resolved(value)
