"""Field types as these tests use them: with options of all sorts, and with JSON values that people might write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from tablehouse.fields.base import Spec, decode_options
from tablehouse.fields.registry import BY_NAME
from tablehouse.fields.select import SelectOptions
from tablehouse.query.definitions import numbered
from tablehouse.schema.model import spec_of

UTC = ZoneInfo("UTC")
BERLIN = ZoneInfo("Europe/Berlin")
STORED = [
    name for name, field_type in BY_NAME.items() if not field_type.readonly and not field_type.joined and name not in ("USER", "ATTACHMENT")
]
"""Types that people write and whose cells are in the record's row. Links are looked at in `test_links`; people are read as mentions, and
who is meant the workspace says: `tests/query/test_members.py`; files as what is said of them: `tests/http/test_attachments.py`."""
CHOICES = [{"label": label} for label in ("Open", "In progress", "Done, really", "ÄÖ", "1", "true", "2025-06-01")]


NEEDED: dict[str, dict[str, Any]] = {"FORMULA": {"formula": "1 + 1"}, "ROLLUP": {"function": "SUM"}}
"""Options that a type cannot do without."""


def spec(name: str, options: Mapping[str, Any] | None = None, many: bool = False, zone: ZoneInfo = UTC) -> Spec[Any]:
    """What cells of a field of this type depend on; a select has a few choices."""
    given = {"choices": CHOICES, "allowToAddNewChoice": False} if name == "SELECT" and options is None else options or {}
    if options is None:
        given = NEEDED.get(name, given)
    decoded = decode_options(BY_NAME[name], given)
    return spec_of(numbered(decoded, 1) if isinstance(decoded, SelectOptions) else decoded, many, zone)


def specs(name: str) -> list[Spec[Any]]:
    """A type's fields in all the ways that cells tell apart."""
    both = [spec(name, zone=BERLIN)]
    if BY_NAME[name].several:
        both.append(spec(name, many=True))
    if name == "DATETIME":
        both += [spec(name, {"precision": "DATE"}), spec(name, {"timezoneType": "FIXED", "timezone": "Asia/Kathmandu"})]
    return both


def read(name: str, value: object, options: Mapping[str, Any] | None = None, many: bool = False, zone: ZoneInfo = UTC) -> Any:
    """What is stored for a written value. Raises Reject."""
    return BY_NAME[name].read(value, spec(name, options, many, zone))


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(10**20), 10**400),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=40),
    st.text(alphabet="0123456789-+:.,/eETZ €$%()' ", max_size=25),
    st.dates().map(str),
    st.datetimes().map(lambda moment: moment.isoformat()),
    st.times().map(str),
    st.sampled_from([choice["label"] for choice in CHOICES]),
    st.tuples(st.dates(), st.dates()).map(lambda pair: "/".join(map(str, pair))),
    st.sampled_from(["ada@example.com", "https://example.com", "+49 30 123", "1:30", "45 %", "javascript:alert(1)", "9" * 5000, "\x00"]),
)
json_values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.sampled_from(["id", "label", "from", "to", "name"]), inner, max_size=3),
    ),
    max_leaves=6,
)
"""Whatever may stand in a request for a cell."""
