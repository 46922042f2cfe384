"""Requests as curl and other plain clients send them: no or a wrong Content-Type, no body, a trailing slash, headers in any case (contract 1)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.api import BASE_PATH, Answer, Api, Table
from tests.conftest import MakeTable

NAME = {"name": "Name", "type": "SINGLE_LINE_TEXT"}


@pytest.fixture
def table(make_table: MakeTable) -> Table:
    return make_table([NAME, {"name": "Size", "type": "NUMBER"}])


def call(api: Api, method: str, path: str, *, headers: dict[str, str] | None = None, content: Any = None) -> Answer:
    """The answer to a request that carries these headers and the token, and no other that tells anything."""
    assert api.token is not None
    with httpx.Client(trust_env=False, timeout=30) as client:
        sent = {"Softr-Api-Key": api.token} | (headers or {})
        return Answer(client.request(method, api.address + BASE_PATH + path, headers=sent, content=content))


@pytest.mark.parametrize(
    "label",
    [
        None,
        "application/json",
        "application/json; charset=utf-8",
        "application/x-www-form-urlencoded",
        "text/plain",
        "multipart/form-data",
        "nonsense",
        "",
    ],
)
def test_the_body_is_json_whatever_it_is_called(label: str | None, table: Table, api: Api) -> None:
    headers = {} if label is None else {"Content-Type": label}
    body = json.dumps({"fields": {"Name": "Zoë & sons = 100%"}}, ensure_ascii=False).encode()
    record = call(api, "POST", table.records_path, headers=headers, content=body).data
    assert record["fields"][table.field_id("Name")] == "Zoë & sons = 100%"
    changed = call(api, "PATCH", table.record_path(record["id"]), headers=headers, content=b'{"fields": {"Size": "5"}}').data
    assert changed["fields"][table.field_id("Size")] == 5


def test_a_body_in_pieces_without_a_length(table: Table, api: Api) -> None:
    def pieces() -> Iterator[bytes]:
        yield b'{"fields":'
        yield b' {"Name": "chunked"}}'

    assert call(api, "POST", table.records_path, content=pieces()).data["fields"][table.field_id("Name")] == "chunked"


@pytest.mark.parametrize("content", [None, b"", b"{}"])
@pytest.mark.parametrize("label", [None, "application/x-www-form-urlencoded", "application/json"])
def test_a_table_is_made_of_nothing(content: bytes | None, label: str | None, database: str, api: Api) -> None:
    headers = {} if label is None else {"Content-Type": label}
    made = call(api, "POST", f"/databases/{database}/tables", headers=headers, content=content).data
    assert [field["name"] for field in made["fields"]] == ["Name", "Description", "Status"]
    api.delete(f"/databases/{database}/tables/{made['id']}").nothing()


def test_a_trailing_slash_is_tolerated(table: Table, api: Api) -> None:
    for path in (
        "/databases/",
        f"/databases/{table.database}/",
        f"/databases/{table.database}/tables/",
        f"{table.path}/",
        f"{table.records_path}/",
        "/me/",
    ):
        assert call(api, "GET", path).status == 200, path
    record = call(api, "POST", f"{table.records_path}/", content=b'{"fields": {}}').data
    assert call(api, "GET", f"{table.record_path(record['id'])}/?fieldNames=true").data["fields"] == {"Name": None, "Size": None}


def test_unknown_keys_at_the_top_are_ignored_and_in_options_refused(table: Table, api: Api) -> None:
    assert call(api, "POST", table.records_path, content=b'{"fields": {}, "typecast": true, "records": 5}').status == 200
    assert call(api, "PUT", f"/databases/{table.database}", content=b'{"icon": "x"}').status == 200
    body = {"name": "A", "type": "NUMBER", "icon": "x", "options": {}}
    assert api.post(f"{table.path}/fields", body).status == 200
    body = {"name": "B", "type": "NUMBER", "options": {"icon": "x"}}
    api.post(f"{table.path}/fields", body).refused("VALIDATION_ERROR", "icon")


@pytest.mark.parametrize("name", ["Softr-Api-Key", "softr-api-key", "SOFTR-API-KEY", "sOFTR-aPI-kEY"])
def test_the_token_header_in_any_case(name: str, api: Api) -> None:
    assert api.token is not None
    assert Answer(httpx.get(f"{api.address}{BASE_PATH}/databases", headers={name: api.token}, trust_env=False)).status == 200


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_token_as_bearer(scheme: str, api: Api) -> None:
    headers = {"Authorization": f"{scheme} {api.token}"}
    assert Answer(httpx.get(f"{api.address}{BASE_PATH}/databases", headers=headers, trust_env=False)).status == 200


def test_unknown_headers_are_ignored(api: Api) -> None:
    assert (
        call(api, "GET", "/databases", headers={"Softr-Domain": "example.org", "X-Anything": "x" * 1000, "Accept": "text/html"}).status
        == 200
    )


def test_answers_are_json_in_utf8_also_for_errors(table: Table, api: Api) -> None:
    for answer in (call(api, "GET", "/databases"), call(api, "GET", "/nothing"), call(api, "POST", table.records_path, content=b"{")):
        assert answer.headers["content-type"].startswith("application/json")
    table.create({"Name": "é😀"})
    assert "é😀".encode() in api.get(table.records_path).response.content


def test_a_record_round_trip_as_the_documentation_shows_it(database: str, api: Api) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    base = f"/databases/{database}/tables"
    made = call(
        api,
        "POST",
        base,
        headers=form,
        content=json.dumps(
            {
                "name": "Contacts",
                "description": "People",
                "primaryFieldName": "Full Name",
                "fields": [
                    {
                        "name": "Email",
                        "type": "EMAIL",
                        "options": {},
                        "allowMultipleEntries": False,
                        "required": False,
                        "readonly": False,
                        "locked": False,
                    },
                    {
                        "name": "Status",
                        "type": "SELECT",
                        "options": {"choices": [{"label": "Active", "color": "#00ff00"}], "allowToAddNewChoice": False},
                    },
                ],
            }
        ),
    ).data
    fields = {field["name"]: field["id"] for field in made["fields"]}
    assert list(fields) == ["Full Name", "Email", "Status"]
    records = f"{base}/{made['id']}/records"
    body = {"fields": {fields["Full Name"]: "Ada Lovelace", fields["Email"]: "ada@example.org", fields["Status"]: "Active"}}
    record = call(api, "POST", records, headers=form, content=json.dumps(body)).data
    assert record["fields"][fields["Status"]]["label"] == "Active"
    assert (
        call(api, "PATCH", f"{records}/{record['id']}", headers=form, content=json.dumps({"fields": {fields["Email"]: None}})).data[
            "fields"
        ][fields["Email"]]
        is None
    )
    page = call(api, "GET", f"{records}?offset=0&limit=10&fieldNames=true")
    assert page.data[0]["fields"]["Full Name"] == "Ada Lovelace"
    assert call(api, "DELETE", f"{records}/{record['id']}").status == 204
    assert call(api, "DELETE", f"{base}/{made['id']}").status == 204
