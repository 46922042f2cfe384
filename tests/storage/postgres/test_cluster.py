"""Schemas on the nodes of a cluster. Only the last tests need one (TABLEHOUSE_TEST_CITUS); the others hold what they are made of against plain PostgreSQL."""

from __future__ import annotations

import os
from pathlib import Path

import psycopg
import pytest
from pglast import parser
from psycopg import sql

from tablehouse.storage.postgres.schemas import schema_of
from tests import citus, postgres, storages
from tests.citus import Cluster, Node
from tests.local import Local, LocalTable
from tests.recorder import DIRECTORY
from tests.storage.postgres.moving import BEFORE_WRITES, under_writes

NAME = {"name": "Name", "type": "SINGLE_LINE_TEXT"}
CLUSTER = Cluster("15.4", "13.2-1", (Node("one", 5432), Node("two", 5433)), Node("head", 5432))
needs_a_cluster = pytest.mark.skipif(not postgres.on_a_cluster(), reason=f"{citus.GIVEN} names no cluster")


@pytest.fixture
def url(tmp_path: Path, local: Local) -> str:
    return storages.url_of(tmp_path / "data")


@pytest.fixture
def table(local: Local) -> LocalTable:
    return local.new_table([NAME])


@pytest.mark.skipif(postgres.on_a_cluster(), reason="this one is a cluster")
def test_a_server_without_citus_is_refused_with_what_to_do(url: str) -> None:
    with pytest.raises(citus.Unsuitable, match=r"names a PostgreSQL \d+.* without Citus: .*CREATE EXTENSION citus"):
        citus.look(url)
    with pytest.raises(citus.Unsuitable, match="cannot be used"):
        citus.look("postgresql://nobody@127.0.0.1:1/none")


def test_a_database_is_made_on_all_nodes_before_they_are_joined() -> None:
    steps = citus.plan_database("test_1", CLUSTER, 'CREATE DATABASE "test_1"')
    assert [(node and node.host, inside, text.partition("(")[0]) for node, inside, text in steps] == [
        ("one", False, 'CREATE DATABASE "test_1"'),
        ("one", True, "CREATE EXTENSION citus"),
        ("two", False, 'CREATE DATABASE "test_1"'),
        ("two", True, "CREATE EXTENSION citus"),
        (None, False, 'CREATE DATABASE "test_1"'),
        (None, True, "CREATE EXTENSION citus"),
        (None, True, "SELECT citus_set_coordinator_host"),
        (None, True, "SELECT citus_add_node"),
        (None, True, "SELECT citus_add_node"),
        (None, False, 'ALTER DATABASE "test_1" SET citus.enable_schema_based_sharding = on'),
    ]
    for _, _, text in steps:
        parser.parse_sql_json(text)
    given = citus.address("postgresql://me:secret@head:5432/base?sslmode=require", Node("two", 5433), "test_1")
    assert psycopg.conninfo.conninfo_to_dict(given) == {
        "user": "me", "password": "secret", "host": "two", "port": "5433", "dbname": "test_1", "sslmode": "require",
    }  # fmt: skip


def swap(url: str, schema: str) -> None:
    """What a move looks like to those who write: all tables are others of the same names, after a moment in which nobody may write."""
    with psycopg.connect(url) as connection:
        connection.isolation_level = psycopg.IsolationLevel.READ_COMMITTED  # what is copied is what is there once nobody writes
        found = connection.execute("SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = %s", [schema]).fetchall()
        names = sorted((row[0] for row in found), key=lambda name: name != "meta")  # where every writer begins: no deadlock
        old, new = sql.Identifier(schema), sql.Identifier(f"{schema}_new")
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(new))
        for name in names:
            connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(sql.Identifier(schema, name)))
        for name in names:
            there, here = sql.Identifier(f"{schema}_new", name), sql.Identifier(schema, name)
            connection.execute(sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL)").format(there, here))
            connection.execute(sql.SQL("INSERT INTO {} SELECT * FROM {}").format(there, here))
        connection.execute(sql.SQL("ALTER SCHEMA {} RENAME TO {}").format(old, sql.Identifier(f"{schema}_old")))
        connection.execute(sql.SQL("ALTER SCHEMA {} RENAME TO {}").format(new, old))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(f"{schema}_old")))


@pytest.mark.skipif(postgres.on_a_cluster(), reason="a cluster moves schemas by itself")
def test_a_schema_is_replaced_under_writes(table: LocalTable, url: str) -> None:
    seen = under_writes(table, lambda: swap(url, schema_of(table.database)))
    assert seen.seconds > 0
    assert seen.longest > 0
    assert table.cells("Name")[:1] != []


def fail() -> None:
    raise ZeroDivisionError


def test_a_write_that_a_move_lost_is_noticed(table: LocalTable) -> None:
    with pytest.raises(AssertionError, match="each write is there, once"):
        under_writes(table, lambda: table.delete(table.page()[0][0]["id"]))
    with pytest.raises(ZeroDivisionError):
        under_writes(table, fail)


def test_the_report_says_what_was_seen_and_what_was_not(tmp_path: Path) -> None:
    assert citus.noted(tmp_path) == []
    citus.note(tmp_path, "placed", schemas=4, nodes=2)
    assert citus.report(CLUSTER, citus.noted(tmp_path)) == [
        "Citus 13.2-1 over PostgreSQL 15.4, coordinator head:5432, workers one:5432, two:5433",
        "4 schemas were placed on 2 nodes.",
        "Not seen in this run: moved.",
    ]
    citus.note(tmp_path, "moved", source="one:5432", target="two:5433", seconds=5.25, writes=BEFORE_WRITES, longest=612.4)
    assert citus.report(CLUSTER, citus.noted(tmp_path))[2:] == [
        "A schema was moved from one:5432 to two:5433 in 5.2 s, under 20 writes without an error, the longest of 612 ms."
    ]


@needs_a_cluster
def test_schemas_land_on_two_nodes(local: Local, url: str) -> None:
    made = [schema_of(local.new_table([NAME], database=local.new_database()).database) for _ in range(4)]
    found = citus.places(url)
    nodes = {found[schema] for schema in made}
    citus.note(Path(os.environ[DIRECTORY]), "placed", schemas=len(made), nodes=len(nodes))
    assert len(nodes) >= 2


@needs_a_cluster
def test_a_schema_is_moved_under_writes(table: LocalTable, url: str) -> None:
    schema = schema_of(table.database)
    source = citus.places(url)[schema]
    target = next(node for node in postgres.cluster().workers if node != source)
    table.fill([{"Name": f"there before {number} " * 50} for number in range(20_000)])  # some 20 MB to move
    own = table.local.new_table([NAME], database=table.database)
    seen = under_writes(own, lambda: citus.move(url, schema, target))
    citus.note(
        Path(os.environ[DIRECTORY]),
        "moved",
        source=str(source),
        target=str(target),
        seconds=seen.seconds,
        writes=seen.writes,
        longest=seen.longest,
    )
    assert citus.places(url)[schema] == target
