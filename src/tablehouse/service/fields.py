"""Fields: made, read, changed (with what that does to their cells), deleted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final, TypeVar

import msgspec
from msgspec import UNSET, Meta

from tablehouse.errors import BadRequest, ConstraintViolation, ValidationError, counted
from tablehouse.fields.base import describe
from tablehouse.fields.button import ButtonOptions
from tablehouse.fields.formula import FormulaOptions
from tablehouse.fields.linked_record import LinkedRecordOptions
from tablehouse.fields.returned import shown_as
from tablehouse.fields.rollup import RollupOptions
from tablehouse.fields.select import SelectOptions
from tablehouse.fields.system import AutonumberOptions
from tablehouse.formula.faults import FormulaError
from tablehouse.formula.printer import with_ids
from tablehouse.kinds.kind import DATE, DATETIME, NUMBER, TEXT, fold
from tablehouse.kinds.zones import zone_named
from tablehouse.query.computed import computation_of_volatile
from tablehouse.query.definitions import Draft, draft_change, draft_field, field_from, numbered, unnumbered
from tablehouse.query.kept import with_labels_of
from tablehouse.query.link_definitions import settle_draft
from tablehouse.query.members import Members
from tablehouse.query.requests import CreateField, PutField
from tablehouse.schema.formulas import formulas_of, is_volatile, read_late
from tablehouse.schema.model import Field, Snapshot, Table
from tablehouse.service.access import App, Caller, members_of, workspace_of
from tablehouse.service.answers import FieldAnswer, field_answer
from tablehouse.service.computing import clear_values, keep_values
from tablehouse.service.conversion import Conversion, Example, Outcome, first_of_each, with_made_choices
from tablehouse.service.field_making import drop_columns, make_columns, make_field, make_unique, with_offset
from tablehouse.service.file_conversion import with_files_of_cells
from tablehouse.service.file_writes import FileWriter
from tablehouse.service.formula_fields import checked_formula, same_texts, settle
from tablehouse.service.jobs import check_filled
from tablehouse.service.limits import check_limit
from tablehouse.service.link_fields import delete_pair, join_relation, leave_relation
from tablehouse.service.link_writes import count_several_links, keep_first_links
from tablehouse.service.payload import Payload
from tablehouse.service.tables import check_primary
from tablehouse.service.things import find_field, find_table
from tablehouse.sql import ddl
from tablehouse.storage.transaction import Reading, Writing

T = TypeVar("T")

_MATCHED: Final = (TEXT, NUMBER, DATE, DATETIME)
"""Kinds of cells by whose text a record can be found."""


class ChangeMetadata(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """What a change of a field did to cells; only what the change was about is there."""

    converted: Annotated[int | None, Meta(description="Cells kept in the new type.", examples=[3])] = None
    cleared: Annotated[int | None, Meta(description="Cells that became empty.", examples=[0])] = None
    empty: Annotated[int | None, Meta(description="Cells that a field made required leaves empty.", examples=[])] = None
    several: Annotated[
        int | None,
        Meta(
            description="Cells that hold several values where the field is to hold one; without `force=true` the change is 409. Of a dry run only.",
            examples=[],
        ),
    ] = None
    examples: Annotated[
        list[Example] | None,
        Meta(description="Up to ten cells, before and after: of a dry run, and of cells whose files could not be fetched.", examples=[]),
    ] = None


class FieldChange(msgspec.Struct, frozen=True):
    """The answer to a change: the field, and what happened to its cells, None when nothing did."""

    field: FieldAnswer
    metadata: ChangeMetadata | None


class _DryRun(Exception):
    """Carries the answer out of a transaction that is to leave nothing behind."""

    def __init__(self, change: FieldChange) -> None:
        super().__init__()
        self.change = change


def list_fields(app: App, caller: Caller, database_id: str, table_id: str) -> list[FieldAnswer]:
    """Returns a table's fields in field order. Raises NotFound."""

    def work(reading: Reading) -> list[FieldAnswer]:
        table = find_table(reading.snapshot, table_id)
        following, _ = reading.catalog.counter(table)
        return [field_answer(table, field, following) for field in table.fields]

    return _read(app, caller, database_id, work)


def get_field(app: App, caller: Caller, database_id: str, table_id: str, field_id: str) -> FieldAnswer:
    """Returns a field. Raises NotFound."""

    def work(reading: Reading) -> FieldAnswer:
        table = find_table(reading.snapshot, table_id)
        return field_answer(table, find_field(table, field_id), reading.catalog.counter(table)[0])

    return _read(app, caller, database_id, work)


def create_field(app: App, caller: Caller, database_id: str, table_id: str, payload: Payload) -> FieldAnswer:
    """Returns a new field; a link field comes with its partner in the other table. Raises as `create_table`."""
    members = members_of(caller, workspace_of(caller, database_id))

    def prepare(snapshot: Snapshot) -> tuple[Table, Draft]:
        table = find_table(snapshot, table_id)
        draft = settle_draft(snapshot, table, draft_field(payload.decode(CreateField), zone_named(snapshot.database.timezone)))
        members.settle_default(draft, "defaultValue")
        _check_name(table, draft.name)
        check_limit("fields per table", len(table.fields) + 1, app.settings.max_fields)
        check_limit("choices per select", unnumbered(draft.options), app.settings.max_choices, "options.choices")
        return table, draft

    def apply(writing: Writing, plan: tuple[Table, Draft]) -> FieldAnswer:
        table, draft = plan
        position = max(field.position for field in table.fields) + 1
        field_id = make_field(writing, table, draft, position, app.settings.max_fields)
        return _answer(writing, table_id, field_id)

    with app.store.database(database_id) as database:
        return database.write(prepare, apply)


def update_field(
    app: App,
    caller: Caller,
    database_id: str,
    table_id: str,
    field_id: str,
    payload: Payload,
    *,
    dry_run: bool = False,
    force: bool = False,
    match_on: str | None = None,
) -> FieldChange:
    """Returns a changed field and what became of its cells; with `dry_run` nothing is changed.

    `match_on`: where cells become links, the field of the linked table whose texts they are matched with, by id or name; the primary one
    when left out. Raises as `create_table`.
    """
    members = members_of(caller, workspace_of(caller, database_id))

    def prepare(snapshot: Snapshot) -> tuple[Table, Field, Draft]:
        table = find_table(snapshot, table_id)
        field = find_field(table, field_id)
        body = payload.decode(PutField)
        draft = draft_change(field, body, zone_named(snapshot.database.timezone))
        draft = members.settle_default(draft, "defaultValue", field, body.default_value is not UNSET)
        draft = settle_draft(snapshot, table, draft, field)
        _check_name(table, draft.name, except_for=field)
        if field is table.primary:
            check_primary(draft.name, draft.type_name, draft.type.primary and not draft.many, "type")
        if isinstance(draft.options, SelectOptions):
            check_limit("choices per select", len(draft.options.choices), app.settings.max_choices, "options.choices")
        return table, field, draft

    def apply(writing: Writing, plan: tuple[Table, Field, Draft]) -> FieldChange:
        metadata = _Change(app, writing, *plan, members, force=force, match_on=match_on).run(dry_run)
        change = FieldChange(_answer(writing, table_id, field_id), metadata)
        if dry_run:
            raise _DryRun(change)
        return change

    with app.store.database(database_id) as database:
        try:
            return with_files_of_cells(
                app, database, database_id, members.arrivals, lambda: database.write(prepare, apply), keep=not dry_run
            )
        except _DryRun as answer:
            return answer.change
        except ValidationError as error:
            raise error.of_field(field_id) from None


def delete_field(app: App, caller: Caller, database_id: str, table_id: str, field_id: str) -> None:
    """Removes a field with its cells. Raises NotFound, and BadRequest for the primary field."""
    workspace_of(caller, database_id)

    def prepare(snapshot: Snapshot) -> tuple[Table, Field]:
        table = find_table(snapshot, table_id)
        field = find_field(table, field_id)
        if field is table.primary:
            raise BadRequest(f'"{field.name}" is the primary field and cannot be deleted; make another field the primary one first.')
        return table, field

    def apply(writing: Writing, plan: tuple[Table, Field]) -> None:
        table, field = plan

        def change(version: int) -> None:
            if field.link is not None:
                delete_pair(writing, field, version)
                return
            writing.catalog.delete_field(field)
            writing.catalog.touch_table(table, version)
            FileWriter(app, writing).let_go_field(table, field)
            drop_columns(writing, table, field)

        before = writing.snapshot
        writing.change_schema(change)
        settle(writing, before)

    with app.store.database(database_id) as database:
        database.write(prepare, apply)


class _Change:
    """One change of a field, step by step inside its transaction."""

    def __init__(
        self, app: App, writing: Writing, table: Table, field: Field, draft: Draft, members: Members, *, force: bool, match_on: str | None
    ) -> None:
        self._app = app
        self._writing = writing
        self._table = table
        self._old = field
        self._draft = draft
        self._members = members
        self._force = force
        self._most_fields = app.settings.max_fields
        self._match_on = match_on
        self._moves = _moves_cells(field, draft)
        kept = {choice.num for choice in draft.options.choices} if isinstance(draft.options, SelectOptions) else set()
        before = {choice.num for choice in field.options.choices} if isinstance(field.options, SelectOptions) else set()
        self._loses_choices = not self._moves and bool(before - kept)

    def run(self, dry_run: bool) -> ChangeMetadata | None:
        """Returns what happened to cells, None when nothing did. The schema is changed."""
        several, outcome = 0, Outcome()
        if self._old.many and not self._draft.many and self._draft.type_name == self._old.type_name:
            several, outcome = self._keep_first(dry_run)
        new = self._new_field()

        def change(version: int) -> None:
            nonlocal new, outcome
            if self._moves:
                new, outcome = self._move(new, version)
            elif self._loses_choices:
                outcome = Conversion(self._app, self._writing, self._table, self._old, new, self._members).run()
            for view in self._table.views:
                if (fresh := with_labels_of(view, self._old)) != view:
                    self._writing.catalog.save_view(fresh)
            self._writing.catalog.save_field(new, self._old)
            self._writing.catalog.touch_table(self._table, version)
            if new.num != self._old.num and self._old is self._table.primary:
                moved = msgspec.structs.replace(self._table, primary_num=new.num, version=version)
                self._writing.catalog.save_table(moved)
            self._set_unique(new)

        before = self._writing.snapshot
        self._writing.change_schema(change)
        options = self._draft.options
        settle(self._writing, before, {new.id: str(options.formula)} if isinstance(options, FormulaOptions) else {})
        return self._metadata(new, outcome, several, dry_run)

    def _new_field(self) -> Field:
        draft = self._draft
        fresh = unnumbered(draft.options) + int(self._moves)
        first = self._writing.catalog.take_nums(fresh) if fresh else 0
        num = first if self._moves else self._old.num
        options = numbered(draft.options, first + int(self._moves))
        made = field_from(draft, num, self._old.id, self._old.position, self._writing.at, self._writing.snapshot.database.timezone, options)
        field = msgspec.structs.replace(made, created_at=self._old.created_at, offset=self._old.offset)
        if self._moves:
            return self._with_formula(with_offset(self._writing, self._table, field))
        return self._with_formula(self._with_counter(field))

    def _with_formula(self, field: Field) -> Field:
        """A formula's new text is checked; the columns follow when it is known what they hold (`settle`)."""
        if isinstance(field.options, ButtonOptions):
            return self._with_button(field, field.options)
        if isinstance(field.options, RollupOptions) and not self._moves and field.kind is not self._old.kind:
            return msgspec.structs.replace(
                field, options=msgspec.structs.replace(field.options, returned_field=self._old.options.returned_field)
            )
        if not isinstance(field.options, FormulaOptions):
            return field
        fields = tuple(field if other is self._old else other for other in self._table.fields)
        if not self._moves and self._is_text_there(field.options.formula):
            options = msgspec.structs.replace(field.options, formula=self._old.options.formula)
            checked = msgspec.structs.replace(field, options=shown_as(options, self._old.kind))
        else:
            checked = checked_formula(fields, field)
        if self._moves or checked.kind is self._old.kind:
            return checked
        options = msgspec.structs.replace(checked.options, returned_field=self._old.options.returned_field)
        return msgspec.structs.replace(checked, options=options)

    def _with_button(self, field: Field, options: ButtonOptions) -> Field:
        before = self._old.options
        if isinstance(before, ButtonOptions) and same_texts(self._table, options, before):
            # Also of one that is not valid any more everything else can be changed.
            kept = msgspec.structs.replace(options, condition_formula=before.condition_formula, url_formula=before.url_formula)
            return msgspec.structs.replace(field, options=kept)
        return checked_formula(tuple(field if other is self._old else other for other in self._table.fields), field)

    def _is_text_there(self, text: str | None) -> bool:
        """Whether a formula's text is the one that is there, be it with other blanks or names; one that cannot be read is another."""
        try:
            written: str = with_ids(str(text), formulas_of(self._table).known)
        except FormulaError:
            return False
        return bool(written == self._old.options.formula)

    def _with_counter(self, field: Field) -> Field:
        """An AUTONUMBER field's counter can be moved forward; an older value, as a client may send back, changes nothing."""
        if not isinstance(field.options, AutonumberOptions):
            return field
        following, _ = self._writing.catalog.counter(self._table)
        ahead = field.options.counter - (following - 1 + field.offset)
        return msgspec.structs.replace(field, offset=field.offset + max(ahead, 0))

    def _move(self, new: Field, version: int) -> tuple[Field, Outcome]:
        writing, table = self._writing, self._table
        check_filled(writing, [self._old])
        match = None
        if new.type.joined and not new.type.readonly:
            new = join_relation(writing, table, new, self._most_fields, version)
            match = self._match(new)
        both = msgspec.structs.replace(table, fields=(*table.fields, new))
        make_columns(writing, both, new, unique=False)
        evaluated = read_late(self._old)
        if evaluated is not None:
            keep_values(writing, evaluated)  # those of this moment
        if new.type.readonly:
            filled = writing.rows(writing.dialect.compile(ddl.count_filled(table, self._old)))[0][0]
            outcome = Outcome(cleared=filled)
        else:
            outcome = Conversion(self._app, writing, both, self._old, new, self._members, match).run()
            new = with_made_choices(new, outcome.choices)
        if evaluated is not None and evaluated is not self._old:
            home = evaluated.around[evaluated.table_num]
            clear_values(writing, home, computation_of_volatile(home, [evaluated.num]).fields)
        if self._old.link is not None:
            leave_relation(writing, self._old, version)
        FileWriter(self._app, writing).let_go_field(table, self._old)
        drop_columns(writing, both, self._old)
        return new, outcome

    def _match(self, new: Field) -> Field | None:
        """Returns the field of the linked table that texts are matched with, None for the primary one. Raises ValidationError."""
        if self._match_on is None or new.linked_table is None:
            return None
        found = new.linked_table.find_field(self._match_on)
        if found is None or found.is_list or found.kind not in _MATCHED or is_volatile(found):
            raise BadRequest(
                f'matchOn: the table "{new.linked_table.name}" has no field {describe(self._match_on)} with a text, number or date in each cell.',
                path="matchOn",
            )
        return found

    def _set_unique(self, new: Field) -> None:
        had = self._old.unique and not self._moves
        if had and not new.unique:
            self._writing.session.script([ddl.drop_unique(self._writing.dialect, self._old)])
        if new.unique and not had:
            table = msgspec.structs.replace(self._table, fields=tuple(new if field is self._old else field for field in self._table.fields))
            make_unique(self._writing, table, new)

    def _keep_first(self, dry_run: bool) -> tuple[int, Outcome]:
        """Returns how many cells hold several values, and what keeping the first of each does to links.

        Raises ConstraintViolation when some do and neither force nor a dry run.
        """
        writing, old = self._writing, self._old
        if old.link is not None:
            several = count_several_links(writing, old)
        else:
            several = writing.rows(writing.dialect.compile(ddl.count_several(self._table, old)))[0][0]
        if several and not self._force and not dry_run:
            raise ConstraintViolation(
                f'"{old.name}" holds several values in {counted(several, "record")}. Add ?force=true to keep the first of each.',
                fieldId=old.id,
                count=several,
            )
        if old.link is None or not several:
            return several, Outcome()
        outcome = first_of_each(writing, self._table, old) if dry_run else Outcome()
        keep_first_links(writing, self._table, old)
        return several, outcome

    def _metadata(self, new: Field, outcome: Outcome, several: int, dry_run: bool) -> ChangeMetadata | None:
        empty = None
        if new.required and not self._old.required:
            table = find_table(self._writing.snapshot, self._table.id)
            counted = ddl.count_empty(table, table.field_by_id[new.id])
            empty = self._writing.rows(self._writing.dialect.compile(counted))[0][0]
        if not (self._moves or self._loses_choices or dry_run):
            return None if empty is None else ChangeMetadata(empty=empty)
        # Why a file could not be had nobody can find out afterwards: it is said of the change itself as well.
        examples = outcome.examples if dry_run else [example for example in outcome.examples if example.reason is not None] or None
        return ChangeMetadata(
            converted=outcome.converted,
            cleared=outcome.cleared,
            empty=empty,
            several=several if dry_run and several else None,
            examples=examples,
        )


def _moves_cells(field: Field, draft: Draft) -> bool:
    """Returns whether a change puts the cells elsewhere: into a column of another kind, or into another relation."""
    if draft.type_name != field.type_name:
        return True
    if isinstance(draft.options, LinkedRecordOptions):
        return bool(draft.options.linked_table_id != field.options.linked_table_id)
    if field.type.computed:
        return False  # what the columns hold follows from the formula
    return not field.joined and (draft.many != field.many or draft.type.kind_of(draft.options) is not field.kind)


def _check_name(table: Table, name: str, except_for: Field | None = None) -> None:
    taken = table.field_by_folded_name.get(fold(name))
    if taken is not None and taken is not except_for:
        raise ConstraintViolation(f'There is already a field called "{taken.name}" in the table "{table.name}".', fieldId=taken.id)


def _answer(writing: Writing, table_id: str, field_id: str) -> FieldAnswer:
    table = find_table(writing.snapshot, table_id)
    return field_answer(table, table.field_by_id[field_id], writing.catalog.counter(table)[0])


def _read(app: App, caller: Caller, database_id: str, work: Callable[[Reading], T]) -> T:
    workspace_of(caller, database_id)
    with app.store.database(database_id) as database:
        return database.read(work)
