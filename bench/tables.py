"""Tables of the server under test whose fields lead to one another."""

from collections.abc import Sequence
from typing import Any

from bench.server import Server, Table, answer_to


def named_table(server: Server, database: str, name: str, fields: Sequence[dict[str, Any]]) -> Table:
    """A new table of that name in the database at this path."""
    made = answer_to(server.api.post(f"{database}/tables", json={"name": name, "fields": list(fields)})).json()["data"]
    return Table(f"{database}/tables/{made['id']}/records", tuple(field["id"] for field in made["fields"]))


def add_field(server: Server, table: Table, name: str, kind: str, options: dict[str, Any], **keys: Any) -> str:
    """The id of a new field."""
    body = {"name": name, "type": kind, "options": options, **keys}
    return str(answer_to(server.api.post(f"{table.records.removesuffix('/records')}/fields", json=body)).json()["data"]["id"])


def id_of(table: Table) -> str:
    """A table's id."""
    return table.records.split("/")[-2]
