"""Computed cells in step with the cells they are made of: one place for every write of records."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Collection, Iterable, Mapping, Sequence, Sized
from operator import itemgetter
from typing import Any, Final

import msgspec

from tablehouse.kinds.zones import zone_named
from tablehouse.query.computed import (
    Computation,
    Computer,
    Setting,
    computation_after,
    computation_of,
    computation_of_all,
    computation_of_volatile,
)
from tablehouse.query.rollups import NOBODY, needs_people
from tablehouse.query.wire import WEEKDAYS
from tablehouse.schema.model import Field, Table
from tablehouse.service.things import no_record
from tablehouse.sql import catalog as catalog_sql
from tablehouse.sql import computed as sql
from tablehouse.sql.at_read import inputs_of_records
from tablehouse.storage.transaction import Writing

_AT_ONCE: Final = 2_000
MOST_NUMBER: Final = 2**53
"""No record has a greater number."""
_GATHERED_AT_ONCE: Final = 200
"""Records whose linked values are read together: each may have very many."""

_CHANCE: Final = random.SystemRandom()


def new_cells(writing: Writing, table: Table) -> Computer | None:
    """Returns what computes the cells of new records; None for a table without formulas."""
    key = (computation_of_all,)
    if key not in table.derived:
        table.derived[key] = computation_of_all(table)
    computation: Computation | None = table.derived[key]
    return None if computation is None else Computer(computation, setting_of(writing))


def new_columns(writing: Writing, table: Table, columns: Mapping[str, Iterable[Any]]) -> dict[str, list[Any]]:
    """Returns the computed cells of many new records, column by column; `columns` are the other parameters of their insertion, to be gone through again."""
    computer = new_cells(writing, table)
    if computer is None:
        return {}
    known = {name: columns[name] for name in ("id", *(str(field.column) for field in computer.computation.needs))}
    times = {"created_at": writing.at, "updated_at": writing.at}
    rows = zip(*known.values(), strict=False)  # those that never end are cut to the others
    made = [computer.cells({**dict(zip(known, row, strict=True)), **times}) for row in rows]
    return {name: [cells[name] for cells in made] for name in made[0]} if made else {}


class Following:
    """What follows from cells written into records that are there. What formulas need beside them is read once for all records."""

    def __init__(self, writing: Writing, table: Table, changes: Sequence[tuple[str, Collection[Field]]], links: Sequence[Sized]) -> None:
        self._writing = writing
        self._table = table
        needs: dict[int, Field] = {}
        ids: dict[str, None] = {}
        looked_at = False
        for (record_id, written), linked in zip(changes, links, strict=True):
            computation = self._computation(written, bool(linked))
            if computation is not None:
                # A record that is written again later needs to be known as the first write leaves it.
                looked_at = looked_at or computation.needs_creation or bool(computation.needs) or record_id in ids
                ids[record_id] = None
                needs |= {field.num: field for field in computation.needs}
        self._records = self._read(list(ids), [needs[num] for num in sorted(needs)]) if looked_at else None

    def cells(
        self, record_id: str, written: Collection[Field], bound: Mapping[str, Any], *, touched: bool
    ) -> tuple[tuple[Field, ...], dict[str, Any]]:
        """Returns the computed fields that change with a record, and their cells as parameters. `touched`: links of it are written.

        Raises NotFound.
        """
        computation = self._computation(written, touched)
        if computation is None:
            return (), {}
        if self._records is None:
            record: dict[str, Any] | None = {"id": record_id, "created_at": self._writing.at}
        else:
            record = self._records.get(record_id)
        if record is None:
            raise no_record(self._table, record_id)
        record.update(bound, updated_at=self._writing.at)
        made = Computer(computation, setting_of(self._writing)).cells(record)
        record.update(made)
        return computation.fields, made

    def _computation(self, written: Collection[Field], touched: bool) -> Computation | None:
        if not any(field.type.computed for field in self._table.fields) or not (written or touched):
            return None
        key = ("computation", *sorted(field.num for field in written))
        known = self._table.plans.find(key)
        if known is None:
            known = (computation_after(self._table, written),)
            self._table.plans.keep(key, known)
        found: Computation | None = known[0]
        return found

    def _read(self, ids: list[str], needs: list[Field]) -> dict[str, dict[str, Any]]:
        names = sql.input_names(needs)
        shape = ("inputs", *(field.num for field in needs))
        statement = self._writing.compiled(self._table, shape, lambda: sql.inputs_of(self._table, needs))
        rows = self._writing.rows(statement, {"ids": msgspec.json.encode(ids).decode()})
        return {row[1]: dict(zip(names, row, strict=True)) for row in rows}


def fill(writing: Writing, table: Table, nums: Collection[int]) -> None:
    """Computes the cells of these computed fields, by number, in all records, page by page in order of record number.

    What they need has to be right: of fields that need one another those of the same `schema.dependencies` step are filled together.
    """
    computation = computation_of(table, nums, people_in(writing, [table.field_by_num[num] for num in nums]))
    after: int | None = 0
    while computation is not None and after is not None:
        after, _ = fill_page(writing, table, computation, after, None, at_once(computation))


def fill_bounded(writing: Writing, table: Table, computation: Computation, after: int, last: int, most: int) -> tuple[int | None, int]:
    """Returns what `fill_page` does, after computing as many records as hold and are linked to `most` records together; one at least."""
    if not computation.gathers:
        return fill_page(writing, table, computation, after, last, most)
    shape = ("sizes", *(field.num for field in computation.fields))
    statement = writing.compiled(table, shape, lambda: sql.sizes(table, computation.gathers))
    sizes = writing.rows(statement, {"after": after, "last": last, "limit": most})
    sums = itertools.accumulate(1 + linked for _, linked in sizes)
    count = max(1, sum(1 for reached in sums if reached <= most))
    if count >= len(sizes):
        return fill_page(writing, table, computation, after, last, most)
    up_to = sizes[count - 1][0]
    return up_to, fill_page(writing, table, computation, after, up_to, count)[1]


def fill_page(writing: Writing, table: Table, computation: Computation, after: int, last: int | None, most: int) -> tuple[int | None, int]:
    """Returns (the number of the last record filled, None when there are no more; how many were filled) after computing what up to `most`
    records hold, whose numbers lie behind one and up to another, None for the greatest there is.
    """
    shape = (tuple(field.num for field in computation.fields), tuple(field.num for field in computation.needs))
    read = writing.compiled(table, ("fill from", *shape), lambda: sql.all_inputs(table, computation.needs, computation.gathers))
    names = sql.input_names(computation.needs, computation.gathers)
    limits = {"after": after, "last": MOST_NUMBER if last is None else last, "limit": most}
    page = writing.rows(read, {**limits, **computation.parameters})
    if page:
        computer = Computer(computation, setting_of(writing))
        made = [{"num": row[0], **computer.cells(dict(zip(names, row, strict=True)))} for row in page]
        write_cells(writing, table, computation.fields, made)
    return (page[-1][0] if len(page) == most else None), len(page)


def write_cells(writing: Writing, table: Table, fields: Sequence[Field], made: Sequence[Mapping[str, Any]]) -> None:
    """Writes computed cells, with the records' numbers as `num`."""
    nums = tuple(field.num for field in fields)
    if not writing.dialect.remote:
        writing.run_many(writing.compiled(table, ("fill", *nums), lambda: sql.fill_cells(table, fields)), made)
        return
    several = writing.compiled(table, ("fill rows", *nums), lambda: sql.fill_rows(table, fields))
    pick = itemgetter("num", *sql.cell_columns(fields))
    writing.rows(several, {"rows": msgspec.json.encode([pick(cells) for cells in made]).decode()})


def keep_values(writing: Writing, field: Field) -> None:
    """Stores the values that a field evaluated at read has now in its columns, for what is to be made of them."""
    table = field.around[field.table_num]
    computation = computation_of_volatile(table, [field.num])
    read = writing.dialect.compile(inputs_of_records(computation, table, None))
    write = writing.dialect.compile(sql.fill_cells(table, computation.fields))
    computer = Computer(computation, setting_of(writing))
    after, count = 0, _AT_ONCE
    while count == _AT_ONCE:
        _, inputs, count, last = writing.rows(read, {"after": after, "limit": _AT_ONCE})[0]
        after = last or 0
        writing.run_many(write, [{"num": raw["n"], **computer.cells(raw)} for raw in msgspec.json.decode(inputs)])


def clear_values(writing: Writing, table: Table, fields: Sequence[Field]) -> None:
    """Empties the columns of fields that are evaluated at read."""
    writing.rows(writing.dialect.compile(sql.clear_cells(table, fields)))


def at_once(computation: Computation) -> int:
    """Returns how many records are a sensible page for a computation."""
    return _GATHERED_AT_ONCE if computation.gathers else _AT_ONCE


def people_in(writing: Writing, fields: Iterable[Field]) -> Mapping[str, int]:
    """Returns the numbers of people in cells by user id, as far as filters of rollups need them."""
    if not any(needs_people(field) for field in fields):
        return NOBODY
    rows = writing.rows(writing.dialect.fixed(catalog_sql.READ_PEOPLE))
    return {msgspec.json.decode(shown)["id"]: num for num, shown in rows}


def setting_of(writing: Writing) -> Setting:
    """Returns what formulas know beside cells in this unit of work."""
    database = writing.snapshot.database
    week_start = WEEKDAYS.index(database.week_start)
    return Setting(writing.at, zone_named(database.timezone), _CHANCE.random, time.thread_time_ns, week_start=week_start)
