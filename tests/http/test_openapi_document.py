"""What the code declares is in the OpenAPI document, and the document agrees with itself: its examples fit its schemas.

`test_openapi.py` holds a running server against the document; nothing here needs one but the last tests.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema
import msgspec
import pytest
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from tablehouse.errors import BY_NAME, CODES
from tablehouse.fields.registry import FIELD_TYPES
from tablehouse.http.openapi.document import document, render
from tablehouse.http.openapi.field_types import KIND_SCHEMAS
from tablehouse.http.openapi.schemas import name_of
from tablehouse.http.operation import TAGS, Operation
from tablehouse.http.operations import OPERATIONS
from tablehouse.kinds.kind import KINDS
from tablehouse.query import wire
from tablehouse.service.access import LEVELS, ROLES
from tablehouse.service.databases import WEEK_STARTS
from tests.api import Api, Table
from tests.conftest import StartServer
from tests.server import Server

API = msgspec.json.decode(render("http://127.0.0.1:8787"))
SCHEMAS = API["components"]["schemas"]

each_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.id)


def described(operation: Operation) -> dict[str, Any]:
    found: dict[str, Any] = API["paths"][operation.path][operation.method.lower()]
    return found


def resolved(part: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in part:
        place: Any = API
        for key in part["$ref"].removeprefix("#/").split("/"):
            place = place[key]
        part = place
    return part


def check(schema: dict[str, Any], value: Any) -> None:
    """Raises ValidationError when the value does not fit the schema, whose references lead into the document."""
    registry = Registry().with_contents([("urn:api", API)], default_specification=DRAFT202012)
    based = msgspec.json.decode(msgspec.json.encode(schema).replace(b'"#/', b'"urn:api#/'))
    Draft202012Validator(based, registry=registry).validate(value)


def media(part: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = resolved(part)["content"]["application/json"]
    return found


def examples() -> Iterator[Any]:
    """Every example of the document with its schema."""
    for operation in OPERATIONS:
        found = described(operation)
        for parameter in found.get("parameters", []):
            if "example" in parameter:
                yield pytest.param(parameter["schema"], parameter["example"], id=f"{operation.id}-{parameter['name']}")
        if "requestBody" in found and not operation.form:
            yield pytest.param(media(found["requestBody"])["schema"], media(found["requestBody"])["example"], id=f"{operation.id}-body")
        if "200" in found["responses"]:
            answer = media(found["responses"]["200"])
            yield pytest.param(answer["schema"], answer["example"], id=f"{operation.id}-answer")
    for name, response in API["components"]["responses"].items():
        for code, example in media(response)["examples"].items():
            yield pytest.param(media(response)["schema"], example["value"], id=f"{name}-{code}")
    for name, schema in SCHEMAS.items():
        for key, part in schema.get("properties", {}).items():
            for number, example in enumerate(part.get("examples", [])):
                yield pytest.param(part, example, id=f"{name}-{key}-{number}")


@each_operation
def test_an_operation_is_described_with_all_that_it_declares(operation: Operation) -> None:
    found = described(operation)
    assert found["operationId"] == operation.id
    assert found["summary"] == operation.summary
    assert found["tags"] == [operation.tag]
    level = next((name for name, value in LEVELS.items() if value == operation.level), None)
    assert ("no token" if level is None else f"`{level}`") in found["description"]
    assert (found.get("security") == []) == (level is None)
    inside = {parameter["name"] for parameter in found.get("parameters", []) if parameter["in"] == "query"}
    assert inside == {field.encode_name for field in msgspec.structs.fields(operation.query)}
    assert all(parameter["description"] for parameter in found.get("parameters", []))
    assert (operation.body is not None or operation.form) == ("requestBody" in found)


@each_operation
def test_an_operation_lists_every_error_that_it_can_answer(operation: Operation) -> None:
    responses = described(operation)["responses"]
    for code in operation.codes:
        response = responses[str(BY_NAME[code].status)]
        assert code in resolved(response)["description"]
        assert code in media(response)["examples"]
    refused = {code for response in responses.values() if "$ref" in response for code in media(response)["examples"]}
    assert refused == set(operation.codes)


@each_operation
def test_every_answer_says_which_trace_it_has(operation: Operation) -> None:
    assert all("X-Trace-Id" in resolved(response)["headers"] for response in described(operation)["responses"].values())


@pytest.mark.parametrize("field_type", FIELD_TYPES, ids=lambda field_type: field_type.name)
def test_a_field_type_is_described_with_its_options(field_type: Any) -> None:
    assert field_type.name in SCHEMAS["FieldType"]["enum"]
    branch = next(each for each in SCHEMAS["TypeWithOptions"]["oneOf"] if each["title"] == field_type.name)
    assert (branch["x-reads"], branch["x-writes"]) == (field_type.reads, field_type.writes)
    options = resolved(branch["properties"]["options"]["anyOf"][0])["properties"]
    assert set(options) == {field.encode_name for field in msgspec.structs.fields(field_type.Options)}
    assert all(option["description"] for option in options.values())


def test_options_of_another_type_are_refused_by_the_schema() -> None:
    check({"$ref": "#/components/schemas/CreateField"}, {"name": "A", "type": "RATING", "options": {"max": 3}})
    with pytest.raises(jsonschema.ValidationError, match="is not valid under any of the given schemas"):
        check({"$ref": "#/components/schemas/CreateField"}, {"name": "A", "type": "RATING", "options": {"choices": []}})


def test_every_key_of_a_body_is_described() -> None:
    bodies = [SCHEMAS[name_of(operation.body.__name__)] for operation in OPERATIONS if operation.body]
    without = {name for body in bodies for name, part in body["properties"].items() if "description" not in part}
    assert without <= {"description", "upsert"}, "these two speak for themselves"


def test_every_error_code_is_there() -> None:
    assert SCHEMAS["ErrorBody"]["properties"]["errorCode"]["enum"] == [code.name for code in CODES]
    answered = {code for operation in OPERATIONS for code in operation.codes}
    assert answered == set(BY_NAME)


def test_cells_are_described_for_every_kind_of_value() -> None:
    assert list(KIND_SCHEMAS) == [kind.name for kind in KINDS]


def test_words_that_are_declared_twice_are_the_same() -> None:
    assert tuple(LEVELS) == wire.LEVELS
    assert tuple(ROLES) == wire.ROLES
    assert tuple(WEEK_STARTS) == wire.WEEKDAYS


def test_every_group_of_operations_is_explained() -> None:
    assert {operation.tag for operation in OPERATIONS} == set(TAGS)
    assert [tag["name"] for tag in API["tags"]] == list(TAGS)


def test_nothing_refers_to_what_is_not_there() -> None:
    def walk(part: Any) -> Iterator[dict[str, Any]]:
        if isinstance(part, dict):
            yield part
            part = list(part.values())
        if isinstance(part, list):
            for each in part:
                yield from walk(each)

    for part in walk(API):
        if isinstance(part.get("$ref"), str):
            resolved(part)


@pytest.mark.parametrize(("schema", "example"), list(examples()))
def test_an_example_fits_its_schema(schema: dict[str, Any], example: Any) -> None:
    check(schema, example)


def test_the_document_is_made_once() -> None:
    assert document() is document()
    assert render("http://a") is render("http://a")


def test_the_examples_work(api: Api) -> None:
    def example(operation: str) -> Any:
        return media(described(next(each for each in OPERATIONS if each.id == operation))["requestBody"])["example"]

    workspace = api.post("/workspaces", example("createWorkspace")).data["id"]
    assert api.put(f"/workspaces/{workspace}", example("updateWorkspace")).data["name"] == "Back office"
    assert api.post(f"/workspaces/{workspace}/tokens", example("createToken")).data["token"]
    database = api.post("/databases", {**example("createDatabase"), "workspaceId": workspace}).data["id"]
    assert api.put(f"/databases/{database}", example("updateDatabase")).data["name"] == "Projects 2025"
    made = Table(api, database, api.post(f"/databases/{database}/tables", example("createTable")).data)
    assert api.put(f"{made.path}/fields/{made.data['fields'][0]['id']}", example("updateField")).data["type"] == "CURRENCY"
    tasks = Table(api, database, api.post(f"/databases/{database}/tables", {}).data)
    assert api.post(f"{tasks.path}/fields", example("createField")).data["name"] == "Budget"
    record = api.post(tasks.records_path, example("createRecord")).data["id"]
    assert api.patch(tasks.record_path(record), example("updateRecord")).data["id"] == record
    batch = example("writeBatch")
    batch["update"][0]["id"] = batch["delete"][0] = record
    assert len(api.post(f"{tasks.records_path}/batch", batch).data["created"]) == 1
    api.delete(f"/workspaces/{workspace}", force="true").nothing()


def test_the_answers_fit_the_schemas_also_where_generated_requests_seldom_get(api: Api, make_table: Any) -> None:
    options = {"FORMULA": {"formula": "1 / {NUMBER}"}}
    fields = [{"name": each.name, "type": each.name, "options": options.get(each.name)} for each in FIELD_TYPES if not each.along_links]
    table = make_table([{"name": "Name", "type": "SINGLE_LINE_TEXT"}, *fields])
    table.add_field("LINKED_RECORD", "LINKED_RECORD", options={"linkedTableId": table.id})
    for field in list(table.refresh()["fields"]):
        table.add_field(f"their {field['name']}", "LOOKUP", options={"linkedRecordFieldId": "LINKED_RECORD", "lookupFieldId": field["id"]})
    other = table.create()
    table.create({"LINKED_RECORD": [other["id"]]})
    table.create({"DATE_RANGE": "2025-01-01/2025-02-01", "NUMBER": 1.5, "CHECKBOX": True, "TIME": "10:30"})
    gone = {"operator": "IS", "leftSide": table.add_field("Gone", "NUMBER")["id"], "rightSide": 1}
    view = api.post(f"{table.path}/views", {"name": "Broken", "filter": gone, "sorting": [{"sortingField": "TIME"}]}).data["id"]
    api.delete(table.field_path("Gone")).nothing()
    answers = {
        "listTables": f"/databases/{table.database}/tables",
        "listFields": f"{table.path}/fields",
        "listViews": f"{table.path}/views",
        "getView": f"{table.path}/views/{view}",
        "listRecords": f"{table.records_path}?viewId={view}",
        "getMe": "/me",
        "listMembers": f"/workspaces/{api.workspace_id()}/members",
        "listTokens": f"/workspaces/{api.workspace_id()}/tokens",
    }
    for name, path in answers.items():
        schema = media(described(next(each for each in OPERATIONS if each.id == name))["responses"]["200"])["schema"]
        check(schema, api.get(path).body)


def test_the_servers_address_is_the_one_that_was_asked(server: Server) -> None:
    answer = httpx.get(f"{server.address}/openapi.json", headers={"Host": "tables.example.com"}, trust_env=False)
    assert answer.json()["servers"] == [{"url": "http://tables.example.com/api/v1"}]


def test_the_public_address_goes_before_that(start_server: StartServer) -> None:
    server = start_server("--public-url", "https://example.com/tables")
    assert httpx.get(f"{server.address}/openapi.json", trust_env=False).json()["servers"] == [{"url": "https://example.com/tables/api/v1"}]
    assert "https://example.com/tables/api/v1/databases" in httpx.get(f"{server.address}/llms.txt", trust_env=False).text
    assert 'src="/tables/docs/docs.js"' in httpx.get(f"{server.address}/docs", trust_env=False).text
