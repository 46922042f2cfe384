"""Formula text as it is stored, with field ids between the braces, and as people read it, with the current names.

All but the names stays as it was typed: blanks, line breaks, the letter case of functions. So renaming a field renames it in every text.
"""

from __future__ import annotations

from collections.abc import Callable

from tablehouse.formula.checker import KnownFields
from tablehouse.formula.parser import escaped_name, parse
from tablehouse.formula.tree import references


def with_ids(text: str, fields: KnownFields) -> str:
    """Returns the text with ids between the braces; names that no field has stay. Raises FormulaError for text that does not parse."""

    def written(name: str) -> str | None:
        field = fields.find(name)
        return None if field is None else field.id

    return _rewritten(text, written)


def with_names(stored: str, fields: KnownFields) -> str:
    """Returns a stored text with current names between the braces; ids that no field has stay."""
    return _rewritten(stored, fields.shown)


def _rewritten(text: str, written: Callable[[str], str | None]) -> str:
    pieces, end = [], 0
    for reference in references(parse(text)):
        name = written(reference.name)
        if name is not None:
            pieces += [text[end : reference.at], "{", escaped_name(name), "}"]
            end = reference.end
    return "".join((*pieces, text[end:]))
