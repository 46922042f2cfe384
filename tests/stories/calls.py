"""A database as stories speak to it: the shapes of the API, by the service in the test's own process or by a server over HTTP."""

from __future__ import annotations

import json
from typing import Any, Protocol

import msgspec
from hypothesis import note

from tablehouse.errors import ApiError
from tablehouse.query.requests import ListRecords
from tablehouse.service import batch, databases, fields, pages, records, tables
from tablehouse.service.jobs import advance
from tests.api import Answer, Api
from tests.local import Local, body

Json = dict[str, Any]

MOST = 200
"""Records of a table that `records` gives at most, as many as a page has."""


class Refused(Exception):
    """A call was refused, with this error code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class Calls(Protocol):
    """Calls on one database; keys of cells are field ids. Each raises Refused."""

    def tables(self) -> list[Json]:
        """All tables with their fields."""

    def new_table(self, given: Json) -> Json: ...

    def change_table(self, table: str, given: Json) -> None: ...

    def drop_table(self, table: str) -> None: ...

    def add_field(self, table: str, given: Json) -> Json: ...

    def change_field(self, table: str, field: str, given: Json, force: bool = False) -> None: ...

    def delete_field(self, table: str, field: str) -> None: ...

    def records(self, table: str) -> list[Json]:
        """The records in order of creation."""

    def create(self, table: str, cells: Json) -> Json: ...

    def update(self, table: str, record: str, cells: Json) -> Json: ...

    def delete(self, table: str, record: str) -> None: ...

    def batch(self, table: str, given: Json) -> Json: ...

    def work(self, most: int) -> bool:
        """Whether there was a step of a job to do, of about so many records; it is done."""

    def end(self) -> None:
        """Removes the database."""


class Noted:
    """Calls that a failing story tells of."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._calls, name)
        if name in ("tables", "records"):
            return call

        def noted(*arguments: Any, **keys: Any) -> Any:
            note(f"{name}{arguments}{keys or ''}")
            answer = call(*arguments, **keys)
            if isinstance(answer, dict) and "id" in answer:
                note(f"  → {answer['id']}")
            return answer

        return noted


class LocalCalls:
    """Calls of the service's functions. `from_records`: from how many records and links on cells are left to jobs; None: never."""

    def __init__(self, local: Local, database: str, from_records: int | None = None) -> None:
        self._local = local
        self._database = database
        local.store.backgrounds.from_records = from_records

    def _call(self, function: Any, *arguments: Any, **keys: Any) -> Any:
        try:
            return msgspec.to_builtins(function(self._local.app, self._local.caller, self._database, *arguments, **keys), enc_hook=str)
        except ApiError as error:
            raise Refused(error.code, error.message) from error

    def tables(self) -> list[Json]:
        found: list[Json] = self._call(tables.list_tables)
        return found

    def new_table(self, given: Json) -> Json:
        made: Json = self._call(tables.create_table, body(given))
        return made

    def change_table(self, table: str, given: Json) -> None:
        self._call(tables.update_table, table, body(given))

    def drop_table(self, table: str) -> None:
        self._call(tables.delete_table, table, True)

    def add_field(self, table: str, given: Json) -> Json:
        made: Json = self._call(fields.create_field, table, body(given))
        return made

    def change_field(self, table: str, field: str, given: Json, force: bool = False) -> None:
        self._call(fields.update_field, table, field, body(given), force=force)

    def delete_field(self, table: str, field: str) -> None:
        self._call(fields.delete_field, table, field)

    def records(self, table: str) -> list[Json]:
        found = pages.list_records(self._local.app, self._local.caller, self._database, table, ListRecords(limit=MOST))
        assert found.metadata.total <= MOST
        listed: list[Json] = json.loads(found.records)
        return listed

    def create(self, table: str, cells: Json) -> Json:
        return _record(self._call(records.create_record, table, body({"fields": cells})))

    def update(self, table: str, record: str, cells: Json) -> Json:
        return _record(self._call(records.update_record, table, record, body({"fields": cells})))

    def delete(self, table: str, record: str) -> None:
        self._call(records.delete_record, table, record)

    def batch(self, table: str, given: Json) -> Json:
        done = self._call(batch.write_batch, table, body(given))
        return {**done, "created": [_record(each) for each in done["created"]], "updated": [_record(each) for each in done["updated"]]}

    def work(self, most: int) -> bool:
        with self._local.store.database(self._database) as database:
            return advance(database, most, lambda: None) is not None

    def end(self) -> None:
        self._call(databases.delete_database, True)


class HttpCalls:
    """Calls over HTTP."""

    def __init__(self, api: Api, database: str) -> None:
        self._api = api
        self._path = f"/databases/{database}/tables"

    def tables(self) -> list[Json]:
        found: list[Json] = _done(self._api.get(self._path)).data
        return found

    def new_table(self, given: Json) -> Json:
        return _thing(self._api.post(self._path, given))

    def change_table(self, table: str, given: Json) -> None:
        _done(self._api.put(f"{self._path}/{table}", given))

    def drop_table(self, table: str) -> None:
        _done(self._api.delete(f"{self._path}/{table}", force="true"))

    def add_field(self, table: str, given: Json) -> Json:
        return _thing(self._api.post(f"{self._path}/{table}/fields", given))

    def change_field(self, table: str, field: str, given: Json, force: bool = False) -> None:
        _done(self._api.put(f"{self._path}/{table}/fields/{field}", given, force=str(force).lower()))

    def delete_field(self, table: str, field: str) -> None:
        _done(self._api.delete(f"{self._path}/{table}/fields/{field}"))

    def records(self, table: str) -> list[Json]:
        answer = self._api.get(f"{self._path}/{table}/records", limit=MOST)
        assert answer.metadata["total"] <= MOST
        listed: list[Json] = answer.data
        return listed

    def create(self, table: str, cells: Json) -> Json:
        return _thing(self._api.post(f"{self._path}/{table}/records", {"fields": cells}))

    def update(self, table: str, record: str, cells: Json) -> Json:
        return _thing(self._api.patch(f"{self._path}/{table}/records/{record}", {"fields": cells}))

    def delete(self, table: str, record: str) -> None:
        _done(self._api.delete(f"{self._path}/{table}/records/{record}"))

    def batch(self, table: str, given: Json) -> Json:
        return _thing(self._api.post(f"{self._path}/{table}/records/batch", given))

    def work(self, most: int) -> bool:
        return False  # so few records are filled in the request

    def end(self) -> None:
        self._api.delete(self._path.removesuffix("/tables"), force="true").nothing()


def _record(text: str | bytes) -> Json:
    record: Json = json.loads(text)
    return record


def _done(answer: Answer) -> Answer:
    if answer.code:
        raise Refused(answer.code, answer.text_of_error())
    return answer


def _thing(answer: Answer) -> Json:
    thing: Json = _done(answer).data
    return thing
