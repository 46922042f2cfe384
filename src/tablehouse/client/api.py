"""The API's operations as typed calls, as far as our own commands need them (contract §4). Every one raises ServerRefusal and NoAnswer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Generic, TypeVar

import msgspec

from tablehouse.client.connection import Connection, NoAnswer
from tablehouse.query.requests import CreateDatabase, CreateTable, PinIndex
from tablehouse.service.answers import DatabaseAnswer, TableAnswer
from tablehouse.service.fields import ChangeMetadata
from tablehouse.service.indexes import IndexAnswer

T = TypeVar("T")

_PAGE: Final = 200  # the most that the server gives at once


class _One(msgspec.Struct, Generic[T]):
    data: T


class _Changed(msgspec.Struct):
    metadata: ChangeMetadata | None = None


class Record(msgspec.Struct):
    """A record; `fields` by field id. `errors`: why cells are empty that should have been computed, by field id."""

    id: str
    fields: dict[str, Any]
    errors: dict[str, str] = {}


class _PageMetadata(msgspec.Struct, rename="camel"):
    total: int
    next_cursor: str | None = None


class _Page(msgspec.Struct):
    data: list[Record]
    metadata: _PageMetadata


class Client:
    """Calls to one server with one token."""

    def __init__(self, url: str, token: str) -> None:
        """Raises ConfigError for an address or a token that cannot be used."""
        self._connection = Connection(url, token)
        self.url = self._connection.url

    def close(self) -> None:
        self._connection.close()

    def list_databases(self, workspace_id: str | None) -> list[DatabaseAnswer]:
        """Returns the databases within the token's reach, or those of one workspace."""
        query = None if workspace_id is None else {"workspaceId": workspace_id}
        return _data(self._connection.send("GET", "/databases", query=query), list[DatabaseAnswer])

    def create_database(self, name: str, workspace_id: str | None) -> DatabaseAnswer:
        """Returns a new database; without a workspace in the only one that the token reaches."""
        return _data(self._connection.send("POST", "/databases", CreateDatabase(name=name, workspace_id=workspace_id)), DatabaseAnswer)

    def delete_database(self, database_id: str) -> None:
        """Removes a database without tables."""
        self._connection.send("DELETE", f"/databases/{database_id}")

    def list_tables(self, database_id: str) -> list[TableAnswer]:
        """Returns a database's tables with their fields."""
        return _data(self._connection.send("GET", f"/databases/{database_id}/tables"), list[TableAnswer])

    def get_table(self, database_id: str, table_id: str) -> TableAnswer:
        """Returns a table with its fields, and how many records it has at this moment."""
        return _data(self._connection.send("GET", f"/databases/{database_id}/tables/{table_id}"), TableAnswer)

    def create_table(self, database_id: str, body: CreateTable) -> TableAnswer:
        """Returns a new table."""
        return _data(self._connection.send("POST", f"/databases/{database_id}/tables", body), TableAnswer)

    def delete_table(self, database_id: str, table_id: str) -> None:
        """Removes a table without records."""
        self._connection.send("DELETE", f"/databases/{database_id}/tables/{table_id}")

    def list_indexes(self, database_id: str, table_id: str) -> list[IndexAnswer]:
        """Returns a table's indexes."""
        return _data(self._connection.send("GET", f"/databases/{database_id}/tables/{table_id}/indexes"), list[IndexAnswer])

    def pin_index(self, database_id: str, table_id: str, body: PinIndex) -> IndexAnswer:
        """Returns an index that stays."""
        return _data(self._connection.send("POST", f"/databases/{database_id}/tables/{table_id}/indexes", body), IndexAnswer)

    def drop_index(self, database_id: str, table_id: str, index_id: str) -> None:
        """Drops an index."""
        self._connection.send("DELETE", f"/databases/{database_id}/tables/{table_id}/indexes/{index_id}")

    def link_field(self, database_id: str, table_id: str, field_id: str, linked_table_id: str, match_on: str) -> ChangeMetadata:
        """Returns how many cells of a field have become links to records of another table, matched with one of its fields."""
        body = {"type": "LINKED_RECORD", "options": {"linkedTableId": linked_table_id}}
        path = f"/databases/{database_id}/tables/{table_id}/fields/{field_id}"
        answer: _Changed = _decode(self._connection.send("PUT", path, body, query={"matchOn": match_on}), _Changed)
        return answer.metadata or ChangeMetadata()

    def create_records(self, database_id: str, table_id: str, rows: list[dict[str, Any]]) -> None:
        """Makes records, all or none: at most 5,000, each its cells by field id."""
        body = {"create": [{"fields": row} for row in rows]}
        self._connection.send("POST", f"/databases/{database_id}/tables/{table_id}/records/batch", body)

    def records(self, database_id: str, table_id: str) -> Iterator[list[Record]]:
        """Yields the records in order of creation, a page at a time."""
        path = f"/databases/{database_id}/tables/{table_id}/records"
        query = {"limit": str(_PAGE)}
        while True:
            page: _Page = _decode(self._connection.send("GET", path, query=query), _Page)
            yield page.data
            if page.metadata.next_cursor is None:
                return
            query["cursor"] = page.metadata.next_cursor


def _data(body: bytes, kind: type[T]) -> T:
    answer: _One[T] = _decode(body, _One[kind])  # type: ignore[valid-type]  # a type of its own for each kind
    return answer.data


def _decode(body: bytes, kind: Any) -> Any:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError as error:
        raise NoAnswer(f"The server's answer is not one that this version knows ({error}).") from None
