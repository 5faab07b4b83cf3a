"""Workflows that cannot be made or sent: who is named."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kernelq import KernelQ, chain, chord, group
from kernelq.errors import EncodeError

Call = Callable[..., Any]


@pytest.fixture
def app() -> Iterator[KernelQ]:
    with KernelQ("proj", broker="memory://", backend="memory://", set_as_current=False) as app:
        yield app


@pytest.mark.parametrize(
    "make",
    [
        lambda good, bad: chain(good(), bad()),
        lambda good, bad: chain(good(), group(good(), bad())),
        lambda good, bad: chain(*(good() for _ in range(50)), bad()),
        lambda good, bad: chord([good()], bad()),
        lambda good, bad: chord([good()], chain(good(), bad())),
        lambda good, bad: chord([good()], chord([good(), bad()], good())),
        lambda good, bad: group(chain(good(), bad())),
    ],
)
def test_what_follows_and_cannot_be_serialised_is_named(app: KernelQ, make: Callable[[Call, Call], Any]) -> None:
    good, bad = (app.task(name=f"proj.{name}", typing=False)(lambda *_: 1) for name in ("good", "bad"))

    with pytest.raises(
        EncodeError, match=r"cannot serialise object .*; it is in the call of 'proj\.bad', which is to follow$"
    ):
        make(lambda: good.s({"task": 1}), lambda: bad.s({"task": object()})).apply_async()

    assert [stats for stats in app.broker.queues() if stats.ready] == []


@pytest.mark.parametrize("way", ["link", "link_error", "on_error"])
def test_a_task_without_its_s_is_no_link(app: KernelQ, way: str) -> None:
    good: Any = app.task(name="proj.good")(lambda *_: 1)

    for sig in (good.s(), chain(good.s(), good.s()), group(good.s()), chord([good.s()], good.s())):
        with pytest.raises(TypeError, match=r"expected a signature, as task\.s\(\) makes it, got <@task: proj\.good"):
            getattr(sig, way)(good)


@pytest.mark.parametrize("args", ["ab", 5])
def test_arguments_that_are_no_list_are_named(app: KernelQ, args: Any) -> None:
    good: Any = app.task(name="proj.good")(lambda *_: 1)

    for sig in (good.s(), chain(good.s(), good.s()), group(good.s()), chord([good.s()], good.s())):
        with pytest.raises(TypeError, match=rf"expected a list or tuple of arguments for .*, got {args!r}"):
            sig.apply_async(args)


def test_a_task_without_its_s_takes_no_place_and_joins_no_chord(app: KernelQ) -> None:
    good: Any = app.task(name="proj.good")(lambda *_: 1)
    replaced = app.task(name="proj.replaced", bind=True)(lambda self: self.replace(good))
    added = app.task(name="proj.added", bind=True)(lambda self: self.add_to_chord(good))

    for sig in (replaced.s(), added.s().set(chord="join/0")):
        with pytest.raises(TypeError, match=r"expected a signature, as task\.s\(\) makes it, got <@task: proj\.good"):
            sig.apply(throw=True)
