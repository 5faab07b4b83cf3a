"""Publishing: from a call to a message the broker has accepted."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest
from kernelq import KernelQ, hookimpl
from kernelq.contracts import (
    Admission,
    BrokerFull,
    BrokerUnavailable,
    Capabilities,
    CapabilityMissing,
    EncodeError,
    Message,
    Outcome,
)

NOON = 1_700_000_000.0

Send = Callable[..., Message]


@pytest.fixture
def send(app: KernelQ, lane_of: Any) -> Send:
    """Call a task with options at noon, and take the message that comes of it."""
    app.publisher.now = lambda: NOON
    app.engine("memory://").now = lambda: NOON * 10  # type: ignore[attr-defined]  # all etas have passed
    task = app.task(name="t")(lambda *args, **kwargs: None)

    def send(*args: Any, **options: Any) -> Message:
        task.apply_async(args, **options)
        message = lane_of(app, options.get("queue", app.conf.task_default_queue)).take().message
        assert isinstance(message, Message)
        return message

    return send


class Unreliable:
    """A broker that raises what it is told to, then accepts."""

    engine = None

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.accepted: list[Message] = []

    def publish(self, messages: Sequence[Message]) -> None:
        if self.errors:
            raise self.errors.pop(0)
        self.accepted += messages

    def close(self) -> None: ...


def app_with(broker: Unreliable, **settings: Any) -> KernelQ:
    """An app whose broker is `broker`, and which does not wait between tries."""

    class Brings:
        @hookimpl
        def make_broker(self, url: str) -> Unreliable:
            return broker

    policy = {"max_retries": 3, "interval_start": 0, "interval_step": 0, "interval_max": 0}
    app = KernelQ("proj", broker="odd://", set_as_current=False, task_publish_retry_policy=policy, **settings)
    app.register_plugin(Brings())
    return app


# --- the message ---------------------------------------------------------------------------------


def test_a_plain_call_has_the_defaults_of_the_app(app: KernelQ, send: Send) -> None:
    message = send(1, 2)

    assert (message.task, message.queue, message.priority, message.sent_at) == ("t", "default", 0, NOON)
    assert (message.eta, message.expires, message.ignore_result, message.timelimit) == (None, None, None, None)
    args, kwargs, embed = app.serializer("json").loads(message.body)
    assert (args, kwargs) == ([1, 2], {})
    assert embed == {"callbacks": None, "errbacks": None, "chain": None, "chord": None}


def test_options_of_the_call_win_over_the_task_and_the_task_over_the_settings(app: KernelQ, lane_of: Any) -> None:
    app.conf.update(task_default_queue="setting", task_default_priority=1)
    task = app.task(name="t", queue="task", priority=2)(lambda: None)

    task.delay()
    task.apply_async(queue="call", priority=3)

    lane = lane_of(app, "setting", "task", "call")
    messages = [lane.take().message for _ in range(2)]
    assert [(message.queue, message.priority) for message in messages] == [("call", 3), ("task", 2)]


def test_every_option_arrives_in_the_message(send: Send) -> None:
    message = send(
        task_id="i1", queue="mail", priority=9, shadow="s", headers={"trace": "t"}, ignore_result=True,
        time_limit=10, soft_time_limit=5, root_id="r", parent_id="p", argsrepr="…", kwargsrepr="…",
    )  # fmt: skip

    assert message.id == "i1"
    assert (message.queue, message.priority, message.shadow, message.headers) == ("mail", 9, "s", {"trace": "t"})
    assert (message.ignore_result, message.timelimit) == (True, (10, 5))
    assert (message.root_id, message.parent_id, message.argsrepr, message.kwargsrepr) == ("r", "p", "…", "…")


def test_one_limit_may_be_given_alone(send: Send) -> None:
    assert send(soft_time_limit=5).timelimit == (None, 5)


def test_a_soft_limit_above_the_hard_one_is_refused(send: Send) -> None:
    with pytest.raises(ValueError, match=r"the soft time limit of t \(10 s\) must not be above the hard one \(5 s\)"):
        send(time_limit=5, soft_time_limit=10)


@pytest.mark.parametrize("priority", [-1, 10])
def test_a_priority_out_of_range_is_refused(send: Send, priority: int) -> None:
    with pytest.raises(ValueError, match=f"expected a priority from 0 to 9, the higher the sooner, got {priority}"):
        send(priority=priority)


def test_an_unknown_option_is_refused_with_the_known_ones(send: Send) -> None:
    with pytest.raises(TypeError, match=r"unknown option colour in the call of t \(known: .*countdown, .*\)"):
        send(colour="blue")


BERLIN = datetime.timezone(datetime.timedelta(hours=1))


@pytest.mark.parametrize("option", ["eta", "expires"])
@pytest.mark.parametrize(
    ("value", "instant"),
    [
        (10, NOON + 10),
        (0.5, NOON + 0.5),
        (datetime.timedelta(minutes=1), NOON + 60),
        (datetime.datetime(2030, 1, 1), 1893456000.0),
        (datetime.datetime(2030, 1, 1, 1, tzinfo=BERLIN), 1893456000.0),
        ("2030-01-01T00:00:00", 1893456000.0),
        ("2030-01-01T01:00:00+01:00", 1893456000.0),
    ],
)
def test_instants_may_be_given_in_many_ways(send: Send, option: str, value: Any, instant: float) -> None:
    assert getattr(send(**{option: value}), option) == instant


@pytest.mark.parametrize("value", ["soon", True, [1]])
def test_what_is_no_instant_is_refused(send: Send, value: Any) -> None:
    with pytest.raises(TypeError, match=r"expected eta as seconds, a datetime or ISO 8601 text, got"):
        send(eta=value)


def test_naive_instants_are_of_the_app_s_zone(app: KernelQ, send: Send) -> None:
    app.conf.timezone = "Asia/Tokyo"

    assert send(eta=datetime.datetime(2030, 1, 1, 9)).eta == 1893456000.0


def test_a_countdown_counts_from_the_call(send: Send) -> None:
    assert send(countdown=10).eta == NOON + 10
    assert send(countdown=0).eta is None


def test_a_broker_that_cannot_keep_a_message_for_later_refuses_an_eta(
    app: KernelQ, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.broker, "capabilities", Capabilities())

    with pytest.raises(CapabilityMissing, match="MemoryBroker cannot keep a message for later"):
        app.task(name="t")(lambda: None).apply_async(countdown=1)


def test_a_task_may_expire_by_itself_unless_the_call_says_otherwise(app: KernelQ, lane: Any) -> None:
    app.publisher.now = lambda: NOON
    task = app.task(name="t", expires=60)(lambda: None)

    task.delay()
    task.apply_async(expires=90)

    assert [lane.take().message.expires for _ in range(2)] == [NOON + 60, NOON + 90]


def test_a_call_inside_a_task_knows_its_parent_and_its_root(app: KernelQ, lane: Any) -> None:
    inner = app.task(name="inner")(lambda: None)
    outer = app.task(name="outer")(lambda: inner.apply_async(task_id="i2"))

    outer.apply_async(task_id="i1", root_id="i0")
    lane.run()
    message = lane.take().message

    assert (message.parent_id, message.root_id) == ("i1", "i0")
    assert app.AsyncResult("i1").outcome.children == ([["i2", None], None],)


@pytest.mark.parametrize(("trail", "options"), [(False, {}), (True, {"add_to_parent": False})])
def test_a_call_inside_a_task_may_be_left_out_of_its_children(
    app: KernelQ, lane: Any, trail: bool, options: dict[str, Any]
) -> None:
    inner = app.task(name="inner")(lambda: None)
    outer = app.task(name="outer", trail=trail)(lambda: inner.apply_async(**options) and None)

    result = outer.delay()
    lane.run()

    assert result.outcome is not None
    assert result.outcome.children == ()


# --- arguments that cannot travel ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "kwargs", "path"),
    [((1, object()), {}, "[0][1]"), ((), {"when": [lambda: None]}, "[1]['when'][0]"), ((float("nan"),), {}, "[0][0]")],
)
def test_an_argument_that_cannot_be_serialised_is_named_at_the_call(
    app: KernelQ, args: Any, kwargs: Any, path: str
) -> None:
    task = app.task(name="t")(lambda *args, **kwargs: None)

    with pytest.raises(EncodeError) as caught:
        task.apply_async(args, kwargs)

    assert path in str(caught.value)
    assert caught.value.path == path
    assert "[0] are the arguments, [1] the keywords, of task 't'" in str(caught.value)
    assert app.broker.queues() == []


def test_a_call_may_choose_its_serializer(app: KernelQ, send: Send) -> None:
    message = send(b"raw", serializer="msgpack")

    assert message.content_type == app.serializer("msgpack").content_type


# --- a broker that is away -----------------------------------------------------------------------


@pytest.mark.parametrize("error", [BrokerUnavailable("away"), BrokerFull("full")])
def test_a_publish_is_tried_again_while_the_broker_is_away(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    broker = Unreliable(error, error)

    app_with(broker).task(name="t")(lambda: None).delay()

    assert len(broker.accepted) == 1
    assert caplog.text.count("publishing failed, trying again in 0.0 s") == 2


def test_a_publish_gives_up_after_the_tries_of_the_policy() -> None:
    broker = Unreliable(*[BrokerUnavailable("away")] * 9)

    with pytest.raises(BrokerUnavailable):
        app_with(broker).task(name="t")(lambda: None).delay()

    assert len(broker.errors) == 9 - 4


@pytest.mark.parametrize(
    ("setting", "option", "errors_met"),
    [
        (False, {}, 1),
        (True, {"retry": False}, 1),
        (False, {"retry": True}, 4),
        (True, {"retry_policy": {"max_retries": 1}}, 2),
    ],
)
def test_the_call_decides_how_often_else_the_settings(setting: bool, option: dict[str, Any], errors_met: int) -> None:
    broker = Unreliable(*[BrokerUnavailable("away")] * 9)
    task = app_with(broker, task_publish_retry=setting).task(name="t")(lambda: None)

    with pytest.raises(BrokerUnavailable):
        task.apply_async(**option)

    assert len(broker.errors) == 9 - errors_met


def test_a_policy_without_a_limit_tries_until_the_broker_is_back() -> None:
    broker = Unreliable(*[BrokerUnavailable("away")] * 9)

    app_with(broker).task(name="t")(lambda: None).apply_async(retry_policy={"max_retries": None})

    assert len(broker.accepted) == 1


def test_no_try_is_begun_that_would_end_after_the_time_of_the_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    broker = Unreliable(*[BrokerUnavailable("away")] * 9)
    clock = iter(range(0, 100, 2))  # each look is two seconds after the last: a try takes two, or more
    monkeypatch.setattr("kernelq.publish.time.monotonic", lambda: float(next(clock)))

    with pytest.raises(BrokerUnavailable):
        app_with(broker).task(name="t")(lambda: None).apply_async(retry_policy={"max_retries": None})

    assert len(broker.errors) == 9 - 2


@pytest.mark.parametrize(
    ("stored", "published"),
    [
        ({}, 1),
        ({"state": "SUCCESS", "done_at": NOON + 1}, 0),
        ({"state": "STARTED"}, 0),
        ({"state": "SUCCESS", "done_at": NOON - 60}, 1),
    ],
    ids=["nothing stored", "ended since", "running", "an earlier task of that id"],
)
def test_a_message_that_was_accepted_and_has_an_outcome_by_now_is_not_published_again(
    stored: dict[str, Any], published: int
) -> None:
    broker = Unreliable(BrokerUnavailable("the answer was lost"))
    app = app_with(broker, result_backend="memory://")
    app.publisher.now = lambda: NOON
    if stored:
        app.backend.apply([Outcome(id="i1", **stored)])

    app.task(name="t")(lambda: None).apply_async(task_id="i1")

    assert len(broker.accepted) == published


# --- within a session, and where results go ------------------------------------------------------


def test_a_call_within_a_session_is_handed_to_the_broker_with_it() -> None:
    class Transactional(Unreliable):
        def publish_within(self, session: Any, messages: Sequence[Message]) -> None:
            self.accepted += [(session, message) for message in messages]  # type: ignore[misc]  # with its session

    broker, session = Transactional(), object()

    result = app_with(broker).task(name="t")(lambda: None).apply_async(session=session)

    [(given, message)] = broker.accepted  # type: ignore[misc]  # see above
    assert (given, message.id) == (session, result.id)


def test_a_broker_without_transactions_refuses_a_session(app: KernelQ) -> None:
    with pytest.raises(CapabilityMissing, match="MemoryBroker cannot publish within a session"):
        app.task(name="t")(lambda: None).apply_async(session=object())


def test_a_message_says_where_its_outcome_is_to_be_sent(
    app: KernelQ, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert send().reply_to is None

    monkeypatch.setattr(type(app.backend), "reply_to", "here")

    assert send().reply_to == "here"
    assert send(reply_to="there").reply_to == "there"


# --- size ----------------------------------------------------------------------------------------


def test_arguments_over_the_size_are_refused_at_the_call_with_the_size_and_the_way_out(
    app: KernelQ, send: Send
) -> None:
    app.conf.task_max_size = 1_000

    send("x" * 900)

    with pytest.raises(
        EncodeError, match=r"arguments of t are 1,0\d\d bytes, more than .* task_max_size \(1,000\); keep"
    ):
        send("x" * 1_000)


# --- hooks ---------------------------------------------------------------------------------------


def test_plugins_may_change_a_message_before_it_is_published_each_seeing_the_last_one(app: KernelQ, send: Send) -> None:
    class Tracing:
        @hookimpl(trylast=True)
        def before_task_publish(self, message: Message) -> Message:
            return msgspec.structs.replace(message, headers={**message.headers, "seen": message.shadow})

    class Naming:
        @hookimpl
        def before_task_publish(self, message: Message) -> Message:
            return msgspec.structs.replace(message, shadow="s")

    class Watching:
        @hookimpl(tryfirst=True)
        def before_task_publish(self, message: Message, retry_policy: dict[str, Any]) -> None:
            retry_policy["max_retries"] = 0

    for plugin in (Tracing(), Naming(), Watching()):
        app.register_plugin(plugin)

    message = send(headers={"trace": "t"})

    assert (message.shadow, message.headers) == ("s", {"trace": "t", "seen": "s"})
    assert app.conf.task_publish_retry_policy["max_retries"] == 3


class Gate:
    """Gives each message the verdict it was made with, and keeps what was published."""

    def __init__(self, verdict: Admission | None) -> None:
        self.verdict = verdict
        self.asked: list[Any] = []
        self.published: list[Message] = []

    @hookimpl
    def admit(self, message: Message, args: Any, kwargs: Any) -> Admission | None:
        self.asked.append((message.task, args, kwargs))
        return self.verdict

    @hookimpl
    def after_task_publish(self, message: Message) -> None:
        self.published.append(message)


@pytest.mark.parametrize("verdict", [None, Admission(accepted=True)])
def test_a_message_is_published_unless_a_plugin_refuses_it(app: KernelQ, send: Send, verdict: Any) -> None:
    gate = Gate(verdict)
    app.register_plugin(gate)

    message = send(1)

    assert gate.asked == [("t", [1], {})]
    assert gate.published == [message]


def test_a_refused_call_gives_the_result_of_the_task_that_holds_its_place(app: KernelQ) -> None:
    gate = Gate(Admission.refuse("i0"))
    app.register_plugin(gate)

    result = app.task(name="t")(lambda: None).delay()

    assert result == "i0"
    assert gate.published == []
    assert app.broker.queues() == []


def test_a_refused_call_may_raise_instead(app: KernelQ) -> None:
    app.register_plugin(Gate(Admission.refuse(error=PermissionError("twice"))))

    with pytest.raises(PermissionError, match="twice"):
        app.task(name="t")(lambda: None).delay()


def test_publishing_nothing_asks_nobody(app: KernelQ) -> None:
    app.register_plugin(Gate(None))

    assert app.publisher.publish([]) is None
    assert app.broker.queues() == []


@pytest.mark.parametrize("retry", [True, False])
def test_a_wrapper_hears_of_every_publish_that_fails_for_good(retry: bool) -> None:
    heard: list[tuple[list[str], int]] = []

    class Undoing:
        @hookimpl(wrapper=True)
        def publish_failed(self, messages: Sequence[Message], retry_policy: dict[str, Any]) -> Any:
            try:
                return (yield)
            except BrokerUnavailable:
                heard.append(([message.id for message in messages], retry_policy["max_retries"]))
                raise

    app = app_with(Unreliable(*[BrokerUnavailable("away")] * 9))
    app.register_plugin(Undoing())
    with pytest.raises(BrokerUnavailable, match="away"):
        app.task(name="t")(lambda: None).apply_async(task_id="1", retry=retry)

    assert heard == [(["1"], 3 if retry else 0)]
