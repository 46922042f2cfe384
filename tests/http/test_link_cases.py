"""Runs `tests/cases/links/*.json`: what is written to link cells → what both sides read. The forms are explained in `tests/cases/README.md`."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.api import Answer, Api, Table
from tests.case_files import CASES

FILES = {file.stem: json.loads(file.read_text()) for file in sorted((CASES / "links").glob("*.json"))}
KEYS = {"says", "here", "there", "required", "steps", "links", "back"}
STEP_KEYS = {"write", "back", "delete", "form", "force", "refused", "message"}
NAME = {"name": "Name", "type": "SINGLE_LINE_TEXT"}
CASES_OF_LINKS = [pytest.param(case, id=case["says"]) for file in FILES.values() for case in file["cases"]]


def test_every_key_of_a_case_is_one_that_is_run() -> None:
    for file in FILES.values():
        assert all(set(case) <= KEYS and all(set(step) <= STEP_KEYS for step in case["steps"]) for case in file["cases"])


class World:
    """The two tables of a case, with the ids of their records by label."""

    def __init__(self, api: Api, database: str, case: dict[str, Any]) -> None:
        self.api = api
        self.there = api.new_table(database, [NAME])
        self.here = api.new_table(database, [NAME])
        several = case.get("here", True)
        link = self.here.add_field("Links", "LINKED_RECORD", options={"linkedTableId": self.there.id}, allowMultipleEntries=several)
        self.partner = link["options"]["inverseLinkFieldId"]
        if not case.get("there", True):
            api.put(f"{self.there.path}/fields/{self.partner}", {"allowMultipleEntries": False})
        self.ids = {"?": "02W3K9ZQF4M7TB"}
        for table, labels in ((self.here, "ab"), (self.there, "xyz")):
            self.ids |= {label: table.create({"Name": label})["id"] for label in labels}
        if case.get("required"):
            assert api.put(self.here.field_path("Links"), {"required": True}).data["required"]

    def form(self, value: Any, form: str) -> Any:
        if isinstance(value, list):
            items = [self.form(item, form) for item in value]
            return ", ".join(items) if form == "text" else items
        if not isinstance(value, str) or not value:
            return value
        record = self.ids[value]
        return {"object": {"id": record}, "labelled": {"id": record, "label": "anything"}}.get(form, record)

    def step(self, step: dict[str, Any]) -> None:
        if "delete" in step:
            self.check(
                step, self.api.delete(self.there.record_path(self.ids[step["delete"]]), **({"force": "true"} if "force" in step else {}))
            )
        for label, value in step.get("write", {}).items():
            written = value if step.get("form") == "raw" else self.form(value, step.get("form", "id"))
            answer = self.api.patch(self.here.record_path(self.ids[label]), {"fields": {"Links": written}})
            self.check(step, answer)
            if answer.status == 200:
                assert answer.data == self.api.get(self.here.record_path(self.ids[label])).data
        for label, value in step.get("back", {}).items():
            self.check(step, self.api.patch(self.there.record_path(self.ids[label]), {"fields": {self.partner: self.form(value, "id")}}))

    def check(self, step: dict[str, Any], answer: Answer) -> None:
        if "refused" in step:
            answer.refused(step["refused"], step["message"])
        else:
            assert answer.status in (200, 204), answer

    def linked(self, table: Table, label: str, field: str) -> list[str]:
        cell = self.api.get(table.record_path(self.ids[label])).data["fields"][field]
        assert all(linked == {"id": self.ids[linked["label"]], "label": linked["label"]} for linked in cell)
        return [linked["label"] for linked in cell]


@pytest.mark.parametrize("case", CASES_OF_LINKS)
def test_both_sides_read_what_was_written(case: dict[str, Any], api: Api, database: str) -> None:
    world = World(api, database, case)
    for step in case["steps"]:
        world.step(step)
    assert {label: world.linked(world.here, label, world.here.field_id("Links")) for label in case["links"]} == case["links"]
    assert {label: world.linked(world.there, label, world.partner) for label in case["back"]} == case["back"]
