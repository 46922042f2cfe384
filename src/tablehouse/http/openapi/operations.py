"""The `paths` of the document: each declared operation with its parameters, body, answers and errors."""

from __future__ import annotations

import re
from typing import Any

from tablehouse.fetch.fetcher import LARGEST_FILE
from tablehouse.http.openapi.errors import ALWAYS, error_responses, header_refs
from tablehouse.http.openapi.examples import NONE, example_of
from tablehouse.http.openapi.schemas import PREFIX, answer_schema, name_of, query_schemas, ref, schema_of
from tablehouse.http.operation import PATH_PARAMETERS, Operation
from tablehouse.http.operations import OPERATIONS
from tablehouse.query.requests import NoQuery
from tablehouse.service.access import LEVELS, OPEN
from tablehouse.service.files import KEY, MOST_UPLOADED
from tablehouse.service.idempotency import LONGEST_KEY

Schemas = dict[str, dict[str, Any]]


def paths(schemas: Schemas) -> dict[str, Any]:
    """Returns the path items of all operations."""
    items: dict[str, Any] = {}
    for operation in OPERATIONS:
        items.setdefault(operation.path, {})[operation.method.lower()] = operation_object(operation, schemas)
    return items


def operation_object(operation: Operation, schemas: Schemas) -> dict[str, Any]:
    """Returns one operation as OpenAPI has it."""
    addition = " The original Softr Database API does not have it." if operation.addition else ""
    described: dict[str, Any] = {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": f"{_needs(operation)}{addition}",
        "parameters": _parameters(operation),
        "responses": _answers(operation, schemas) | error_responses(operation),
    }
    if operation.level == OPEN:
        described["security"] = []
    if not described["parameters"]:
        del described["parameters"]
    if operation.body is not None:
        described["requestBody"] = _body(operation, schemas)
    if operation.form:
        described["requestBody"] = _form()
    return described


def _needs(operation: Operation) -> str:
    level = next((name for name, value in LEVELS.items() if value == operation.level), None)
    return "Needs no token." if level is None else f"Needs a token of level `{level}`."


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    found = [_parameter(name, "path", schema_of(PATH_PARAMETERS[name]), required=True) for name in re.findall(r"\{(\w+)\}", operation.path)]
    if operation.query is not NoQuery:
        found += [_parameter(name, "query", schema, required=False) for name, schema in query_schemas(operation.query).items()]
    if operation.tagged and operation.method == "GET":
        schema = {"type": "string", "description": "ETag of an earlier answer: 304 when it is still right."}
        found.append(_parameter("If-None-Match", "header", schema, required=False))
    if operation.repeatable:
        says = "A name for this request, such as a UUID: sent again within 24 hours, it is not done again but answered as before."
        found.append(
            _parameter("Idempotency-Key", "header", {"type": "string", "maxLength": LONGEST_KEY, "description": says}, required=False)
        )
    if operation.conditional:
        schema = {"type": "string", "description": "ETag of the version that this is meant for: 412 when the record is another by now."}
        found.append(_parameter("If-Match", "header", schema, required=False))
    return found


def _parameter(name: str, place: str, schema: dict[str, Any], *, required: bool) -> dict[str, Any]:
    bare = {key: value for key, value in schema.items() if key not in {"description", "examples"}}
    parameter = {"name": name, "in": place, "required": required, "description": schema["description"], "schema": bare}
    if schema.get("examples"):
        parameter["example"] = schema["examples"][0]
    return parameter


def _body(operation: Operation, schemas: Schemas) -> dict[str, Any]:
    assert operation.body is not None
    schema = ref(name_of(operation.body.__name__))
    media: dict[str, Any] = {"schema": schema}
    example = example_of(schema, schemas)
    if example is not NONE:
        media["example"] = example
    needed = schemas[name_of(operation.body.__name__)].get("required")
    return {"required": bool(needed), "content": {"application/json": media}}


def _form() -> dict[str, Any]:
    says = f"Each file; its name and type come with it. At most {MOST_UPLOADED}, of {LARGEST_FILE // 1024**2} MB each."
    files = {"type": "array", "items": {"type": "string", "contentMediaType": "application/octet-stream"}, "description": says}
    schema = {"type": "object", "properties": {KEY: files}, "required": [KEY]}
    return {"required": True, "content": {"multipart/form-data": {"schema": schema}}}


def _answers(operation: Operation, schemas: Schemas) -> dict[str, Any]:
    if operation.answer is None:
        return {"204": {"description": "Done; there is nothing more to say.", "headers": header_refs(*ALWAYS)}}
    schema = answer_schema(operation)
    tag = ("ETag",) if operation.tagged else ()
    answers: dict[str, Any] = {
        "200": {
            "description": _says(schema["properties"]["data"]),
            "headers": header_refs(*ALWAYS, *tag),
            "content": {"application/json": {"schema": schema, "example": example_of(schema, schemas)}},
        }
    }
    if links := _links(operation, schemas):
        answers["200"]["links"] = links
    if operation.tagged and operation.method == "GET":
        answers["304"] = {"description": "The record is as it was.", "headers": header_refs(*ALWAYS, *tag)}
    return answers


def _links(operation: Operation, schemas: Schemas) -> dict[str, Any]:
    """Returns what can be done next with the thing that a POST made, by the operations below its path."""
    made = schemas.get(name_of(getattr(operation.answer, "__name__", "")), {})
    if operation.method != "POST" or "id" not in made.get("properties", {}):
        return {}
    below = re.compile(re.escape(operation.path) + r"/\{(\w+)\}(/\w+)?")
    links = {}
    for other in OPERATIONS:
        if place := below.fullmatch(other.path):
            known = {name: f"$request.path.{name}" for name in re.findall(r"\{(\w+)\}", operation.path)}
            links[other.id] = {"operationId": other.id, "parameters": {**known, place[1]: "$response.body#/data/id"}}
    return links


def _says(data: dict[str, Any]) -> str:
    many = data.get("type") == "array"
    name = (data["items"] if many else data)["$ref"].removeprefix(PREFIX)
    return f"`data` is a list of {name}." if many else f"`data` is a {name}."
