"""LINKED_RECORD: records of another table, or of its own. Links live in tables of their own; both sides of a pair are one relation.

Here is how a written cell is read: into ids of records, as they were written. Which of them are there is for the transaction to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

from msgspec import Meta

from tablehouse.fields.base import FieldType, Options, Read, Reject, Spec, describe
from tablehouse.kinds import kind

LABELS_JOINED_BY: Final = ", "


class LinkedRecordOptions(Options, frozen=True, kw_only=True):
    """Where the links lead. `inverse_link_field_id` is shown from the relation, not from here."""

    linked_table_id: Annotated[
        str | None,
        Meta(description="Table whose records are linked: one of this database, also its own. Needed.", examples=["HamBuoPnm0UMGw"]),
    ] = None
    inverse_link_field_id: Annotated[
        str | None,
        Meta(
            description="The other side: a field of the linked table that shows the same links. It is made with the field, unless this names a link field there that has no partner yet."
        ),
    ] = None
    view_id: Annotated[str | None, Meta(description="View of the linked table from which people choose. Display only.")] = None
    sorting: Annotated[list[dict[str, Any]] | None, Meta(description="Sort keys in which people choose, as of a search. Display only.")] = (
        None
    )
    filter: Annotated[dict[str, Any] | None, Meta(description="Condition on the records that people choose from. Display only.")] = None
    enforce_order: Annotated[bool, Meta(description="Whether linked records are shown in the order of `sorting`. Display only.")] = False


class LinkedRecord(FieldType[LinkedRecordOptions]):
    name = "LINKED_RECORD"
    summary = "Links to records of another table, which has a field that shows them from the other side."
    reads = "array of {id, label}, in the order written; label is the text of the other record's primary field"
    writes = "array of record ids or {id}, or one of these; text: ids joined by commas. Replaces all links"
    kind = kind.RECORD
    Options = LinkedRecordOptions
    several = True
    several_by_default = True
    joined = True
    along_links = True

    def read(self, value: object, spec: Spec[LinkedRecordOptions]) -> Read:
        items: list[object]
        if isinstance(value, list):
            items = value
        elif isinstance(value, str):
            items = [part.strip() for part in value.split(",") if part.strip()]
        else:
            items = [value]
        ids = tuple(dict.fromkeys(_record_id(item) for item in items))
        if len(ids) > 1 and not spec.many:
            raise Reject(f"The field holds one link, but {len(ids)} were given.")
        return ids or None

    def text(self, stored: Any, spec: Spec[LinkedRecordOptions]) -> str:
        return LABELS_JOINED_BY.join(stored)


def _record_id(item: object) -> str:
    named = item.get("id") if isinstance(item, Mapping) else item
    if not isinstance(named, str) or not named.strip():
        raise Reject(f'A link is written as the id of a record, or {{"id": …}}, not {describe(item)}.')
    return named.strip()
