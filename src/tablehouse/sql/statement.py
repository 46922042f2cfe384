"""A compiled statement: its text and the order of its parameters. Compiled once per shape, run on a driver directly."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from operator import itemgetter
from typing import Any

import msgspec


class Statement(msgspec.Struct, frozen=True, dict=True):
    """SQL text with positional parameters.

    `names`: the parameters in the text's order. `constants`: those whose value is part of the statement.
    """

    text: str
    names: tuple[str, ...]
    constants: Mapping[str, Any]

    def bind(self, values: Mapping[str, Any]) -> tuple[Any, ...]:
        """Returns the values in the text's order. Raises KeyError when one is missing."""
        if not self.names:
            return ()
        picked = self._pick({**self.constants, **values} if self.constants else values)
        return picked if len(self.names) > 1 else (picked,)

    @cached_property
    def _pick(self) -> Any:
        return itemgetter(*self.names)
