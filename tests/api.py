"""The API as the tests speak it: short calls, answers whose envelope is checked wherever they are used, tables by field name.

It knows the shapes of the contract's section 1 (envelopes, error codes) and the paths of section 4, and nothing of the server's code.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import httpx

BASE_PATH = "/api/v1"

STATUS_OF = {
    "BAD_REQUEST": 400,
    "VALIDATION_ERROR": 400,
    "UNKNOWN_FIELD": 400,
    "UNAUTHORIZED": 401,
    "QUOTA_EXCEEDED": 402,
    "FORBIDDEN": 403,
    "RESOURCE_NOT_FOUND": 404,
    "CONSTRAINT_VIOLATION": 409,
    "PRECONDITION_FAILED": 412,
    "PAYLOAD_TOO_LARGE": 413,
    "TOO_MANY_REQUESTS": 429,
    "INTERNAL_ERROR": 500,
    "SERVICE_UNAVAILABLE": 503,
}
"""The error codes and their statuses, copied from the contract."""


def plain(text: str) -> str:
    """`text` for comparing: lower case, and numbers without thousands separators."""
    return re.sub(r"(?<=\d)[,_\u202f\u2009 ](?=\d{3})", "", text).casefold()


class Answer:
    """An answer of the server: `data` and `metadata` of a success, `refused(code)` of an error; each checks the envelope first."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.status = response.status_code
        self.headers = response.headers
        self.text = response.text

    def __repr__(self) -> str:
        request = self.response.request
        return f"{request.method} {request.url} -> {self.status} {self.text[:2000]}"

    @property
    def body(self) -> Any:
        assert self.headers.get("content-type", "").startswith("application/json"), self
        return self.response.json()

    @property
    def data(self) -> Any:
        assert self.status == 200, self
        assert self.headers.get("x-trace-id"), self
        assert set(self.body) == {"data", "metadata"}, self
        return self.body["data"]

    @property
    def metadata(self) -> Any:
        assert self.status == 200, self
        return self.body["metadata"]

    def nothing(self) -> None:
        """Checks that this is a 204 without a body."""
        assert self.status == 204, self
        assert self.response.content == b"", self

    def refused(self, code: str, *says: str, status: int | None = None) -> dict[str, Any]:
        """`details` of this error, whose code, status, shape and trace id are right and whose message holds each of `says` (in any case)."""
        assert self.status == (status or STATUS_OF[code]), self
        assert self.status != 500, self
        body = self.body
        assert set(body) == {"message", "errorCode", "details"}, self
        assert body["errorCode"] == code, self
        assert isinstance(body["message"], str), self
        assert body["message"].strip(), self
        details: dict[str, Any] = body["details"]
        assert details["traceId"] == self.headers["x-trace-id"], self
        for part in says:
            assert plain(part) in plain(self.text_of_error()), (part, self)
        return details

    def text_of_error(self) -> str:
        """The message, and the messages and places in `details.errors`, joined."""
        errors = self.body["details"].get("errors") or []
        return "\n".join([self.body["message"], *(f"{error['path']}: {error['message']}" for error in errors)])

    @property
    def code(self) -> str:
        """The error code of a refusal, after the same checks; the empty text for a success."""
        if self.status < 400:
            return ""
        code = self.body["errorCode"]
        self.refused(code, status=self.status)
        return str(code)


class Api:
    """Calls with one token. A path is one below `/api/v1`; a body is any JSON value, or `raw` bytes as they are."""

    def __init__(self, address: str, token: str | None) -> None:
        self.address = address
        self.token = token
        headers = {} if token is None else {"Softr-Api-Key": token}
        self.http = httpx.Client(
            base_url=address, headers=headers, timeout=60, trust_env=False, verify=False
        )  # reading certificates takes 20 ms

    def close(self) -> None:
        self.http.close()

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        raw: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        query: Any = None,
    ) -> Answer:
        """The answer, whatever it is."""
        content = raw
        if content is None and body is not None:
            content = json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass")
        request_headers = {"Content-Type": "application/json"} if content is not None else {}
        request_headers |= dict(headers or {})
        return Answer(self.http.request(method, BASE_PATH + path, content=content, headers=request_headers, params=query or None))

    def get(self, path: str, **query: Any) -> Answer:
        return self.send("GET", path, query=query)

    def post(self, path: str, body: Any = None, **query: Any) -> Answer:
        return self.send("POST", path, body, query=query)

    def put(self, path: str, body: Any = None, **query: Any) -> Answer:
        return self.send("PUT", path, body, query=query)

    def patch(self, path: str, body: Any = None, **query: Any) -> Answer:
        return self.send("PATCH", path, body, query=query)

    def delete(self, path: str, **query: Any) -> Answer:
        return self.send("DELETE", path, query=query)

    def workspace_id(self) -> str:
        """The first workspace that the token reaches."""
        return str(self.get("/me").data["workspaces"][0]["id"])

    def new_database(self, name: str = "Tests") -> str:
        """The id of a new database in that workspace."""
        return str(self.post("/databases", {"workspaceId": self.workspace_id(), "name": name}).data["id"])

    def new_table(self, database: str, fields: list[dict[str, Any]], **keys: Any) -> Table:
        """A new table with these fields; the first is primary."""
        return Table(self, database, self.post(f"/databases/{database}/tables", {"fields": fields, **keys}).data)


class Table:
    """A table of the server with its fields by name, as they were when it was made or last `refresh`ed."""

    def __init__(self, api: Api, database: str, data: dict[str, Any]) -> None:
        self.api = api
        self.database = database
        self.data = data
        self.id = str(data["id"])
        self.path = f"/databases/{database}/tables/{self.id}"
        self.records_path = f"{self.path}/records"

    def refresh(self) -> dict[str, Any]:
        """The table as it is now."""
        self.data = self.api.get(self.path).data
        return self.data

    def field(self, name: str) -> dict[str, Any]:
        """The field of that name."""
        return next(field for field in self.data["fields"] if field["name"] == name)

    def field_id(self, name: str) -> str:
        return str(self.field(name)["id"])

    def field_path(self, name: str) -> str:
        return f"{self.path}/fields/{self.field_id(name)}"

    def add_field(self, name: str, type: str, **keys: Any) -> dict[str, Any]:
        """The new field."""
        field: dict[str, Any] = self.api.post(f"{self.path}/fields", {"name": name, "type": type, **keys}).data
        self.data["fields"].append(field)
        return field

    def record_path(self, record: str) -> str:
        return f"{self.records_path}/{record}"

    def create(self, fields: dict[str, Any] | None = None) -> dict[str, Any]:
        """The new record, with the names of its fields as keys."""
        return self.api.post(self.records_path, {"fields": fields or {}}, fieldNames="true").data

    def read(self, record: str) -> dict[str, Any]:
        """The values of a record by field name."""
        return self.api.get(self.record_path(record), fieldNames="true").data["fields"]

    def update(self, record: str, fields: dict[str, Any]) -> dict[str, Any]:
        """The record after a PATCH, by field name."""
        return self.api.patch(self.record_path(record), {"fields": fields}, fieldNames="true").data

    def create_many(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The new records of one batch, by field name, in the order given."""
        body = {"create": [{"fields": row} for row in rows]}
        return self.api.post(f"{self.records_path}/batch", body, fieldNames="true").data["created"]

    def column(self, name: str, **query: Any) -> list[Any]:
        """The values of one field in the records' default order (of the first 200)."""
        rows = self.api.get(self.records_path, fieldNames="true", limit=200, **query).data
        return [row["fields"][name] for row in rows]

    def total(self) -> int:
        """How many records it has."""
        return int(self.api.get(self.records_path, limit=1).metadata["total"])
