"""Searching a large table: before it has any index, once the server has built those that searches need, and beside a small table.

What is asked varies from request to request, so that no page is one that the server kept. Each figure is the median of requests of one
client, with what the client itself takes (about half a millisecond) in it.
"""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from itertools import accumulate, islice
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

from bench.findings import Findings, Target, at_least, at_most, figure, row
from bench.loadgen.run import Request, RequestSet, write_requests
from bench.measure import Asked, Contender, alternate, ratio
from bench.rows import FIELDS, made_up_rows
from bench.server import TOKEN, Server, Table, answer_to, make_database, make_table, record_body, start_server
from bench.workplace import Workplace
from tablehouse.config import Settings
from tablehouse.query.requests import CreateDatabase, CreateField, CreateTable
from tablehouse.service.access import Access, App
from tablehouse.service.bulk import Filling, load_records
from tablehouse.service.databases import create_database
from tablehouse.service.setup import set_up
from tablehouse.service.tuning import SLOW_MILLISECONDS
from tablehouse.storage.opening import open_store
from tests import postgres

SMALL = 10_000
ASKED = 25  # requests of each kind: their median is the figure
CHUNK = 5_000
PAGE = 200
CLIENTS = 16
SETTLING_SECONDS = 300.0
WORD_COUNT = 20_000
"""Words in the long texts, the common ones far more often, as in a language: with the few of rows.py every part of a word is in a third of them."""
PHRASES = 50_000
"""Seven words each. A text is four of them, which takes a tenth of the time that 28 words take."""
LEAVES = 100
"""Conditions of the widest filters that are searched for without an index; the contract allows a thousand."""
SERVER = (
    "shared_buffers=2GB",
    "effective_cache_size=6GB",
    "work_mem=32MB",
    "maintenance_work_mem=512MB",
    "random_page_cost=1.1",
    "max_wal_size=4GB",
    "jit=off",
)
"""What docs/operations.md recommends, for a machine of 8 GB. Commits wait for the disk."""

Search = Callable[[random.Random, int], dict[str, Any]]


def search(workplace: Workplace) -> Findings:
    """The figures of the issue on search, on a table of a million records (`--records`) and on one of ten thousand."""
    found = Findings()
    count = workplace.settings.search_records
    limits = Limits(1 if workplace.settings.storage == "sqlite" else 2)
    with ExitStack() as databases:
        places = {name: databases.enter_context(_place(workplace, name)) for name in ("large", "small", "writes")}
        large = _load(places["large"], count, found)
        small = _load(places["small"], min(SMALL, count), found)
        with places["large"].server() as server, places["small"].server() as beside:
            _before(server, large, count, limits, found)
            _aggregates(server, large, limits, found)
            _settle(server, large, found)
            _settle(beside, small, found)
            _compare(server, large, beside, small, limits, found)
            _one_by_one(server, large, limits, found)
            _walk(server, large, count, found)
        with places["large"].server() as server:
            _jump(server, large, count, limits, found)
            _scan(workplace, server, large, count, limits, found)
        _writes(workplace, places["writes"], found)
    return found


class Limits(msgspec.Struct, frozen=True):
    """What is wanted of a storage: of PostgreSQL twice the times that SQLite may take, and half its records a second."""

    factor: int

    def at_most(self, milliseconds: float) -> Target:
        return at_most(milliseconds * self.factor)

    def at_least(self, speed: float) -> Target:
        return at_least(speed / self.factor)


class Place(msgspec.Struct, frozen=True):
    """Where a server keeps its data: a directory, and on PostgreSQL a database."""

    data: Path
    url: str | None

    def server(self) -> AbstractContextManager[Server]:
        """The server, until the end of the block."""
        return start_server(self.data, *(() if self.url is None else ("--database-url", self.url)))


@contextmanager
def _place(workplace: Workplace, name: str) -> Iterator[Place]:
    if workplace.settings.storage == "sqlite":
        yield Place(workplace.directory / name, None)
        return
    server = postgres.tuned_server(SERVER)
    url = postgres.new_database(server)
    yield Place(workplace.directory / name, url)
    postgres.drop_database(url, server)


def _kinds() -> dict[str, Search]:
    """What is searched for: by a name, the body of a request made with dice, and another one for each number."""
    return {
        **{f"equal {name}": search for name, search in _equal().items()},
        "one stage, by revenue": lambda dice, _: {
            **_is("Stage", dice.choice(("New", "Won", "Lost"))),
            **_by("Revenue", "DESC"),
            **_at(dice),
        },
        "customers, by name": lambda dice, _: {**_is("Customer", True), **_by("Name"), **_at(dice)},
        "employees, by name": lambda dice, _: {**_is("Employees", dice.randrange(100_000)), **_by("Name")},
        "founded between": lambda dice, number: {**_between("Founded", dice.randrange(1, 25), number)},
        "part of a text": lambda dice, _: _is("Notes", _part(dice), "CONTAINS"),
        "by stage": lambda dice, _: {**_by("Stage"), **_at(dice)},
        "by revenue alone": lambda dice, _: {**_by("Revenue"), **_at(dice)},
    }


def _equal() -> dict[str, Search]:
    sample = list(islice(_rows(), 2_000))
    names = [field["name"] for field in FIELDS]
    return {name: _equal_to(name, [values[place] for values in sample]) for place, name in enumerate(names)}


def _equal_to(name: str, values: Sequence[Any]) -> Search:
    return lambda dice, _: {**_is(name, dice.choice(values)), **_at(dice, 5)}


def _is(field: str, value: Any, operator: str = "IS") -> dict[str, Any]:
    return {"filter": {"condition": {"operator": operator, "leftSide": field, "rightSide": value}}}


def _between(field: str, day: int, number: int) -> dict[str, Any]:
    low, high = f"2021-{1 + number % 11:02}-{day:02}", f"2021-{2 + number % 11:02}-{day:02}"
    return {"filter": {"condition": {"operator": "IS_BETWEEN", "leftSide": field, "lowerBound": low, "upperBound": high}}}


def _by(field: str, direction: str = "ASC") -> dict[str, Any]:
    return {"sorting": [{"sortingField": field, "sortType": direction}]}


def _at(dice: random.Random, most: int = 100) -> dict[str, Any]:
    return {"paging": {"offset": dice.randrange(most), "limit": 20}}


def _words() -> list[str]:
    dice = random.Random(11)
    syllables = [first + second for first in "bdfgklmnprstvz" for second in ("a", "e", "i", "o", "u", "an", "er")]
    return ["".join(dice.choices(syllables, k=dice.randrange(2, 5))) for _ in range(WORD_COUNT)]


def _rows() -> Iterator[tuple[Any, ...]]:
    """The made-up records, with long texts in a language of many words."""
    dice, words = random.Random(12), _words()
    weights = list(accumulate(1 / (rank + 10) for rank in range(len(words))))
    phrases = [" ".join(dice.choices(words, cum_weights=weights, k=7)) for _ in range(PHRASES)]
    for values in made_up_rows(seed=1):
        yield (values[0], " ".join(dice.choices(phrases, k=4))[:200], *values[2:])


def _part(dice: random.Random) -> str:
    word = dice.choice([word for word in _words()[200:2_200] if len(word) >= 5])
    return word[:5]


def _load(place: Place, count: int, found: Findings) -> Table:
    """A table of so many records in a new place, by the way that imports take. No server runs there yet."""
    settings = Settings(data=place.data, database_url=place.url)
    store = open_store(settings)
    try:
        set_up(store, TOKEN)
        app = App(store, settings, Access(store))
        database = create_database(app, app.access.caller(TOKEN), CreateDatabase(name="Bench"))
        began = time.perf_counter()
        fields = [CreateField(**field) for field in FIELDS]
        fillings = [Filling(field["name"]) for field in FIELDS]
        chunks = _chunks(count)
        loaded = load_records(
            app, app.access.caller(TOKEN), database.id, CreateTable(name="Bench", fields=fields), fillings, chunks, lambda _: None
        )
        found.figures.append(figure(f"{count:,} records loaded", count / (time.perf_counter() - began), "rows/s"))
        path = f"/api/v1/databases/{database.id}/tables/{loaded.table.id}/records"
        return Table(path, tuple(field.id for field in loaded.table.fields))
    finally:
        store.close()


def _chunks(count: int) -> Iterator[list[list[str]]]:
    rows = islice(_rows(), count)
    while some := list(islice(rows, CHUNK)):
        yield [[str(value).lower() if isinstance(value, bool) else str(value) for value in column] for column in zip(*some, strict=True)]


def _ask(server: Server, table: Table, body: dict[str, Any]) -> tuple[float, dict[str, Any]]:
    """(Milliseconds until the answer, its metadata)."""
    began = time.perf_counter()
    answer = answer_to(server.api.post(f"{table.records}/search", json=body))
    return (time.perf_counter() - began) * 1000, answer.json()["metadata"]


def _median(server: Server, table: Table, kind: Search, seed: int = 7, count: int = ASKED) -> float:
    dice = random.Random(seed)
    return median(_ask(server, table, kind(dice, number))[0] for number in range(count))


def _wide(dice: random.Random) -> dict[str, dict[str, Any]]:
    """Filters of very many conditions, of which most or all have to be looked at for each record."""
    parts = [_part(dice) for _ in range(LEAVES)]
    mixed: list[dict[str, Any]] = []
    for number, part in enumerate(parts[: LEAVES // 5]):
        low, high = f"2021-01-{1 + number:02}", f"2021-01-{2 + number:02}"
        mixed += [
            _leaf("Notes", part, "CONTAINS"),
            _leaf("Email", f"{part}@example.com", "ENDS_WITH"),
            _leaf("Name", part, "STARTS_WITH"),
            _leaf("Employees", 1_000 * number),
            {"operator": "IS_BETWEEN", "leftSide": "Founded", "lowerBound": low, "upperBound": high},
        ]
    return {
        f"one of {LEAVES} parts of a text": _all_of("OR", [_leaf("Notes", part, "CONTAINS") for part in parts]),
        f"{LEAVES} conditions on five fields": _all_of("OR", mixed),
        "none of 30 parts of a text": _all_of("AND", [_leaf("Notes", part, "DOES_NOT_CONTAIN") for part in parts[:30]]),
    }


def _leaf(field: str, value: Any, operator: str = "IS") -> dict[str, Any]:
    return {"operator": operator, "leftSide": field, "rightSide": value}


def _all_of(operator: str, conditions: list[dict[str, Any]]) -> dict[str, Any]:
    return {"filter": {"condition": {"operator": operator, "conditions": conditions}}}


def _before(server: Server, table: Table, count: int, limits: Limits, found: Findings) -> None:
    dice = random.Random(3)
    taken = {name: _ask(server, table, kind(dice, 0))[0] for name, kind in _kinds().items()}
    deep: dict[str, Any] = {"paging": {"offset": count * 9 // 10}}
    others: dict[str, dict[str, Any]] = {
        "by name, near the end": {**_by("Name"), **deep},
        "by notes": _by("Notes", "DESC"),
        "by notes, near the end": {**_by("Notes"), **deep},
        "by stage, near the end": {**_by("Stage"), **deep},
        "customers by notes, in the middle": {**_is("Customer", True), **_by("Notes"), "paging": {"offset": count // 4}},
        "no part of a text": _is("Notes", "zan", "DOES_NOT_CONTAIN"),
        "the end of a text": _is("Notes", "zan", "ENDS_WITH"),
        "one of a thousand numbers": _is("Employees", list(range(0, 100_000, 100)), "IS_ONE_OF"),
        **_wide(dice),
    }
    taken |= {name: _ask(server, table, body)[0] for name, body in others.items()}
    slowest = sorted(taken, key=lambda name: -taken[name])
    then = ", ".join(f"{name} {taken[name]:,.0f}" for name in slowest[1:4])
    note = f"{slowest[0]}; then {then}; of {len(taken)}"
    found.figures.append(figure("slowest search without an index", taken[slowest[0]], "ms", limits.at_most(1_500), note))


def _aggregates(server: Server, table: Table, limits: Limits, found: Findings) -> None:
    """Groups of all records, none of them kept from an earlier request."""
    money = [{"function": "COUNT"}, {"field": "Revenue", "function": "SUM"}, {"field": "Revenue", "function": "AVERAGE"}]
    different = [{"field": field, "function": "COUNT_DISTINCT"} for field in ("Notes", "Name")]
    bodies: dict[str, dict[str, Any]] = {
        "different texts of two fields": {"aggregations": different},
        "all records": {"aggregations": money},
        "by stage": {"groupBy": ["Stage"], "aggregations": money},
        "by month": {"groupBy": [{"field": "Founded", "by": "MONTH"}], "aggregations": money},
        "customers by stage and month": {
            **_is("Customer", True),
            "groupBy": ["Stage", {"field": "Founded", "by": "MONTH"}],
            "aggregations": money,
        },
    }
    for name, body in bodies.items():
        taken = []
        for places in range(3):
            began = time.perf_counter()
            answer_to(server.api.post(f"{table.records}/aggregate", json={**body, "paging": {"limit": 100 + places}}))
            taken.append((time.perf_counter() - began) * 1000)
        what = name if body["aggregations"] is different else f"count, sum and mean: {name}"
        found.figures.append(figure(what, median(taken), "ms", limits.at_most(1_500)))


def _settle(server: Server, table: Table, found: Findings) -> None:
    """Searches until the server builds nothing more. What is quick has its index, and is not asked again."""
    path = table.records.removesuffix("/records") + "/indexes"
    began = time.perf_counter()
    dice, quiet = random.Random(4), 0
    before: tuple[str, ...] | None = None
    there: list[dict[str, Any]] = []
    slow = _kinds()
    while quiet < 3 and time.perf_counter() - began < SETTLING_SECONDS:
        for name, kind in tuple(slow.items()):
            if max(_ask(server, table, kind(dice, number))[0] for number in range(4)) < SLOW_MILLISECONDS:
                del slow[name]
        time.sleep(2.5)
        there = answer_to(server.api.get(path)).json()["data"]
        now = tuple(sorted(index["id"] for index in there))
        quiet = quiet + 1 if now == before and all(index["state"] == "READY" for index in there) else 0
        before = now
    size = sum(index["sizeBytes"] or 0 for index in there)
    found.figures.append(
        figure("indexes built by themselves", len(there), "", note=f"{size / 1e6:,.0f} MB, {time.perf_counter() - began:.0f} s")
    )


def _compare(server: Server, large: Table, beside: Server, small: Table, limits: Limits, found: Findings) -> None:
    kinds = _kinds()
    for name in ("one stage, by revenue", "customers, by name", "employees, by name"):
        here, there = _median(server, large, kinds[name]), _median(beside, small, kinds[name])
        found.figures.append(figure(f"filter and sort, 20 with total: {name}", here, "ms", limits.at_most(15)))
        found.figures.append(figure("… beside the small table", here / there, "x", at_most(4), f"{there:.2f} ms there"))


def _one_by_one(server: Server, table: Table, limits: Limits, found: Findings) -> None:
    taken = {name: _median(server, table, kind) for name, kind in _kinds().items()}
    equal = {name: taken[name] for name in taken if name.startswith("equal ")}
    slowest = max(equal, key=lambda name: equal[name])
    found.figures.append(figure("equal value of any field", equal[slowest], "ms", limits.at_most(3), f"slowest: {slowest}"))
    found.figures.append(figure("CONTAINS of 5 letters in 200", taken["part of a text"], "ms", limits.at_most(25)))
    found.figures.append(figure("sorted by choices", taken["by stage"], "ms"))
    found.figures.append(figure("IS_BETWEEN on days", taken["founded between"], "ms", limits.at_most(5)))
    body = {**_is("Stage", "Proposal"), **_by("Revenue")}
    first, second = (_ask(server, table, {**body, "paging": {"offset": offset}})[0] for offset in (0, 20))
    found.figures.append(
        figure("another page of the same filter / its first", second / first, "x", note="neither compiled nor counted again")
    )


def _walk(server: Server, table: Table, count: int, found: Findings) -> None:
    """Pages of a sorted search one after the other: by offsets and by cursors."""
    pages = min(5_000, count // PAGE)
    for way in ("offsets", "cursors"):
        taken: list[float] = []
        cursor = None
        for page in range(pages):
            paging = {"limit": PAGE, "cursor": cursor} if cursor else {"limit": PAGE, "offset": page * PAGE}
            milliseconds, metadata = _ask(server, table, {**_by("Revenue", "ASC" if way == "offsets" else "DESC"), "paging": paging})
            taken.append(milliseconds)
            cursor = metadata["nextCursor"] if way == "cursors" else None
        some = max(1, min(50, pages // 10))
        share = median(taken[-some:]) / median(taken[:some])
        note = f"{median(taken[:some]):.2f} ms at first"
        found.figures.append(figure(f"page {pages:,} by {way} / page 1", share, "x", at_most(1.5), note))


def _jump(server: Server, table: Table, count: int, limits: Limits, found: Findings) -> None:
    offsets = [count * 9 // 10 + 20 * number for number in range(9)]
    for name, body in (("of all records", {}), ("of a sorted search", _by("Revenue"))):
        taken = [_ask(server, table, {**body, "paging": {"offset": offset + (1 if body else 0)}})[0] for offset in offsets[::2]]
        found.figures.append(figure(f"jump to offset {offsets[0]:,} {name}", median(taken), "ms", limits.at_most(60)))


def _scan(workplace: Workplace, server: Server, table: Table, count: int, limits: Limits, found: Findings) -> None:
    requests = (Request("GET", f"{table.records}?limit={PAGE}&offset={offset}") for offset in range(0, count, PAGE))
    file = write_requests(workplace.directory / "scan.requests", requests)
    outcome = alternate({"scan": Asked(server.running, RequestSet("scan", file), 4, server.headers)}, workplace.settings)["scan"]
    found.rows.append(row("search: full scan by 200", 4, outcome))
    found.figures.append(figure("records read by 4 clients, 200 a page", outcome.rps * PAGE, "rows/s", limits.at_least(100_000)))


def _writes(workplace: Workplace, place: Place, found: Findings) -> None:
    """Durable creates by 16 clients into a table with four indexes and one of trigrams, and into one without."""
    with place.server() as server:
        contenders: dict[str, Contender] = {}
        for name in ("without indexes", "with 4 indexes and 1 of trigrams"):
            table = make_table(server, make_database(server, name), FIELDS)
            if name.startswith("with 4"):
                path = table.records.removesuffix("/records") + "/indexes"
                wanted: list[dict[str, Any]] = [
                    {"fields": ["Stage", {"field": "Revenue", "direction": "DESC"}]},
                    {"fields": ["Customer", "Name"]},
                    {"fields": ["Founded"]},
                    {"fields": ["Employees"]},
                    {"fields": ["Notes"], "kind": "TRIGRAM"},
                ]
                for body in wanted:
                    answer_to(server.api.post(path, json=body))
            rows = made_up_rows(seed=5)
            requests = (Request("POST", table.records, record_body(table, next(rows))) for _ in range(20_000))
            file = write_requests(workplace.directory / f"creates.{len(contenders)}.requests", requests)
            contenders[name] = Asked(server.running, RequestSet("create", file), CLIENTS, server.headers)
        time.sleep(2.0)
        outcomes = alternate(contenders, workplace.settings)
    for name, outcome in outcomes.items():
        found.rows.append(row(f"create {name}", CLIENTS, outcome))
    share = ratio(outcomes["with 4 indexes and 1 of trigrams"], outcomes["without indexes"])
    found.figures.append(figure("creates with 4 indexes and 1 of trigrams / without", share, "x", at_least(0.5)))
