"""What conditions mean depends on where and when they are read, and on who is known there."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from tablehouse.kinds.zones import zone_named
from tablehouse.query.dates import Calendar
from tablehouse.query.operands import KnownPerson, Surroundings
from tablehouse.query.wire import WEEKDAYS
from tablehouse.service.access import App, Caller
from tablehouse.sql import catalog as catalog_sql
from tablehouse.storage.transaction import Reading


def surroundings(app: App, caller: Caller, reading: Reading, workspace: str) -> Surroundings:
    """Returns where and when a search in this database is made; `workspace` is the database's."""
    database = reading.snapshot.database
    calendar = Calendar(zone_named(database.timezone), WEEKDAYS.index(database.week_start), app.store.clock())
    return Surroundings(calendar, lambda: _people(caller, reading, workspace))


def _people(caller: Caller, reading: Reading, workspace: str) -> Sequence[KnownPerson]:
    """Returns whom a condition may name: those in this database's records, as they were called then, and the workspace's members as they are."""
    known: list[KnownPerson] = []
    for num, shown in reading.rows(reading.dialect.fixed(catalog_sql.READ_PEOPLE)):
        person = msgspec.json.decode(shown)
        known.append(KnownPerson(num, person["id"], person["name"], person["email"]))
    nums = {person.id: person.num for person in known}
    members = (caller.control.users[user] for user in caller.control.roles.get(workspace, {}))
    return [*known, *(KnownPerson(nums.get(user.id), user.id, user.name, user.email) for user in members)]
