"""The rules of the house that no linter knows."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = {"kernelq": "kernel", "kernelq_plugins": "plugins"}
SOURCES = sorted(path for folder in FOLDERS.values() for path in (ROOT / folder).rglob("*.py"))
KERNEL = [path for path in SOURCES if path.is_relative_to(ROOT / "kernel")]

MOST_KERNEL_LINES = 4500
MOST_FILE_LINES = 400


def test_folder_names_are_never_imported() -> None:
    imports = [(_name(path), name) for path in SOURCES for name in _absolute_imports(path)]

    # `kernel` is the folder and `kernelq` the package: importing the former makes a second copy of every class.
    assert [each for each in imports if each[1].split(".")[0] in FOLDERS.values()] == []


def test_the_package_list_is_complete() -> None:
    listed = _pyproject()["tool"]["setuptools"]["packages"]

    # The mapping of folders needs a list written by hand: a forgotten line would ship a wheel without that package.
    assert sorted(listed) == sorted(_packages())


def test_every_plugin_folder_is_an_entry_point() -> None:
    offered = _pyproject()["project"]["entry-points"]["kernelq.plugins"]

    found = {name.rpartition(".")[2]: name for name in _packages() if name.count(".") == 1}
    assert offered == found


def test_no_module_of_a_plugin_takes_the_place_of_a_hook() -> None:
    # Who imports `plugin.commands` sets the attribute `commands` of `plugin`, and the hookimpl of that name is gone.
    hooks = set(_functions(ROOT / "kernel" / "hooks.py"))

    taken = {
        _name(path): hooks & set(_functions(path)) & {each.stem for each in path.parent.iterdir()}
        for path in (ROOT / "plugins").glob("*/__init__.py")
    }
    assert {name: names for name, names in taken.items() if names} == {}


def test_the_kernel_stays_small() -> None:
    assert sum(_lines(path) for path in KERNEL) < MOST_KERNEL_LINES


def test_every_file_stays_readable() -> None:
    assert {_name(path): _lines(path) for path in SOURCES if _lines(path) > MOST_FILE_LINES} == {}


def _absolute_imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module or ""


def _functions(path: Path) -> Iterator[str]:
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            yield node.name


def _packages() -> Iterator[str]:
    for name, folder in FOLDERS.items():
        for path in (ROOT / folder).rglob("__init__.py"):
            yield ".".join([name, *path.parent.relative_to(ROOT / folder).parts])


def _pyproject() -> dict[str, dict[str, dict[str, dict[str, str]]]]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())
