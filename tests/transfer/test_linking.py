"""Columns of keys turned into links, in a store and through a server; and tables with links and lookups as CSV, alike from both."""

from __future__ import annotations

import io
from typing import Any

import pytest

from tablehouse.client.api import Client
from tablehouse.errors import ApiError, BadRequest
from tablehouse.transfer.csv_export import export_from_server
from tablehouse.transfer.into_server import ServerTarget
from tablehouse.transfer.linking import Linked, link_columns, read_links
from tablehouse.transfer.target import the_table
from tests.api import Api
from tests.server import Server
from tests.transfer.files import Desk

AIRLINES = "carrier,name\nUA,United\nAA,American\n"
FLIGHTS = "flight,carrier,no.\n1,UA,x.1\n2,ua,x.2\n3,,x.3\n4,ZZ,x.4\n"


def linked(desk: Desk, *wanted: str) -> list[Linked]:
    return list(link_columns(desk.target, "Base", read_links(wanted), None))


def test_a_column_of_keys_becomes_links(desk: Desk) -> None:
    desk.load(desk.write("flights.csv", FLIGHTS), desk.write("airlines.csv", AIRLINES), types=())
    assert linked(desk, "Flights.carrier = airlines.carrier") == [Linked("flights", "carrier", "airlines", 2, 1)]
    assert desk.types("flights")["carrier"] == "LINKED_RECORD"
    assert [row[1] for row in desk.rows("flights")] == ["UA", "UA", "", ""]
    assert [row[2] for row in desk.rows("airlines")] == ["x.1, x.2", ""]
    with pytest.raises(BadRequest, match="is a link already"):
        linked(desk, "flights.carrier=airlines.carrier")


def test_any_column_of_the_other_table_may_be_the_key(desk: Desk) -> None:
    desk.load(desk.write("flights.csv", "flight,by,x.y\nf1,United,\nf2,american,UA\n"), desk.write("airlines.csv", AIRLINES))
    assert linked(desk, "flights.by=airlines.name", "flights.x.y=airlines.carrier") == [
        Linked("flights", "by", "airlines", 2, 0),
        Linked("flights", "x.y", "airlines", 1, 0),
    ]
    assert [row[1:] for row in desk.rows("flights")] == [["UA", ""], ["AA", "UA"]]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("flights", "write it as"),
        ("flights=airlines.carrier", "write it as"),
        ("flights.nothing=airlines.carrier", "no column"),
        ("flights.carrier=airlines.carier", 'Did you mean "airlines.carrier"'),
        ("planes.carrier=airlines.carrier", "no column"),
    ],
)
def test_what_cannot_be_linked_is_said(desk: Desk, text: str, says: str) -> None:
    desk.load(desk.write("flights.csv", FLIGHTS), desk.write("airlines.csv", AIRLINES))
    with pytest.raises(BadRequest, match=says):
        linked(desk, text)


def test_through_a_server_it_is_the_same(server: Server, api: Api) -> None:
    database = api.new_database("Links")
    airlines = api.new_table(
        database, [{"name": "carrier", "type": "SINGLE_LINE_TEXT"}, {"name": "founded", "type": "DATE"}], name="airlines"
    )
    flights = api.new_table(database, [{"name": "no", "type": "NUMBER"}, {"name": "carrier", "type": "SINGLE_LINE_TEXT"}], name="flights")
    airlines.create_many([{"carrier": "UA", "founded": "1926-04-06"}, {"carrier": "AA"}])
    flights.create_many([{"no": 1, "carrier": "UA"}, {"no": 2, "carrier": "AA"}, {"no": 3}])
    client = Client(server.address, server.token)
    target = ServerTarget(client)
    done = list(link_columns(target, database, read_links(["flights.carrier=airlines.carrier"]), None))
    assert done == [Linked("flights", "carrier", "airlines", 2, 0)]
    flights.add_field("founded", "LOOKUP", options={"linkedRecordFieldId": "carrier", "lookupFieldId": "founded"})
    airlines.add_field("numbers", "LOOKUP", options={"linkedRecordFieldId": "flights", "lookupFieldId": "no"})
    assert exported(client, database, "flights") == "no,carrier,founded\r\n1,UA,1926-04-06\r\n2,AA,\r\n3,,\r\n"
    assert exported(client, database, "airlines") == "carrier,founded,flights,numbers\r\nUA,1926-04-06,1,1\r\nAA,,2,2\r\n"
    client.close()


def exported(client: Client, database: str, name: str) -> str:
    there, table = the_table(ServerTarget(client), database, name, None)
    text = io.StringIO()
    export_from_server(client, there, table, text, lambda share: None)
    return text.getvalue()


def test_links_and_lookups_are_exported_as_texts_and_not_imported(desk: Desk) -> None:
    desk.load(desk.write("flights.csv", FLIGHTS), desk.write("airlines.csv", AIRLINES))
    linked(desk, "flights.carrier=airlines.carrier")
    with pytest.raises(ApiError, match="takes ids of records"):
        desk.load_one(desk.write("more.csv", FLIGHTS), table="flights")
    more: Any = desk.load_one(desk.write("more.csv", FLIGHTS), table="flights", skip_unknown=True)
    assert more.imported == 4
