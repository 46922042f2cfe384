"""What the repository's own texts must say, and what they must not."""

import ast

import pytest

from tests.architecture.sources import ROOT, files, modules, pyproject
from tests.architecture.test_imports import declared_distributions

LINES_OF_THE_README = 150
README = ROOT / "README.md"
ARCHITECTURE = ROOT / "docs" / "architecture.md"

# Where packages come from is the installer's matter: mirrors and closed networks are common. In pieces, or this file would name them.
REGISTRY_HOSTS = [
    ".".join(parts) for parts in (("pypi", "org"), ("files", "pythonhosted", "org"), ("registry", "npmjs", "org"), ("crates", "io"))
]


def test_every_module_says_what_is_in_it() -> None:
    assert [module.name for module in modules("src", "tests", "bench") if not ast.get_docstring(module.tree)] == []


def test_nothing_names_the_host_of_a_package_registry() -> None:
    found = [(path.relative_to(ROOT).as_posix(), host) for path in files() for host in REGISTRY_HOSTS if host.encode() in path.read_bytes()]
    assert found == []


@pytest.mark.skipif(not README.exists(), reason="not written yet")
def test_the_readme_is_read_in_one_sitting() -> None:
    assert README.read_text(encoding="utf-8").count("\n") <= LINES_OF_THE_README


@pytest.mark.skipif(not ARCHITECTURE.exists(), reason="not written yet")
def test_every_dependency_has_its_reason_in_the_architecture() -> None:
    text = ARCHITECTURE.read_text(encoding="utf-8").lower()
    assert {name for name in declared_distributions() if name not in text} == set()


def test_the_version_has_its_entry_in_the_changelog() -> None:
    version = pyproject()["project"]["version"]
    assert f"\n## [{version}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
