"""Every field type is declared as a whole: what the reference, OpenAPI and the clients read of it is there."""

from __future__ import annotations

import pytest

from tablehouse.fields.registry import BY_NAME, FIELD_TYPES
from tablehouse.kinds.kind import KINDS
from tests.fields.types import spec


@pytest.mark.parametrize("field_type", FIELD_TYPES, ids=lambda field_type: field_type.name)
def test_a_type_is_declared_as_a_whole(field_type: object) -> None:
    known = BY_NAME[field_type.name]  # type: ignore[attr-defined]
    assert known is field_type
    assert known.summary.endswith(".")
    assert known.reads
    assert known.writes
    assert known.kind_of(spec(known.name).options) in KINDS
    assert known.readonly == (known.source is not None or known.computed or known.name in ("AUTONUMBER", "LOOKUP"))
    assert known.alias_of is None or known.alias_of in BY_NAME


def test_names_are_those_of_the_contract_and_used_once() -> None:
    assert len(BY_NAME) == len(FIELD_TYPES)
    assert {"SINGLE_LINE_TEXT", "NUMBER", "SELECT", "DATETIME", "DATE", "AUTONUMBER", "RECORD_ID"} <= BY_NAME.keys()


def test_only_comparable_kinds_are_unique() -> None:
    for field_type in FIELD_TYPES:
        if field_type.unique:
            assert field_type.kind_of(spec(field_type.name).options).comparable, field_type.name
            assert not field_type.readonly, field_type.name
