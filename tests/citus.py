"""A Citus cluster for the tests: the one whose coordinator TABLEHOUSE_TEST_CITUS names, as a role that may create databases and extensions there.

The suite then runs there as it does on plain PostgreSQL. A database of the tests is made on every node and joined to a cluster of its own; what
was seen of the cluster is told at the end of the run. Nothing here is in the way of a run without that variable.

Source: the documentation of Citus 13, "Citus Tables and Views" (pg_dist_…) and "Citus Utility Functions".
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec
import psycopg
from psycopg import conninfo

GIVEN: Final = "TABLEHOUSE_TEST_CITUS"
NOTES: Final = "cluster.jsonl"
"""A file in the directory that the processes of a run share: what their tests saw, an object a line."""

_VERSION: Final = "SELECT current_setting('server_version'), (SELECT extversion FROM pg_catalog.pg_extension WHERE extname = 'citus')"
_NODES: Final = """SELECT nodename, nodeport FROM pg_catalog.pg_dist_node
    WHERE noderole = 'primary' AND isactive AND shouldhaveshards AND groupid <> 0 ORDER BY 1, 2"""
_COORDINATOR: Final = "SELECT nodename, nodeport FROM pg_catalog.pg_dist_node WHERE groupid = 0"
_PLACES: Final = """SELECT DISTINCT n.nspname::text, k.nodename, k.nodeport FROM pg_catalog.pg_dist_schema s
    JOIN pg_catalog.pg_namespace n ON n.oid = s.schemaid
    JOIN pg_catalog.pg_dist_partition p ON p.colocationid = s.colocationid
    JOIN pg_catalog.pg_dist_shard h ON h.logicalrelid = p.logicalrelid
    JOIN pg_catalog.pg_dist_placement l ON l.shardid = h.shardid
    JOIN pg_catalog.pg_dist_node k ON k.groupid = l.groupid AND k.noderole = 'primary'"""
_MOVE: Final = "SELECT citus_schema_move(%s, %s, %s)"


class Unsuitable(Exception):
    """Why the tests cannot run on what TABLEHOUSE_TEST_CITUS names."""


class Node(msgspec.Struct, frozen=True, order=True):
    """A server of a cluster."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Cluster(msgspec.Struct, frozen=True):
    """What a coordinator says of its cluster. `coordinator` is its address as the workers know it, None where it was never told."""

    postgres: str
    citus: str
    workers: tuple[Node, ...]
    coordinator: Node | None = None


class Moved(msgspec.Struct, frozen=True):
    """What was seen while a schema was moved: seconds that it took, writes answered meanwhile, the longest of them in milliseconds."""

    seconds: float
    writes: int
    longest: float


def given() -> str | None:
    """The coordinator that the environment names."""
    return os.environ.get(GIVEN)


def look(dsn: str) -> Cluster:
    """What is behind an address. Raises Unsuitable where the tests cannot run there."""
    try:
        with psycopg.connect(dsn, autocommit=True) as connection:
            found = connection.execute(_VERSION).fetchone()
            assert found is not None
            if found[1] is None:
                raise Unsuitable(
                    f"{GIVEN} names a PostgreSQL {found[0]} without Citus: name a database of the coordinator in which CREATE EXTENSION citus was run."
                )
            workers = tuple(Node(*row) for row in connection.execute(_NODES).fetchall())
            if len(workers) < 2:
                raise Unsuitable(f"{GIVEN} names a cluster with {len(workers)} active workers: two are needed, or nothing can be moved.")
            coordinator = connection.execute(_COORDINATOR).fetchone()
    except psycopg.OperationalError as error:
        raise Unsuitable(f"{GIVEN} names a server that cannot be used: {str(error).strip()}") from error
    return Cluster(found[0], found[1], workers, None if coordinator is None else Node(*coordinator))


def address(dsn: str, node: Node | None, database: str) -> str:
    """The connection string of a database on a node, with the account that a coordinator's connection string has; None is the coordinator."""
    parts = conninfo.conninfo_to_dict(dsn)
    if node is not None:
        parts.pop("hostaddr", None)
        parts |= {"host": node.host, "port": str(node.port)}
    parts["dbname"] = database
    return conninfo.make_conninfo(**{key: str(value) for key, value in parts.items() if value is not None})


def plan_database(name: str, cluster: Cluster, create: str) -> list[tuple[Node | None, bool, str]]:
    """The statements that make a database on all nodes and join it to a cluster: (where, None is the coordinator; whether inside it; the text)."""
    here = cluster.coordinator
    steps: list[tuple[Node | None, bool, str]] = []
    for node in (*cluster.workers, None):
        steps += [(node, False, create), (node, True, "CREATE EXTENSION citus")]
    if here is not None:
        steps.append((None, True, f"SELECT citus_set_coordinator_host('{here.host}', {here.port})"))
    steps += [(None, True, f"SELECT citus_add_node('{node.host}', {node.port})") for node in cluster.workers]
    return [*steps, (None, False, f'ALTER DATABASE "{name}" SET citus.enable_schema_based_sharding = on')]


def make_database(dsn: str, cluster: Cluster, name: str, create: str) -> None:
    """Makes a database of the tests on all nodes."""
    outside = str(conninfo.conninfo_to_dict(dsn)["dbname"])
    for node, inside, text in plan_database(name, cluster, create):
        with psycopg.connect(address(dsn, node, name if inside else outside), autocommit=True) as connection:
            connection.execute(text.encode())


def drop_database(dsn: str, cluster: Cluster, name: str) -> None:
    """Removes it from all nodes; its coordinator first, so that nobody asks the workers for it any more."""
    outside = str(conninfo.conninfo_to_dict(dsn)["dbname"])
    for node in (None, *cluster.workers):
        with psycopg.connect(address(dsn, node, outside), autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())


def places(dsn: str) -> dict[str, Node]:
    """Where the schemas of a database lie."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        return {schema: Node(host, port) for schema, host, port in connection.execute(_PLACES).fetchall()}


def move(dsn: str, schema: str, node: Node) -> None:
    """Moves a schema to another node."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(_MOVE, (schema, node.host, node.port))


def note(directory: Path, what: str, **seen: object) -> None:
    """Writes down what a test saw of the cluster, for the report of the run."""
    with (directory / NOTES).open("ab") as file:
        file.write(msgspec.json.encode({"what": what, **seen}) + b"\n")


def noted(directory: Path) -> list[dict[str, object]]:
    """What the tests of a run have seen."""
    path = directory / NOTES
    return [msgspec.json.decode(line) for line in path.read_bytes().splitlines()] if path.exists() else []


def report(cluster: Cluster, seen: Iterable[dict[str, object]]) -> list[str]:
    """The lines that a run on a cluster ends with."""
    lines = [
        f"Citus {cluster.citus} over PostgreSQL {cluster.postgres}, coordinator {cluster.coordinator or '(never told its address)'}, workers "
        + ", ".join(map(str, cluster.workers))
    ]
    for each in seen:
        if each["what"] == "placed":
            lines.append(f"{each['schemas']} schemas were placed on {each['nodes']} nodes.")
        else:
            lines.append(
                f"A schema was moved from {each['source']} to {each['target']} in {each['seconds']:.1f} s, under {each['writes']} writes "
                f"without an error, the longest of {each['longest']:.0f} ms."
            )
    missing = {"placed", "moved"} - {str(each["what"]) for each in seen}
    if missing:
        lines.append(f"Not seen in this run: {', '.join(sorted(missing))}.")
    return lines
