"""Behaviours: numbered tests of a suite, and the capabilities of an engine they need."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest
from kernelq.contracts import Capabilities

F = TypeVar("F", bound=Callable[..., Any])

_NAME = re.compile(r"test_(?P<number>[a-z]\d+)_(?P<sentence>\w+)")

_SERVER_FIXTURES = {"server", "proxy", "remote", "undaunted"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """One promise of a contract: ``b40``, "an acked message is forgotten", ("leases",)."""

    number: str
    sentence: str
    requires: tuple[str, ...] = ()
    needs_server: bool = False
    """Whether only an engine with a server can be disturbed like that."""


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


def lacking(needs: Iterable[str], capabilities: Capabilities) -> list[str]:
    """Those of some capabilities that are not declared."""
    declared = {name: getattr(capabilities, name) for name in needs}
    return [
        name for name, value in declared.items() if not value or (name == "priorities" and value == 1)
    ]  # one is none


def skip_unless_able(function: object, capabilities: Capabilities) -> None:
    """Skip the running test when its engine does not declare what it needs."""
    for name in lacking(needs_of(function), capabilities):
        pytest.skip(f"the driver does not declare the capability {name!r}")


def parse(name: str) -> tuple[str, str] | None:
    """The number and the sentence of a test's name: ``b40``, "an acked message is forgotten"; None: it is no behaviour."""
    match = _NAME.fullmatch(name)
    return (match["number"], match["sentence"].replace("_", " ")) if match else None


def behaviours(suite: type[object]) -> list[Behaviour]:
    """Every behaviour of a suite, by number."""
    found = []
    for name, function in inspect.getmembers(suite, inspect.isfunction):
        if named := parse(name):
            number, sentence = named
            needs_server = not _SERVER_FIXTURES.isdisjoint(inspect.signature(function).parameters)
            found.append(
                Behaviour(number=number, sentence=sentence, requires=needs_of(function), needs_server=needs_server)
            )
    return sorted(found, key=lambda behaviour: int(behaviour.number[1:]))
