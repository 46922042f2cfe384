"""Many writers on links that go round in a circle: no deadlock, no link lost, both sides alike, and what is computed along them right."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from tablehouse.errors import ApiError, NotFound, ValidationError
from tests.local import Local, LocalTable, OpenLocal
from tests.stories.calls import LocalCalls
from tests.stories.naive import Naive, check

NAME = {"name": "Name", "type": "SINGLE_LINE_TEXT"}
SIZE = {"name": "Size", "type": "NUMBER"}
WRITERS = 32
STEPS = 12
RECORDS = 6


@pytest.fixture
def circle(local: Local) -> list[LocalTable]:
    """Tables A, B and C, of which each links to the next, one of them to single records, and A to itself. Each counts and sums up the next."""
    database = local.new_database()
    tables = [local.new_table([NAME, SIZE], database, name=name) for name in "ABC"]
    for place, table in enumerate(tables):
        following = tables[(place + 1) % 3]
        table.add_field(name="Next", type="LINKED_RECORD", options={"linkedTableId": following.id}, allowMultipleEntries=place != 1)
    for place, table in enumerate(tables):
        through = table.field_id("Next")
        of = tables[(place + 1) % 3].field_id("Size")
        table.add_field(name="Sum", type="ROLLUP", options={"linkedRecordFieldId": through, "rollupFieldId": of, "function": "SUM"})
        table.add_field(name="Count", type="COUNT", options={"linkedRecordFieldId": through})
        table.add_field(name="Both", type="FORMULA", options={"formula": "{Sum} + {Count}"})
    greatest = {"linkedRecordFieldId": tables[2].field_id("Next"), "rollupFieldId": tables[0].field_id("Both"), "function": "MAX"}
    tables[2].add_field(name="Greatest", type="ROLLUP", options=greatest)
    tables[0].add_field(name="Own", type="LINKED_RECORD", options={"linkedTableId": tables[0].id}, allowMultipleEntries=False)
    for table in tables:
        table.fill([{"Name": f"record {number}", "Size": number} for number in range(RECORDS)])
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
            match luck.randrange(8) if len(mine) > 2 else 0:  # others may have deleted all the rest
                case 0:
                    table.create(Name="new", Next=some, Size=luck.randrange(9))
                case 1:
                    table.delete(luck.choice(mine))
                case 2 if place == 0:
                    table.update(luck.choice(mine), Own=luck.choice(mine))
                case 3:
                    table.batch(update=[{"id": record, "fields": {"Next": some}} for record in luck.sample(mine, min(2, len(mine)))])
                case 4 | 5:
                    table.update(luck.choice(mine), Size=luck.randrange(9) / 10)
                case _:
                    table.update(luck.choice(mine), Next=some, Size=luck.randrange(9))
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
    calls = LocalCalls(local, circle[0].database)
    tables = calls.tables()
    check(Naive(tables, {table["id"]: calls.records(table["id"]) for table in tables}))
