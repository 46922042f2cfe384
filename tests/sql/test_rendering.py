"""JSON that the database makes of records: what was written comes back to the digit and the character, of every kind and any width."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.local import Local, LocalTable

CHOICES = {"choices": [{"id": 'id "1"', "label": "Gröẞe ≤ 5 “x”"}, {"id": "\\2", "label": 'tab\t"quote"\\'}], "allowToAddNewChoice": True}
doubles = st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(alphabet=st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), min_size=1, max_size=60)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalTable]:
    local = Local(tmp_path_factory.mktemp("rendering"))
    yield local.new_table(
        [
            {"name": "Text", "type": "LONG_TEXT"},
            {"name": "Number", "type": "NUMBER"},
        ],
        primaryFieldName="Primary",
    )
    local.close()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rows=st.lists(st.tuples(texts, doubles), min_size=1, max_size=60))
def test_texts_and_doubles_come_back_as_they_were(shared: LocalTable, rows: list[tuple[str, float]]) -> None:
    made = shared.batch(create=[{"fields": {"Text": text, "Number": number}} for text, number in rows])
    ids = []
    for rendered, (text, number) in zip(made.created, rows, strict=True):
        record = json.loads(rendered)
        assert record["fields"]["Text"] == text
        assert record["fields"]["Number"] == number
        ids.append(record["id"])
    page, metadata = shared.page(limit=200)
    assert metadata.total == len(rows)
    assert [(record["fields"]["Text"], record["fields"]["Number"]) for record in page] == rows
    shared.batch(delete=ids)


@pytest.mark.parametrize(
    ("number", "text"),
    [(45, "45"), (45.0, "45"), (-0.0, "0"), (2**53, "9007199254740992"), (1 / 3, "0.3333333333333333"), (0.1, "0.1"), (1e15, "1000000000000000"), (-7, "-7")],
)  # fmt: skip
def test_numbers_read_as_people_write_them(shared: LocalTable, number: float, text: str) -> None:
    rendered = shared.batch(create=[{"fields": {"Number": number}}]).created[0]
    assert f'"Number":{text}' in rendered.replace(" ", "")
    shared.batch(delete=[json.loads(rendered)["id"]])


def test_great_and_small_numbers_are_json(shared: LocalTable) -> None:
    numbers = [1e22, 1e300, 5e-324, 1.7976931348623157e308, -1e-7, 2.0**63, 2.0**64, 123456789012345680.0]
    ids = []
    for number in numbers:
        rendered = shared.batch(create=[{"fields": {"Number": number}}]).created[0]
        value = json.loads(rendered)["fields"]["Number"]
        assert float(value) == number
        assert math.copysign(1, value) == math.copysign(1, number)
        ids.append(json.loads(rendered)["id"])
    shared.batch(delete=ids)


KINDS: list[tuple[dict[str, Any], Any, Any]] = [
    ({"type": "SINGLE_LINE_TEXT"}, 'a "b" \\ </script> ', 'a "b" \\ </script> '),
    ({"type": "LONG_TEXT"}, "a\nb\t\x01", "a\nb\t\x01"),
    ({"type": "CHECKBOX"}, True, True),
    ({"type": "CHECKBOX"}, None, False),
    ({"type": "NUMBER"}, 1.5, 1.5),
    ({"type": "RATING"}, 3, 3),
    ({"type": "DATETIME"}, "2025-06-01T12:00:00+02:00", "2025-06-01T10:00:00.000Z"),
    ({"type": "DATE"}, "2025-06-01", "2025-06-01"),
    ({"type": "TIME"}, "9:30", "09:30:00"),
    ({"type": "DATE_RANGE"}, {"from": "2025-01-01", "to": "2025-02-01"}, {"from": "2025-01-01", "to": "2025-02-01"}),
    ({"type": "SELECT", "options": CHOICES}, "\\2", {"id": "\\2", "label": 'tab\t"quote"\\'}),
    (
        {"type": "SELECT", "options": CHOICES, "allowMultipleEntries": True},
        ["\\2", 'id "1"'],
        [{"id": "\\2", "label": 'tab\t"quote"\\'}, {"id": 'id "1"', "label": "Gröẞe ≤ 5 “x”"}],
    ),
]
EMPTY: dict[str, Any] = {"CHECKBOX": False}


@pytest.mark.parametrize(("field", "written", "reads"), KINDS, ids=lambda value: value.get("type") if isinstance(value, dict) else "")
def test_every_kind_reads_back(local: Local, field: dict[str, Any], written: Any, reads: Any) -> None:
    table = local.new_table([{"name": "F", **field}], primaryFieldName="Name")
    record = table.create(F=written)
    assert record["fields"]["F"] == reads
    assert table.get(record["id"]) == record
    assert table.page()[0] == [record]
    emptied = table.update(record["id"], F=None)["fields"]["F"]
    assert emptied == ([] if field.get("allowMultipleEntries") else EMPTY.get(field["type"]))
    assert table.get(record["id"])["fields"]["F"] == emptied


def test_an_order_of_choices_is_the_order_written(local: Local) -> None:
    options = {"choices": [{"label": label} for label in "ABCDEF"]}
    table = local.new_table([{"name": "F", "type": "SELECT", "options": options, "allowMultipleEntries": True}], primaryFieldName="Name")
    for labels in ("FEDCBA", "BDF", "A"):
        assert [choice["label"] for choice in table.create(F=list(labels))["fields"]["F"]] == list(labels)
    assert [[choice["label"] for choice in cell] for cell in table.cells("F")] == [list("FEDCBA"), list("BDF"), ["A"]]


@pytest.mark.parametrize("count", [1, 399, 400, 401, 512, 801])
def test_any_number_of_fields_is_one_object(open_local: Any, count: int) -> None:
    local = open_local(max_fields=990)
    table = local.new_table([{"name": f"F {number}", "type": "NUMBER"} for number in range(count)])
    cells = {f"F {number}": number for number in range(0, count, 2)}
    record = table.create(**cells)
    assert list(record["fields"]) == [f"F {number}" for number in range(count)]
    assert {name: value for name, value in record["fields"].items() if value is not None} == cells
    assert table.page()[0] == [record]


def test_990_text_fields_fill_the_columns_there_are_and_still_convert(open_local: Any) -> None:
    """The upper bound of the setting: each has a companion column, and a conversion has old and new columns side by side."""
    local = open_local(max_fields=990)
    table = local.new_table([{"name": f"F {number}", "type": "SINGLE_LINE_TEXT"} for number in range(990)])
    record = table.create(**{f"F {number}": f"Ä {number}" for number in range(990)})
    assert set(record["fields"].values()) == {f"Ä {number}" for number in range(990)}
    assert table.change_field("F 700", type="LONG_TEXT").metadata is not None
    assert table.update(record["id"], **{f"F {number}": "ö" for number in range(990)})["fields"]["F 700"] == "ö"
    assert table.page(fields="F 700")[0][0]["fields"] == {"F 700": "ö"}


def test_an_empty_page_is_an_empty_array(local: Local) -> None:
    table = local.new_table()
    assert table.page()[0] == []
    table.create()
    assert table.page(offset=5)[0] == []


def test_a_page_that_names_no_fields_has_all_of_them(local: Local) -> None:
    table = local.new_table()
    made = table.create(Name="a")
    assert table.page(fields="")[0] == [made]
