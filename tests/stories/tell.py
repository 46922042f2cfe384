"""Telling stories: few and the same each time in a usual run, very many with `--deep`."""

from __future__ import annotations

import sys
from collections.abc import Callable

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.stories.calls import Calls, Noted
from tests.stories.story import Story


def tell(begin: Callable[[], Calls], examples: int, steps: int, deep: int) -> dict[str, int]:
    """What was refused, by what was tried and why, in stories each of which has a database of its own. `deep`: how many times as many of them.

    A story that fails is made shorter only when there is the time for it.
    """
    refusals: dict[str, int] = {}

    class Told(Story):
        def __init__(self) -> None:
            super().__init__()
            self.calls = Noted(begin())

        def teardown(self) -> None:
            try:
                if sys.exc_info()[0] is None:
                    self.all_work_done()
            finally:
                self.calls.end()

    Told.refusals = refusals
    bounds = settings(
        max_examples=examples * (deep or 1),
        stateful_step_count=steps,
        deadline=None,
        derandomize=not deep,
        phases=[Phase.generate, Phase.shrink] if deep else [Phase.generate],
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    run_state_machine_as_test(Told, settings=bounds)
    return refusals
