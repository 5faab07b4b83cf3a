"""Behaviours: numbered tests of a suite, and the capabilities of an engine they need."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest
from kernelq.contracts import Capabilities

F = TypeVar("F", bound=Callable[..., Any])

_NAME = re.compile(r"test_(?P<number>[a-z]\d+)_(?P<sentence>\w+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """One promise of a contract: ``b40``, "an acked message is forgotten", ("leases",)."""

    number: str
    sentence: str
    requires: tuple[str, ...] = ()


def requires(*capabilities: str) -> Callable[[F], F]:
    """Mark a behaviour as one that only engines with all these `Capabilities` show."""
    unknown = set(capabilities) - set(Capabilities.__dataclass_fields__)
    if unknown:
        raise ValueError(f"no such capability: {', '.join(sorted(unknown))}")

    def mark(function: F) -> F:
        function.requires = capabilities  # type: ignore[attr-defined]  # read by `needs_of`
        return function

    return mark


def needs_of(function: object) -> tuple[str, ...]:
    """The capabilities a test needs."""
    needs: tuple[str, ...] = getattr(function, "requires", ())
    return needs


def skip_unless_able(function: object, capabilities: Capabilities) -> None:
    """Skip the running test when its engine does not declare what it needs."""
    for name in needs_of(function):
        declared = getattr(capabilities, name)
        if not declared or (name == "priorities" and declared == 1):  # one priority is none
            pytest.skip(f"the driver does not declare the capability {name!r}")


def behaviours(suite: type[object]) -> list[Behaviour]:
    """Every behaviour of a suite, by number."""
    found = []
    for name, function in inspect.getmembers(suite, inspect.isfunction):
        if match := _NAME.fullmatch(name):
            sentence = match["sentence"].replace("_", " ")
            found.append(Behaviour(number=match["number"], sentence=sentence, requires=needs_of(function)))
    return sorted(found, key=lambda behaviour: int(behaviour.number[1:]))
