"""Requests as the clients of the original API send them, written down in `tests/cases/clients.json` from their published sources and manuals."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.api import BASE_PATH, Answer, Api
from tests.case_files import CASES
from tests.conftest import MakeTable

CLIENTS = json.loads((CASES / "clients.json").read_text())
FIELDS = [
    {"name": "Name", "type": "SINGLE_LINE_TEXT"},
    {"name": "Age", "type": "NUMBER"},
    {"name": "Active", "type": "CHECKBOX"},
    {"name": "Born", "type": "DATETIME"},
]


@pytest.mark.parametrize("case", [pytest.param(case, id=case["client"]) for case in CLIENTS])
def test_what_a_client_sends_is_understood(case: dict[str, Any], make_table: MakeTable, api: Api) -> None:
    table = make_table(FIELDS)
    records = [table.create({"Name": name, "Age": age}) for name, age in (("Ada", 36), ("ada", 12), ("Blaise", 39))]
    known = {f"${field['name']}": table.field_id(field["name"]) for field in FIELDS}
    known |= {"$database": table.path.split("/")[2], "$table": table.id, "$record": records[0]["id"], "$token": str(api.token)}

    def filled(value: Any) -> Any:
        text = json.dumps(value)
        for name, stands_for in known.items():
            text = text.replace(name, stands_for)
        return json.loads(text)

    with httpx.Client(trust_env=False, timeout=30) as client:
        for given in case["calls"]:
            call = filled(given)
            method = next(key for key in call if key.isupper())
            headers = {"Softr-Api-Key": str(api.token), **call.get("headers", {})}
            if "Authorization" in headers:
                del headers["Softr-Api-Key"]
            body = call.get("body")
            content = None if body is None else body.encode() if isinstance(body, str) else json.dumps(body).encode()
            address = api.address + BASE_PATH + call[method]
            answer = Answer(client.request(method, address, params=call.get("query"), headers=headers, content=content))
            assert answer.status == call.get("status", 200), (given, answer)
            if "names" in call:
                found = [record["fields"].get("Name", record["fields"].get(known["$Name"])) for record in answer.data]
                assert found == call["names"], given
            if "holds" in call:
                assert call["holds"] in [each["id"] for each in answer.data], given
            for path, wanted in call.get("reads", {}).items():
                assert _at(answer.data, path) == wanted, (given, path)


def _at(value: Any, path: str) -> Any:
    for key in path.split("."):
        value = value[int(key)] if isinstance(value, list) else value[key]
    return value
