"""Where a table's columns lie, as the database has said: a matter of storages whose SQL tables cannot hold any number of columns."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class Parts(msgspec.Struct, frozen=True):
    """The SQL tables that hold one table. Empty where there is one for all columns, and for a table still to be made.

    `places`: the part in which a column lies, by its name. `spent`: how many columns each part has ever had; part 0 is the table's own.
    """

    places: Mapping[str, int] = {}
    spent: Mapping[int, int] = {}
