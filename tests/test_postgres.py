"""The PostgreSQL that tests use is one, and as hostile as it says."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import errors

from tests.postgres import HOSTILE, drop_database, new_database


def test_the_shared_database_takes_statements(postgres: str) -> None:
    with psycopg.connect(postgres) as connection:
        found = connection.execute("SELECT current_setting('server_version_num')::int, current_setting('is_superuser')").fetchone()
    assert found is not None
    assert found[0] >= 150000
    assert found[1] == "off"


def test_defaults_are_hostile_and_databases_apart(postgres: str) -> None:
    other = new_database(DateStyle="German")
    with psycopg.connect(postgres) as connection, psycopg.connect(other) as second:
        for name, value in HOSTILE.items():
            found = connection.execute("SELECT current_setting(%s)", (name,)).fetchone()
            assert found is not None
            assert found[0].strip('"') == value
        assert second.execute("SELECT to_char(now(), 'OF'), current_date::text ~ '^[0-9]{2}[.]'").fetchone() == ("+05:45", True)
        connection.execute("CREATE SCHEMA apart")
        connection.execute("CREATE TABLE apart.one (n int)")
        with pytest.raises(errors.UndefinedTable):
            second.execute("SELECT n FROM apart.one")
    drop_database(other)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(other)
