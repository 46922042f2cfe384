"""Progress bars on stderr, for people alone: where stderr is no terminal nothing is drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from tablehouse.cli.output import people


class Bars:
    """One bar for each step; it disappears when the step is done."""

    @contextmanager
    def step(self, what: str) -> Iterator[Callable[[float], None]]:
        """Gives what takes the share that is done, from 0 to 1."""
        columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
        with Progress(*columns, console=people, transient=True, disable=not people.is_terminal) as progress:
            task = progress.add_task(what, total=1.0)
            yield lambda share: progress.update(task, completed=share)
