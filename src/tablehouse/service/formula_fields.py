"""Computed fields as the schema changes: checked before they are stored, and brought up to date when something changes that they are made of."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from tablehouse.errors import BadRequest, ConstraintViolation, Fault, ValidationError
from tablehouse.fields.button import ButtonOptions
from tablehouse.fields.formula import FormulaOptions
from tablehouse.fields.returned import shown_as
from tablehouse.fields.rollup import RollupOptions
from tablehouse.formula.checker import KnownFields
from tablehouse.formula.faults import FormulaError
from tablehouse.formula.printer import with_ids
from tablehouse.kinds.kind import Kind
from tablehouse.query.needs import uses_column
from tablehouse.query.rollups import is_gathering, ready_rollup
from tablehouse.schema.circles import circle_from
from tablehouse.schema.dependencies import Dependencies, dependencies_in, dependencies_of
from tablehouse.schema.formulas import Cycle, formulas_of, is_volatile, read_formulas
from tablehouse.schema.index import PINNED
from tablehouse.schema.model import Field, Snapshot, Table
from tablehouse.schema.signatures import Signatures
from tablehouse.service.building import drop_indexes_of, spare_columns
from tablehouse.service.computing import clear_values
from tablehouse.service.jobs import add_job, left_to_a_job
from tablehouse.service.recompute import recompute
from tablehouse.sql import ddl
from tablehouse.sql.catalog_tables import NOT_BEGUN
from tablehouse.storage.transaction import Writing

_NOTHING: Final[Mapping[str, str]] = {}


def checked_formula(fields: Sequence[Field], field: Field, path: str = "") -> Field:
    """Returns a new or changed formula field with its text as it is stored and the kind of its result; any other field as it is.

    `fields`: all of the table, this one among them. Raises ValidationError for a formula that cannot be saved, ConstraintViolation for
    one that closes a circle.
    """
    if not isinstance(field.options, FormulaOptions | ButtonOptions):
        return field
    formulas = read_formulas(fields)
    error = formulas.broken.get(field.num)
    if isinstance(error, Cycle):
        raise ConstraintViolation(
            error.message,
            fieldId=field.id,
            path=f"{path}options.{error.option}",
            position=error.place_in(field, formulas.known),
            fieldIds=[each.id for each in error.path],
        )
    if error is not None:
        raise _refused(field, error, path)
    if isinstance(field.options, ButtonOptions):
        return msgspec.structs.replace(field, options=_with_ids(field.options, formulas.known))
    ready = formulas.of(field)
    assert ready is not None
    assert field.options.formula is not None
    stored = msgspec.structs.replace(field.options, formula=with_ids(field.options.formula, formulas.known))
    return msgspec.structs.replace(field, options=shown_as(stored, ready.formula.kind))


def _with_ids(options: ButtonOptions, known: KnownFields) -> ButtonOptions:
    def written(text: str | None) -> str | None:
        return None if text is None else with_ids(text, known)

    return msgspec.structs.replace(options, condition_formula=written(options.condition_formula), url_formula=written(options.url_formula))


def same_texts(table: Table, options: ButtonOptions, before: ButtonOptions) -> bool:
    """Returns whether a button's formulas are those that are there, be it with other blanks or names; one that cannot be read is another."""
    try:
        new = _with_ids(options, formulas_of(table).known)
    except FormulaError:
        return False
    return (new.condition_formula, new.url_formula) == (before.condition_formula, before.url_formula)


def settle(writing: Writing, before: Snapshot, typed: Mapping[str, str] = _NOTHING) -> None:
    """Brings all computed cells up to date with a schema that has just changed, and with what was written meanwhile: what they are made of may
    be another field, kind or label. `typed`: texts of formulas as the request has them, by field id.

    Raises ConstraintViolation when computed fields would need one another.
    """
    _with_right_columns(writing)
    names: dict[Hashable, int] = {}
    earlier, was, now = before.table_by_id, Signatures(before, names), Signatures(writing.snapshot, names)
    stale: set[int] = set()
    for table in writing.snapshot.tables:
        old = earlier.get(table.id)
        if old is table:
            continue
        _refuse_circle(dependencies_of(table).cycle, before, typed)
        known = {} if old is None else old.field_by_id
        for field in table.fields:
            if field.type.computed and not is_volatile(field):
                there = known.get(field.id)
                signature = None if there is None or old is None or not there.type.computed else was.of(old, there)
                if there is None or signature != now.of(table, field) or there.num != field.num:
                    stale.add(field.num)
    recompute(writing, _leave_to_jobs(writing, before, stale))
    for table in writing.snapshot.tables:
        old = earlier.get(table.id)
        if old is not None and old is not table:
            _drop_spare(writing, old, table)
            _empty_volatile(writing, old, table)
            check_names_stay(table.primary, table.name)


def _leave_to_jobs(writing: Writing, before: Snapshot, stale: Collection[int]) -> list[int]:
    """Returns those of some computed fields, by number, that are filled in the request. The others, of which too much would have to be read, and what is
    made of cells that are not there yet, are left to jobs: one for tables that relations connect.
    """
    earlier = {field.num for table in before.tables for field in table.fields}
    least = writing.background.from_records
    # Of so many links that come or go at once, as when a side is to hold one, what follows is not computed in the request either.
    moved = {num for num, links in writing.changes.links.items() if least is not None and len(links.added) + len(links.removed) >= least}
    at_once: list[int] = []
    for dependencies in dependencies_in(writing.snapshot):
        later, empty, now = _sorted_out(writing, dependencies, {*stale, *dependencies.led_along(moved)})
        at_once += now
        if later or empty:
            _fill_later(writing, later, empty, earlier)
    return at_once


def _drop_spare(writing: Writing, old: Table, table: Table) -> None:
    """Removes the columns that computed fields have left behind, unless a job will."""
    if any(field.computing for field in table.fields):
        return
    renewed = (field for field in table.fields if (there := old.field_by_id.get(field.id)) is not None and there.num != field.num)
    if any(field.type.computed for field in renewed):
        writing.session.script(spare_columns(writing, table))


def _sorted_out(writing: Writing, dependencies: Dependencies, stale: Collection[int]) -> tuple[list[Field], list[Field], list[int]]:
    """Returns (the fields that a job has to fill, each after those it needs; those of large tables that cannot be computed, whose cells are to be
    empty; the numbers of those that are filled in the request).
    """
    later: dict[int, Field] = {}
    empty: list[Field] = []
    now: list[int] = []
    for step in dependencies.steps:
        for field in step.fields:
            if field.num not in stale:
                continue
            needed = (edge.source for edge in dependencies.edges[field.num] if edge.source is not None)
            waits = field.computing is not None or any(each.num in later or each.computing is not None for each in needed)
            if not waits and not left_to_a_job(writing, step.table, field):
                now.append(field.num)
            elif _can_be_computed(step.table, field):
                later[field.num] = field
            else:
                empty.append(field)
    return list(later.values()), empty, now


def _can_be_computed(table: Table, field: Field) -> bool:
    return ready_rollup(field) is not None if is_gathering(field) else formulas_of(table).of(field) is not None


def _refuse_circle(cycle: Sequence[Field], before: Snapshot, typed: Mapping[str, str]) -> None:
    if cycle:
        known = {field.id: field for table in before.tables for field in table.fields}
        changed = [field.id for field in cycle if (there := known.get(field.id)) is None or there.options != field.options]
        circle = circle_from(cycle, changed, typed)
        first, formula = circle.fields[0], circle.formula
        raise ConstraintViolation(
            circle.message,
            fieldId=first.id,
            path="options.formula" if formula is first else None,
            position=circle.position,
            formulaFieldId=None if formula is None or formula is first else formula.id,
            fieldIds=[field.id for field in circle.fields],
        )


def _with_right_columns(writing: Writing) -> None:
    """Gives computed fields whose results became another kind columns of that kind; others may follow, whose results are of that kind then."""
    moved = True
    while moved:
        moved = False
        for table in writing.snapshot.tables:
            moving = [(field, result) for field, result in _results(table) if result is not field.kind]
            if moving:
                _move_columns(writing, table, moving)
                moved = True
                break


def _results(table: Table) -> Iterator[tuple[Field, Kind]]:
    """Gives the computed fields of a table that can be computed, each with the kind of its results."""
    for ready in formulas_of(table).ready:
        yield ready.field, ready.formula.kind
    for field in table.fields:
        if isinstance(field.options, RollupOptions) and (rollup := ready_rollup(field)) is not None:
            yield field, rollup.kind


def _move_columns(writing: Writing, table: Table, moving: Sequence[tuple[Field, Kind]]) -> None:
    def change(version: int) -> None:
        columns = _Columns(writing, table)
        for old, result in moving:
            columns.renew(old, result, computing=True)  # until it is known who fills them
        columns.save(version)

    writing.change_schema(change)


def check_names_stay(primary: Field, table_name: str) -> None:
    """Raises BadRequest when what names a table's records changes by itself: what links show must be there to be found and sorted."""
    if is_volatile(primary):
        raise BadRequest(
            f'"{primary.name}" cannot name the records of "{table_name}": its values change by themselves, as those of NOW, TODAY, RAND and the '
            "names of people do. Make another field the primary one.",
            fieldId=primary.id,
        )


def _empty_volatile(writing: Writing, earlier: Table, table: Table) -> None:
    """Empties the columns of formulas whose values were stored and are evaluated at read from now on, and drops their indexes."""
    were = {field.id for field in earlier.fields if field.type.computed and not is_volatile(field)}
    turned = [field for field in table.fields if field.id in were and is_volatile(field)]
    if not turned:
        return
    clear_values(writing, table, turned)
    gone = {field.shown_column for field in turned}
    if not any(uses_column(index.spec, gone) for index in table.indexes):
        return

    def change(version: int) -> None:
        for field in turned:
            drop_indexes_of(writing, table, field)
        writing.catalog.touch_table(table, version)

    writing.change_schema(change)


def _fill_later(writing: Writing, fields: Sequence[Field], empty: Sequence[Field], earlier: Collection[int]) -> None:
    """Leaves the cells of computed fields to a job. What they held is gone at once: they say that they are being computed.

    `empty`: fields whose cells are emptied in the same way, without a row being written; they cannot be computed, and have nothing to wait for.
    `earlier`: numbers of the fields that have had their columns since before the change; newer columns say already that they are being computed.
    """

    def change(version: int) -> None:
        columns: dict[int, _Columns] = {}
        waiting: list[Field] = []
        for field in (*fields, *empty):
            table = field.around[field.table_num]
            own = columns.setdefault(table.num, _Columns(writing, table))
            computed = field not in empty
            renewed = own.renew(field, field.kind, computing=computed) if field.num in earlier or not computed else field
            if computed:
                waiting.append(renewed)
        if waiting:
            add_job(writing, waiting)
        for each in columns.values():
            each.save(version)

    writing.change_schema(change)


class _Columns:
    """New columns for fields of a table, in place of those they have, step by step inside a change of the schema.

    Where removing the old ones would take long (`building.spare_columns`) that is left to the job that fills the new ones, or to the end of the change.
    """

    def __init__(self, writing: Writing, table: Table) -> None:
        self._writing = writing
        self._table = table
        self._whole = table
        self._primary = table.primary_num
        self._indexes = list(table.indexes)

    def renew(self, old: Field, kind: Kind, computing: bool) -> Field:
        """Returns a field with empty columns, for results of a kind. `computing`: its cells say that they are being computed."""
        writing = self._writing
        options = old.options if kind is old.kind else shown_as(old.options, kind)
        new = msgspec.structs.replace(old, num=writing.catalog.take_nums(), options=options)
        both = msgspec.structs.replace(self._whole, fields=(*self._whole.fields, new))
        writing.session.script(ddl.add_columns(writing.dialect, both, new, computing))
        self._keep_pinned(old, new)
        drop_indexes_of(writing, msgspec.structs.replace(both, indexes=tuple(self._indexes)), old)
        self._indexes = [index for index in self._indexes if not uses_column(index.spec, {old.shown_column})]
        if writing.dialect.drops_at_once:
            writing.session.script(ddl.drop_columns(writing.dialect, both, old))
        self._whole = msgspec.structs.replace(both, fields=tuple(field for field in both.fields if field is not old))
        writing.catalog.save_field(new, old)
        self._primary = new.num if old.num == self._primary else self._primary
        return new

    def _keep_pinned(self, old: Field, new: Field) -> None:
        """Announces the indexes that somebody has asked for on columns that go, as such on those that come; they are built as any that is announced."""
        for index in list(self._indexes):
            if index.origin != PINNED or new.kind is not old.kind or not uses_column(index.spec, {old.shown_column}):
                continue
            parts = (
                msgspec.structs.replace(part, column=new.shown_column) if part.column == old.shown_column else part
                for part in index.spec.parts
            )
            spec = msgspec.structs.replace(index.spec, parts=tuple(parts))
            anew = msgspec.structs.replace(index, num=self._writing.catalog.take_nums(), spec=spec, ready=False)
            self._writing.catalog.insert_index(self._table, anew, self._writing.at, NOT_BEGUN)
            self._indexes.append(anew)

    def save(self, version: int) -> None:
        """Writes the table's properties, which have changed at this version."""
        self._writing.catalog.save_table(msgspec.structs.replace(self._table, primary_num=self._primary, version=version))


def _refused(field: Field, error: FormulaError, path: str) -> ValidationError:
    return ValidationError([Fault(f"{field.name}: {error.message}", f"{path}options.{error.option}", field.id)], position=error.position)
