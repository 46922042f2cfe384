"""`tablehouse docs`: everything that is declared stands in the pages it writes."""

from __future__ import annotations

import re
import subprocess

import msgspec
import pytest

from tablehouse.config import OPTIONS
from tablehouse.errors import CODES
from tablehouse.fields.registry import FIELD_TYPES
from tablehouse.formula.functions.registry import FUNCTIONS
from tablehouse.formula.operators import OPERATORS
from tablehouse.http.operations import OPERATIONS
from tests.server import clean_environment
from tests.starting import program

PAGES = {
    "aggregates.md",
    "audit.md",
    "commands.md",
    "compatibility.md",
    "endpoints.md",
    "errors.md",
    "field-types.md",
    "formulas.md",
    "operators.md",
    "settings.md",
}


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    directory = tmp_path_factory.mktemp("docs") / "reference"
    subprocess.run([program(), "docs", str(directory)], check=True, env=clean_environment(), capture_output=True)
    return {file.name: file.read_text(encoding="utf-8") for file in directory.iterdir()}


def section(page: str, title: str) -> str:
    """The part of a page below the heading that has this anchor."""
    return re.split(r"\n#{2,3} ", page.split(f'<a id="{title}"></a>')[1])[0]


def test_these_pages_are_written(pages: dict[str, str]) -> None:
    assert set(pages) == PAGES
    assert all("make docs" in text.splitlines()[2] for text in pages.values())


def test_every_operation_is_on_its_page(pages: dict[str, str]) -> None:
    for operation in OPERATIONS:
        text = section(pages["endpoints.md"], operation.id)
        assert text.startswith(f"{operation.method} {operation.path}\n")
        assert operation.summary in text
        assert all(f"[{code}](errors.md#{code})" in text for code in operation.codes)
        assert all(f"`{field.encode_name}`" in text for field in msgspec.structs.fields(operation.query))
        if operation.body is not None:
            assert all(f"`{field.encode_name}`" in text for field in msgspec.structs.fields(operation.body))


def test_every_function_of_formulas_is_on_its_page(pages: dict[str, str]) -> None:
    text = pages["formulas.md"]
    for function in FUNCTIONS:
        signature = function.signature.replace("|", "\\|")  # as a table needs it
        assert f"| `{signature}` | {function.summary}" in text
        assert all(f"`{formula}`" in text for formula, _ in function.examples)
    assert all(f"| `{operator.symbol}` | {operator.summary} |" in text for operator in OPERATORS)


def test_every_field_type_is_on_its_page(pages: dict[str, str]) -> None:
    for field_type in FIELD_TYPES:
        text = section(pages["field-types.md"], field_type.name)
        assert field_type.summary in text
        assert all(f"`{field.encode_name}`" in text for field in msgspec.structs.fields(field_type.Options))
        assert f"| [{field_type.name}](#{field_type.name}) | {field_type.reads} |" in pages["field-types.md"]


def test_every_error_code_is_on_its_page(pages: dict[str, str]) -> None:
    for code in CODES:
        text = section(pages["errors.md"], code.name)
        assert code.when in text
        assert f'"errorCode": "{code.name}"' in text


def test_every_setting_is_on_its_page(pages: dict[str, str]) -> None:
    for option in OPTIONS:
        assert f"`{option.env}`" in pages["settings.md"]
        assert option.help in pages["settings.md"]
        assert option.flag is None or f"`{option.flag}`" in pages["settings.md"]


def test_every_command_is_on_its_page(pages: dict[str, str]) -> None:
    shown = subprocess.run([program(), "--help"], check=True, env=clean_environment(COLUMNS="200"), capture_output=True, text=True).stdout
    named = re.findall(r"^\W ([a-z]+)  +\S", shown, re.MULTILINE)
    assert {"serve", "docs", "token"} <= set(named)
    assert all(f"\n## tablehouse {name}" in pages["commands.md"] for name in named)
    assert all(f"`{option.flag}`" in pages["commands.md"] for option in OPTIONS if option.flag)


def test_every_link_between_the_pages_leads_somewhere(pages: dict[str, str]) -> None:
    for name, text in pages.items():
        for target, anchor in re.findall(r"\]\(([\w-]+\.md)?(?:#([\w-]+))?\)", text):
            assert target == "" or target in pages
            assert anchor == "" or f'<a id="{anchor}"></a>' in pages[target or name]
