"""Real files with links between them, and fields computed along the links: every value as plain Python over the files has it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.flights import LINKS, TABLES, add_computed_fields, differences, expected, first_flights, unpack
from tests.api import Api
from tests.cli.running import run
from tests.server import Server


class Calls:
    def __init__(self, api: Api) -> None:
        self._api = api

    def get(self, path: str) -> Any:
        return self._api.get(path).body

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        return self._api.post(path, dict(body)).body


def test_flights_by_airline_and_plane(server: Server, api: Api, tmp_path: Path) -> None:
    flights = first_flights(tmp_path, 1_200)
    wanted = expected(flights, unpack(tmp_path, "planes"))
    csvs = [flights if name == "flights" else unpack(tmp_path, name) for name in TABLES]
    links = [part for link in LINKS for part in ("--link", link)]
    done = run("import", "csv", *csvs, "--database", "Linked flights", *links, TABLEHOUSE_URL=server.address, TABLEHOUSE_TOKEN=server.token)
    assert done.returncode == 1, done
    assert "found no record" in done.stderr, "some planes are in no list"
    (database,) = (each["id"] for each in api.get("/databases").data if each["name"] == "Linked flights")
    calls, path = Calls(api), f"/databases/{database}"
    add_computed_fields(calls, path)
    assert list(differences(calls, path, wanted)) == []
    api.delete(path, force="true").nothing()
