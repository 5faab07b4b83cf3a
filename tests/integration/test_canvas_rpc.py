"""Canvases where nothing keeps workflows: RabbitMQ with results that are sent to who asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from kernelq import KernelQ, chain, chord, group, uuid
from kernelq.canvas import ChordsNotSupported
from kernelq.testing import start_worker
from servers import RabbitServer

PATIENCE = 20.0
"""Seconds a test waits for a result."""


@pytest.fixture(scope="module")
def app(rabbit_server: RabbitServer) -> Iterator[KernelQ]:
    options = {"global_keyprefix": f"{uuid()}."}
    with KernelQ(
        "rpc", broker=rabbit_server.url, backend="rpc://", broker_transport_options=options, set_as_current=False
    ) as app:
        app.task(name="add")(lambda x, y: x + y)
        app.task(name="total")(sum)

        @app.task(name="fail")
        def fail(value: Any) -> None:
            raise KeyError("boom")

        with start_worker(app, pool="threads", concurrency=2):
            yield app


def test_chains_and_groups_run(app: KernelQ) -> None:
    add = app.tasks["add"]

    assert chain(add.s(1, 1), add.s(2), add.s(3))().get(timeout=PATIENCE) == 7
    assert group(add.s(1, 1), add.s(2, 2))().get(timeout=PATIENCE) == [2, 4]
    assert chain(add.s(1, 1), group(add.s(2), add.s(3)))().get(timeout=PATIENCE) == [4, 5]


def test_what_comes_after_a_failure_is_told_to_who_waits_for_it(app: KernelQ) -> None:
    add = app.tasks["add"]

    result = chain(add.s(1, 1), app.tasks["fail"].s(), add.s(2))()

    with pytest.raises(KeyError, match="boom"):
        result.get(timeout=PATIENCE, follow_parents=False)


@pytest.mark.parametrize("kind", ["chord", "a group and a task", "a chord at the end of a chain"])
def test_a_chord_is_refused_before_anything_is_sent_and_says_what_to_do(app: KernelQ, kind: str) -> None:
    add, total = app.tasks["add"], app.tasks["total"]
    header = group(add.s(1, 1), add.s(2, 2))
    sig = {"chord": chord(header, total.s()), "a group and a task": header | total.s()}.get(kind)

    with pytest.raises(ChordsNotSupported, match="set result_backend or canvas_store to one of: .*redis") as raised:
        (sig or chain(add.s(1, 1), chord([add.s(1), add.s(2)], total.s()))).delay()

    assert isinstance(raised.value, NotImplementedError)
