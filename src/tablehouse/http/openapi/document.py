"""The whole OpenAPI document. `render` gives it for one address of the server; everything else of it is made once per process."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any, Final

import msgspec

from tablehouse import __version__
from tablehouse.http.openapi.errors import component_headers, component_responses
from tablehouse.http.openapi.operations import paths
from tablehouse.http.openapi.schemas import component_schemas
from tablehouse.http.operation import BASE, TAGS
from tablehouse.http.operations import OPERATIONS

OPENAPI: Final = "3.1.1"

_ABOUT: Final = """\
Spreadsheet-like databases behind a REST API: databases hold tables, tables have fields of many types, records are their rows.

**Answers.** One thing is `{"data": {…}, "metadata": null}`, a list is `{"data": […], "metadata": null}`, and a page of records says in
`metadata` where it lies. Whatever is deleted answers 204 without a body.

**Errors** are `{"message": …, "errorCode": …, "details": {"traceId": …}}`: the message is for people, the code for programs. Nothing
of a failed request remains. A path that does not exist is 404 `RESOURCE_NOT_FOUND`; a method that a path does not have is 405 `BAD_REQUEST`.

**Bodies** are read as JSON whatever their Content-Type says. Unknown keys at the top level are ignored, inside `options` they are refused.

**Cells** are keyed by field id; `fieldNames=true` answers with names instead. In requests both work.

**Times** are UTC with milliseconds; times written without an offset are meant in the time zone of the field or its database.
"""

_SECURITY: Final = {
    "apiKey": {
        "type": "apiKey",
        "in": "header",
        "name": "Softr-Api-Key",
        "description": "A personal access token: `pat_` and 40 letters and digits.",
    },
    "bearer": {"type": "http", "scheme": "bearer", "description": "The same token, as `Authorization: Bearer`."},
}


@cache
def document() -> dict[str, Any]:
    """Returns the document without `servers`. Not to be changed: there is one per process."""
    schemas = component_schemas()
    return {
        "openapi": OPENAPI,
        "info": {
            "title": "Tablehouse",
            "version": __version__,
            "summary": "Spreadsheet-like databases behind a REST API.",
            "description": _ABOUT,
            "license": {"name": "Apache License 2.0", "identifier": "Apache-2.0"},
        },
        "tags": [{"name": name, "description": says} for name, says in TAGS.items()],
        "security": [{name: []} for name in _SECURITY],
        "paths": paths(schemas),
        "components": {
            "schemas": schemas,
            "responses": component_responses(OPERATIONS, schemas),
            "headers": component_headers(),
            "securitySchemes": _SECURITY,
        },
    }


@lru_cache(maxsize=16)  # as many names as a server may sensibly be reached under; the Host header is the client's to choose
def render(address: str) -> bytes:
    """Returns the document as JSON for a server at this address, such as `https://tables.example.com`."""
    return msgspec.json.encode({**document(), "servers": [{"url": address + BASE}]})
