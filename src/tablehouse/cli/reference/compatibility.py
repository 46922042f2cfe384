"""compatibility.md: what the original API has, beside what this version has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from tablehouse.cli.reference import original
from tablehouse.cli.reference.markdown import code, page, table
from tablehouse.errors import CODES
from tablehouse.fields.registry import BY_NAME
from tablehouse.http.operation import BASE, Operation
from tablehouse.http.operations import OPERATIONS
from tablehouse.kinds.operators import BY_NAME as OPERATORS
from tablehouse.kinds.operators import COMPOSITES

YES = "yes"
NOT_YET = "**not yet**"


def compatibility() -> str:
    """Returns the page."""
    ours = {f"{operation.method} {operation.path}": operation for operation in OPERATIONS}
    operators = [*OPERATORS, *COMPOSITES]
    codes = {each.name: each for each in CODES}
    return page(
        "What the original has, and what is here",
        f"Paths are below `{BASE}` there and here. How to point a client at this server is told in [compatibility](../compatibility.md).",
        "## Operations",
        table(
            ("Operation", "Here", "Query parameters of ours"),
            [
                (code(key), _link(ours[key]) if key in ours else NOT_YET, _added(ours.get(key), parameters))
                for key, parameters in original.OPERATIONS.items()
            ],
        ),
        "The original has no such operations, and its clients never meet them:",
        table(
            ("Operation of ours", "What it does"),
            [(_link(each), each.summary) for key, each in ours.items() if key not in original.OPERATIONS],
        ),
        "## Field types",
        table(("Type", "Here", "Reads", "Writes"), _types()),
        "## Operators of search",
        table(("Operator", "Here"), _names(original.OPERATORS, operators, "operators.md")),
        *_extra("Operators", set(operators) - set(original.OPERATORS)),
        "## Errors",
        table(
            ("Code", "Here", "Status"),
            [
                (code(name), f"[{YES}](errors.md#{name})" if name in codes else NOT_YET, str(codes[name].status) if name in codes else "")
                for name in original.ERRORS
            ],
        ),
        *_extra("Codes", set(codes) - set(original.ERRORS)),
    )


def _link(operation: Operation) -> str:
    return f"[`{operation.id}`](endpoints.md#{operation.id})"


def _added(operation: Operation | None, known: tuple[str, ...]) -> str:
    if operation is None:
        return ""
    names = [field.encode_name for field in msgspec.structs.fields(operation.query)]
    return ", ".join(code(name) for name in names if name not in known)


def _types() -> Iterator[tuple[str, ...]]:
    for name in (*original.FIELD_TYPES, *sorted(set(BY_NAME) - set(original.FIELD_TYPES))):
        field_type = BY_NAME.get(name)
        if field_type is None:
            yield code(name), NOT_YET, "", ""
        else:
            here = YES if name in original.FIELD_TYPES else "ours alone"
            yield code(name), f"[{here}](field-types.md#{name})", field_type.reads, field_type.writes


def _names(wanted: Iterable[str], there: list[str], where: str) -> Iterator[tuple[str, str]]:
    for name in wanted:
        yield code(name), f"[{YES}]({where})" if name in there else NOT_YET


def _extra(what: str, names: set[str]) -> Iterator[str]:
    if names:
        yield f"{what} of ours: {', '.join(code(name) for name in sorted(names))}."
