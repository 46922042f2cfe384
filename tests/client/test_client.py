"""The client of our own API against a real server: answers as structs, refusals as errors, and waiting when it is told to."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tablehouse.client.api import Client
from tablehouse.client.connection import NoAnswer, ServerRefusal
from tablehouse.config import ConfigError
from tablehouse.query.requests import CreateField, CreateTable
from tests.api import Api
from tests.conftest import StartServer
from tests.server import Server, free_port


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    client = Client(server.address, server.token)
    yield client
    client.close()


def test_databases_tables_and_records(client: Client, api: Api) -> None:
    workspace = api.workspace_id()
    database = client.create_database("Client", workspace)
    assert database in client.list_databases(None)
    assert database in client.list_databases(workspace)
    table = client.create_table(database.id, CreateTable(name="T", fields=[CreateField(name="n", type="NUMBER")]))
    client.create_records(database.id, table.id, [{table.fields[0].id: number} for number in range(3)])
    assert client.get_table(database.id, table.id).records_count == 3
    assert [each.name for each in client.list_tables(database.id)] == ["T"]
    assert [list(record.fields.values()) for page in client.records(database.id, table.id) for record in page] == [[0], [1], [2]]
    with pytest.raises(ServerRefusal) as refusal:
        client.delete_table(database.id, table.id)
    assert (refusal.value.error_status, refusal.value.error_code) == (400, "BAD_REQUEST")
    assert refusal.value.details["traceId"]
    api.delete(f"/databases/{database.id}", force="true").nothing()


def test_the_address_may_name_the_base_path(server: Server) -> None:
    client = Client(f"{server.address}/api/v1/", server.token)
    client.list_databases(None)
    client.close()


def test_a_wrong_token_is_a_refusal(server: Server) -> None:
    client = Client(server.address, "pat_" + "0" * 40)
    with pytest.raises(ServerRefusal, match="token"):
        client.list_databases(None)
    client.close()


@pytest.mark.parametrize("url", ["localhost:8787", "ftp://example.org", "http://", "/tmp"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="--url"):
        Client(url, "x")


def test_what_no_header_can_carry_is_no_token() -> None:
    with pytest.raises(ConfigError, match="--token"):
        Client("http://127.0.0.1:1", "pat\n")


def test_where_nobody_listens_no_answer_comes() -> None:
    client = Client(f"http://127.0.0.1:{free_port()}", "x")
    with pytest.raises(NoAnswer, match="does not answer"):
        client.list_databases(None)
    client.close()


def test_another_kind_of_server_is_recognized(server: Server) -> None:
    client = Client(f"{server.address}/docs", server.token)
    with pytest.raises(ServerRefusal):
        client.list_databases(None)
    client.close()


def test_a_rate_limit_is_waited_for(start_server: StartServer) -> None:
    server = start_server(rate_limit="2,2")
    client = Client(server.address, server.token)
    began = time.monotonic()
    for _ in range(7):
        client.list_databases(None)
    client.close()
    assert time.monotonic() - began > 1.5
