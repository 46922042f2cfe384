"""`/llms.txt`: the API on one page of Markdown, for language models and for people in a hurry; made from the declarations."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final, get_args, get_origin

import msgspec

from tablehouse import __version__
from tablehouse.errors import CODES
from tablehouse.fields.registry import FIELD_TYPES
from tablehouse.http.openapi.document import document
from tablehouse.http.openapi.schemas import name_of, query_schemas, schema_of
from tablehouse.http.openapi.shapes import keys_text, type_text, typed_keys_text
from tablehouse.http.operation import BASE, TAGS, Operation
from tablehouse.http.operations import OPERATIONS
from tablehouse.kinds.operators import OPERATORS
from tablehouse.query.dates import TOKENS
from tablehouse.query.requests import NoQuery
from tablehouse.query.subjects import PSEUDO_FIELDS

_OPENING: Final = """\
# Tablehouse {version}

> A server for spreadsheet-like databases behind a REST API (the Softr Database API on the wire). A workspace holds databases, a database
> tables, a table fields and records.

Base address: {base}
The same in full: {address}/openapi.json (OpenAPI 3.1), {address}/docs (for people).

## Calling it

- Send a personal access token with each request: `Softr-Api-Key: pat_…` or `Authorization: Bearer pat_…`. Its level is read (all GETs and search),
  write (records too) or full (databases, tables, fields and views too).
- Bodies are JSON. One thing answers `{{"data": {{…}}, "metadata": null}}`, a list `{{"data": […], "metadata": null}}`; a delete answers 204.
- An error answers `{{"message": …, "errorCode": …, "details": {{"traceId": …}}}}`. The message says what would be right; nothing of the request was done.
- Cells stand in `fields`, keyed by field id. Requests may use names instead; `?fieldNames=true` answers with names.
- PATCH and PUT of a record are both partial: cells that are left out stay. `null` clears a cell.
- Page through records with `limit` (at most 200) and `cursor` = `metadata.nextCursor` of the page before, until that is null.
- More than a few records to write: use `…/records/batch`, up to 5,000 rows in one transaction.

## Typical calls

```
curl {base}/databases -H "Softr-Api-Key: $TOKEN"
curl -X POST {base}/databases -H "Softr-Api-Key: $TOKEN" -d '{{"name": "Projects"}}'
curl -X POST {base}/databases/DATABASE/tables -H "Softr-Api-Key: $TOKEN" -d '{{"name": "Tasks", "fields": [{{"name": "Title", "type": "SINGLE_LINE_TEXT"}}, {{"name": "Due", "type": "DATE"}}]}}'
curl -X POST "{base}/databases/DATABASE/tables/TABLE/records?fieldNames=true" -H "Softr-Api-Key: $TOKEN" -d '{{"fields": {{"Title": "Write the report", "Due": "2025-06-01"}}}}'
curl "{base}/databases/DATABASE/tables/TABLE/records?fieldNames=true&limit=200" -H "Softr-Api-Key: $TOKEN"
curl -X POST "{base}/databases/DATABASE/tables/TABLE/records/search?fieldNames=true" -H "Softr-Api-Key: $TOKEN" -d '{{"filter": {{"condition": {{"operator": "LESS_THAN", "leftSide": "Due", "rightSide": "PREDEFINED:TODAY"}}}}, "sorting": [{{"sortingField": "Due", "sortType": "ASC"}}]}}'
curl -X PATCH {base}/databases/DATABASE/tables/TABLE/records/RECORD -H "Softr-Api-Key: $TOKEN" -d '{{"fields": {{"Due": null}}}}'
```
"""


@lru_cache(maxsize=16)  # as with the OpenAPI document
def render(address: str) -> bytes:
    """Returns the text for a server at this address."""
    schemas = document()["components"]["schemas"]
    opening = _OPENING.format(version=__version__, address=address, base=address + BASE)
    lines = [*_operations(schemas), *_shapes(schemas), *_field_types(), *_searching(), *_errors()]
    return (opening + "\n".join(lines) + "\n").encode()


def operation_line(operation: Operation, schemas: dict[str, Any]) -> str:
    """Returns an operation in one line: method, path, query, body, what it answers."""
    query = "" if operation.query is NoQuery else "?" + "&".join(query_schemas(operation.query))
    body = "" if operation.body is None else f" {keys_text(schemas[name_of(operation.body.__name__)])}"
    return f"{operation.method} {operation.path}{query}{body} → {_answered(operation)}"


def _answered(operation: Operation) -> str:
    if operation.answer is None:
        return "204"
    metadata = "" if operation.metadata is None else f" + {operation.metadata.__name__}"
    return type_text(schema_of(operation.answer)) + metadata


def _operations(schemas: dict[str, Any]) -> Iterator[str]:
    yield "\n## Operations\n\nA key with ? may be left out; so may every query parameter."
    for tag, says in TAGS.items():
        yield f"\n### {tag}\n\n{says}\n"
        for operation in OPERATIONS:
            if operation.tag == tag:
                yield f"- `{operation_line(operation, schemas)}`: {operation.summary}"


def _shapes(schemas: dict[str, Any]) -> Iterator[str]:
    yield "\n## Shapes\n"
    named = [operation.answer for operation in OPERATIONS] + [operation.metadata for operation in OPERATIONS]
    kinds = [get_args(kind)[0] if get_origin(kind) is list else kind for kind in named]
    names = dict.fromkeys(name_of(kind.__name__) for kind in kinds if isinstance(kind, type) and issubclass(kind, msgspec.Struct))
    for name in [*names, "CreateField"]:
        yield f"- {name}: `{typed_keys_text(schemas[name])}`"


def _field_types() -> Iterator[str]:
    yield "\n## Field types\n\nEach also takes the text form of its value. An empty cell reads null, false for CHECKBOX, [] where several are allowed.\n"
    for field_type in FIELD_TYPES:
        options = [field.encode_name for field in msgspec.structs.fields(field_type.Options)]
        has = f" Options: {', '.join(options)}." if options else ""
        yield f"- {field_type.name}: {field_type.summary} Reads: {field_type.reads}. Writes: {field_type.writes}.{has}"


def _searching() -> Iterator[str]:
    yield "\n## Conditions of a search\n"
    yield '- A condition: `{"operator": "IS", "leftSide": field, "rightSide": value}`, or `{"operator": "AND"|"OR", "conditions": […]}`.'
    yield f"- leftSide and sortingField: id or name of a field, or {', '.join(PSEUDO_FIELDS)}."
    yield "- Values are read by the field: numbers also as text, selects by id or label, people by id, e-mail address or name."
    yield f"- Dates: an ISO date is that whole day, an ISO date-time or milliseconds since 1970 that instant; or {TOKENS}."
    for operator in OPERATORS:
        sides = f" ({operator.takes.value})" if operator.shape.value else ""
        yield f"- {operator.name}{sides}: {operator.summary}"


def _errors() -> Iterator[str]:
    yield "\n## Error codes\n"
    for code in CODES:
        yield f"- {code.name} ({code.status}): {code.when}"
