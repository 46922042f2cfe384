"""Where link fields, lookups, rollups and counts are to lead, checked against the schema before anything is stored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from tablehouse.errors import ApiError, ConstraintViolation, Fault, ValidationError, nearest
from tablehouse.fields.count import CountOptions
from tablehouse.fields.linked_record import LinkedRecordOptions
from tablehouse.fields.lookup import LookupOptions
from tablehouse.fields.returned import shown_as
from tablehouse.fields.rollup import RollupOptions
from tablehouse.formula.rollups import BY_NAME as ROLLUPS
from tablehouse.kinds.kind import PERSON, RECORD, TEXT, fold
from tablehouse.kinds.zones import zone_named
from tablehouse.query.conditions import read_filter
from tablehouse.query.dates import Calendar
from tablehouse.query.definitions import Draft
from tablehouse.query.operands import Surroundings
from tablehouse.query.rollup_filters import keep_rollup_filter
from tablehouse.query.sorting import read_sorting
from tablehouse.query.wire import NAME_LONGEST, WEEKDAYS
from tablehouse.schema.model import Field, Snapshot, Table


def settle_draft(snapshot: Snapshot, table: Table, draft: Draft, before: Field | None = None, path: str = "") -> Draft:
    """Returns the draft of a field with its references found: names become ids. `before`: the field as it is, for a change.

    Drafts of other types are given back as they are. Raises ValidationError, and ConstraintViolation for a circle of lookups.
    """
    options = draft.options
    if isinstance(options, LinkedRecordOptions):
        return msgspec.structs.replace(draft, options=_settle_link(snapshot, table, options, before, f"{path}options."))
    if isinstance(options, LookupOptions):
        return msgspec.structs.replace(draft, options=_settle_lookup(table, draft, options, before, f"{path}options."))
    if isinstance(options, CountOptions | RollupOptions) and (before is None or options != before.options):
        # One whose fields are gone can still be renamed.
        return msgspec.structs.replace(draft, options=_settle_gathering(table, options, before, f"{path}options."))
    return draft


def linked_table(snapshot: Snapshot, options: LinkedRecordOptions) -> Table:
    """Returns the table that checked options lead to."""
    return snapshot.table_by_id[options.linked_table_id or ""]


def free_partner(snapshot: Snapshot, options: LinkedRecordOptions) -> Field | None:
    """Returns the field that checked options name as the other side."""
    return linked_table(snapshot, options).field_by_id.get(options.inverse_link_field_id or "")


def partner_name(table: Table, wanted: str) -> str:
    """Returns the name of a partner field to be made in a table: the one wanted, or with the first number that makes it unique."""
    name, number = wanted, 1
    while fold(name) in table.field_by_folded_name:
        number += 1
        suffix = f" {number}"
        name = wanted[: NAME_LONGEST - len(suffix)] + suffix
    return name


def _settle_link(snapshot: Snapshot, table: Table, options: LinkedRecordOptions, before: Field | None, path: str) -> LinkedRecordOptions:
    linked = snapshot.table_by_id.get(options.linked_table_id or "")
    if linked is None:
        names = ", ".join(f"{each.id} ({each.name})" for each in snapshot.tables[:20])
        said = "is missing" if options.linked_table_id is None else f'"{options.linked_table_id}" is no table of this database'
        raise _fault(f"linkedTableId {said}. The tables are {names}.", f"{path}linkedTableId")
    inverse = options.inverse_link_field_id
    if before is not None and before.link is not None and before.linked_table is linked:
        if inverse is not None and (before.partner is None or inverse != before.partner.id):
            raise _fault("inverseLinkFieldId of a link field cannot be changed; make another field instead.", f"{path}inverseLinkFieldId")
        inverse = None
    elif before is not None and before.partner is not None and inverse == before.partner.id:
        inverse = None  # sent back as it was read, while the linked table changes
    if inverse is not None:
        _check_free(table, linked, inverse, f"{path}inverseLinkFieldId")
    if options.view_id is not None and all(view.id != options.view_id for view in linked.views):
        raise _fault(f'There is no view {options.view_id} in the table "{linked.name}".', f"{path}viewId")
    _check_choice(snapshot, linked, options, path)
    return msgspec.structs.replace(options, inverse_link_field_id=inverse)


def _check_free(table: Table, linked: Table, inverse: str, path: str) -> None:
    """Raises ValidationError unless a link field of the linked table leads here and has no partner."""
    other = linked.field_by_id.get(inverse)
    if other is None:
        raise _fault(f'There is no field {inverse} in the table "{linked.name}".', path)
    if other.link is None or other.link.table_num != table.num:
        raise _fault(f'"{other.name}" of the table "{linked.name}" does not link to "{table.name}".', path)
    if other.partner is not None:
        raise _fault(f'"{other.name}" of the table "{linked.name}" has a partner already: "{other.partner.name}".', path)


def _check_choice(snapshot: Snapshot, linked: Table, options: LinkedRecordOptions, path: str) -> None:
    """Raises ValidationError when the filter or the sorting of the records to choose from is not one of the linked table."""
    try:
        read_sorting(options.sorting, linked, "sorting")
    except ApiError as error:
        raise _fault(error.message, f"{path}sorting") from None
    database = snapshot.database
    # The filter is checked, not run: any instant will do, and people are known only when it is.
    calendar = Calendar(zone_named(database.timezone), WEEKDAYS.index(database.week_start), 0)
    try:
        read_filter(options.filter, linked, Surroundings(calendar, lambda: ()))
    except ValidationError as error:
        people = {field.id for field in linked.fields if field.kind is PERSON}
        faults = [fault for fault in error.faults if fault.field_id not in people]
        if faults:
            raise _fault(faults[0].message, f"{path}filter") from None
    except ApiError as error:
        raise _fault(error.message, f"{path}filter") from None


def _settle_lookup(table: Table, draft: Draft, options: LookupOptions, before: Field | None, path: str) -> LookupOptions:
    if before is not None and options == before.options:
        return options  # a lookup whose fields are gone can still be renamed
    through, linked = _link_named(table, options.linked_record_field_id, path)
    of = _field_named(linked, options.lookup_field_id, "lookupFieldId", path)
    if before is not None:
        _refuse_circle(before, draft.name, of)
    return LookupOptions(linked_record_field_id=through.id, lookup_field_id=of.id)


def _settle_gathering(table: Table, options: CountOptions | RollupOptions, before: Field | None, path: str) -> CountOptions | RollupOptions:
    """Returns the options of a count or rollup with ids for names, and with the look of its results."""
    through, linked = _link_named(table, options.linked_record_field_id, path)
    if isinstance(options, CountOptions):
        return CountOptions(linked_record_field_id=through.id)
    of = _field_named(linked, options.rollup_field_id, "rollupFieldId", path)
    there = before.options if before is not None and isinstance(before.options, RollupOptions) else None
    same = there is not None and there.linked_record_field_id == through.id and there.filter == options.filter
    kept = options.filter if same else keep_rollup_filter(options.filter, linked, f"{path}filter")
    found = msgspec.structs.replace(options, linked_record_field_id=through.id, rollup_field_id=of.id, filter=kept)
    return shown_as(found, ROLLUPS[str(options.function)].result(TEXT if of.kind is RECORD else of.kind))


def _link_named(table: Table, name: str | None, path: str) -> tuple[Field, Table]:
    """Returns a table's link field and where it leads. Raises ValidationError."""
    through = table.find_field(name or "")
    linked = None if through is None else through.linked_table
    if through is None or linked is None:
        links = [field.name for field in table.fields if field.link is not None]
        there = f"It has {', '.join(links)}." if links else "It has none: make one first."
        said = _said("linkedRecordFieldId", name, f'link field of the table "{table.name}"')
        raise _fault(f"{said}. {there}", f"{path}linkedRecordFieldId")
    return through, linked


def _field_named(linked: Table, name: str | None, key: str, path: str) -> Field:
    """Returns a field of a linked table. Raises ValidationError."""
    of = linked.find_field(name or "")
    if of is None:
        hint = nearest(name or "", [field.name for field in linked.fields])
        said = _said(key, name, f'field of the table "{linked.name}"')
        raise _fault(f"{said}.{hint}", f"{path}{key}")
    return of


def _said(key: str, name: str | None, what: str) -> str:
    return f"{key} is missing: the id or name of a {what}" if name is None else f'{key} names no {what}: "{name}"'


def _refuse_circle(field: Field, name: str, of: Field) -> None:
    steps = [name]
    for step in _chain(of):
        steps.append(step.name)
        if step is field:
            shown = " → ".join(f'"{each}"' for each in steps)
            raise ConstraintViolation(f"Lookups would go round in a circle: {shown}.", fieldId=field.id, path="options.lookupFieldId")


def _chain(field: Field) -> Iterator[Field]:
    """Gives the fields that a lookup leads to, one after the other, itself first."""
    following: Field | None = field
    seen: list[Field] = []
    while following is not None and following not in seen:
        yield following
        seen.append(following)
        options: Any = following.options
        own = following.around.get(following.table_num)
        if not isinstance(options, LookupOptions) or own is None:
            return
        through = own.field_by_id.get(options.linked_record_field_id or "")
        table = None if through is None else through.linked_table
        following = None if table is None else table.field_by_id.get(options.lookup_field_id or "")


def _fault(message: str, path: str) -> ValidationError:
    return ValidationError([Fault(message, path)])
