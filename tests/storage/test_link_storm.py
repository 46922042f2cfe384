"""Many writers on links that go round in a circle: no deadlock, no link lost, both sides alike; and what a write of links costs."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from tablehouse.errors import ApiError, NotFound, ValidationError
from tests.local import Local, LocalTable, OpenLocal

NAME = {"name": "Name", "type": "SINGLE_LINE_TEXT"}
WRITERS = 32
STEPS = 12
RECORDS = 6


@pytest.fixture
def circle(local: Local) -> list[LocalTable]:
    """Tables A, B and C, of which each links to the next, one of them to single records, and A to itself."""
    database = local.new_database()
    tables = [local.new_table([NAME], database, name=name) for name in "ABC"]
    for place, table in enumerate(tables):
        following = tables[(place + 1) % 3]
        table.add_field(name="Next", type="LINKED_RECORD", options={"linkedTableId": following.id}, allowMultipleEntries=place != 1)
    tables[0].add_field(name="Own", type="LINKED_RECORD", options={"linkedTableId": tables[0].id}, allowMultipleEntries=False)
    for table in tables:
        table.fill([{"Name": f"record {number}"} for number in range(RECORDS)])
    return tables


def writer(local: Local, tables: list[LocalTable], seed: int) -> int:
    """How many of the writes were done."""
    luck = random.Random(seed)
    own = [table.seen_by(local) for table in tables]
    done = 0
    for _ in range(STEPS):
        place = luck.randrange(3)
        table, following = own[place], own[(place + 1) % 3]
        mine, others = ([record["id"] for record in each.page(limit=200)[0]] for each in (table, following))
        some = luck.sample(others, min(len(others), 1 if place == 1 else luck.randrange(3)))
        try:
            match luck.randrange(8):
                case 0:
                    table.create(Name="new", Next=some)
                case 1 if len(mine) > 2:
                    table.delete(luck.choice(mine))
                case 2 if place == 0:
                    table.update(luck.choice(mine), Own=luck.choice(mine))
                case 3:
                    table.batch(update=[{"id": record, "fields": {"Next": some}} for record in luck.sample(mine, min(2, len(mine)))])
                case _:
                    table.update(luck.choice(mine), Next=some)
            done += 1
        except (NotFound, ValidationError):
            pass  # another writer has deleted one of the records meanwhile
        except ApiError as error:
            raise AssertionError(error.message) from error
    return done


def pairs(table: LocalTable, field: str) -> set[tuple[str, str]]:
    return {(record["id"], linked["id"]) for record in table.page(limit=200)[0] for linked in record["fields"][field]}


def test_writers_on_a_circle_of_links_leave_both_sides_alike(circle: list[LocalTable], local: Local, open_local: OpenLocal) -> None:
    processes = [local, open_local()]
    with ThreadPoolExecutor(WRITERS) as pool:
        done = list(pool.map(lambda seed: writer(processes[seed % 2], circle, seed), range(WRITERS)))
    assert sum(done) > WRITERS * STEPS / 2
    for place, table in enumerate(circle):
        following = circle[(place + 1) % 3]
        forth, back = pairs(table, "Next"), pairs(following, "ABC"[place])
        assert forth == {(own, other) for other, own in back}
        ids = {record["id"] for record in following.page(limit=200)[0]}
        assert {other for _, other in forth} <= ids
        if place == 1:
            assert len({own for own, _ in forth}) == len(forth), "it holds one"
    assert pairs(circle[0], "Own") == {(own, other) for other, own in pairs(circle[0], "A")}
