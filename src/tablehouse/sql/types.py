"""Column types, in terms of both dialects. Text compares by code point everywhere."""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa

from tablehouse.kinds.kind import Storage
from tablehouse.schema.model import Field

TEXT: Final[sa.types.TypeEngine[Any]] = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
INTEGER: Final[sa.types.TypeEngine[Any]] = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
# NUMERIC affinity makes SQLite keep whole numbers as integers, so that they read `45` and not `45.0`.
NUMBER: Final[sa.types.TypeEngine[Any]] = sa.Double().with_variant(sa.Numeric(asdecimal=False), "sqlite")
BYTES: Final[sa.types.TypeEngine[Any]] = sa.LargeBinary()

_BY_STORAGE: Final[dict[Storage, sa.types.TypeEngine[Any]]] = {
    Storage.TEXT: TEXT,
    Storage.NUMBER: NUMBER,
    Storage.INTEGER: INTEGER,
    Storage.BOOLEAN: INTEGER,
}


def column_type(field: Field) -> sa.types.TypeEngine[Any]:
    """Returns the type of the column that holds a field's cells; several values are a JSON array in text."""
    return TEXT if field.many else _BY_STORAGE[field.kind.storage]
