"""The OpenAPI document: valid, complete, and kept by the server when requests are made from it (schemathesis)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis import GenerationMode
from schemathesis.checks import CheckFunction, not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance

from tests.api import BASE_PATH
from tests.case_files import field_types
from tests.conftest import Connect, NewStorage
from tests.server import Server

CHECKS: list[CheckFunction] = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]

PATHS = {
    "/me": {"get"},
    "/workspaces": {"get", "post"},
    "/workspaces/{}": {"get", "put", "delete"},
    "/workspaces/{}/tokens": {"get", "post"},
    "/workspaces/{}/tokens/{}": {"delete"},
    "/databases": {"get", "post"},
    "/databases/{}": {"get", "put", "delete"},
    "/databases/{}/tables": {"get", "post"},
    "/databases/{}/tables/{}": {"get", "put", "delete"},
    "/databases/{}/tables/{}/views": {"get"},
    "/databases/{}/tables/{}/fields": {"get", "post"},
    "/databases/{}/tables/{}/fields/{}": {"get", "put", "delete"},
    "/databases/{}/tables/{}/records": {"get", "post"},
    "/databases/{}/tables/{}/records/search": {"post"},
    "/databases/{}/tables/{}/records/batch": {"post"},
    "/databases/{}/tables/{}/records/{}": {"get", "patch", "put", "delete"},
}


@pytest.fixture(scope="module")
def playground(new_storage: NewStorage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of its own: made-up requests may change and delete whatever they find."""
    server = Server.start(new_storage(), tmp_path_factory.mktemp("openapi") / "server.log")
    yield server
    server.kill()


@pytest.fixture(scope="module")
def document(playground: Server) -> dict[str, Any]:
    response = httpx.get(f"{playground.address}/openapi.json", trust_env=False)
    assert response.headers["content-type"].startswith("application/json")
    return dict(response.json())


@pytest.fixture(scope="module")
def api_schema(document: dict[str, Any], playground: Server) -> Any:
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(
        base_url=playground.address + ("" if all(path.startswith(BASE_PATH) for path in api_paths(document)) else BASE_PATH)
    )
    return schema


def api_paths(document: dict[str, Any]) -> dict[str, Any]:
    return {path: methods for path, methods in document["paths"].items() if "/me" in path or "/databases" in path or "/workspaces" in path}


def test_the_document_is_valid_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1.")
    OpenAPIV31SpecValidator(document).validate()


def test_it_describes_every_operation(document: dict[str, Any]) -> None:
    described = {re.sub(r"\{[^}]*\}", "{}", path).removeprefix(BASE_PATH): set(methods) for path, methods in api_paths(document).items()}
    for path, methods in PATHS.items():
        assert methods <= described.get(path, set()), path


def test_every_operation_has_a_name_a_summary_and_its_answers(document: dict[str, Any]) -> None:
    seen: list[str] = []
    for path, methods in api_paths(document).items():
        for method, operation in methods.items():
            if method in {"get", "put", "post", "patch", "delete"}:
                seen.append(operation["operationId"])
                assert operation["summary"], (path, method)
                assert {"401"} <= set(operation["responses"]), (path, method)
    assert len(seen) == len(set(seen))


def test_it_knows_every_field_type(document: dict[str, Any]) -> None:
    text = json.dumps(document)
    assert all(f'"{name}"' in text for name in field_types())


def test_it_names_both_ways_to_send_a_token(document: dict[str, Any]) -> None:
    schemes = document["components"]["securitySchemes"].values()
    assert {scheme.get("name", scheme.get("scheme", "")).lower() for scheme in schemes} >= {"softr-api-key", "bearer"}


@pytest.fixture
def real(playground: Server, document: dict[str, Any], connect: Connect) -> dict[str, str]:
    """Ids of things that are there, made for one test, by the names that path parameters have in the document."""
    api = connect(playground.address, playground.token)
    workspace = api.post("/workspaces", {"name": "Real"}).data["id"]
    database = api.post("/databases", {"name": "Real", "workspaceId": workspace}).data["id"]
    table = api.new_table(
        database,
        [
            {"name": "Name", "type": "SINGLE_LINE_TEXT"},
            *({"name": name, "type": name} | case.get("field", {}) for name, case in field_types().items()),
        ],
        name="Real",
    )
    things = {
        "workspaces": workspace,
        "tokens": api.post(f"/workspaces/{workspace}/tokens", {"name": "Real", "level": "read"}).data["id"],
        "databases": database,
        "tables": table.id,
        "fields": table.field_id("NUMBER"),
        "records": table.create()["id"],
    }
    return {
        parameter: things[collection]
        for collection, parameter in re.findall(r"/(\w+)/\{(\w+)\}", " ".join(document["paths"]))
        if collection in things
    }


OPERATIONS = [pytest.param(path, method, id=f"{method.upper()} {path}") for path, methods in PATHS.items() for method in sorted(methods)]


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_the_server_answers_as_the_document_says(path: str, method: str, api_schema: Any, real: dict[str, str], playground: Server) -> None:
    described = next(each for each in api_schema if re.sub(r"\{[^}]*\}", "{}", each).removeprefix(BASE_PATH) == path)
    operation = api_schema[described][method.upper()]
    # Made-up ids are all unknown; with those of things that are there, requests get past the 404.
    ids = {name: real[name] for name in re.findall(r"\{(\w+)\}", described) if name in real}
    valid, broken = (
        operation.as_strategy(mode, path_parameters=ids or None) for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    )

    @settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(case=valid | broken | operation.as_strategy())
    def conforms(case: Any) -> None:
        case.call_and_validate(headers={"Softr-Api-Key": playground.token}, checks=CHECKS)

    conforms()
