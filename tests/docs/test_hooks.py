"""What is written about hooks is true, and complete."""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from kernelq import hooks

ROOT = Path(__file__).parents[2]
SPECS: dict[str, Callable[..., Any]] = {
    name: value for name, value in vars(hooks).items() if hasattr(value, "kernelq_spec")
}
KINDS = {"Notify": False, "Collect": False, "Decide": True, "Change": False, "Wrap": True}
"""Kind → whether pluggy stops at the first answer."""


@pytest.fixture(scope="module")
def page() -> str:
    pages: dict[str, str] = _generator().pages()
    return pages["reference/hooks.md"]


@pytest.mark.parametrize("name", SPECS)
def test_a_hook_says_its_kind_first(name: str) -> None:
    kind, colon, _ = (SPECS[name].__doc__ or "").partition(":")

    assert colon
    assert kind in KINDS
    assert bool(SPECS[name].kernelq_spec["firstresult"]) is KINDS[kind]  # type: ignore[attr-defined]  # by pluggy


@pytest.mark.parametrize("name", SPECS)
def test_a_hook_shows_an_example(name: str) -> None:
    assert "Example: ``" in (SPECS[name].__doc__ or "")


@pytest.mark.parametrize("name", SPECS)
def test_arguments_of_a_hook_have_no_defaults(name: str) -> None:
    # pluggy before 1.7 refuses implementations that ask for an argument with a default.
    parameters = inspect.signature(SPECS[name]).parameters.values()

    assert [each.name for each in parameters if each.default is not each.empty] == []


@pytest.mark.parametrize("name", SPECS)
def test_a_hook_stands_in_the_reference_with_its_exact_arguments(name: str, page: str) -> None:
    arguments = ", ".join(
        f"{each.name}: {each.annotation}" for each in inspect.signature(SPECS[name]).parameters.values()
    )

    assert f"\n### {name}\n" in page
    assert f"\n{name}({arguments}) -> " in page


def test_the_reference_names_who_implements_a_hook(page: str) -> None:
    section = page.partition("\n### setup_logging\n")[2].partition("\n### ")[0]

    assert "[worker_log](plugins.md#worker_log)" in section


def _generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "_generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
