"""The page of faults names tests that are there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`([\w/]+\.py)::(test_\w+)`", PAGE)))


def test_the_page_names_many_tests() -> None:
    assert len(NAMED) > 50  # else the pattern above finds nothing


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_a_test_named_on_the_page_is_there(path: str, name: str) -> None:
    folder = "plugins" if path.startswith("testkit/") else "tests"

    assert name in _functions(ROOT / folder / path)


def _functions(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
