"""Formula cells are always what a computation from nothing gives, whatever was done to records and fields before."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from tablehouse.errors import ConstraintViolation, ValidationError
from tablehouse.formula.faults import CellError
from tablehouse.formula.formula import evaluate, read_formula
from tablehouse.kinds.kind import Kind
from tablehouse.service import fields
from tablehouse.service.bulk import Filling, load_records
from tests.formula.setting import context, known
from tests.local import Local, LocalTable

NAMES = ("T", "N", "M", "D", "S")
FIRST: list[dict[str, Any]] = [
    {"name": "T", "type": "SINGLE_LINE_TEXT"},
    {"name": "N", "type": "NUMBER"},
    {"name": "M", "type": "NUMBER"},
    {"name": "D", "type": "DATE"},
    {"name": "S", "type": "SELECT", "options": {"choices": [{"label": "Open"}, {"label": "Done"}]}},
]
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "T": st.sampled_from([None, "", "a", "12", "x y"]),
    "N": st.sampled_from([None, 0, 1, -2.5, 1e300]),
    "M": st.sampled_from([None, 0, 3]),
    "D": st.sampled_from([None, "2025-06-01", "9999-12-31"]),
    "S": st.sampled_from([None, "Done"]),
}
TEXTS = st.sampled_from(
    [
        "{N} + {M}",
        "{N} / {M}",
        "{T} & {S}",
        "{T} * 2",
        "UPPER({S})",
        'DATEADD({D}, 1, "days")',
        "IF({N} > {M}, {T}, {N})",
        'IFERROR({A} * 2, "failed")',
        "{A} & {B}",
        "LEN({B})",
        "{C} = {A}",
        "RECORD_ID()",
        "SUM({N}, {M}, {A})",
    ]
)
FORMULA_NAMES = ("A", "B", "C")


def field_of(name: str, text: str) -> dict[str, Any]:
    return {"name": name, "type": "FORMULA", "options": {"formula": text}}


class FormulaMachine(RuleBasedStateMachine):
    """One table whose formulas come and go."""

    local: Local

    @initialize()
    def start(self) -> None:
        self.table = self.local.new_table(FIRST)
        self.records: list[str] = []

    @property
    def names(self) -> set[str]:
        return {field.name for field in self.table.schema.fields}

    @rule(cells=st.fixed_dictionaries({}, optional=VALUES))
    def create(self, cells: dict[str, Any]) -> None:
        there = {name: value for name, value in cells.items() if name in self.names}
        self.records.append(self.table.create(**there)["id"])

    @precondition(lambda self: self.records)
    @rule(data=st.data(), cells=st.fixed_dictionaries({}, optional=VALUES))
    def change(self, data: Any, cells: dict[str, Any]) -> None:
        there = {name: value for name, value in cells.items() if name in self.names}
        record = data.draw(st.sampled_from(self.records))
        if "N" in there and self.table.schema.field_by_folded_name["n"].type_name != "NUMBER":
            there.pop("N")
        self.table.update(record, **there)

    @precondition(lambda self: self.records)
    @rule(data=st.data())
    def delete(self, data: Any) -> None:
        record = data.draw(st.sampled_from(self.records))
        self.records.remove(record)
        self.table.delete(record)

    @rule(name=st.sampled_from(FORMULA_NAMES), text=TEXTS)
    def define(self, name: str, text: str) -> None:
        try:
            if name in self.names:
                self.table.change_field(name, options={"formula": text})
            else:
                self.table.add_field(**field_of(name, text))
        except (ValidationError, ConstraintViolation):
            pass  # a name that is gone, or a circle

    @rule(name=st.sampled_from((*FORMULA_NAMES, "M", "D")))
    def drop(self, name: str) -> None:
        if name in self.names:
            self.table.delete_field(name)

    @rule(to=st.sampled_from(["NUMBER", "SINGLE_LINE_TEXT"]))
    def convert(self, to: str) -> None:
        self.table.change_field("N", type=to)

    @rule(label=st.sampled_from(["Open", "Waiting", "ß"]))
    def rename_choice(self, label: str) -> None:
        choices = [{"id": choice.id, "label": choice.label} for choice in self.table.schema.field_by_folded_name["s"].options.choices]
        choices[0]["label"] = label
        self.table.change_field("S", options={"choices": choices})

    @invariant()
    def every_cell_is_what_its_formula_gives_now(self) -> None:
        there = self.table.schema.fields
        shown = fields_shown(self.table)
        for record in self.table.page(limit=200)[0]:
            naive = Naive(record, {field.name: (field.kind, shown.get(field.name)) for field in there})
            for name in shown:
                expected, found = naive.cell(name), record["fields"][name]
                reason = record.get("errors", {}).get(self.table.field_id(name))
                assert (found, reason) == ((None, expected.reason) if isinstance(expected, CellError) else (expected, None)), name


def fields_shown(table: LocalTable) -> dict[str, str]:
    """The texts of the formula fields that are valid, by name; "BLANK()" for those that are not."""
    listed = fields.list_fields(table.local.app, table.local.caller, table.database, table.id)
    return {field.name: field.options["formula"] if field.options["isValid"] else "BLANK()" for field in listed if field.type == "FORMULA"}


class Naive:
    """Cells of one record by their formulas, each computed again whenever it is asked for. Knows nothing of what the server keeps."""

    def __init__(self, record: dict[str, Any], columns: dict[str, tuple[Kind, str | None]]) -> None:
        self._record = record
        self._fields = columns

    def cell(self, name: str) -> Any:
        _, text = self._fields[name]
        if text is None:
            value = self._record["fields"][name]
            return value["label"] if isinstance(value, dict) else value
        cells = {other: (of, False, self.cell(other)) for other, (of, _) in self._fields.items() if f"{{{other}}}" in text}
        formula = read_formula(text, known(cells))
        given = context(formula, cells)
        given.record_id = self._record["id"]
        return evaluate(formula, given)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Any:
    local = Local(tmp_path_factory.mktemp("formulas"))
    yield local
    local.close()


@pytest.mark.timeout(300)  # a few hundred changes of the schema, each with all its statements
def test_cells_are_always_what_a_computation_from_nothing_gives(shared: Local) -> None:
    class Machine(FormulaMachine):
        local = shared

    run_state_machine_as_test(Machine, settings=settings(max_examples=30, stateful_step_count=20, deadline=None))


def test_an_import_computes_as_a_create_does(shared: Local) -> None:
    formulas = [field_of("A", "{N} * 2"), field_of("B", '{T} & "-" & {A} & "-" & {No}'), field_of("C", "{T} * 1")]
    table = shared.new_table([*FIRST, {"name": "No", "type": "AUTONUMBER"}, *formulas])
    chunks = [[["a", "12", ""], ["1", "2", "3"]], [["b"], [""]]]
    fillings = [Filling("T"), Filling("N")]
    load_records(shared.app, shared.caller, table.database, table.id, fillings, chunks, lambda refused: None)
    imported = table.page()[0]
    assert [record["fields"]["B"] for record in imported] == ["a-2-1", "12-4-2", "-6-3", "b-0-4"]
    made = [table.create(T=record["fields"]["T"], N=record["fields"]["N"]) for record in imported]
    assert [record["fields"]["C"] for record in made] == [record["fields"]["C"] for record in imported] == [None, 12, 0, None]
    assert [bool(record.get("errors")) for record in imported] == [True, False, False, True]
