"""Names and values that break careless programs: quotes, SQL, NUL, lone surrogates, emoji, right-to-left text, very long ones."""

from __future__ import annotations

import json

import pytest

from tests.api import Api
from tests.conftest import MakeTable

TEXTS = [
    "'; DROP TABLE t1; --",
    '" OR ""="',
    "Robert'); DROP TABLE Students;--",
    "`back` [bracket] \"double\" 'single'",
    "%s %d {0} {name} $1 ? :name @x %(x)s",
    "\\ \\n \\u0041 \\",
    "100 % _ *",
    "<script>alert(1)</script>&amp;",
    "../../etc/passwd",
    "${jndi:ldap://x}",
    "=1+1",
    "null",
    "true",
    "id",
    "rowid",
    "SELECT",
    "_id",
    "c1",
    "t1",
    "created_at",
    "fields",
    "😀👩‍👩‍👧‍👦🏳️‍🌈",
    "مرحبا بالعالم",
    "\u202eright to left\u202c",
    "Ａ　ｗｉｄｅ",
    "e\u0301",
    "\u200b",
    "\ufeffbom",
    "\uffff",
    "𝒳𝓎𝓏",
    "\x7f",
    "tab\there",
    "a" * 200,
]


@pytest.mark.parametrize("text", TEXTS, ids=ascii)
def test_a_text_is_a_value_like_any_other(text: str, make_table: MakeTable, api: Api) -> None:
    choices = [{"label": text}, {"label": "other"}]
    table = make_table(
        [
            {"name": "Name", "type": "SINGLE_LINE_TEXT", "unique": True},
            {"name": "Long", "type": "LONG_TEXT", "defaultValue": text},
            {"name": "Pick", "type": "SELECT", "options": {"choices": choices}},
            {"name": "Many", "type": "SELECT", "options": {"choices": choices}, "allowMultipleEntries": True},
        ]
    )
    record = table.create({"Name": text, "Pick": text, "Many": [text, "other"]})
    read = table.read(record["id"])
    assert (read["Name"], read["Long"], read["Pick"]["label"]) == (text, text, text)
    assert [choice["label"] for choice in read["Many"]] == [text, "other"]
    assert table.column("Name") == [text]
    answer = api.post(
        f"{table.records_path}/batch", {"upsert": {"matchOn": ["Name"], "records": [{"fields": {"Name": text, "Long": "found"}}]}}
    )
    assert (len(answer.data["updated"]), len(answer.data["created"])) == (1, 0)
    api.post(table.records_path, {"fields": {"Name": text}}).refused("CONSTRAINT_VIOLATION")
    api.put(table.field_path("Long"), {"type": "SELECT"}).data["id"]
    assert table.column("Long")[0]["label"] == "found"


@pytest.mark.parametrize("text", [text for text in TEXTS if text.strip() and text not in {"\u200b", "\x7f", "tab\there"}], ids=ascii)
def test_a_text_is_a_name_like_any_other(text: str, make_table: MakeTable, api: Api) -> None:
    table = make_table(
        [{"name": "First", "type": "SINGLE_LINE_TEXT"}, {"name": text, "type": "NUMBER", "description": text}], name=text, description=text
    )
    assert (table.data["name"], table.data["description"], table.data["fields"][1]["name"]) == (text, text, text)
    record = api.post(table.records_path, {"fields": {text: 5}}, fieldNames="true").data
    assert record["fields"] == {"First": None, text: 5}
    assert api.get(table.records_path, fieldNames="true").data[0]["fields"][text] == 5
    assert api.get(table.record_path(record["id"]), fieldNames="true").data["fields"][text] == 5
    if "," not in text:
        assert api.get(table.records_path, fieldNames="true", fields=text).data[0]["fields"] == {text: 5}
    api.put(table.field_path(text), {"type": "SINGLE_LINE_TEXT", "name": f"{text}!"}).data["id"]
    assert table.column(f"{text}!") == ["5"]
    database = api.new_database(text)
    assert api.get(f"/databases/{database}").data["name"] == text
    api.delete(f"/databases/{database}").nothing()


@pytest.mark.parametrize("text", ["a\0b", "\0", "tail\0"])
def test_nul_is_refused_everywhere(text: str, make_table: MakeTable, api: Api) -> None:
    table = make_table(
        [
            {"name": "Name", "type": "SINGLE_LINE_TEXT"},
            {"name": "Pick", "type": "SELECT", "options": {"choices": [], "allowToAddNewChoice": True}},
            *(
                {"name": name, "type": name}
                for name in ("LONG_TEXT", "EMAIL", "URL", "PHONE", "ADDRESS", "NUMBER", "DATETIME", "TIME", "DURATION", "CHECKBOX")
            ),
        ]
    )
    for field in table.data["fields"]:
        api.post(table.records_path, {"fields": {field["name"]: text}}).refused("VALIDATION_ERROR")
    assert table.total() == 0
    for place, answer in (
        ("name", api.post(f"{table.path}/fields", {"name": text, "type": "NUMBER"})),
        ("description", api.post(f"{table.path}/fields", {"name": "A", "type": "NUMBER", "description": text})),
        ("name", api.put(table.path, {"name": text})),
        ("name", api.put(f"/databases/{table.database}", {"name": text})),
        ("name", api.post("/workspaces", {"name": text})),
    ):
        assert answer.refused("BAD_REQUEST", "control characters" if place == "name" else "NUL")["path"] == place
    for kind, options in (
        ("NUMBER", {"prefix": text}),
        ("SELECT", {"choices": [{"label": text}]}),
        ("SELECT", {"choices": [{"id": text, "label": "A"}]}),
    ):
        answer = api.post(f"{table.path}/fields", {"name": "A", "type": kind, "options": options})
        assert answer.refused("VALIDATION_ERROR", "NUL")["path"] == f"options.{next(iter(options))}"
    api.post(table.records_path, {"fields": {text: "x"}}).refused("UNKNOWN_FIELD")


@pytest.mark.parametrize("text", [r"\ud800", r"\udc00", r"\ud83d x", r"\ude00\ud83d"])
def test_a_lone_surrogate_is_refused(text: str, make_table: MakeTable, api: Api) -> None:
    table = make_table([{"name": "Name", "type": "SINGLE_LINE_TEXT"}, {"name": "Long", "type": "LONG_TEXT"}])
    for name in ("Name", "Long"):
        answer = api.send("POST", table.records_path, raw=f'{{"fields": {{"{name}": "{text}"}}}}'.encode())
        answer.refused("BAD_REQUEST", "surrogate")
    answer = api.send("POST", table.records_path, raw=f'{{"fields": {{"{text}": "x"}}}}'.encode())
    answer.refused("BAD_REQUEST", "surrogate")
    answer = api.send("PUT", table.path, raw=f'{{"name": "{text}"}}'.encode())
    answer.refused("BAD_REQUEST", "surrogate")
    assert table.total() == 0


def test_a_pair_of_surrogates_is_one_character(make_table: MakeTable, api: Api) -> None:
    table = make_table([{"name": "Name", "type": "SINGLE_LINE_TEXT", "options": {"maxLength": 1}}])
    record = api.send("POST", table.records_path, raw=rb'{"fields": {"Name": "\ud83d\ude00"}}').data
    assert record["fields"][table.field_id("Name")] == "😀"


@pytest.mark.parametrize("text", TEXTS, ids=ascii)
def test_a_hostile_text_where_an_id_is_wanted_is_not_found_or_refused(text: str, make_table: MakeTable, api: Api) -> None:
    table = make_table([{"name": "Name", "type": "SINGLE_LINE_TEXT"}])
    quoted = "".join(f"%{byte:02x}" for byte in text.encode())
    for path in (
        f"/databases/{quoted}",
        f"/databases/{table.database}/tables/{quoted}",
        f"{table.records_path}/{quoted}",
        f"{table.path}/fields/{quoted}",
    ):
        api.get(path).refused("RESOURCE_NOT_FOUND")
    for name in ("limit", "offset", "cursor", "viewId", "fields", "fieldNames"):
        right = name == "fieldNames" and text == "true"
        answer = api.get(table.records_path, **{name: text})
        assert answer.code == (
            "" if right else "RESOURCE_NOT_FOUND" if name == "viewId" else "UNKNOWN_FIELD" if name == "fields" else "BAD_REQUEST"
        ), name


def test_many_texts_of_one_batch_come_back_in_order(make_table: MakeTable) -> None:
    table = make_table([{"name": "Key", "type": "AUTONUMBER"}, {"name": "Name", "type": "LONG_TEXT"}])
    assert [row["fields"]["Name"] for row in table.create_many([{"Name": text} for text in TEXTS])] == TEXTS
    assert table.column("Name") == TEXTS
    assert json.dumps(table.column("Name"))
