"""Coroutines as tasks in any lane, and calls that an event loop awaits."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import Any

import pytest
from kernelq import KernelQ, SoftTimeLimitExceeded, hookimpl
from kernelq.contracts import Abandoned, Admission, BrokerUnavailable, Message

PATIENCE = 30.0
"""Seconds a test waits for what must come."""


class Counting:
    """Stands before the app's broker and remembers how many messages came at once, and on which threads."""

    def __init__(self, app: KernelQ, error: Exception | None = None) -> None:
        self.batches: list[int] = []
        self.threads: set[int] = set()
        publish = app.broker.publish

        def counted(messages: Sequence[Message]) -> None:
            self.batches.append(len(messages))
            self.threads.add(threading.get_ident())
            if error is not None:
                raise error
            publish(messages)

        app.broker.publish = counted  # type: ignore[method-assign]


# --- running


def test_a_coroutine_runs_to_its_end(app: KernelQ, lane: Any) -> None:
    @app.task
    async def add(x: int, y: int) -> int:
        await asyncio.sleep(0)
        return x + y

    result = add.delay(2, 3)
    lane.run()

    assert result.get(timeout=0) == 5


def test_a_coroutine_knows_its_request(app: KernelQ, lane: Any) -> None:
    @app.task(bind=True)
    async def who(self: Any) -> str:
        await asyncio.sleep(0)
        return str(self.request.id)

    result = who.delay()
    lane.run()

    assert result.get(timeout=0) == result.id


def test_a_coroutine_may_retry(app: KernelQ, lane: Any) -> None:
    @app.task(bind=True)
    async def flaky(self: Any) -> int:
        await asyncio.sleep(0)
        if self.request.retries == 0:
            raise self.retry(countdown=0)
        return int(self.request.retries)

    result = flaky.delay()
    lane.run_all()

    assert result.get(timeout=0) == 1


def test_what_a_coroutine_raises_fails_its_task(app: KernelQ, lane: Any) -> None:
    @app.task
    async def bad() -> None:
        await asyncio.sleep(0)
        raise ValueError("no")

    result = bad.delay()
    lane.run()

    with pytest.raises(ValueError, match="no"):
        result.get(timeout=0)
    assert "asyncio/base_events" not in result.traceback


def test_a_coroutine_that_cancels_itself_fails(app: KernelQ, lane: Any) -> None:
    @app.task
    async def bad() -> None:
        raise asyncio.CancelledError

    result = bad.delay()
    lane.run()

    assert result.state == "FAILURE"


def test_tasks_of_one_thread_share_a_loop(app: KernelQ, lane: Any) -> None:
    loops = []

    @app.task
    async def look() -> None:
        loops.append(asyncio.get_running_loop())

    look.delay(), look.delay()
    lane.run_all()

    assert loops[0] is loops[1]


def test_what_a_coroutine_leaves_behind_is_cancelled(app: KernelQ, lane: Any) -> None:
    left: list[asyncio.Task[Any]] = []

    @app.task
    async def careless() -> None:
        left.append(asyncio.create_task(asyncio.sleep(60)))

    careless.delay()
    lane.run()

    assert left[0].cancelled()


def test_a_coroutine_within_a_loop_gets_a_thread_of_its_own(app: KernelQ, lane: Any) -> None:
    @app.task
    async def here() -> str:
        return threading.current_thread().name

    async def outer() -> None:
        lane.run()

    result = here.delay()
    asyncio.run(outer())

    assert result.get(timeout=0) == "eager-coroutine"


@pytest.fixture
def raising() -> Any:
    """Makes USR1 raise an exception, and gives what sends it from another thread."""
    before = signal.getsignal(signal.SIGUSR1)

    def arm(error: BaseException) -> Any:
        def handle(number: int, frame: Any) -> None:
            raise error

        signal.signal(signal.SIGUSR1, handle)
        return lambda: os.kill(os.getpid(), signal.SIGUSR1)

    yield arm
    signal.signal(signal.SIGUSR1, before)


def send_from_the_loop(send: Any) -> None:
    """Have the signal come in another callback of the loop."""
    asyncio.get_running_loop().call_soon(send)


def send_from_outside(send: Any) -> None:
    """Have the signal come from another thread, most likely while the loop waits."""
    asyncio.get_running_loop().run_in_executor(None, send)


@pytest.mark.parametrize("send_later", [send_from_the_loop, send_from_outside])
def test_a_soft_limit_is_raised_where_the_coroutine_waits(
    app: KernelQ, lane: Any, raising: Any, send_later: Any
) -> None:
    send = raising(SoftTimeLimitExceeded(1))

    @app.task
    async def slow() -> str:
        try:
            send_later(send)
            await asyncio.sleep(60)
        except SoftTimeLimitExceeded:
            return "cleaned up"
        return "never"

    result = slow.delay()
    lane.run()

    assert result.get(timeout=0) == "cleaned up"


def test_a_soft_limit_that_is_not_caught_fails_the_task(app: KernelQ, lane: Any, raising: Any) -> None:
    send = raising(SoftTimeLimitExceeded(1))

    @app.task
    async def slow() -> None:
        send_from_the_loop(send)
        await asyncio.gather(asyncio.sleep(60), asyncio.sleep(60))

    result = slow.delay()
    lane.run()

    with pytest.raises(SoftTimeLimitExceeded):
        result.get(timeout=0)


def test_a_soft_limit_reaches_a_coroutine_that_computes(app: KernelQ, lane: Any, raising: Any) -> None:
    send = raising(SoftTimeLimitExceeded(1))

    @app.task
    async def busy() -> None:
        send()
        threading.Event().wait(PATIENCE)

    result = busy.delay()
    lane.run()

    with pytest.raises(SoftTimeLimitExceeded):
        result.get(timeout=0)


def test_a_quick_stop_cancels_the_coroutine_and_gives_its_message_back(app: KernelQ, lane: Any, raising: Any) -> None:
    send, ends = raising(Abandoned()), []

    @app.task
    async def slow() -> None:
        send_from_the_loop(send)
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ends.append("cancelled")
            raise

    slow.delay()
    transition = lane.run()

    assert ends == ["cancelled"]
    assert transition.verdict.name == "REQUEUE"


def test_a_fork_has_a_loop_of_its_own_and_nothing_is_left_open(tmp_path: Any) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        """
import asyncio, os, threading
from kernelq import KernelQ
app = KernelQ("p", broker="memory://", set_as_current=False)
run = app.plugins.hook.make_runner(app=app)
async def loop(): return id(asyncio.get_running_loop())
here = run(loop())
thread = threading.Thread(target=lambda: run(loop())); thread.start(); thread.join()
pid = os.fork()
if pid == 0:
    os._exit(0 if run(loop()) != here else 1)
assert os.waitpid(pid, 0)[1] == 0
assert run(loop()) == here
"""
    )

    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", str(program)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")


# --- calling


def test_an_awaited_call_publishes(app: KernelQ, lane: Any) -> None:
    add = app.task(name="add")(lambda x, y: x + y)

    async def main() -> Any:
        return await add.adelay(1, 2), await add.aapply_async((3,), {"y": 4}), await app.asend_task("add", (5, 6))

    results = asyncio.run(main())
    lane.run_all()

    assert [result.get(timeout=0) for result in results] == [3, 7, 11]


def test_calls_of_one_turn_of_the_loop_go_out_together_on_another_thread(app: KernelQ) -> None:
    add = app.task(name="add")(lambda x, y: x + y)
    seen = Counting(app)

    async def main() -> None:
        await asyncio.gather(*(add.adelay(i, 1) for i in range(100)))

    asyncio.run(main())

    assert seen.batches == [100]
    assert threading.get_ident() not in seen.threads


def test_calls_of_another_retry_policy_go_out_apart(app: KernelQ) -> None:
    add = app.task(name="add")(lambda x, y: x + y)
    seen = Counting(app)

    async def main() -> None:
        await asyncio.gather(add.adelay(1, 1), add.adelay(1, 2), add.aapply_async((1, 3), retry=False))

    asyncio.run(main())

    assert sorted(seen.batches) == [1, 2]


def test_a_broker_that_is_away_is_told_to_every_caller(app: KernelQ) -> None:
    app.conf.task_publish_retry = False
    add = app.task(name="add")(lambda x, y: x + y)
    Counting(app, BrokerUnavailable("away"))

    async def main() -> list[Any]:
        return await asyncio.gather(*(add.adelay(i, 1) for i in range(3)), return_exceptions=True)

    assert [type(error) for error in asyncio.run(main())] == [BrokerUnavailable] * 3


def test_wrong_arguments_are_the_callers_own(app: KernelQ) -> None:
    @app.task
    def add(x: int, y: int) -> int:
        return x + y

    async def main() -> list[Any]:
        return await asyncio.gather(add.adelay(1), add.adelay(1, 2), return_exceptions=True)

    wrong, right = asyncio.run(main())

    assert isinstance(wrong, TypeError)
    assert right.id


def test_a_refused_message_concerns_its_own_caller(app: KernelQ) -> None:
    class Doorman:
        @hookimpl
        def admit(self, args: Sequence[Any]) -> Admission | None:
            return {1: Admission.refuse("holder"), 2: Admission.refuse(error=ValueError("no"))}.get(args[0])

    app.register_plugin(Doorman())
    add = app.task(name="add")(lambda x: x)

    async def main() -> list[Any]:
        return await asyncio.gather(add.adelay(0), add.adelay(1), add.adelay(2), return_exceptions=True)

    free, held, refused = asyncio.run(main())

    assert free.id != "holder"
    assert held.id == "holder"
    assert isinstance(refused, ValueError)


def test_calls_run_in_place_when_a_plugin_says_so(app: KernelQ) -> None:
    class Eager:
        @hookimpl
        def make_caller(self) -> Any:
            return lambda task, args, kwargs, options: ("ran", task(*args, **kwargs))

    app.register_plugin(Eager())
    add = app.task(name="add")(lambda x, y: x + y)

    async def main() -> Any:
        return await add.adelay(1, 2)

    assert asyncio.run(main()) == ("ran", 3)


def test_an_awaited_call_inside_a_task_is_its_child(app: KernelQ, lane: Any) -> None:
    @app.task
    def leaf() -> None: ...

    @app.task(bind=True)
    async def parent(self: Any) -> list[str]:
        await leaf.adelay()
        return [child.id for child in self.request.children]

    result = parent.delay()
    lane.run()
    child = lane.take().message

    assert result.get(timeout=0) == [child.id]
    assert child.parent_id == result.id
