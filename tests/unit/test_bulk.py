"""Many messages in few round trips."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from kernelq import KernelQ, NotAccepted, Task, hookimpl
from kernelq.contracts import Admission, BrokerUnavailable, Message


class Counting:
    """Stands before the app's broker and remembers how many messages came at once; the publishes in `failing` fail."""

    def __init__(self, app: KernelQ, failing: Sequence[int] = ()) -> None:
        self.batches: list[int] = []
        publish = app.broker.publish

        def counted(messages: Sequence[Message]) -> None:
            self.batches.append(len(messages))
            if len(self.batches) - 1 in failing:
                raise BrokerUnavailable("away")
            publish(messages)

        app.broker.publish = counted  # type: ignore[method-assign]


@pytest.fixture
def add(app: KernelQ) -> Task[..., Any]:
    app.conf.task_publish_retry = False

    @app.task(name="add")
    def add(x: int, y: int = 0) -> int:
        return x + y

    return add


def test_many_calls_give_a_result_each_in_order(app: KernelQ, lane: Any, add: Any) -> None:
    results = add.send_many([(1, 2), [3], {"args": (5,), "kwargs": {"y": 6}}])
    lane.run_all()

    assert [result.get(timeout=0) for result in results] == [3, 3, 11]


def test_options_of_a_call_win_over_those_of_all(app: KernelQ, lane_of: Any, add: Any) -> None:
    add.send_many([(1,), {"args": (2,), "queue": "fast"}], queue="slow", priority=3)

    slow, fast = lane_of(app, "slow").take().message, lane_of(app, "fast").take().message
    assert (slow.priority, fast.priority) == (3, 3)


def test_messages_go_out_some_at_a_time(app: KernelQ, add: Any) -> None:
    seen = Counting(app)

    with app.bulk(size=10) as bulk:
        for i in range(25):
            bulk.delay(add, i)

    assert seen.batches == [10, 10, 5]


def test_messages_keep_the_order_of_the_calls(app: KernelQ, lane: Any, add: Any) -> None:
    with app.bulk(size=3) as bulk:
        for i in range(10):
            bulk.delay(add, i)

    assert [transition.effects[0].op.value for transition in lane.run_all()] == [str(i).encode() for i in range(10)]


def test_a_stream_is_never_held_whole(app: KernelQ, add: Any) -> None:
    seen = Counting(app)
    made = 0

    with app.bulk(size=10) as bulk:
        for i in range(1000):
            bulk.delay(add, i)
            made += 1
            assert made - sum(seen.batches) <= 30


def test_what_is_called_may_be_flushed_before_the_end(app: KernelQ, lane: Any, add: Any) -> None:
    with app.bulk() as bulk:
        result = bulk.delay(add, 4)
        bulk.flush()
        lane.run()

        assert result.get(timeout=0) == 4


def test_a_bulk_sends_tasks_by_name_and_with_links(app: KernelQ, lane: Any, add: Any) -> None:
    with app.bulk() as bulk:
        bulk.send_task("add", (1, 2), countdown=0, headers={"a": 1})
        bulk.apply_async(add, (1,), task_id="mine", link={"task": "add", "args": [1]})

    assert lane.take().message.headers == {"a": 1}
    message = lane.take().message
    assert message.id == "mine"
    assert b'"callbacks":[{"task":"add"' in message.body.replace(b" ", b"")


def test_wrong_arguments_are_told_at_the_call_and_those_before_are_sent(app: KernelQ, lane: Any, add: Any) -> None:
    with pytest.raises(TypeError, match="missing 1 required"), app.bulk() as bulk:  # noqa: PT012
        bulk.delay(add, 1)
        bulk.delay(add)

    assert lane.take().message.task == "add"


def test_an_item_that_is_no_call_is_named(add: Any) -> None:
    with pytest.raises(TypeError, match="got 'ab' as number 1"):
        add.send_many([(1,), "ab"])


def test_an_error_names_what_was_not_accepted(app: KernelQ, add: Any) -> None:
    Counting(app, failing=[1])
    results = []

    with pytest.raises(NotAccepted) as caught, app.bulk(size=2) as bulk:  # noqa: PT012
        for i in range(4):
            results.append(bulk.delay(add, i))

    assert list(caught.value.errors) == [results[2].id, results[3].id]
    assert isinstance(caught.value.__cause__, BrokerUnavailable)
    assert results[2].id in str(caught.value)


def test_what_follows_a_chunk_that_failed_is_not_hidden(app: KernelQ, add: Any) -> None:
    Counting(app, failing=[0, 1, 2, 3, 4])
    sent = []

    with pytest.raises(NotAccepted) as caught, app.bulk(size=2) as bulk:  # noqa: PT012
        for i in range(100):
            message_id = f"id-{i}"
            sent.append(message_id)
            bulk.apply_async(add, (i,), task_id=message_id)

    assert list(caught.value.errors) == sent


def test_an_exception_of_the_block_goes_on_with_a_note_of_what_was_not_accepted(app: KernelQ, add: Any) -> None:
    Counting(app, failing=[0])

    with pytest.raises(KeyError) as caught, app.bulk() as bulk:  # noqa: PT012
        bulk.delay(add, 1)
        raise KeyError

    assert "not accepted" in caught.value.__notes__[0]


def test_a_refused_message_concerns_nobody_else(app: KernelQ, add: Any) -> None:
    class Doorman:
        @hookimpl
        def admit(self, args: Sequence[Any]) -> Admission | None:
            return {1: Admission.refuse("holder"), 2: Admission.refuse(error=ValueError("no"))}.get(args[0])

    app.register_plugin(Doorman())
    results = []

    with pytest.raises(NotAccepted) as caught, app.bulk() as bulk:  # noqa: PT012
        for i in range(4):
            results.append(bulk.delay(add, i))

    assert results[1].id == "holder"
    assert list(caught.value.errors) == [results[2].id]
    assert app.broker.queues()[0].ready == 2


def test_a_hook_that_fails_for_one_message_keeps_no_other_back(app: KernelQ, add: Any) -> None:
    class Picky:
        @hookimpl
        def before_task_publish(self, message: Message) -> None:
            if message.id == "bad":
                raise ValueError("bad id")

    app.register_plugin(Picky())

    with pytest.raises(NotAccepted) as caught, app.bulk() as bulk:  # noqa: PT012
        bulk.delay(add, 1)
        bulk.apply_async(add, (2,), task_id="bad")
        bulk.delay(add, 3)

    assert list(caught.value.errors) == ["bad"]
    assert app.broker.queues()[0].ready == 2


def test_calls_run_in_place_when_a_plugin_says_so(app: KernelQ, add: Any) -> None:
    class Eager:
        @hookimpl
        def make_caller(self) -> Any:
            return lambda task, args, kwargs, options: task(*args)

    app.register_plugin(Eager())

    assert add.send_many([(1, 2), (3, 4)]) == [3, 7]


def test_a_bulk_of_no_size_is_refused(app: KernelQ) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        app.bulk(0)
