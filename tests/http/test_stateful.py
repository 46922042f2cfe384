"""Stories of schema changes and writes in any order, told by Hypothesis and checked against a small model of one table.

The model knows which records there are and what each cell read last. An operation may change only what it names.
"""

from __future__ import annotations

import itertools
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from tests.api import Answer, Api, Table
from tests.case_files import field_types, stored_types
from tests.conftest import Connect, NewStorage, StartServer

TYPES = field_types()
SYSTEM = sorted(set(TYPES) - set(stored_types()))
WRITES = {
    name: [
        case["example"]["write"],
        None,
        *(each["write"] for each in case["writes"] if "write" in each and not each.get("field") and len(str(each["write"])) < 200),
    ]
    for name, case in stored_types().items()
}
NAMES = st.sampled_from(["a", "b", "c", "d", "e", "f"])


class TableStory(RuleBasedStateMachine):
    """One table, its fields and records, and the operations on them."""

    api: Api
    database: str

    @initialize()
    def begin(self) -> None:
        self.table: Table = self.api.new_table(self.database, [{"name": "Key", "type": "SINGLE_LINE_TEXT"}])
        self.types: dict[str, str] = {}
        self.rows: dict[str, dict[str, Any]] = {}

    def field(self, name: str) -> dict[str, Any]:
        return next(field for field in self.api.get(f"{self.table.path}/fields").data if field["name"] == name)

    def take(self, record: dict[str, Any]) -> None:
        self.rows[record["id"]] = record["fields"]

    def expect(self, answer: Answer) -> bool:
        """Whether it went well; a refusal is one of those that a client can cause."""
        if answer.status < 400:
            return True
        assert answer.code in {"BAD_REQUEST", "VALIDATION_ERROR", "CONSTRAINT_VIOLATION"}, answer
        return False

    @rule(name=NAMES, type=st.sampled_from(sorted(TYPES)), unique=st.booleans())
    def add_field(self, name: str, type: str, unique: bool) -> None:
        body = {"name": name, "type": type, "unique": unique and bool(TYPES[type].get("unique"))} | TYPES[type].get("field", {})
        if self.expect(self.api.post(f"{self.table.path}/fields", body)):
            assert name not in self.types
            self.types[name] = type
            if type in SYSTEM:
                self.look_again(name)
            for row in self.rows.values():
                row.setdefault(name, TYPES[type].get("empty"))
        else:
            assert name in self.types

    @rule(name=NAMES)
    def delete_field(self, name: str) -> None:
        if name in self.types:
            self.api.delete(f"{self.table.path}/fields/{self.field(name)['id']}").nothing()
            del self.types[name]
            for row in self.rows.values():
                del row[name]

    @rule(name=NAMES, new=NAMES)
    def rename_field(self, name: str, new: str) -> None:
        if name in self.types and self.expect(self.api.put(f"{self.table.path}/fields/{self.field(name)['id']}", {"name": new})):
            assert new == name or new not in self.types
            self.types = {new if each == name else each: kind for each, kind in self.types.items()}
            self.rows = {record: {new if key == name else key: value for key, value in row.items()} for record, row in self.rows.items()}

    @rule(name=NAMES, type=st.sampled_from(sorted(TYPES)), dry=st.booleans())
    def convert_field(self, name: str, type: str, dry: bool) -> None:
        if name not in self.types:
            return
        body = {"type": type, "unique": False}
        answer = self.api.put(f"{self.table.path}/fields/{self.field(name)['id']}", body, dryRun=str(dry).lower())
        if self.expect(answer) and not dry:
            self.types[name] = type
            self.look_again(name)

    @rule(data=st.data())
    def create(self, data: st.DataObject) -> None:
        answer = self.api.post(self.table.records_path, {"fields": self.values(data)}, fieldNames="true")
        if self.expect(answer):
            self.take(answer.data)

    @precondition(lambda self: self.rows)
    @rule(data=st.data())
    def update(self, data: st.DataObject) -> None:
        record = data.draw(st.sampled_from(sorted(self.rows)))
        values = self.values(data)
        answer = self.api.patch(self.table.record_path(record), {"fields": values}, fieldNames="true")
        if self.expect(answer):
            untouched = {
                name: value
                for name, value in self.rows[record].items()
                if name not in values and not self.types.get(name, "").startswith("UPDATED")
            }
            assert {name: answer.data["fields"][name] for name in untouched} == untouched
            self.take(answer.data)

    @precondition(lambda self: self.rows)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        record = data.draw(st.sampled_from(sorted(self.rows)))
        self.api.delete(self.table.record_path(record)).nothing()
        del self.rows[record]

    @rule(data=st.data(), size=st.integers(0, 6))
    def batch(self, data: st.DataObject, size: int) -> None:
        touched = data.draw(st.lists(st.sampled_from(sorted(self.rows)), unique=True, max_size=4)) if self.rows else []
        body = {
            "create": [{"fields": self.values(data)} for _ in range(size)],
            "update": [{"id": record, "fields": self.values(data)} for record in touched[1:]],
            "delete": touched[:1],
        }
        answer = self.api.post(f"{self.table.records_path}/batch", body, fieldNames="true")
        if self.expect(answer):
            for record in touched[:1]:
                del self.rows[record]
            for made in [*answer.data["updated"], *answer.data["created"]]:
                self.take(made)

    def values(self, data: st.DataObject) -> dict[str, Any]:
        writable = sorted(name for name, kind in self.types.items() if kind not in SYSTEM)
        chosen = data.draw(st.lists(st.sampled_from(writable), unique=True, max_size=3)) if writable else []
        return {name: data.draw(st.sampled_from(WRITES[self.types[name]])) for name in chosen}

    def look_again(self, name: str) -> None:
        """Takes what the cells of a field read now as what they are."""
        for record in self.listed():
            self.rows[record["id"]][name] = record["fields"][name]

    def listed(self) -> list[dict[str, Any]]:
        answer = self.api.get(self.table.records_path, limit=200, fieldNames="true")
        assert answer.metadata["total"] == len(self.rows)
        return list(answer.data)

    @invariant()
    def the_table_is_what_the_model_says(self) -> None:
        if not hasattr(self, "table"):
            return
        listed = self.listed()
        assert [record["id"] for record in listed] == sorted(self.rows)
        for record in listed:
            row = self.rows[record["id"]]
            assert {name: record["fields"][name] for name in self.types} == {name: row[name] for name in self.types}
        assert {field["name"] for field in self.table.refresh()["fields"]} == {"Key", *self.types}
        assert self.table.data["recordsCount"] == len(self.rows)

    def teardown(self) -> None:
        if hasattr(self, "table"):
            self.api.delete(self.table.path, force="true").nothing()


def tell(api: Api, database: str, examples: int) -> None:
    """Stories of tables in that database, as many as `examples`. A failing one is shown as it was told: making it shorter takes minutes."""
    story = type("Story", (TableStory,), {"api": api, "database": database})
    bounds = settings(
        max_examples=examples,
        stateful_step_count=25,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    run_state_machine_as_test(story, settings=bounds)


class TakingTurns(Api):
    """Calls that go to two servers, now to one and now to the other."""

    def __init__(self, first: Api, second: Api) -> None:
        self.servers = itertools.cycle([first, second, second, first, second])

    def send(self, *arguments: Any, **keys: Any) -> Answer:
        return next(self.servers).send(*arguments, **keys)


def test_any_story_of_a_table_ends_as_its_model(api: Api, database: str) -> None:
    tell(api, database, 40)


def test_two_servers_tell_one_story(start_server: StartServer, new_storage: NewStorage, connect: Connect) -> None:
    storage = new_storage()
    first = start_server(storage=storage)
    second = start_server(storage=storage, token=first.token)
    turns = TakingTurns(connect(first.address, first.token), connect(second.address, first.token))
    tell(turns, turns.new_database(), 25)
