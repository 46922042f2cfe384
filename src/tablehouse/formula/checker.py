"""From a parsed tree to a checked one: names become field ids, calls have the arguments they need, and the kind of the result is known.

Whether a value fits is no matter of the text: the same formula is right for one record and an error for another, and a field that changes its
type must not make a formula unsavable. So kinds are never refused here; a cell says what it could not compute.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from tablehouse.errors import nearest
from tablehouse.formula.faults import FormulaError
from tablehouse.formula.function import Function
from tablehouse.formula.functions.registry import BY_NAME
from tablehouse.formula.operators import BY_SYMBOL
from tablehouse.formula.results import NUMBER, TEXT, Result, of_field
from tablehouse.formula.tree import Call, Chain, Negation, Number, Reference, Text, Tree, children
from tablehouse.kinds.kind import Kind, fold


class KnownField(msgspec.Struct, frozen=True):
    """A field that formulas of its table may use."""

    id: str
    name: str
    kind: Kind
    many: bool


class KnownFields:
    """The fields of a table, found by id, or else by name in any letter case."""

    def __init__(self, fields: Iterable[KnownField]) -> None:
        self.by_id = {field.id: field for field in fields}
        self._by_name = {fold(field.name): field for field in self.by_id.values()}

    def find(self, id_or_name: str) -> KnownField | None:
        """Returns the field with this id, or else with this name."""
        return self.by_id.get(id_or_name) or self._by_name.get(fold(id_or_name))

    def names(self) -> list[str]:
        """Returns the names of all fields, in field order."""
        return [field.name for field in self.by_id.values()]

    def shown(self, field_id: str) -> str | None:
        """Returns what stands for a field in a text: its name, or the id where the name is another field's id; None when there is none."""
        field = self.by_id.get(field_id)
        if field is None:
            return None
        return field.id if self.find(field.name) is not field else field.name


class Checked(msgspec.Struct, frozen=True):
    """A tree whose references are field ids. `references`: each field once, in the order of the text; `functions`: the names of those called."""

    tree: Tree
    references: tuple[str, ...]
    functions: frozenset[str]
    result: Result
    volatile: bool


def check(tree: Tree, fields: KnownFields) -> Checked:
    """Returns the checked tree. Raises FormulaError for a name that is none, and for a call with too few or too many arguments."""
    checker = _Checker(fields)
    checked, result = checker.check(tree)
    return Checked(checked, tuple(checker.references), frozenset(checker.functions), result, checker.volatile)


class _Checker:
    def __init__(self, fields: KnownFields) -> None:
        self._fields = fields
        self.references: dict[str, None] = {}
        self.functions: set[str] = set()
        self.volatile = False

    def check(self, tree: Tree) -> tuple[Tree, Result]:
        if isinstance(tree, Number):
            return tree, NUMBER
        if isinstance(tree, Text):
            return tree, Result(TEXT.kind, literal=tree.value)
        if isinstance(tree, Reference):
            return self._reference(tree)
        below = [self.check(child) for child in children(tree)]
        if isinstance(tree, Negation):
            return msgspec.structs.replace(tree, operand=below[0][0]), NUMBER
        if isinstance(tree, Chain):
            steps = tuple(msgspec.structs.replace(step, operand=child) for step, (child, _) in zip(tree.steps, below[1:], strict=True))
            return Chain(below[0][0], steps, tree.at), BY_SYMBOL[steps[-1].symbol].result
        return self._call(tree, [child for child, _ in below], [result for _, result in below])

    def _reference(self, tree: Reference) -> tuple[Tree, Result]:
        field = self._fields.find(tree.name)
        if field is None:
            hint = nearest(tree.name, self._fields.names()) or " Write the name of one of its fields between the braces."
            raise FormulaError(f'There is no field "{tree.name}" in this table.{hint}', tree.at)
        self.references[field.id] = None
        return msgspec.structs.replace(tree, name=field.id), of_field(field.kind, field.many)

    def _call(self, tree: Call, arguments: list[Tree], results: list[Result]) -> tuple[Tree, Result]:
        function = BY_NAME.get(tree.name)
        if function is None:
            hint = nearest(tree.name, BY_NAME) or " Use one of those that the reference lists, or a text in quotes."
            raise FormulaError(f"There is no function {tree.name}.{hint}", tree.at)
        if len(arguments) < function.least or (function.most is not None and len(arguments) > function.most):
            raise FormulaError(
                f"{function.name} takes {_how_many(function)}, and {len(arguments)} {'is' if len(arguments) == 1 else 'are'} given: "
                f"{function.signature.partition(' -> ')[0]}.",
                tree.at,
            )
        self.functions.add(function.name)
        self.volatile = self.volatile or function.is_volatile(len(arguments))
        return Call(tree.name, tuple(arguments), tree.at), function.result(results)


def _how_many(function: Function) -> str:
    least, most = function.least, function.most
    if most == 0:
        return "no arguments"
    if most is None:
        return f"{least} or more arguments"
    count = str(least) if least == most else f"{least} to {most}"
    return f"{count} argument{'' if most == 1 else 's'}"
