"""What may be imported where, beyond the directions that import-linter checks (`lint-imports`, contract in pyproject.toml)."""

import ast
import re
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions

import pytest

from tests.architecture.sources import PACKAGE, Module, imported, modules, pyproject

# (file below the package, module imported inside a function) -> why it cannot stand at the top. Each entry has to be in use.
INSIDE_FUNCTIONS: dict[tuple[str, str], str] = {}

# A library that belongs to one part of the picture -> the parts that may know it.
BELONGS_TO = {
    "apsw": {"storage"},
    "sqlite3": set(),  # apsw brings its own, newer SQLite; two in one process corrupt each other's locks
    "sqlalchemy": {"sql"},
    "falcon": {"http"},
    "granian": {"http"},
    "typer": {"cli"},
    "rich": {"cli", "transfer"},
}

# From `sql` down a request becomes a plan and the plan becomes text: same input, same output. These would end that.
PURE = {"sql", "query", "schema", "fields", "formula", "kinds"}
IMPURE = {"http.client", "os", "pathlib", "random", "secrets", "shutil", "socket", "subprocess", "tempfile", "time", "urllib.request"}

# Declared for something other than an import.
NOT_IMPORTED = {"tzdata": "the time zones that zoneinfo reads where the system has none"}


def matches(name: str, module: str) -> bool:
    """Whether the dotted name is this module or something in it."""
    return name == module or name.startswith(f"{module}.")


def imports(module: Module) -> Iterator[str]:
    """Every dotted name a file imports, at any depth."""
    for node in ast.walk(module.tree):
        yield from imported(node)


def imports_inside_functions() -> set[tuple[str, str]]:
    """(file below the package, imported module) of every import that runs in a function."""
    return {
        (module.path.relative_to(PACKAGE).as_posix(), node.module or "" if isinstance(node, ast.ImportFrom) else name)
        for module in modules("src")
        for function in module.functions()
        for node in ast.walk(function)
        for name in imported(node)
    }


def declared_distributions() -> set[str]:
    """The names of the run-time dependencies, in lower case."""
    return {re.split(r"[^\w.-]", requirement, maxsplit=1)[0].lower() for requirement in pyproject()["project"]["dependencies"]}


def imported_distributions() -> dict[str, str]:
    """The distribution of each third-party import in the package -> a file that imports it."""
    providers = packages_distributions()
    tops = {name.split(".")[0]: module.name for module in modules("src") for name in imports(module)}
    foreign = {top: name for top, name in tops.items() if top != "tablehouse" and top not in sys.stdlib_module_names}
    return {providers.get(top, [top])[0].lower().replace("_", "-"): name for top, name in foreign.items()}


def test_imports_stand_at_the_top() -> None:
    assert imports_inside_functions() - INSIDE_FUNCTIONS.keys() == set()


def test_every_exception_to_that_is_still_needed() -> None:
    assert INSIDE_FUNCTIONS.keys() - imports_inside_functions() == set()


def test_every_folder_of_the_package_is_a_package() -> None:
    folders = {module.path.parent for module in modules("src")}
    assert [folder.name for folder in folders if not (folder / "__init__.py").exists()] == [], "import-linter overlooks folders without it"


@pytest.mark.parametrize("library", BELONGS_TO)
def test_a_library_is_known_only_where_it_belongs(library: str) -> None:
    elsewhere = [module for module in modules("src") if module.layer not in BELONGS_TO[library]]
    assert [module.name for module in elsewhere if any(matches(name, library) for name in imports(module))] == []


def test_planning_does_no_input_or_output() -> None:
    pure = [module for module in modules("src") if module.layer in PURE]
    bad = [(module.name, name) for module in pure for name in imports(module) if any(matches(name, other) for other in IMPURE)]
    assert bad == []


def test_every_imported_library_is_a_declared_dependency() -> None:
    found = imported_distributions()
    assert {name: where for name, where in found.items() if name not in declared_distributions()} == {}


@pytest.mark.skipif(not (PACKAGE / "cli" / "main.py").exists(), reason="the package is not complete yet")
def test_every_declared_dependency_is_imported() -> None:
    assert declared_distributions() - imported_distributions().keys() - NOT_IMPORTED.keys() == set()
