"""One connection to a PostgreSQL server: prepared statements, commands that ride along with the next one, COPY.

Statements are run through psycopg's binding of libpq itself: its cursors take half as long again for each, and would read the page of records,
which goes out as the bytes that it is. What waits for the server gives Python's lock away. A connection relies on no state of its session: whatever
lies between may reset it (DISCARD ALL) while no transaction is open, and a statement that is not prepared any more is prepared again.
"""

from __future__ import annotations

import select
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import count
from typing import Any, Final

import psycopg
from psycopg import pq

from tablehouse.sql.dialect import SCHEMA
from tablehouse.storage.postgres.faults import LOST, NO_SUCH_STATEMENT, STALE_PLAN, fault
from tablehouse.storage.postgres.values import Load, loader
from tablehouse.storage.session import Row

Parameters = Sequence[bytes | None]

_MOST_STATEMENTS: Final = 300
_MOST_CHARACTERS: Final = 2_000_000
"""Prepared statements kept on one connection, and their texts together: the server keeps a plan for each, some ten times its text."""
_AT_ONCE_BYTES: Final = 32_000
"""Parameters sent before any answer is read: less than a socket holds, so that neither side ever waits for the other to read first."""
_EACH_BYTES: Final = 100
"""What a statement takes on the wire beside its parameters."""

_OK: Final = frozenset({pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK})
_BINARY: Final = 1

_numbers = count(1)


class _Prepared:
    """A statement that the server knows by name. `loads`: what reads the columns of its result, once it has answered."""

    __slots__ = ("loads", "name", "size")

    def __init__(self, size: int) -> None:
        self.name = b"s%d" % next(_numbers)
        self.size = size
        self.loads: list[Load] | None = None


class _Step:
    """A statement on its way to the server, by its name or by its text."""

    __slots__ = ("name", "parameters", "text")

    def __init__(self, text: bytes, parameters: Parameters = (), name: bytes | None = None) -> None:
        self.text = text
        self.name = name
        self.parameters = parameters


class _Sent:
    """A statement that was sent for others to wait for; `new`: together with its text, for the server to prepare it."""

    __slots__ = ("key", "new", "parameters", "prepared")

    def __init__(self, key: tuple[str, str], prepared: _Prepared, parameters: Parameters, *, new: bool) -> None:
        self.key = key
        self.prepared = prepared
        self.parameters = parameters
        self.new = new


class Connection:
    """Used by one thread at a time, but for `interrupt`. `schema` in its methods: whose tables a statement is about."""

    def __init__(self, made: psycopg.Connection[Any]) -> None:
        self._made = made
        self._pg: Any = made.pgconn  # its stubs lag behind: parameters may be None, which is NULL
        self._prepared: OrderedDict[tuple[str, str], _Prepared] = OrderedDict()
        self._characters = 0
        self._unwanted: list[bytes] = []
        self._pending: list[_Step] = []
        self._sent: list[_Sent] = []
        self._poll: select.poll | None = None

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open, or about to be."""
        return bool(self._pending) or self._pg.transaction_status != pq.TransactionStatus.IDLE

    @property
    def usable(self) -> bool:
        """Whether the connection is open and outside of any transaction."""
        return not self.in_transaction and self._pg.status == pq.ConnStatus.OK

    @property
    def server_version(self) -> int:
        """The server's version as one number: 150004 is 15.4."""
        return int(self._pg.server_version)

    @property
    def lost(self) -> bool:
        """Whether the server has ended the connection, or the network."""
        return self._made.broken

    def later(self, command: bytes) -> None:
        """Runs a command without an answer (BEGIN, SAVEPOINT, RELEASE) together with the next statement."""
        self._pending.append(_Step(command))

    def rows(self, schema: str, text: str, parameters: Parameters) -> list[Row]:
        """Returns the rows of a statement, which is prepared when it is run for the first time. Raises as `faults.fault` says."""
        prepared = self._find(schema, text)
        if self._pending:
            result = self._with_pending(_Step(text.encode(), parameters, prepared.name))
        else:
            result = self._pg.exec_prepared(prepared.name, parameters, None, _BINARY)
        if result.status not in _OK:
            prepared, result = self._again(schema, text, parameters, result)
        return _read(prepared, result)

    def rows_of_many(self, schema: str, text: str, several: Iterable[Parameters]) -> list[Row]:
        """Returns the rows of a statement for each set of parameters, sent many at a time. To be called inside a transaction."""
        prepared = self._find(schema, text)
        found: list[Row] = []
        batch: list[_Step] = []
        size = 0
        for parameters in several:
            length = sum(len(value) for value in parameters if value is not None) + _EACH_BYTES
            if batch and size + length > _AT_ONCE_BYTES:
                found += self._rows_of_batch(prepared, batch)
                batch, size = [], 0
            batch.append(_Step(b"", parameters, prepared.name))
            size += length
        if batch:
            found += self._rows_of_batch(prepared, batch)
        return found

    def command(self, schema: str, text: str, parameters: Parameters = ()) -> list[Row]:
        """Returns the rows of a statement that is not worth preparing: schema changes, ROLLBACK, EXPLAIN."""
        sent = text.replace(SCHEMA, schema).encode()
        if self._pending:
            result = self._with_pending(_Step(sent, parameters))
        else:
            result = self._pg.exec_params(sent, parameters or None, None, None, _BINARY)
        if result.status not in _OK:
            raise self._fault(result)
        return _rows(result, _loads(result))

    def begin(self, mode: bytes, schema: str, first: str, second: str) -> tuple[list[Row], list[Row]]:
        """Begins a transaction with two statements; returns their rows."""
        prepared = self._find(schema, first), self._find(schema, second)
        steps = [_Step(mode), *(_Step(b"", (), each.name) for each in prepared)]
        results = self._exchange(steps)
        if _state(results[1]) == NO_SUCH_STATEMENT:
            # Nothing has happened in this transaction: something has emptied the session since it was used last.
            self._pg.exec_(b"ROLLBACK")
            self._forget_prepared()
            return self.begin(mode, schema, first, second)
        self._check(results)
        return _read(prepared[0], results[1]), _read(prepared[1], results[2])

    def commit(self, schema: str, last: str) -> None:
        """Runs a last statement and COMMIT, in one go."""
        prepared = self._find(schema, last)
        pending, self._pending = self._pending, []
        results = self._exchange([*pending, _Step(b"", (), prepared.name), _Step(b"COMMIT")])
        self._check(results)
        if results[-1].command_status != b"COMMIT":
            raise fault("40000", "COMMIT was answered by ROLLBACK")

    def send(self, several: Iterable[tuple[str, str, Parameters]]) -> list[bool]:
        """Sends statements of any schemas, each a transaction of its own, without waiting for answers: `receive` has to follow.

        Returns which were sent: not those whose preparation has made others be forgotten. Raises ConnectionLost.
        """
        # Also preparing waits for somebody who changes the table.
        found = [self._to_send((schema, text), parameters) for schema, text, parameters in several]
        kept = [self._prepared.get(each.key) is each.prepared for each in found]
        self._sent = [each for each, there in zip(found, kept, strict=True) if there]
        connection = self._pg
        try:
            if len(self._sent) == 1 and not self._sent[0].new:
                # Alone, which is usual: a pipeline would take twice as long to set up.
                connection.send_query_prepared(self._sent[0].prepared.name, self._sent[0].parameters, None, _BINARY)
                self._send_all()
                return kept
            connection.enter_pipeline_mode()
            for each in self._sent:
                if each.new:
                    schema, text = each.key
                    connection.send_prepare(each.prepared.name, text.replace(SCHEMA, schema).encode())
                connection.send_query_prepared(each.prepared.name, each.parameters, None, _BINARY)
                connection.pipeline_sync()  # ends its transaction: what fails ends nothing else
            self._send_all()
        except psycopg.OperationalError as error:
            raise fault(LOST, str(error)) from error
        return kept

    def receive(self, until: float) -> list[list[Row] | None]:
        """Returns the rows of each statement that was sent, None for one that failed.

        What has not been answered at `until` (by `time.monotonic`) is stopped, and the connection with it; the rows of those before it are
        returned. Raises ConnectionLost.
        """
        sent, self._sent = self._sent, []
        found: list[list[Row] | None] = []
        failed: list[tuple[_Sent, str]] = []
        try:
            for each in sent:
                result = self._result_until(until, each.new)
                if result is None:
                    self._abandon()
                    return found
                if result.status in _OK:
                    found.append(_read(each.prepared, result))
                else:
                    found.append(None)
                    failed.append((each, _state(result)))
                self._end_of_transaction()
            if self._pg.pipeline_status != pq.PipelineStatus.OFF:
                self._pg.exit_pipeline_mode()
        except psycopg.OperationalError as error:
            raise fault(LOST, str(error)) from error
        for each, state in failed:
            if state == NO_SUCH_STATEMENT:
                self._forget_prepared()
            elif (each.new or state == STALE_PLAN) and each.key in self._prepared:
                self._drop(each.key)
        return found

    def _end_of_transaction(self) -> None:
        """Reads what is left of a statement's results; in a pipeline also those of what was to be run after its preparation failed."""
        if self._pg.pipeline_status == pq.PipelineStatus.OFF:
            while self._wait() and self._pg.get_result() is not None:
                pass
        else:
            while self._next_result().status != pq.ExecStatus.PIPELINE_SYNC:
                pass

    def _abandon(self) -> None:
        """Closes the connection under a statement that runs, and has it stopped; by another thread, for the server may be gone."""
        cancel = self._pg.get_cancel()
        self.close()

        def stop() -> None:
            with suppress(psycopg.OperationalError):  # then there is nothing to stop, or nobody to tell
                cancel.cancel()

        threading.Thread(target=stop, name="stopping a statement", daemon=True).start()

    def _result_until(self, until: float, new: bool) -> pq.abc.PGresult | None:
        """Returns the next statement's result, or that of preparing it when that failed; None when it does not come in time."""
        if not self._wait(until):
            return None
        result = self._next_result()
        return self._result_until(until, new=False) if new and result.status in _OK else result

    def _to_send(self, key: tuple[str, str], parameters: Parameters) -> _Sent:
        prepared = self._prepared.get(key)
        if prepared is not None:
            self._prepared.move_to_end(key)
            return _Sent(key, prepared, parameters, new=False)
        prepared = _Prepared(len(key[1]))
        self._keep(key, prepared)
        return _Sent(key, prepared, parameters, new=True)

    def copy(self, schema: str, text: str, data: Iterable[bytes]) -> None:
        """Runs a COPY … FROM STDIN with these pieces of data."""
        self.flush()
        result = self._pg.exec_(text.replace(SCHEMA, schema).encode())
        if result.status != pq.ExecStatus.COPY_IN:
            raise self._fault(result)
        try:
            for piece in data:
                self._pg.put_copy_data(piece)
                self._send_all()
        except psycopg.OperationalError as error:
            raise fault(LOST, str(error)) from error
        except BaseException:
            self._end_copy(b"given up")
            raise
        result = self._end_copy()
        if result.status not in _OK:
            raise self._fault(result)

    def _end_copy(self, error: bytes | None = None) -> pq.abc.PGresult:
        try:
            self._pg.put_copy_end(error)
            self._send_all()
        except psycopg.OperationalError as lost:
            raise fault(LOST, str(lost)) from lost
        return self._answer()

    def _send_all(self) -> None:
        """Waits until all that libpq was given is on its way. It keeps what the socket does not take at once, however much that is, and who
        then waits for an answer waits for a server that waits for the rest.
        """
        if not self._pg.flush():
            return
        waiting = select.poll()
        waiting.register(self._pg.socket, select.POLLIN | select.POLLOUT)
        while self._pg.flush():
            if any(event & ~select.POLLOUT for _, event in waiting.poll()):
                self._pg.consume_input()  # an error most likely, and the server goes on once it is read

    def flush(self) -> None:
        """Runs now what waits for the next statement."""
        if self._pending:
            pending, self._pending = self._pending, []
            self._check(self._exchange(pending))

    def undo(self, savepoint: str) -> None:
        """Takes back what was done since a savepoint, which may be waiting for its first statement still."""
        begun = f"SAVEPOINT {savepoint}".encode()
        waiting = [step.text for step in self._pending]
        if begun in waiting:
            del self._pending[waiting.index(begun) :]
            return
        self._pending.clear()
        result = self._pg.exec_(b"ROLLBACK TO " + begun)
        if result.status not in _OK:
            raise self._fault(result)
        self.later(b"RELEASE " + begun)

    def end(self, command: bytes) -> None:
        """Runs COMMIT or ROLLBACK, unless nothing has been run since BEGIN, or the connection is lost anyway."""
        self._pending.clear()
        if self._pg.transaction_status in {pq.TransactionStatus.INTRANS, pq.TransactionStatus.INERROR}:
            result = self._pg.exec_(command)
            if result.status not in _OK and self._pg.status == pq.ConnStatus.OK:
                raise self._fault(result)

    def interrupt(self) -> None:
        """Stops the statement that runs now; to be called by another thread."""
        self._pg.get_cancel().cancel()

    def close(self) -> None:
        """Ends the connection, and with it what is not committed."""
        self._made.close()

    def _find(self, schema: str, text: str) -> _Prepared:
        key = (schema, text)
        prepared = self._prepared.get(key)
        if prepared is None:
            return self._prepare(key)
        self._prepared.move_to_end(key)
        return prepared

    def _prepare(self, key: tuple[str, str]) -> _Prepared:
        if self._pending and self._pg.transaction_status != pq.TransactionStatus.IDLE:
            self.flush()  # the savepoint must be there, should the statement not be one that can be prepared
        schema, text = key
        prepared = _Prepared(len(text))
        result = self._pg.prepare(prepared.name, text.replace(SCHEMA, schema).encode())
        if result.status not in _OK:
            raise self._fault(result)
        self._keep(key, prepared)
        return prepared

    def _keep(self, key: tuple[str, str], prepared: _Prepared) -> None:
        self._prepared[key] = prepared
        self._characters += prepared.size
        while len(self._prepared) > 1 and (len(self._prepared) > _MOST_STATEMENTS or self._characters > _MOST_CHARACTERS):
            self._drop(next(iter(self._prepared)))

    def _drop(self, key: tuple[str, str]) -> None:
        old = self._prepared.pop(key)
        self._characters -= old.size
        self._unwanted.append(old.name)
        if self._pg.transaction_status == pq.TransactionStatus.IDLE:  # inside a transaction it might fail, and the transaction with it
            for name in self._unwanted:
                self._pg.exec_(b"DEALLOCATE " + name)
            self._unwanted.clear()

    def _forget_prepared(self) -> None:
        self._prepared.clear()
        self._unwanted.clear()
        self._characters = 0

    def _again(self, schema: str, text: str, parameters: Parameters, result: pq.abc.PGresult) -> tuple[_Prepared, pq.abc.PGresult]:
        """Returns a prepared statement and its result at the second try, where it failed for being prepared in another world."""
        state = _state(result)
        if state == NO_SUCH_STATEMENT:
            self._forget_prepared()
        elif state == STALE_PLAN:
            self._drop((schema, text))
        else:
            raise self._fault(result)
        if self._pg.transaction_status != pq.TransactionStatus.IDLE:
            raise self._fault(result)
        prepared = self._find(schema, text)
        second = self._pg.exec_prepared(prepared.name, parameters, None, _BINARY)
        if second.status not in _OK:
            raise self._fault(second)
        return prepared, second

    def _rows_of_batch(self, prepared: _Prepared, batch: list[_Step]) -> list[Row]:
        pending, self._pending = self._pending, []
        results = self._exchange([*pending, *batch])
        self._check(results)
        return [row for result in results[len(pending) :] for row in _read(prepared, result)]

    def _with_pending(self, step: _Step) -> pq.abc.PGresult:
        """Returns the result of a step that is sent together with what waits for it; the first error of all when there is one."""
        pending, self._pending = self._pending, []
        results = self._exchange([*pending, step])
        return next((result for result in results if result.status not in _OK), results[-1])

    def _exchange(self, steps: Sequence[_Step]) -> list[pq.abc.PGresult]:
        """Returns the results of steps that are sent at once; after an error those of the others say that they were not run."""
        connection = self._pg
        try:
            connection.enter_pipeline_mode()
            for step in steps:
                if step.name is None:
                    connection.send_query_params(step.text, step.parameters or None, None, None, _BINARY)
                else:
                    connection.send_query_prepared(step.name, step.parameters, None, _BINARY)
            connection.pipeline_sync()
            self._send_all()
            results = [self._next_result() for _ in range(len(steps) + 1)]
            connection.exit_pipeline_mode()
        except psycopg.OperationalError as error:
            raise fault(LOST, str(error)) from error
        return results[:-1]

    def _next_result(self) -> pq.abc.PGresult:
        """Returns what the server answers next. Raises psycopg.OperationalError when the connection ends instead."""
        while True:
            self._wait()
            result: pq.abc.PGresult | None = self._pg.get_result()
            if result is not None:
                if self._pg.status != pq.ConnStatus.OK:
                    raise self._fault(result)
                return result
            if self._pg.status != pq.ConnStatus.OK:
                raise psycopg.OperationalError(self._pg.get_error_message())

    def _answer(self) -> pq.abc.PGresult:
        """Returns the result of what was sent, up to the end of its results."""
        last = self._next_result()
        while True:
            self._wait()
            following = self._pg.get_result()
            if following is None:
                return last
            last = following

    def _wait(self, until: float | None = None) -> bool:
        """Waits for something to read; libpq's own waiting would keep Python's lock. Returns whether it came in time."""
        while self._pg.is_busy():
            if self._poll is None:
                self._poll = select.poll()
                self._poll.register(self._pg.socket, select.POLLIN)
            if not self._poll.poll(None if until is None else max(0.0, until - time.monotonic()) * 1000):
                return False
            self._pg.consume_input()
        return True

    def _check(self, results: Iterable[pq.abc.PGresult]) -> None:
        for result in results:
            if result.status not in _OK:
                raise self._fault(result)

    def _fault(self, result: pq.abc.PGresult) -> Exception:
        lost = self._pg.status != pq.ConnStatus.OK
        state = _state(result)
        message = result.get_error_message()
        return fault(state or LOST, message, lost)


def _state(result: pq.abc.PGresult) -> str:
    """Returns the SQLSTATE of a result that is an error; "" for one that libpq has made itself, because the connection broke."""
    return (result.error_field(pq.DiagnosticField.SQLSTATE) or b"").decode()


def _read(prepared: _Prepared, result: pq.abc.PGresult) -> list[Row]:
    loads = prepared.loads
    if loads is None:
        loads = prepared.loads = _loads(result)
    return _rows(result, loads)


def _loads(result: pq.abc.PGresult) -> list[Load]:
    return [loader(result.ftype(column)) for column in range(result.nfields)]


def _rows(result: pq.abc.PGresult, loads: Sequence[Load]) -> list[Row]:
    value = result.get_value
    return [
        tuple([None if (found := value(row, column)) is None else load(found) for column, load in enumerate(loads)])
        for row in range(result.ntuples)
    ]
