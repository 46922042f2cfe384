"""Copying stores: what arrives is what was there, at one moment, whole or not at all, and never over what the target has."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tablehouse.errors import ServiceUnavailable
from tablehouse.query.requests import CreateMember, CreateToken, CreateWorkspace
from tablehouse.service import members, tokens, workspaces
from tablehouse.sql import control as control_sql
from tablehouse.sql.catalog import INSERT_ANSWER
from tablehouse.sql.catalog_tables import CATALOG
from tablehouse.sql.control import DELETE_DATABASE
from tablehouse.sql.control_tables import CONTROL
from tablehouse.sql.copying import stored_tables
from tablehouse.storage.control import ControlSnapshot, ControlWriting
from tablehouse.storage.postgres.schemas import our_schemas
from tablehouse.storage.postgres.store import PostgresStore
from tablehouse.storage.sqlite.session import connect
from tablehouse.storage.sqlite.store import SqliteStore
from tablehouse.storage.store import InUse, Store
from tablehouse.transfer.copy.contents import read_table, write_table
from tablehouse.transfer.copy.people import COPIED, NOT_AS_ROWS
from tablehouse.transfer.copy.stores import Copied, CopiedDatabase, CopyError, Progress, copy_stores
from tests import storages
from tests.local import Local, LocalTable

FIELDS: list[dict[str, Any]] = [
    {"name": "Name", "type": "SINGLE_LINE_TEXT", "required": True, "unique": True},
    {"name": "Notes", "type": "LONG_TEXT"},
    {"name": "Amount", "type": "NUMBER"},
    {"name": "Done", "type": "CHECKBOX"},
    {"name": "Day", "type": "DATE"},
    {"name": "At", "type": "DATETIME"},
    {"name": "Status", "type": "SELECT", "options": {"choices": [{"label": "Open", "color": "red"}, {"label": "Straße"}]}},
    {"name": "Tags", "type": "SELECT", "options": {"choices": [{"label": "a"}, {"label": "b"}]}, "allowMultipleEntries": True},
    {"name": "Span", "type": "DATE_RANGE"},
    {"name": "By", "type": "CREATED_BY"},
    {"name": "Number", "type": "AUTONUMBER"},
]


class Kinds:
    """Opens stores of either kind, whatever the run's own is; a directory stands for the same data each time."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._opened: list[Store | Local] = []

    def local(self, kind: str, name: str, **keys: Any) -> Local:
        with chosen(kind):
            return self._keep(Local(self.root / name, **keys))

    def store(self, kind: str, name: str) -> Store:
        with chosen(kind):
            return self._keep(storages.open_store(self.root / name))

    def close(self) -> None:
        for each in self._opened:
            each.close()
        storages.forget(self.root)

    def _keep(self, opened: Any) -> Any:
        self._opened.append(opened)
        return opened


@contextmanager
def chosen(kind: str) -> Iterator[None]:
    """What is opened inside is of this kind."""
    before = storages.chosen()
    storages.choose(kind)
    yield
    storages.choose(before)


class Pair:
    """A store with something in it, and an empty one."""

    def __init__(self, kinds: Kinds, here: str, there: str) -> None:
        self.kinds = kinds
        self.there = there
        self.source = kinds.local(here, "data")
        self.target = kinds.store(there, "target")

    def copy(self, *wanted: str, **progress: Callable[..., Any]) -> Copied:
        return copy_stores(self.source.store, self.target, wanted, Progress(**progress))

    def outcomes(self, *wanted: str) -> list[str]:
        return [each.outcome for each in self.copy(*wanted).databases]

    def opened(self, **keys: Any) -> Local:
        """The service on the target."""
        return self.kinds.local(self.there, "target", **keys)

    def left(self) -> list[str]:
        """What there is in the target beside the control tables."""
        if isinstance(self.target, SqliteStore):
            return sorted(path.name for path in self.target.layout.databases.iterdir() if "-" not in path.suffix)
        assert isinstance(self.target, PostgresStore)
        with self.target.beside("public") as session:
            return our_schemas(session.connection)


@pytest.fixture
def kinds(tmp_path: Path) -> Iterator[Kinds]:
    kinds = Kinds(tmp_path)
    yield kinds
    kinds.close()


UP_AND_DOWN = [("sqlite", "postgres"), ("postgres", "sqlite")]
EVERY_WAY = [*UP_AND_DOWN, ("sqlite", "sqlite"), ("postgres", "postgres")]


@pytest.fixture(params=UP_AND_DOWN, ids=" to ".join)
def pair(request: pytest.FixtureRequest, kinds: Kinds) -> Pair:
    """From one kind of storage to the other."""
    return Pair(kinds, *request.param)


every_way = pytest.mark.parametrize("pair", EVERY_WAY, ids=" to ".join, indirect=True)


@pytest.fixture
def files(kinds: Kinds) -> Pair:
    """From files to files, for what is only about files."""
    return Pair(kinds, "sqlite", "sqlite")


def fill(local: Local, rows: int = 40, database: str | None = None) -> LocalTable:
    """A table of every kind of value, with records changed and deleted, a field converted and one removed."""
    table = local.new_table(FIELDS, database=database)
    made = table.fill(
        [
            {
                "Name": f"Ünï {number} 🦊",
                "Notes": "x" * number + "\nÄ",
                "Amount": [None, 1, 2.5, 1e300, -0.1, 2**53 - 1, 1 / 3][number % 7],
                "Done": number % 2 == 0,
                "Day": "2025-02-28",
                "At": "1999-12-31T23:59:59.999Z",
                "Status": ["Open", "straße", None][number % 3],
                "Tags": [["a", "b"], ["b"], []][number % 3],
                "Span": {"from": "2025-01-01", "to": "2025-02-01"} if number % 2 else None,
            }
            for number in range(rows)
        ]
    )
    for record in made[1::5]:
        table.delete(record)
    if made:
        table.update(made[0], Amount=7)
    table.add_field(name="Gone", type="NUMBER")
    table.delete_field("Gone")
    table.change_field("Notes", type="SINGLE_LINE_TEXT", options={"maxLength": 5000})
    return table


def everything(store: Store, database_id: str) -> list[tuple[Any, ...]]:
    """What the API shows of a database's first table and all that is stored of it."""
    with store.database(database_id) as database:
        tables = database.snapshot().tables
        found: list[tuple[Any, ...]] = [(table.name, table.primary_num, table.default_view_id, table.created_at) for table in tables]
        for table in tables:
            found += [
                (field.num, field.id, field.name, field.type_name, field.options, field.required, field.unique, field.offset)
                for field in table.fields
            ]
            found += [(view.num, view.id, view.name, view.created_at) for view in table.views]
    return found


@every_way
def test_all_of_a_store_arrives(pair: Pair) -> None:
    source = pair.source
    table = fill(source)
    empty = source.new_database(name="Empty", timezone="Europe/Berlin", week_start="SUNDAY")
    told: list[CopiedDatabase] = []
    copied = pair.copy(done=told.append)
    assert [(each.outcome, each.tables, each.records) for each in copied.databases] == [("copied", 1, 32), ("copied", 0, 0)]
    assert told == list(copied.databases)
    for database_id in (table.database, empty):
        assert everything(pair.target, database_id) == everything(source.store, database_id)
    assert contents(pair.target.control.current()) == contents(source.store.control.current())

    there = table.seen_by(pair.opened())
    assert there.page(limit=200)[0] == table.page(limit=200)[0], "ids, times, people, choices and numbers are the same"
    assert there.page(offset=20, limit=5)[0] == table.page(offset=20, limit=5)[0], "holes are counted"
    assert there.search(filter={"condition": {"leftSide": "Status", "operator": "IS", "rightSide": "STRASSE"}})[1].total > 0
    assert there.create(Name="next")["fields"]["Number"] == table.create(Name="next")["fields"]["Number"]
    with pytest.raises(Exception, match="would repeat"):
        there.create(Name="ÜNÏ 5 🦊")
    there.add_field(name="More", type="NUMBER")
    there.local.new_table([{"name": "N", "type": "NUMBER"}], database=table.database).create(N=1)


def test_every_control_table_is_copied_or_left_out_for_a_reason(pair: Pair) -> None:
    assert {table.name for table in COPIED} | NOT_AS_ROWS.keys() == set(CONTROL.tables)
    source = pair.source
    fill(source)
    with_session(source)
    pair.copy()
    here, there = (store.control.read_tables(COPIED) for store in (source.store, pair.target))
    assert here == there, "passwords, sessions and invitations too"
    assert all(here), "of each there is one"


def with_session(local: Local) -> None:
    """Gives the store's owner a password, a session, and an invitation that waits."""
    (user,) = local.store.control.current().users
    (workspace,) = local.store.control.current().workspaces
    time = "2025-01-01T00:00:00.000Z"

    def work(writing: ControlWriting) -> None:
        writing.run(control_sql.SET_PASSWORD, which=user, password="$argon2id$made-up")
        writing.run(control_sql.INSERT_SESSION, id="s", user_id=user, hash="s", created_at=time, expires_at=time)
        writing.run(
            control_sql.INSERT_INVITATION,
            id="i",
            workspace_id=workspace,
            email="ann@example.com",
            role="editor",
            invited_by="somebody who is gone",
            hash="i",
            created_at=time,
            expires_at=time,
        )

    local.store.control.change(work)


def contents(control: ControlSnapshot) -> Any:
    """The control tables without how often they have changed."""
    return (
        control.secret,
        control.workspaces,
        control.users,
        control.roles,
        {key: (each.hash, each.level, each.user_id, each.expires_at) for key, each in control.tokens.items()},
        control.reach,
        list(control.databases.items()),
    )


def test_the_same_command_again_finds_what_is_there(pair: Pair) -> None:
    table = fill(pair.source)
    other = pair.source.new_database()
    assert pair.outcomes(other) == ["copied"]
    assert pair.outcomes() == ["copied", "same"]
    assert pair.outcomes() == ["same", "same"]
    table.create(Name="later")
    assert pair.outcomes() == ["different", "same"]
    pair.source.new_table([{"name": "N", "type": "NUMBER"}], database=other)
    assert pair.outcomes() == ["different", "different"]
    before = everything(pair.target, table.database)
    pair.copy()
    assert everything(pair.target, table.database) == before, "never written over"


def test_what_is_written_meanwhile_is_all_there_or_not_at_all(pair: Pair) -> None:
    """Writers add pairs of records whose amounts cancel out, each pair in one transaction."""
    source = pair.source
    table = source.new_table([{"name": "Amount", "type": "NUMBER"}])
    table.fill([{"Amount": 0}] * 3000)
    stop, going = threading.Event(), threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            table.fill([{"Amount": number}, {"Amount": -number}])
            if number == 3:
                going.set()

    writer = threading.Thread(target=write)
    writer.start()
    assert going.wait(30)
    try:
        (copied,) = pair.copy().databases
    finally:
        stop.set()
        writer.join()
    assert copied.outcome == "copied"
    there = table.seen_by(pair.opened())
    assert there.page()[1].total == copied.records
    amounts: list[float] = []
    while True:
        page = there.page(offset=len(amounts), limit=200)[0]
        if not page:
            break
        amounts += [record["fields"]["Amount"] for record in page]
    assert len(amounts) == copied.records > 3000
    assert sum(amounts) == 0


def test_every_table_of_the_catalog_is_copied(pair: Pair) -> None:
    """A table that somebody adds to the layout is either copied or named, with the reason why it need not be."""
    source = pair.source
    table = fill(source)
    with source.store.database(table.database) as database:
        answer = {"key": "k", "request": "r", "answer": b"\x00\xff\\\n", "at": "2025-01-01T00:00:00.000Z"}
        database.write(lambda _: None, lambda writing, _: writing.rows(writing.dialect.fixed(INSERT_ANSWER), answer))
    pair.copy()

    def rows(store: Store) -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = {}
        with store.database(table.database) as opened:
            session = opened.sessions.take()
            for each in [*CATALOG.sorted_tables]:
                kept: list[Any] = []
                read_table(session, opened.sessions.dialect, each, kept.extend, lambda _: None)
                found[each.name] = kept
            opened.sessions.give_back(session)
        return found

    here, there = rows(source.store), rows(pair.target)
    assert here == there
    filled = {"meta", "commits", "tables", "fields", "choices", "views", "people", "counters", "holes", "answers"}
    assert filled <= {name for name, kept in here.items() if kept}


def test_a_table_that_nobody_declared_is_not_lost_in_silence(pair: Pair) -> None:
    database = pair.source.new_database()
    with pair.source.store.database(database) as opened:
        session = opened.sessions.take()
        session.script([f"CREATE TABLE {opened.sessions.dialect.named('secrets')} (one INTEGER)"])
        opened.sessions.give_back(session)
    with pytest.raises(CopyError, match="secrets"):
        pair.copy()
    assert pair.target.control.current().databases == {}


def test_a_value_that_arrives_as_another_is_noticed(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    table = fill(pair.source)

    def write_badly(session: Any, dialect: Any, stored: Any) -> Any:
        write = write_table(session, dialect, stored)
        if stored.name.startswith("t") and stored.name != "tables":
            return lambda rows: write([(*row[:-1], None) for row in rows])
        return write

    monkeypatch.setattr("tablehouse.transfer.copy.stores.write_table", write_badly)
    with pytest.raises(CopyError, match="with other values"):
        pair.copy()
    assert pair.target.control.current().databases == {}
    assert pair.left() == []
    monkeypatch.undo()
    assert pair.outcomes() == ["copied"]
    assert everything(pair.target, table.database) == everything(pair.source.store, table.database)


def test_one_that_is_cut_off_before_it_is_listed_is_copied_again(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    table = fill(pair.source)

    monkeypatch.setattr("tablehouse.transfer.copy.stores.control_sql.INSERT_DATABASE", None)
    with pytest.raises(Exception):  # noqa: B017, PT011 - whatever ends it right before the list is written
        pair.copy()
    monkeypatch.undo()
    assert pair.target.control.current().databases == {}
    assert pair.left(), "the crash that this stands for"
    assert pair.outcomes() == ["copied"]
    assert everything(pair.target, table.database) == everything(pair.source.store, table.database)
    assert len(pair.left()) == 1


@every_way
def test_links_arrive_in_their_order_on_both_sides(pair: Pair) -> None:
    companies = fill(pair.source, rows=6)
    linked = {"name": "Companies", "type": "LINKED_RECORD", "options": {"linkedTableId": companies.id}}
    people = pair.source.new_table([{"name": "Name", "type": "SINGLE_LINE_TEXT"}, linked], database=companies.database)
    ids = [record["id"] for record in companies.page()[0]]
    for number in range(4):
        people.create(Name=f"p{number}", Companies=ids[number::-1])
    assert pair.outcomes() == ["copied"]
    there = pair.opened()
    for table in (companies, people):
        assert table.seen_by(there).page()[0] == table.page()[0]
    changed = people.seen_by(there)
    record = changed.page()[0][0]["id"]
    changed.update(record, Companies=[ids[-1], ids[0]])
    assert [link["id"] for link in changed.get(record)["fields"]["Companies"]] == [ids[-1], ids[0]]
    assert pair.outcomes() == ["different"]


@every_way
def test_a_table_too_wide_for_one_row_of_postgres(pair: Pair) -> None:
    fields = [{"name": f"f{number}", "type": "SINGLE_LINE_TEXT"} for number in range(500)]
    table = pair.source.new_table(fields)
    table.fill([{f"f{number}": f"{'Ä' * 30}{number}" for number in range(500)} for _ in range(3)])
    table.delete_field("f7")
    table.add_field(name="new", type="NUMBER")
    table.fill([{"new": 7}])
    assert pair.outcomes() == ["copied"]
    there = table.seen_by(pair.opened())
    assert there.page()[0] == table.page()[0]
    there.create(f499="ä")
    there.add_field(name="newer", type="LONG_TEXT")
    assert pair.outcomes() == ["different"]


def test_the_next_start_removes_what_a_copy_left(files: Pair, tmp_path: Path) -> None:
    table = fill(files.source)
    files.copy()
    place = tmp_path / "target" / "databases" / f"{table.database}.db"
    (place.with_suffix(".incoming")).hardlink_to(place)
    half = place.with_name("0a0a0a0a-0000-4000-8000-000000000000.incoming")
    half.write_bytes(b"half of a file")
    store = SqliteStore(tmp_path / "target")
    assert [path.suffix for path in place.parent.iterdir() if path.suffix == ".incoming"] == []
    assert everything(store, table.database)
    assert store.strays == ()
    store.close()


def test_two_copies_into_one_store_are_kept_apart(pair: Pair) -> None:
    fill(pair.source)
    refused: list[Exception] = []

    def begin(_name: str, _rows: int) -> None:
        if not refused:
            refused.append(RuntimeError())

    def again(_: int) -> None:
        if len(refused) == 1:
            with pytest.raises(InUse):
                pair.copy()
            refused.append(RuntimeError())

    pair.copy(begin=begin, rows=again)
    assert len(refused) == 2


def test_what_nobody_lists_is_not_overwritten(pair: Pair) -> None:
    table = fill(pair.source)
    pair.copy()
    pair.target.control.change(lambda writing: writing.run(DELETE_DATABASE, which=table.database))
    with pytest.raises(Exception, match="does not list it"):
        pair.copy()
    assert len(pair.left()) == 1


def test_single_databases_bring_their_workspace_and_who_reaches_it(pair: Pair) -> None:
    source = pair.source
    app = source.app
    first = fill(source).database
    project = workspaces.create_workspace(app, source.caller, CreateWorkspace(name="Project")).id
    members.add_member(app, source.caller, project, CreateMember(email="ann@example.com", role="editor"))
    secret = tokens.create_token(app, source.caller, project, CreateToken(name="project", level="write")).token
    second = source.new_database(name="Plan", workspace_id=project)

    assert pair.copy(first).people.workspaces == 1
    control = pair.target.control.current()
    assert [user.name for user in control.users.values()] == ["Owner"]
    assert [token.name for token in control.tokens.values()] == ["admin"]
    assert list(control.databases) == [first]
    made = pair.copy(second).people
    assert (made.workspaces, made.users, made.tokens) == (1, 1, 1)
    assert contents(pair.target.control.current())[1:-1] == contents(source.store.control.current())[1:-1]
    there = pair.opened()
    assert set(there.app.access.caller(str(secret)).levels) == {project}
    assert set(there.caller.levels) == set(source.caller.levels)


def test_into_a_store_that_is_used_people_are_matched_by_address(pair: Pair) -> None:
    source = pair.source
    table = fill(source)
    other = pair.opened(token="pat_" + "y" * 40)
    other_table = fill(other)
    target = other.store
    before = target.control.current()
    made = copy_stores(source.store, target)
    # The owner of the source has the address of the target's: members and the token become the target's owner's.
    assert (made.people.workspaces, made.people.users, made.people.tokens) == (1, 0, 1)
    control = target.control.current()
    assert control.users == before.users
    assert control.secret == before.secret
    (owner,) = control.users
    (workspace,) = source.store.control.current().workspaces
    assert control.roles[workspace] == {owner: "owner"}
    assert set(other.app.access.caller(source.token).levels) == {workspace}
    assert set(other.caller.levels) == set(before.workspaces), "the target's own tokens reach nothing more"
    assert list(control.databases) == [other_table.database, table.database]
    assert table.seen_by(other).local is other
    # A workspace that is there stays as it is.
    again = copy_stores(source.store, target)
    assert (again.people.workspaces, again.people.users, again.people.tokens) == (0, 0, 0)


def test_what_is_not_there_is_said(files: Pair) -> None:
    empty = files.kinds.store("sqlite", "empty")
    with pytest.raises(CopyError, match="source is empty"):
        copy_stores(empty, files.target)
    with pytest.raises(CopyError, match="no database nothing in the source"):
        files.copy("nothing")


def test_one_that_is_deleted_before_its_turn_is_left_out(pair: Pair) -> None:
    fill(pair.source)
    second = pair.source.new_database()

    def done(copied: CopiedDatabase) -> None:
        if copied.outcome == "copied":
            pair.source.store.control.change(lambda writing: writing.run(DELETE_DATABASE, which=second))
            pair.source.store.remove_database(second)

    assert [each.outcome for each in pair.copy(done=done).databases] == ["copied", "gone"]
    assert second not in pair.target.control.current().databases


def end_connections(url: str) -> int:
    """Ends every connection to a PostgreSQL database, as a restart does; says how many there were."""
    with psycopg.connect(url, autocommit=True) as connection:
        rows = connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND usename = current_user"
        )
        return len(rows.fetchall())


@pytest.mark.parametrize("lost", ["data", "target"])
def test_a_connection_that_is_lost_begins_the_database_again(lost: str, kinds: Kinds) -> None:
    pair = Pair(kinds, "postgres", "postgres")
    table = fill(pair.source)
    ended: list[int] = []

    def rows(_: int) -> None:
        if not ended:
            ended.append(end_connections(storages.url_of(kinds.root / lost)))

    (copied,) = pair.copy(rows=rows).databases
    assert ended[0] > 0
    assert copied.outcome == "copied"
    assert table.seen_by(pair.opened()).page(limit=200)[0] == table.page(limit=200)[0]


def test_one_that_is_lost_again_and_again_is_given_up_and_leaves_nothing_listed(kinds: Kinds) -> None:
    pair = Pair(kinds, "sqlite", "postgres")
    fill(pair.source)
    with pytest.raises(ServiceUnavailable):
        pair.copy(rows=lambda _: end_connections(storages.url_of(kinds.root / "target")))
    assert pair.target.control.current().databases == {}
    assert pair.outcomes() == ["copied"]


def test_rows_that_are_more_than_a_socket_takes_at_once(pair: Pair) -> None:
    table = pair.source.new_table([{"name": "Name", "type": "SINGLE_LINE_TEXT"}, {"name": "Text", "type": "LONG_TEXT"}])
    for _ in range(5):
        table.fill([{"Text": "x" * 60_000}] * 40)
    assert pair.outcomes() == ["copied"]


def test_memory_holds_a_batch_and_wide_rows_make_it_smaller(pair: Pair) -> None:
    table = pair.source.new_table([{"name": "Name", "type": "SINGLE_LINE_TEXT"}, {"name": "Text", "type": "LONG_TEXT"}])
    for _ in range(10):
        table.fill([{"Text": "x" * 60_000}] * 20)
    with pair.source.store.database(table.database) as database:
        session = database.sessions.take()
        stored = next(each for each in stored_tables(database.snapshot()) if each.name == f"t{table.schema.num}")
        batches: list[int] = []
        read_table(session, database.sessions.dialect, stored, lambda rows: batches.append(len(rows)), lambda _: None)
        database.sessions.give_back(session)
    assert sum(batches) == 200
    assert max(batches) * 60_000 < 10_000_000


def test_an_incoming_file_is_private_and_synced(files: Pair, tmp_path: Path) -> None:
    table = fill(files.source)
    files.copy()
    place = tmp_path / "target" / "databases" / f"{table.database}.db"
    assert place.stat().st_mode & 0o777 == 0o600
    session = connect(place)
    assert session.connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    session.close()


def test_attached_files_arrive_and_are_compared(pair: Pair) -> None:
    table = pair.source.new_table([{"name": "Name", "type": "SINGLE_LINE_TEXT"}, {"name": "Files", "type": "ATTACHMENT"}])
    table.create(Name="a", Files=["data:text/plain,one", "data:text/plain,three"])
    (done,) = pair.copy().databases
    assert done.outcome == "copied"
    there = pair.target.contents
    assert sorted(found.size for found in there.names(table.database)) == [3, 5]
    assert pair.outcomes() == ["same"]
    gone = next(iter(there.names(table.database))).key
    there.remove(table.database, [gone])
    assert pair.outcomes() == ["different"]


def test_a_missing_attached_file_stops_the_copy(pair: Pair) -> None:
    table = pair.source.new_table([{"name": "Name", "type": "SINGLE_LINE_TEXT"}, {"name": "Files", "type": "ATTACHMENT"}])
    table.create(Name="a", Files="data:text/plain,one")
    pair.source.store.contents.remove_all(table.database)
    with pytest.raises(CopyError, match="attached file"):
        pair.copy()
    assert table.database not in pair.target.control.current().databases
