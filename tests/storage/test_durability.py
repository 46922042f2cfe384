"""What was answered is there after a `kill -9`: records, schema, databases, tokens. Of what was not answered, all or nothing."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests import storages
from tests.local import LocalTable, OpenLocal
from tests.storage.invariants import check_invariants

ROOT = Path(__file__).resolve().parents[2]

WRITE = """
import json, os, pathlib, sys, threading
from tests.local import Local, LocalTable
local = Local(pathlib.Path(sys.argv[1]))
table = LocalTable(local, sys.argv[2], sys.argv[3])
lock = threading.Lock()
run = os.getpid()

def say(*what):
    with lock:
        print(json.dumps(what), flush=True)

def create(number):
    for step in range(10**6):
        say("record", table.create(Name=f"{run} {number}-{step}")["id"], f"{run} {number}-{step}")

def batch():
    for step in range(10**6):
        table.fill([{"Name": f"batch {run} {step}"}] * 7)
        say("batch", f"batch {run} {step}")

def schema():
    for step in range(10**6):
        say("field", table.add_field(name=f"{run} {step}", type="NUMBER").id)
        if step % 3 == 2:
            table.delete_field(f"{run} {step - 1}")
            say("gone", f"{run} {step - 1}")

def databases():
    for step in range(10**6):
        say("database", local.new_database())

for work, *given in ((create, 1), (create, 2), (batch,), (schema,), (databases,)):
    threading.Thread(target=work, args=given).start()
"""


def acknowledged(directory: Path, table: LocalTable, seconds: float) -> list[list[Any]]:
    """What a process said it had done before it was killed."""
    command = [sys.executable, "-c", WRITE, str(directory), table.database, table.id]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=storages.environment()) as writer:
        assert writer.stdout is not None
        try:
            first = writer.stdout.readline()
            time.sleep(seconds)
        finally:
            writer.send_signal(signal.SIGKILL)
        lines = [first, *writer.stdout.read().splitlines()]
    return [json.loads(line) for line in lines if line.endswith(("]", "]\n"))]


def test_kill_9_loses_nothing_that_was_answered(open_local: OpenLocal, tmp_path: Path) -> None:
    directory = tmp_path / "data"
    first = open_local()
    table = first.new_table([{"name": "Name", "type": "SINGLE_LINE_TEXT"}])
    first.close()
    said: list[list[Any]] = []
    for _ in range(2):  # the second time on what the first one left
        said += acknowledged(directory, table, 0.7)
    assert {what for what, *_ in said} == {"record", "batch", "field", "gone", "database"}

    local = open_local()
    table = table.seen_by(local)
    names: dict[str, int] = {}
    by_id: dict[str, str] = {}
    cursor, total, count = None, 0, 0
    while True:
        page, metadata = table.page(limit=200, cursor=cursor)
        count += len(page)
        for record in page:
            names[record["fields"]["Name"]] = names.get(record["fields"]["Name"], 0) + 1
            by_id[record["id"]] = record["fields"]["Name"]
        cursor, total = metadata.next_cursor, metadata.total
        if cursor is None:
            break
    assert count == total
    assert [line for line in said if line[0] == "record" and by_id.get(line[1]) != line[2]] == []
    assert [line for line in said if line[0] == "batch" and names.get(line[1], 0) < 7] == []
    assert {amount % 7 for name, amount in names.items() if name.startswith("batch")} == {0}, "a batch is there as a whole or not at all"
    fields = {field.id for field in table.schema.fields}
    gone = sum(line[0] == "gone" for line in said)
    assert len({line[1] for line in said if line[0] == "field"} - fields) <= gone + 2, "deleted, or deleted without an answer"
    databases = local.store.control.current().databases
    for what, *rest in said:
        if what == "database":
            assert rest[0] in databases
            assert local.file(rest[0]).snapshot().tables == ()
    assert local.store.strays == ()
    assert check_invariants(table.file) == 1
