"""Each rule for statements on PostgreSQL is really caught when it is broken, and no statement that can be composed breaks one."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from tablehouse.sql import catalog, catalog_tables, control, control_tables, ddl, postgres
from tablehouse.sql.dialect import POSTGRES
from tests.local import Local
from tests.sql.rules import broken_rules
from tests.sql.test_statements import all_fields, compositions, constants

BROKEN = [
    ("SELECT n FROM s.t1; SELECT n FROM s.t2", "one command"),
    ("SELECT a.n FROM s.t1 AS a JOIN r.t1 AS b ON a.n = b.n", "two schemas"),
    ("INSERT INTO s.t1 (n) SELECT n FROM r.t1", "two schemas"),
    ("ALTER TABLE s.t1 ADD CONSTRAINT f FOREIGN KEY (n) REFERENCES r.t1 (n)", "two schemas"),
    ("SELECT n FROM t1", "without its schema"),
    ("UPDATE t1 SET n = 1", "without its schema"),
    ("ALTER TABLE t1 ADD COLUMN c1 bigint", "without its schema"),
    ("CREATE INDEX i ON t1 (n)", "without its schema"),
    ("DROP TABLE t1", "without its schema"),
    ("DROP INDEX u1", "without its schema"),
    ("CREATE TABLE s.t1 (n bigint GENERATED ALWAYS AS IDENTITY)", "IDENTITY"),
    ("CREATE TABLE s.t1 (n bigserial)", "serial"),
    ("CREATE SEQUENCE s.numbers", "sequence"),
    ("CREATE TRIGGER a BEFORE INSERT ON s.t1 EXECUTE FUNCTION f()", "trigger"),
    ("CREATE FUNCTION s.f() RETURNS int LANGUAGE sql AS 'SELECT 1'", "function"),
    ("DO 'BEGIN END'", "PL/pgSQL"),
    ("ALTER TABLE s.t1 ADD COLUMN c1 bigint CHECK (c1 > 0)", "ADD COLUMN"),
    ("ALTER TABLE s.t1 ADD COLUMN c1 bigint DEFAULT f(1)", "ADD COLUMN"),
    ("ALTER TABLE s.t1 ALTER COLUMN c1 DROP EXPRESSION", "DROP EXPRESSION"),
    ("CREATE TABLE s.t2 () INHERITS (s.t1)", "inheritance"),
    ("MERGE INTO s.t1 USING (VALUES (1)) AS v (n) ON t1.n = v.n WHEN MATCHED THEN DELETE", "MERGE"),
    ("ALTER TABLE s.t1 SET SCHEMA r", "SET SCHEMA"),
    ("UPDATE s.t1 SET c1 = random()", "volatile"),
    ("DELETE FROM s.t1 WHERE c1 > random()", "volatile"),
    ("UPDATE s.t1 SET id = gen_random_uuid()::text WHERE n = $1", "volatile"),
    ("INSERT INTO s.t1 (n) VALUES ($1) ON CONFLICT (n) DO UPDATE SET n = nextval('s.q')", "volatile"),
    ("WITH a AS (UPDATE s.t1 SET c1 = random() RETURNING n) SELECT n FROM a", "volatile"),
    ("SELECT n FROM s.t1 WHERE c1 < now()", "clock"),
    ("SELECT CURRENT_DATE", "clock"),
    ("INSERT INTO s.t1 (n) VALUES (CURRENT_TIMESTAMP)", "clock"),
    ("SELECT c1::timestamptz AT TIME ZONE 'Europe/Berlin' FROM s.t1", "time zone"),
    ("SELECT timezone(c1::timestamptz) FROM s.t1", "time zone"),
    ("SET TimeZone = 'UTC'", "SET timezone"),
    ("SET LOCAL lock_timeout = 100", "SET lock_timeout"),
    ("SET search_path = s", "SET search_path"),
    ("SELECT set_config('tablehouse.user', $1, true)", "set_config"),
    ("SELECT current_setting('tablehouse.user')", "current_setting"),
    ("BEGIN ISOLATION LEVEL SERIALIZABLE", "SERIALIZABLE"),
    ("SELECT reltuples FROM pg_catalog.pg_class", "reltuples"),
    ("LISTEN changes", "LISTEN"),
    ("NOTIFY changes", "NOTIFY"),
    ("SELECT pg_notify('changes', '')", "NOTIFY"),
    ("SELECT pg_advisory_xact_lock(1)", "advisory"),
    ("SELECT pg_try_advisory_lock(1)", "advisory"),
]
KEPT = [
    "ALTER TABLE s.t1 ADD COLUMN c1 text DEFAULT 'a'",
    "SELECT t1.n FROM s.t1 WHERE t1.n = $1::BIGINT",
    "WITH page AS (SELECT n FROM s.t1) SELECT page.n FROM page JOIN s.t1 ON t1.n = page.n",
    "SELECT to_char(t1.created_at::timestamptz AT TIME ZONE $1::TEXT, 'YYYY-MM-DD') FROM s.t1",
    "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
    "SELECT version FROM s.meta FOR UPDATE",
    "CREATE SCHEMA s",
    "SET LOCAL statement_timeout = 1000",
    "COPY s.t1 (n) FROM STDIN",
    "SELECT c.relname FROM pg_catalog.pg_class AS c WHERE c.relnamespace = 's'::regnamespace",
]


@pytest.mark.parametrize(("text", "rule"), BROKEN, ids=[text for text, _ in BROKEN])
def test_a_broken_rule_is_found(text: str, rule: str) -> None:
    found = broken_rules(text)
    assert len(found) == 1, found
    assert rule in found[0]


@pytest.mark.parametrize("text", KEPT)
def test_a_plain_statement_breaks_none(text: str) -> None:
    assert broken_rules(text) == []


def test_a_wake_up_call_may_notify() -> None:
    for text in ("LISTEN changes", "SELECT pg_notify('changes', '')", "SELECT pg_advisory_lock(1)"):
        assert broken_rules(text, wakes_up=True) == []


def test_no_constant_statement_breaks_a_rule() -> None:
    for module in (catalog, control):
        for name, clause in constants(module):
            if not isinstance(clause, sa.Table):
                assert broken_rules(POSTGRES.fixed(clause).text) == [], name
    for metadata in (catalog_tables.CATALOG, control_tables.CONTROL):
        for text in ddl.create_metadata(POSTGRES, metadata):
            assert broken_rules(text) == [], text
    assert broken_rules(postgres.READ_PARTS.text) == []


@pytest.mark.parametrize("more", [0, 300], ids=["narrow", "wide"])
def test_no_statement_about_records_breaks_a_rule(local: Local, more: int) -> None:
    table = local.new_table([*all_fields(), *({"name": f"More {number}", "type": "SINGLE_LINE_TEXT"} for number in range(more))]).schema
    texts = [POSTGRES.compile(clause).text for _, clause in compositions(table)[: 30 if more else None]]
    texts += ddl.create_table(POSTGRES, table)
    for field in (*table.fields[:60], *table.fields[-2:]):
        texts += [*ddl.add_columns(POSTGRES, table, field), *ddl.drop_columns(POSTGRES, table, field), ddl.drop_unique(POSTGRES, field)]
        texts.append(ddl.create_unique(POSTGRES, table, field))
    texts += ddl.drop_table(POSTGRES, table)
    assert len(texts) > 60
    for text in texts:
        assert broken_rules(text) == [], text
