"""The repository's files as the architecture tests read them.

Files are found by walking the tree, not by asking git: the tests also run in an unpacked archive.
Nothing of the package is imported to be judged: its text is parsed.
"""

import ast
import os
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "tablehouse"

# What make, the tools and a running server leave in the tree; hidden folders are passed over too, except that of CI.
MADE = {"__pycache__", "build", "data", "dist", "node_modules"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """One Python file: its path and its syntax tree."""

    path: Path
    text: str
    tree: ast.Module

    @property
    def name(self) -> str:
        """The path as messages show it, from the repository's root."""
        return self.path.relative_to(ROOT).as_posix()

    @property
    def layer(self) -> str:
        """The package or module right below `tablehouse`; empty for its `__init__` and for files outside of it."""
        if not self.path.is_relative_to(PACKAGE):
            return ""
        first = self.path.relative_to(PACKAGE).parts[0]
        return "" if first == "__init__.py" else first.removesuffix(".py")

    def functions(self) -> Iterator[Function]:
        """Every function and method, nested ones too."""
        return (node for node in ast.walk(self.tree) if isinstance(node, Function))


@cache
def files() -> tuple[Path, ...]:
    """Every file that people wrote."""
    found = []
    for folder, folders, names in os.walk(ROOT):
        hidden = {name for name in folders if name.startswith(".") and name != ".ci"}
        folders[:] = sorted(set(folders) - hidden - {name for name in folders if name in MADE or name.endswith(".egg-info")})
        found += [Path(folder, name) for name in sorted(names)]
    return tuple(found)


@cache
def modules(*folders: str) -> tuple[Module, ...]:
    """Every Python file below these folders of the repository."""
    roots = [ROOT / folder for folder in folders]
    paths = [path for path in files() if path.suffix == ".py" and any(path.is_relative_to(root) for root in roots)]
    texts = {path: path.read_text(encoding="utf-8") for path in paths}
    return tuple(Module(path, text, ast.parse(text, str(path))) for path, text in texts.items())


def imported(node: ast.AST) -> list[str]:
    """The dotted names a node imports: `a.b` for `import a.b`, `from a import b`; empty for any other node."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return []


@cache
def pyproject() -> dict[str, Any]:
    """pyproject.toml, parsed."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
