"""What the Softr Database API has, by name: what this version is compared with. Source: the vendor's published API reference and OpenAPI document.

Only names stand here; what they mean and do is declared where it is done. `tests/http/test_contract.py` holds the lists against the case file.
"""

from __future__ import annotations

from typing import Final

HOST: Final = "tables-api.softr.io"
"""The host that clients of the original have written into them."""

OPERATIONS: Final[dict[str, tuple[str, ...]]] = {
    "GET /databases": (),
    "POST /databases": (),
    "GET /databases/{database}": (),
    "PUT /databases/{database}": (),
    "DELETE /databases/{database}": ("force",),
    "GET /databases/{database}/tables": (),
    "POST /databases/{database}/tables": (),
    "GET /databases/{database}/tables/{table}": (),
    "PUT /databases/{database}/tables/{table}": (),
    "DELETE /databases/{database}/tables/{table}": ("force",),
    "GET /databases/{database}/tables/{table}/views": (),
    "POST /databases/{database}/tables/{table}/fields": (),
    "GET /databases/{database}/tables/{table}/fields/{field}": (),
    "PUT /databases/{database}/tables/{table}/fields/{field}": (),
    "DELETE /databases/{database}/tables/{table}/fields/{field}": (),
    "GET /databases/{database}/tables/{table}/records": ("offset", "limit", "fieldNames", "viewId"),
    "POST /databases/{database}/tables/{table}/records": ("fieldNames",),
    "POST /databases/{database}/tables/{table}/records/search": ("fieldNames",),
    "GET /databases/{database}/tables/{table}/records/{record}": ("fieldNames",),
    "PATCH /databases/{database}/tables/{table}/records/{record}": ("fieldNames",),
    "PUT /databases/{database}/tables/{table}/records/{record}": ("fieldNames",),
    "DELETE /databases/{database}/tables/{table}/records/{record}": (),
}
"""Operations with their query parameters."""

FIELD_TYPES: Final = (
    "SINGLE_LINE_TEXT", "LONG_TEXT", "EMAIL", "URL", "PHONE", "NUMBER", "CURRENCY", "PERCENT", "RATING", "PROGRESS", "DURATION", "CHECKBOX",
    "SELECT", "DATETIME", "DATE", "TIME", "DATE_RANGE", "ADDRESS", "USER", "ATTACHMENT", "LINKED_RECORD", "LOOKUP", "ROLLUP", "COUNT",
    "FORMULA", "BUTTON", "CREATED_AT", "UPDATED_AT", "CREATED_BY", "UPDATED_BY", "AUTONUMBER", "RECORD_ID",
)  # fmt: skip

OPERATORS: Final = (
    "IS", "IS_NOT", "GREATER_THAN", "GREATER_THAN_OR_EQUALS", "LESS_THAN", "LESS_THAN_OR_EQUALS", "CONTAINS", "DOES_NOT_CONTAIN",
    "STARTS_WITH", "DOES_NOT_START_WITH", "ENDS_WITH", "DOES_NOT_END_WITH", "IS_ONE_OF", "IS_NOT_ONE_OF", "HAS_ANY_OF", "HAS_ALL_OF",
    "HAS_NONE_OF", "IS_EMPTY", "IS_NOT_EMPTY", "IS_BETWEEN", "IS_NOT_BETWEEN", "IS_WITHIN", "IS_NOT_WITHIN", "AND", "OR",
)  # fmt: skip

ERRORS: Final = (
    "BAD_REQUEST", "VALIDATION_ERROR", "UNKNOWN_FIELD", "UNAUTHORIZED", "QUOTA_EXCEEDED", "FORBIDDEN", "RESOURCE_NOT_FOUND",
    "CONSTRAINT_VIOLATION", "PAYLOAD_TOO_LARGE", "TOO_MANY_REQUESTS", "SERVICE_UNAVAILABLE", "INTERNAL_ERROR",
)  # fmt: skip
