"""The OpenAPI document against `tests/cases/contract.json`: the API as its description says it, written down without looking at the code.

The document may offer more; it may not lack an operation, call a thing otherwise, or ask for more. Which field types are not there yet is said by
`docs/reference/compatibility.md`; those that are there have the original's names and options.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tablehouse.cli.reference import original
from tablehouse.errors import CODES
from tablehouse.fields.registry import FIELD_TYPES
from tablehouse.http.openapi.document import document
from tests.case_files import CASES

CONTRACT: dict[str, Any] = json.loads((CASES / "contract.json").read_text())
API = document()
SCHEMAS: dict[str, Any] = API["components"]["schemas"]

each_operation = pytest.mark.parametrize("wanted", CONTRACT["operations"], ids=lambda wanted: f"{wanted['method']} {wanted['path']}")


def described(wanted: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = API["paths"][wanted["path"]][wanted["method"].lower()]
    return found


def is_nullable(schema: dict[str, Any]) -> bool:
    """Whether null fits a schema of a key; one that says nothing of types takes anything."""
    kinds = schema.get("type")
    if kinds is None and "anyOf" not in schema and "$ref" not in schema:
        return True
    return "null" in (kinds if isinstance(kinds, list) else [kinds]) or any(is_nullable(part) for part in schema.get("anyOf", ()))


@each_operation
def test_an_operation_takes_what_the_original_takes_and_asks_for_no_more(wanted: dict[str, Any]) -> None:
    found = described(wanted)
    parameters = {each["name"]: each for each in found.get("parameters", []) if each["in"] == "query"}
    assert set(wanted.get("query", ())) | set(wanted.get("addedQuery", ())) <= set(parameters)
    assert not [name for name, each in parameters.items() if each.get("required")], "no query parameter is a must"
    if "form" in wanted:
        assert list(found["requestBody"]["content"]["multipart/form-data"]["schema"]["properties"]) == wanted["form"]
        return
    if "body" not in wanted:
        assert "requestBody" not in found
        return
    body = SCHEMAS[found["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]]
    assert set(wanted["body"]) <= set(body["properties"])
    assert sorted(body.get("required", [])) == sorted(wanted.get("required", []))
    assert body.get("additionalProperties") is not False, "unknown keys are ignored at the top level"


@each_operation
def test_an_operation_answers_in_the_originals_envelope(wanted: dict[str, Any]) -> None:
    responses = described(wanted)["responses"]
    good = {status for status in responses if status.startswith("2")}
    if wanted["answer"] is None:
        assert good == {"204"}
        assert "content" not in responses["204"]
        return
    assert good == {"200"}, "creating answers 200 too"
    envelope = responses["200"]["content"]["application/json"]["schema"]["properties"]
    assert set(envelope) == {"data", "metadata"}
    several = isinstance(wanted["answer"], list)
    name = wanted["answer"][0] if several else wanted["answer"]
    reference = {"$ref": f"#/components/schemas/{name}"}
    assert envelope["data"] == ({"type": "array", "items": reference} if several else reference)


@pytest.mark.parametrize("name", CONTRACT["schemas"])
def test_a_shape_has_the_originals_keys_always(name: str) -> None:
    wanted, found = CONTRACT["schemas"][name], SCHEMAS[name]
    assert set(wanted["keys"]) <= set(found["required"]), "a key that clients know is there in every answer"
    assert set(wanted["keys"]) | set(wanted["added"]) <= set(found["properties"])
    assert {key for key in wanted["keys"] if is_nullable(found["properties"][key])} == set(wanted["nullable"])


def test_field_types_have_the_originals_names() -> None:
    assert {field_type.name for field_type in FIELD_TYPES} <= set(CONTRACT["fieldTypes"])


@pytest.mark.parametrize("name", [field_type.name for field_type in FIELD_TYPES])
def test_a_field_type_has_the_originals_options(name: str) -> None:
    branch = next(each for each in SCHEMAS["TypeWithOptions"]["oneOf"] if each["title"] == name)
    options = SCHEMAS[branch["properties"]["options"]["anyOf"][0]["$ref"].rpartition("/")[2]]
    assert set(CONTRACT["fieldTypes"][name]) <= set(options.get("properties", {}))
    assert not options.get("required"), "every option has a default, or is asked for by a sentence"


def test_operators_are_the_originals() -> None:
    names = [name for names in CONTRACT["operators"].values() for name in names]
    assert sorted(SCHEMAS["Condition"]["properties"]["operator"]["enum"]) == sorted(names)


def test_errors_are_the_originals() -> None:
    assert CONTRACT["errors"].items() <= {code.name: code.status for code in CODES}.items()


def test_the_page_on_compatibility_compares_with_the_same_original() -> None:
    theirs = [each for each in CONTRACT["operations"] if not each.get("addition")]
    assert {f"{each['method']} {each['path']}": tuple(each.get("query", ())) for each in theirs} == original.OPERATIONS
    assert list(original.FIELD_TYPES) == list(CONTRACT["fieldTypes"])
    assert sorted(original.OPERATORS) == sorted(name for names in CONTRACT["operators"].values() for name in names)
    assert list(original.ERRORS) == list(CONTRACT["errors"])
