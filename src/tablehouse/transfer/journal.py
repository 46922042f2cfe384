"""How far an import through a server has come, kept in a file beside the source, so that it can go on where it was cut off.

A request whose answer never came may have been carried out. So what is about to be sent is written down first, and how many records the
table has then tells whether it arrived: every batch is all or nothing.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from tablehouse.errors import BadRequest


class Fingerprint(msgspec.Struct, frozen=True):
    """What makes two imports the same one: the file as it is, what is asked of it, and where it goes."""

    file: str
    size: int
    modified_ns: int
    options: str
    goes_to: str


class Pending(msgspec.Struct, frozen=True):
    """A batch that is being sent: its rows, and what holds once it has arrived."""

    rows: int
    line: int
    rejected: int
    report_size: int


class State(msgspec.Struct, frozen=True):
    """What is certain: all lines up to `line` are done. `records`: how many the table had then. `made`: the import made the table."""

    of: Fingerprint
    table_id: str
    made: bool
    records: int
    line: int = 0
    imported: int = 0
    rejected: int = 0
    report_size: int = 0
    pending: Pending | None = None


class Journal:
    """The file and what it says."""

    def __init__(self, path: Path, state: State) -> None:
        self.path = path
        self.state = state

    def begin(self, pending: Pending) -> None:
        """Writes down what is about to be sent. Raises OSError."""
        self._save(msgspec.structs.replace(self.state, pending=pending))

    def arrived(self) -> None:
        """Takes what was sent for certain; the file says so with the next one. Raises OSError."""
        pending = self.state.pending
        assert pending is not None
        self.state = msgspec.structs.replace(
            self.state,
            records=self.state.records + pending.rows,
            line=pending.line,
            imported=self.state.imported + pending.rows,
            rejected=pending.rejected,
            report_size=pending.report_size,
            pending=None,
        )

    def settle(self, records: int) -> None:
        """Decides by the number of records there are now whether what was sent last arrived. Raises BadRequest when that cannot be told."""
        pending = self.state.pending
        if pending is None:
            self.state = msgspec.structs.replace(self.state, records=records)
        elif records == self.state.records + pending.rows:
            self.arrived()
        elif records == self.state.records:
            self.state = msgspec.structs.replace(self.state, pending=None)
        else:
            raise BadRequest(
                f"The import was interrupted after line {self.state.line:,}, and others have changed the table since: whether the {pending.rows:,} rows "
                f"up to line {pending.line:,} are in it cannot be told. Look at its last records, then remove {self.path} to begin anew."
            )

    def save(self) -> None:
        """Writes down what is certain. Raises OSError."""
        self._save(self.state)

    def remove(self) -> None:
        """Ends the import: nothing is left to go on with."""
        self.path.unlink(missing_ok=True)

    def _save(self, state: State) -> None:
        self.state = state
        beside = self.path.with_name(self.path.name + ".new")
        beside.write_bytes(msgspec.json.format(msgspec.json.encode(state), indent=1) + b"\n")
        beside.replace(self.path)


def find_journal(path: Path, of: Fingerprint) -> Journal | None:
    """Returns the journal of this very import; None when there is none. Raises BadRequest when there is another one's."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        state = msgspec.json.decode(content, type=State)
    except msgspec.DecodeError:
        raise BadRequest(f"{path} is no journal of an import; remove it or move it away.") from None
    if state.of != of:
        raise BadRequest(
            f"{path} says that an import was interrupted after line {state.line:,}, but the file, the options or the server were others. "
            "Repeat that command to finish it, or remove this file to begin anew."
        )
    return Journal(path, state)
