"""Link fields in the catalog: made with their partner and their relation, removed with both, turned to another table."""

from __future__ import annotations

import msgspec

from tablehouse.fields.linked_record import LinkedRecordOptions
from tablehouse.ids import new_field_id
from tablehouse.kinds.kind import fold
from tablehouse.query.definitions import Draft, field_from
from tablehouse.query.link_definitions import free_partner, linked_table, partner_name
from tablehouse.schema.model import Field, Table
from tablehouse.schema.relations import End, Link, Relation
from tablehouse.service.limits import check_limit
from tablehouse.sql import links as sql
from tablehouse.storage.transaction import Writing

_LINKED_RECORD = "LINKED_RECORD"


def join_relation(writing: Writing, table: Table, field: Field, most_fields: int, version: int) -> Field:
    """Returns a link field that is in the catalog already, with its relation: a new one whose partner is made, or the one of the partner that
    its options name. Raises BadRequest when the linked table has no room for a partner.

    To be called inside a change of the schema.
    """
    options = field.options
    assert isinstance(options, LinkedRecordOptions)
    linked = linked_table(writing.snapshot, options)
    partner = free_partner(writing.snapshot, options)
    writing.catalog.touch_table(linked, version)
    if partner is not None and partner.link is not None:
        relation = _relation(writing, partner.link)
        filled = End(table.num, field.num)
        ends = {"target": filled} if partner.link.at_source else {"source": filled}
        writing.catalog.save_relation(msgspec.structs.replace(relation, **ends))
        link = Link(relation.num, not partner.link.at_source, linked.num, partner.num)
    else:
        made = _make_partner(writing, table, linked, field, most_fields)
        num = writing.catalog.take_nums()
        writing.catalog.insert_relation(Relation(num, End(table.num, field.num), End(linked.num, made.num)))
        writing.session.script(sql.create_link_table(writing.dialect, num))
        link = Link(num, True, linked.num, made.num)
    return msgspec.structs.replace(field, link=link, around={**table.around, linked.num: linked}, table_num=table.num)


def leave_relation(writing: Writing, field: Field, version: int) -> None:
    """Takes a link field out of its relation; a partner stays with its links, without a partner. To be called inside a change of the schema."""
    assert field.link is not None
    relation = _relation(writing, field.link)
    if field.partner is None:
        drop_relation(writing, relation)
        return
    source, target = relation.source, relation.target
    if field.link.at_source:
        source = End(source.table_num, None)
    else:
        target = End(target.table_num, None)
    writing.catalog.save_relation(Relation(relation.num, source, target))
    _touch(writing, relation, version)


def delete_pair(writing: Writing, field: Field, version: int) -> None:
    """Removes a link field, its partner and their links. To be called inside a change of the schema."""
    assert field.link is not None
    relation = _relation(writing, field.link)
    for each in (field, field.partner):
        if each is not None:
            writing.catalog.delete_field(each)
    drop_relation(writing, relation)
    _touch(writing, relation, version)


def drop_relation(writing: Writing, relation: Relation) -> None:
    """Removes a relation with its links."""
    writing.catalog.delete_relation(relation.num)
    writing.session.script(sql.drop_link_table(writing.dialect, relation.num))


def remove_links_to(writing: Writing, table: Table, version: int) -> None:
    """Removes the relations that end at a table, with the fields of other tables that show them. To be called inside a change of the schema."""
    for relation in writing.snapshot.relations:
        ends = (relation.source, relation.target)
        if all(end.table_num != table.num for end in ends):
            continue
        drop_relation(writing, relation)
        for end in ends:
            other = writing.snapshot.table_by_num[end.table_num]
            if other is not table and end.field_num is not None:
                writing.catalog.delete_field(other.field_by_num[end.field_num])
            writing.catalog.touch_table(other, version)


def _touch(writing: Writing, relation: Relation, version: int) -> None:
    for num in {relation.source.table_num, relation.target.table_num}:
        writing.catalog.touch_table(writing.snapshot.table_by_num[num], version)


def _relation(writing: Writing, link: Link) -> Relation:
    return next(relation for relation in writing.snapshot.relations if relation.num == link.relation)


def _make_partner(writing: Writing, table: Table, linked: Table, field: Field, most_fields: int) -> Field:
    """Returns the field of the linked table that shows the links from there, named after the table they come from."""
    # Of a table that links to itself, the field itself is there already.
    known = linked if linked is not table else msgspec.structs.replace(linked, fields=(*linked.fields, field))
    check_limit("fields per table", len(known.fields) + 1, most_fields, "options.linkedTableId")
    draft = Draft(
        name=partner_name(known, table.name),
        description=None,
        type_name=_LINKED_RECORD,
        options=LinkedRecordOptions(linked_table_id=table.id),
        many=True,
        required=False,
        unique=False,
        default=None,
    )
    position = max(each.position for each in known.fields) + 1
    field_id = new_field_id({fold(each.id) for each in known.fields})
    zone = writing.snapshot.database.timezone
    made = field_from(draft, writing.catalog.take_nums(), field_id, position, writing.at, zone, draft.options)
    writing.catalog.insert_field(linked, made)
    return made
