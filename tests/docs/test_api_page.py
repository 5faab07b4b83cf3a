"""The reference of the API is complete."""

from __future__ import annotations

import importlib.util
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType

import kernelq
import pytest

ROOT = Path(__file__).parents[2]
POINTS = sorted(point.name for point in entry_points(group="kernelq.api"))


@pytest.fixture(scope="module")
def page() -> str:
    pages: dict[str, str] = _generator().pages()
    return pages["reference/api.md"]


@pytest.mark.parametrize("name", [name for name in kernelq.__all__ if name != "__version__"])
def test_a_public_name_of_the_kernel_has_its_section(name: str, page: str) -> None:
    assert f"\n### {name}\n" in page


@pytest.mark.parametrize("name", [name for name in POINTS if "." not in name])
def test_a_public_name_of_a_plugin_has_its_section(name: str, page: str) -> None:
    assert f"\n### {name}\n" in page or f"\n### kernelq.{name}\n" in page


@pytest.mark.parametrize("name", [name for name in POINTS if "." in name])
def test_what_a_plugin_adds_to_a_class_stands_in_its_section(name: str, page: str) -> None:
    owner, _, attribute = name.partition(".")

    section = page.partition(f"\n### {owner}\n")[2].partition("\n### ")[0]

    assert f"\n- `{attribute}(" in section or f"\n- `{attribute}: " in section


def test_everything_on_the_page_says_what_it_is(page: str) -> None:
    bare = [line for line in page.splitlines() if line.startswith("- `") and line.endswith("<br>")]

    assert bare == []


def _generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "_generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
