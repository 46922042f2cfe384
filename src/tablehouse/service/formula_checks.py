"""Formulas checked without being saved, for those who write them: what is wrong and where, what comes out, what may stand at a position."""

from __future__ import annotations

import msgspec

from tablehouse.fields.formula import FormulaOptions
from tablehouse.formula.completion import Completions, complete
from tablehouse.query.requests import CheckFormula
from tablehouse.schema.circles import circle_from
from tablehouse.schema.dependencies import find_dependencies
from tablehouse.schema.formulas import Cycle, Formulas, ReadyFormula, read_formulas
from tablehouse.schema.model import Field, Table
from tablehouse.service.access import App, Caller, workspace_of
from tablehouse.service.answers import CheckedFormulaAnswer, CompletionAnswer, CompletionsAnswer, FormulaFault
from tablehouse.service.payload import Payload
from tablehouse.service.things import find_field, find_table
from tablehouse.storage.transaction import Reading


def check_formula(app: App, caller: Caller, database_id: str, table_id: str, payload: Payload) -> CheckedFormulaAnswer:
    """Returns what a formula's text means in a table. Raises NotFound, BadRequest."""
    workspace_of(caller, database_id)
    asked = payload.decode(CheckFormula)

    def work(reading: Reading) -> CheckedFormulaAnswer:
        return checked(find_table(reading.snapshot, table_id), asked)

    with app.store.database(database_id) as database:
        return database.read(work)


def checked(table: Table, asked: CheckFormula) -> CheckedFormulaAnswer:
    """Returns what a formula's text means in a table. Raises NotFound for a field that the table lacks."""
    own = None if asked.field_id is None else find_field(table, asked.field_id)
    candidate = _candidate(table, own, asked.formula)
    fields = [candidate if field is own else field for field in table.fields]
    formulas = read_formulas(fields if own is not None else [*fields, candidate])
    ready, fault = _found(formulas, candidate)
    if fault is None and own is not None:
        fault = _closed_elsewhere(table, fields, candidate)
    completions = None if asked.position is None else complete(asked.formula, max(asked.position, 0), formulas.known)
    return CheckedFormulaAnswer(
        valid=fault is None,
        error=fault,
        result=None if ready is None or fault is not None else ready.formula.kind.name,  # type: ignore[arg-type]  # a formula's kind is one of these
        referenced_field_ids=[] if ready is None or fault is not None else list(ready.formula.references),
        completions=None if completions is None else _shown(completions),
    )


def _candidate(table: Table, own: Field | None, text: str) -> Field:
    """The field that the text would make: the one it is for, or one without a name that nothing else can use."""
    options = FormulaOptions(formula=text)
    if own is not None:
        return msgspec.structs.replace(own, type_name="FORMULA", options=options, many=False)
    return msgspec.structs.replace(
        table.fields[0], num=-1, id="", name="", type_name="FORMULA", options=options, many=False, required=False, unique=False
    )


def _found(formulas: Formulas, candidate: Field) -> tuple[ReadyFormula | None, FormulaFault | None]:
    error = formulas.broken.get(candidate.num)
    if isinstance(error, Cycle):
        return None, FormulaFault(message=error.message, position=error.place_in(candidate, formulas.known))
    if error is not None:
        return None, FormulaFault(message=error.message, position=error.position)
    return formulas.of(candidate), None


def _closed_elsewhere(table: Table, fields: list[Field], candidate: Field) -> FormulaFault | None:
    """Returns what is wrong when a formula would need its own value by way of other records; None when it would not."""
    others = [each for each in table.around.values() if each.num != table.num]
    cycle = find_dependencies([msgspec.structs.replace(table, fields=tuple(fields)), *others]).cycle
    if not cycle:
        return None
    circle = circle_from(cycle, [candidate.id], {candidate.id: str(candidate.options.formula)})
    return FormulaFault(message=circle.message, position=circle.position or 0)


def _shown(completions: Completions) -> CompletionsAnswer:
    items = [
        CompletionAnswer(what=item.what, name=item.name, text=item.text, signature=item.signature, summary=item.summary)
        for item in completions.items
        if item.name
    ]
    return CompletionsAnswer(start=completions.start, end=completions.end, items=items)
