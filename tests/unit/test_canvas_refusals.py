"""Workflows that cannot be sent: who is named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from kernelq import KernelQ, chain, chord, group
from kernelq.errors import EncodeError

Call = Callable[..., Any]


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
def test_what_follows_and_cannot_be_serialised_is_named(make: Callable[[Call, Call], Any]) -> None:
    with KernelQ("proj", broker="memory://", backend="memory://", set_as_current=False) as app:
        good, bad = (app.task(name=f"proj.{name}", typing=False)(lambda *_: 1) for name in ("good", "bad"))

        with pytest.raises(
            EncodeError, match=r"cannot serialise object .*; it is in the call of 'proj\.bad', which is to follow$"
        ):
            make(lambda: good.s({"task": 1}), lambda: bad.s({"task": object()})).apply_async()

        assert [stats for stats in app.broker.queues() if stats.ready] == []
