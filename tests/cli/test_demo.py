"""`tablehouse serve --demo`: a first start with something to look at, made once, and a call that shows it."""

from __future__ import annotations

import re
import shlex
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from tablehouse.fields.registry import FIELD_TYPES
from tablehouse.query.requests import CreateDatabase
from tablehouse.service.databases import create_database
from tablehouse.transfer.demo.make import make_demo
from tests.api import Api
from tests.conftest import Connect, NewStorage, StartServer
from tests.local import Local, LocalTable, OpenLocal, open_local

__all__ = ["open_local"]


def demo_tables(api: Api) -> dict[str, dict[str, Any]]:
    """Name -> table of the only demo database."""
    (database,) = [each for each in api.get("/databases").data if each["name"] == "Demo"]
    return {table["name"]: table for table in api.get(f"/databases/{database['id']}/tables").data}


def test_the_first_start_makes_it_and_the_next_ones_keep_it(start_server: StartServer, new_storage: NewStorage, connect: Connect) -> None:
    storage = new_storage()
    server = start_server("--demo", storage=storage)
    tables = demo_tables(connect(server.address, server.token))
    assert {name: table["recordsCount"] for name, table in tables.items()} == {"Companies": 40, "Contacts": 120, "Deals": 100}
    (line,) = re.findall(r"curl .*", server.log_end())
    command, header, said, url = shlex.split(line)
    assert (command, header, said) == ("curl", "-H", "Softr-Api-Key: $TOKEN")
    answer = httpx.get(url, headers={"Softr-Api-Key": server.token}, trust_env=False).json()
    assert answer["metadata"]["total"] == 40
    assert answer["data"][0]["fields"]["Name"] == "Brackenlow Optics"
    server.stop()

    again = start_server("--demo", storage=storage, token=server.token)
    api = connect(again.address, server.token)
    assert {table["id"] for table in demo_tables(api).values()} == {table["id"] for table in tables.values()}
    assert line.split("/api/v1/")[1] in again.log_end()


def test_it_shows_what_fields_can_be(open_local: OpenLocal) -> None:
    local = open_local()
    demo = make_demo(local.app)
    assert demo is not None
    used = {field.type_name for table in local.file(demo.database_id).snapshot().tables for field in table.fields}
    known = {field_type.name for field_type in FIELD_TYPES if not field_type.alias_of}
    assert known - used == {"RECORD_ID", "USER", "ATTACHMENT"}, "a new store has one user, and no files"


def test_what_is_computed_along_links_is_what_the_linked_records_say(open_local: OpenLocal) -> None:
    local = open_local()
    demo = make_demo(local.app)
    assert demo is not None
    tables = {table.name: LocalTable(local, demo.database_id, table.id) for table in local.file(demo.database_id).snapshot().tables}
    deals = {record["id"]: record["fields"] for record in tables["Deals"].page(limit=200)[0]}
    companies = [record["fields"] for record in tables["Companies"].page(limit=200)[0]]
    for company in companies:
        own = [deals[deal["id"]] for deal in company["Deals"]]
        won = sum(deal["Net amount"] or 0 for deal in own if deal["Stage"]["label"] == "Won")
        assert company["Won"] == round(won, 2)
        assert company["People"] == len(company["Contacts"])
        assert company["Next close"] == min((deal["Expected close"] for deal in own if deal["Expected close"]), default=None)
    assert sum(company["Won"] > 0 for company in companies) > 5
    assert "Brackenlow Optics" in str(tables["Contacts"].cells("Badge"))


def test_it_is_of_these_days(open_local: OpenLocal) -> None:
    """The next meetings are ahead of whoever starts it, and the last contacts behind."""
    now = datetime(2031, 5, 17, 12, tzinfo=UTC)
    local = open_local(clock=lambda: int(now.timestamp() * 1000))
    demo = make_demo(local.app)
    assert demo is not None
    tables = {table.name: table for table in local.file(demo.database_id).snapshot().tables}
    meetings = cells(local, demo.database_id, tables["Deals"].id, "Next meeting")
    contacts = cells(local, demo.database_id, tables["Contacts"].id, "Last contact")
    assert len(meetings) > 20
    assert len(contacts) > 80
    assert now < min(meetings) < max(meetings) < now + timedelta(days=30)
    assert now - timedelta(days=450) < min(contacts) < max(contacts) < now + timedelta(days=1)


def cells(local: Local, database: str, table: str, name: str) -> list[datetime]:
    return [datetime.fromisoformat(value) for value in LocalTable(local, database, table).cells(name) if value]


def test_what_an_interrupted_start_left_is_made_anew(open_local: OpenLocal) -> None:
    local = open_local()
    create_database(local.app, local.caller, CreateDatabase(name="Demo (not finished)"))
    demo = make_demo(local.app)
    assert demo is not None
    assert list(local.store.control.current().databases) == [demo.database_id]
    assert make_demo(local.app) == demo
