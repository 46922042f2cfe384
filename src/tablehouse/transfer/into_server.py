"""Imports through a running server, in batches: each is in the table as a whole or not at all, and a journal tells where to go on.

What the server refuses it names by row; such rows are reported and the others of the batch are sent again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from tablehouse.client.api import Client
from tablehouse.client.connection import ServerRefusal
from tablehouse.errors import ApiError
from tablehouse.fields.registry import BY_NAME
from tablehouse.kinds.decimal_text import parse_number
from tablehouse.kinds.kind import NUMBER, fold
from tablehouse.query.requests import CreateTable
from tablehouse.service.answers import DatabaseAnswer, TableAnswer
from tablehouse.service.bulk import Loaded, Refused
from tablehouse.service.fields import ChangeMetadata
from tablehouse.transfer.feed import Feed, Incoming
from tablehouse.transfer.guess import Guess
from tablehouse.transfer.journal import Fingerprint, Journal, Pending, State, find_journal
from tablehouse.transfer.rejected import RejectedFile, beside
from tablehouse.transfer.rows import Layout
from tablehouse.transfer.target import Job, Stopped

_PLACE: Final = re.compile(r"create\[(\d+)\]")
_MOST_FORMS: Final = 200_000
_LONGEST_KNOWN: Final = 200
"""Texts remembered as they are sent, of all columns together; longer ones hardly come twice."""


class ServerTarget:
    """A running server, with a token."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def list_databases(self, workspace_id: str | None) -> list[DatabaseAnswer]:
        return self._client.list_databases(workspace_id)

    def create_database(self, name: str, workspace_id: str | None) -> DatabaseAnswer:
        return self._client.create_database(name, workspace_id)

    def delete_database(self, database_id: str) -> None:
        self._client.delete_database(database_id)

    def list_tables(self, database_id: str) -> list[TableAnswer]:
        return self._client.list_tables(database_id)

    def link_field(self, database_id: str, table_id: str, field_id: str, linked_table_id: str, match_on: str) -> ChangeMetadata:
        return self._client.link_field(database_id, table_id, field_id, linked_table_id, match_on)

    def interrupted(self, of: Fingerprint, layout: Layout) -> Journal | None:
        return find_journal(beside(layout.source, "import.json"), of)

    def load(self, job: Job, journal: Journal | None) -> Loaded:
        journal = journal or self._start(job)
        state = journal.state
        try:
            table = self._client.get_table(job.database_id, state.table_id)
            journal.settle(table.records_count)
            state = journal.state
            job.rejected.go_on(state.rejected, state.report_size)
            sending = _Sending(self._client, job, journal, table)
            sending.run()
        except ApiError as error:
            raise self._stopped(job, journal, error) from None
        journal.remove()
        return Loaded(self._client.get_table(job.database_id, table.id), journal.state.imported, job.rejected.rows)

    def _start(self, job: Job) -> Journal:
        into = job.plan.into
        made = isinstance(into, CreateTable)
        table = self._client.create_table(job.database_id, into) if isinstance(into, CreateTable) else into
        state = State(of=job.of, table_id=table.id, made=made, records=table.records_count)
        journal = Journal(beside(job.layout.source, "import.json"), state)
        journal.save()
        return journal

    def _stopped(self, job: Job, journal: Journal, error: ApiError) -> ApiError:
        """Returns what to say of a failure, once an import that has brought nothing has left nothing."""
        state = journal.state
        if isinstance(error, ServerRefusal) and not state.imported:
            journal.remove()
            job.rejected.discard()
            if state.made:
                self._client.delete_table(job.database_id, state.table_id)
            return error
        return Stopped(
            f"{error.message}\n{state.imported:,} rows are imported, up to line {state.line:,}. Run the same command again to go on from there."
        )


class _Sending:
    """The sending of one file's rows from where its journal stands."""

    def __init__(self, client: Client, job: Job, journal: Journal, table: TableAnswer) -> None:
        fields = {fold(field.name): field for field in table.fields}
        self._client = client
        self._job = job
        self._journal = journal
        self._table = table
        self._rejected: RejectedFile = job.rejected
        into = [fields[fold(column.field)] for column in job.plan.columns]
        self._fields = [field.id for field in into]
        numbers = [BY_NAME[field.type].kind is NUMBER for field in into]
        self._forms = [_Forms(column.guess, number) for column, number in zip(job.plan.columns, numbers, strict=True)]
        self._feed = Feed(job.layout, job.plan.columns, job.rejected, job.told)

    def run(self) -> None:
        for incoming in self._feed.chunks(after_line=self._journal.state.line):
            cells = [list(map(form.__getitem__, texts)) for form, texts in zip(self._forms, incoming.columns, strict=True)]
            rows = [dict(zip(self._fields, row, strict=True)) for row in zip(*cells, strict=True)]
            self._send(rows, range(len(rows)), incoming, incoming.until)
            for form in self._forms:
                if len(form) > _MOST_FORMS // len(self._forms):
                    form.clear()

    def _send(self, rows: list[dict[str, Any]], places: Sequence[int], incoming: Incoming, until: int) -> None:
        """Sends those rows of a chunk that stand at these places; the file is then done up to a line."""
        while places:
            self._feed.report(until)
            self._journal.begin(Pending(len(places), until, self._rejected.rows, self._rejected.size()))
            try:
                self._client.create_records(self._job.database_id, self._table.id, [rows[place] for place in places])
            except ServerRefusal as refusal:
                refused = self._refused(refusal, places)
                if not refused:
                    raise
                if len(refused) == len(places) > 1 and refusal.error_code != "VALIDATION_ERROR":
                    half = len(places) // 2
                    self._send(rows, places[:half], incoming, incoming.lines[places[half]] - 1)
                    places = places[half:]
                    continue
                self._feed.refuse(refused)
                left_out = {each.place for each in refused}
                places = [place for place in places if place not in left_out]
            else:
                self._journal.arrived()
                return
        self._feed.report(until)
        self._journal.state = msgspec.structs.replace(
            self._journal.state, line=until, rejected=self._rejected.rows, report_size=self._rejected.size(), pending=None
        )

    def _refused(self, refusal: ServerRefusal, places: Sequence[int]) -> list[Refused]:
        """Returns the rows that a refusal is about; all of them where it does not say which, none where it is about no row."""
        if refusal.error_code == "VALIDATION_ERROR":
            reasons: dict[int, str] = {}
            for fault in refusal.details.get("errors", ()):
                found = _PLACE.match(fault["path"])
                if found:
                    place = places[int(found[1])]
                    reasons[place] = f"{reasons[place]} {fault['message']}" if place in reasons else fault["message"]
            return [Refused(place, reason) for place, reason in reasons.items()]
        # A limit on one request: of files that it has fetched, of the time that they take.
        too_much = refusal.error_code == "BAD_REQUEST" and "limit" in refusal.details
        if too_much or refusal.error_code in ("CONSTRAINT_VIOLATION", "PAYLOAD_TOO_LARGE"):
            return [Refused(place, refusal.message) for place in places]
        return []


class _Forms(dict[str, Any]):
    """Text → what is sent for it, for one column; an empty cell is null. Numbers are sent as such: read here once for all equal texts."""

    def __init__(self, guess: Guess, number: bool) -> None:
        super().__init__()
        self._guess = guess
        self._number = number

    def __missing__(self, text: str) -> Any:
        form: Any = self._guess.form(text) or None
        if self._number and form is not None:
            read = parse_number(form)
            form = form if read is None else read
        if len(text) <= _LONGEST_KNOWN:
            self[text] = form
        return form
