"""docs/security.md names a test for each thing it claims, and all of these tests exist."""

from __future__ import annotations

import ast
import re

from tablehouse.config import OPTIONS
from tests.architecture.sources import ROOT, modules

TEXT = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
TOP_TEN = (
    "Broken object level authorization",
    "Broken authentication",
    "Broken object property level authorization",
    "Unrestricted resource consumption",
    "Broken function level authorization",
    "Unrestricted access to sensitive business flows",
    "Server side request forgery",
    "Security misconfiguration",
    "Improper inventory management",
    "Unsafe consumption of APIs",
)
"""OWASP API Security Top Ten, edition 2023."""


def test_every_test_that_is_named_is_there() -> None:
    there = {(module.name, node.name) for module in modules("tests") for node in ast.walk(module.tree) if isinstance(node, ast.FunctionDef)}
    named = set(NAMED.findall(TEXT))
    assert len(named) > 50
    assert named - there == set()


def test_each_of_the_top_ten_has_its_proof() -> None:
    parts = re.split(r"^###? ", TEXT, flags=re.MULTILINE)
    for number, name in enumerate(TOP_TEN, start=1):
        (part,) = [part for part in parts if part.startswith(f"API{number} {name}\n")]
        assert len(NAMED.findall(part)) >= 3, name


def test_every_file_and_setting_that_is_named_is_there() -> None:
    for place in re.findall(r"`((?:http|service|storage|sql|fetch|media|fields|query|formula|schema)/[\w/.]*)`", TEXT):
        assert (ROOT / "src" / "tablehouse" / place).exists(), place
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", TEXT)) - {option.flag for option in OPTIONS} == {"--only"}
