"""Writers at work while somebody moves the schema that they write to: nobody sees an error, and nothing that was answered is lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tests.citus import Moved
from tests.local import LocalTable
from tests.storage.invariants import check_invariants

WRITERS = 4
BEFORE_WRITES = 20
"""Writes that are seen to work before the move begins; as many again follow it."""


def under_writes(table: LocalTable, move: Callable[[], None]) -> Moved:
    """Moves the schema of a table with a text field Name while others write to it. Fails when a writer is refused or a write is lost."""
    over = threading.Event()
    answered: list[tuple[str, float, float]] = []

    def write(writer: int) -> None:
        step = 0
        while not over.is_set():
            began = time.monotonic()
            name = f"{writer} {step}"
            record = table.create(Name=name)
            if step % 2:
                name += " again"
                table.update(record["id"], Name=name)
            answered.append((name, began, time.monotonic()))
            step += 1

    with ThreadPoolExecutor(WRITERS) as pool:
        writing = [pool.submit(write, writer) for writer in range(WRITERS)]

        def wait_for(count: int) -> None:
            while len(answered) < count and not any(each.done() for each in writing):
                time.sleep(0.005)

        try:
            wait_for(BEFORE_WRITES)
            began = time.monotonic()
            move()
            ended = time.monotonic()
            wait_for(len(answered) + BEFORE_WRITES)
        finally:
            over.set()
        for each in writing:
            each.result(60)
    during = [(name, begin, end) for name, begin, end in answered if end > began and begin < ended]
    kept: list[str] = []
    cursor = None
    while True:
        page, metadata = table.page(limit=200, cursor=cursor)
        kept += [record["fields"]["Name"] for record in page]
        cursor = metadata.next_cursor
        if cursor is None:
            break
    assert sorted(kept) == sorted(name for name, _, _ in answered), "each write is there, once"
    assert check_invariants(table.file) == 1
    return Moved(ended - began, len(during), max(((end - begin) * 1000 for _, begin, end in during), default=0.0))
