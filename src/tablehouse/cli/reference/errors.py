"""errors.md: every error code."""

from __future__ import annotations

from tablehouse.cli.reference.markdown import code, json_block, page, table
from tablehouse.errors import CODES
from tablehouse.http.openapi.document import document
from tablehouse.http.operations import OPERATIONS


def errors() -> str:
    """Returns the page."""
    responses = document()["components"]["responses"].values()
    examples = {
        name: example["value"] for response in responses for name, example in response["content"]["application/json"]["examples"].items()
    }
    parts = [
        (
            "`errorCode` is for programs and does not change; `message` is for people and may. `details.traceId` is also in the header "
            "`X-Trace-Id` and in the line of the server's log. Nothing of a failed request remains."
        ),
        table(("Code", "Status", "When"), [(f"[{each.name}](#{each.name})", str(each.status), each.when) for each in CODES]),
        "A method that a path does not have is answered with status 405 and the code BAD_REQUEST; the header `Allow` says which it has.",
    ]
    for each in CODES:
        answered = [operation.id for operation in OPERATIONS if each.name in operation.codes]
        where = "Every operation can answer it." if len(answered) == len(OPERATIONS) else f"Answered by {', '.join(map(code, answered))}."
        parts += [f'## <a id="{each.name}"></a>{each.name} ({each.status})', f"When: {each.when}. {where}", json_block(examples[each.name])]
    return page("Errors", *parts)
