"""Signals: who is called, when, with what, and what an error in a receiver does."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from kernelq import Context, KernelQ
from kernelq.contracts import Delivery, ExceptionInfo, Message, Undecodable
from kernelq_plugins import signals
from kernelq_plugins.signals import api, retried
from kernelq_plugins.signals.signal import Signal

PER_MESSAGE = (
    "before_task_publish",
    "after_task_publish",
    "task_received",
    "task_prerun",
    "task_postrun",
    "task_success",
    "task_retry",
    "task_failure",
    "task_revoked",
    "task_unknown",
    "task_rejected",
    "task_internal_error",
)


class Recorder:
    """A receiver that keeps what it was called with."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []

    def __call__(self, **named: Any) -> int:
        self.calls.append(named)
        return len(self.calls)

    def method(self, **named: Any) -> None:
        self.calls.append(named)

    @property
    def only(self) -> dict[str, Any]:
        """The arguments of the one call there was, without the signal."""
        (call,) = self.calls
        return {name: value for name, value in call.items() if name != "signal"}


@pytest.fixture
def signal() -> Signal:
    return Signal("fire", "For tests.")


@pytest.fixture
def receiver() -> Recorder:
    return Recorder()


@pytest.fixture
def app() -> Iterator[KernelQ]:
    with KernelQ("proj", broker="memory://", backend="memory://", set_as_current=False) as app:
        assert app.conf.broker_url == "memory://"
        yield app


class StandingWorker:
    """What the hooks of a worker's life pass on, without a worker."""

    hostname = "w1@here"

    def __init__(self, app: KernelQ) -> None:
        self.app = app


def add(x: int, y: int) -> int:
    return x + y


def context(*args: Any, **kwargs: Any) -> Context:
    return Context(Message(id="i1", task="proj.add", body=b""), args, kwargs, hostname="w1@here")


# --- connecting and sending


def test_a_receiver_gets_the_signal_the_sender_and_the_arguments_by_keyword(signal: Signal, receiver: Recorder) -> None:
    signal.connect(receiver)

    answers = signal.send("me", size=3)

    assert receiver.calls == [{"signal": signal, "sender": "me", "size": 3}]
    assert answers == [(receiver, 1)]


def test_connect_decorates_with_and_without_parentheses(signal: Signal) -> None:
    @signal.connect
    def plain(**kwargs: Any) -> str:
        return "plain"

    @signal.connect(sender="me")
    def filtered(**kwargs: Any) -> str:
        return "filtered"

    assert signal.send("me") == [(plain, "plain"), (filtered, "filtered")]
    assert plain() == "plain"


def test_receivers_are_called_in_the_order_they_connected(signal: Signal) -> None:
    receivers = [Recorder() for _ in range(50)]
    for one in receivers:
        signal.connect(one)

    assert [one for one, _ in signal.send(None)] == receivers


def test_a_receiver_connected_twice_is_called_once(signal: Signal, receiver: Recorder) -> None:
    signal.connect(receiver)
    signal.connect(receiver)
    signal.connect(receiver, sender="me")

    signal.send("me")

    assert len(receiver.calls) == 1


def test_a_function_without_keyword_arguments_is_refused_by_name(signal: Signal) -> None:
    def narrow(sender: Any) -> None: ...

    with pytest.raises(ValueError, match=r"a receiver of fire must accept \*\*kwargs, .*narrow does not"):
        signal.connect(narrow)


def test_a_function_without_a_signature_to_look_at_is_taken(signal: Signal) -> None:
    assert signal.connect(max) is max


def test_a_sender_given_in_the_place_of_the_receiver_is_refused(signal: Signal) -> None:
    with pytest.raises(TypeError, match=r"@fire.connect\(sender=…\)"):
        signal.connect("proj.add")  # type: ignore[call-overload]


# --- senders


def test_a_text_as_sender_is_compared_by_value(signal: Signal, receiver: Recorder) -> None:
    signal.connect(receiver, sender="proj.add")

    signal.send("".join(["proj", ".add"]))
    signal.send("proj.sub")

    assert receiver.only["sender"] == "proj.add"


def test_an_object_as_sender_is_compared_by_identity(signal: Signal, receiver: Recorder) -> None:
    mine, equal = [1], [1]
    signal.connect(receiver, sender=mine)

    signal.send(equal)
    signal.send(mine)

    assert receiver.only["sender"] is mine


def test_a_sender_never_seen_is_heard_by_receivers_of_all(signal: Signal, receiver: Recorder) -> None:
    signal.connect(receiver)

    signal.send(object())
    signal.send(None)

    assert len(receiver.calls) == 2


def test_a_proxy_as_sender_stands_for_its_object(signal: Signal, receiver: Recorder) -> None:
    class Proxy:
        def _get_current_object(self) -> Any:
            return behind

    behind = object()
    signal.connect(receiver, sender=Proxy())

    signal.send(behind)
    signal.send(Proxy())

    assert len(receiver.calls) == 2


# --- references


def test_a_receiver_nobody_keeps_is_gone(signal: Signal) -> None:
    calls: list[Any] = []
    signal.connect(lambda **kwargs: calls.append(kwargs))

    assert signal.send(None) == []
    assert not calls


def test_a_receiver_connected_strongly_stays(signal: Signal) -> None:
    calls: list[Any] = []
    signal.connect(lambda **kwargs: calls.append(kwargs), weak=False)

    signal.send(None)

    assert len(calls) == 1


def test_methods_of_two_instances_are_two_receivers(signal: Signal) -> None:
    first, second = Recorder(), Recorder()
    signal.connect(first.method)
    signal.connect(second.method)

    signal.send(None)

    assert len(first.calls) == len(second.calls) == 1


def test_a_method_dies_with_its_instance(signal: Signal) -> None:
    first, second = Recorder(), Recorder()
    signal.connect(first.method)
    signal.connect(second.method)

    del first

    assert [one for one, _ in signal.send(None)] == [second.method]


# --- disconnecting


def test_a_disconnected_receiver_is_not_called(signal: Signal, receiver: Recorder) -> None:
    signal.connect(receiver.method)

    assert signal.disconnect(receiver.method)
    assert signal.send(None) == []


def test_disconnecting_from_one_sender_leaves_the_others(signal: Signal, receiver: Recorder) -> None:
    signal.connect(receiver, sender="a")
    signal.connect(receiver, sender="b")

    assert signal.disconnect(receiver, sender="a")
    signal.send("a")
    signal.send("b")

    assert receiver.only["sender"] == "b"


def test_disconnecting_what_is_not_connected_says_no(signal: Signal, receiver: Recorder) -> None:
    assert not signal.disconnect(receiver)
    assert not signal.disconnect(dispatch_uid="nobody")


def test_one_dispatch_uid_connects_once(signal: Signal) -> None:
    first, second = Recorder(), Recorder()
    signal.connect(first, dispatch_uid="once")
    signal.connect(second, dispatch_uid="once")

    assert [one for one, _ in signal.send(None)] == [first]


def test_one_dispatch_uid_serves_each_sender(signal: Signal) -> None:
    first, second = Recorder(), Recorder()
    signal.connect(first, sender="a", dispatch_uid="once")
    signal.connect(second, sender="b", dispatch_uid="once")

    signal.send("a")
    signal.send("b")

    assert (first.only["sender"], second.only["sender"]) == ("a", "b")


def test_a_dispatch_uid_is_free_again_when_its_receiver_is_gone(signal: Signal, receiver: Recorder) -> None:
    short = Recorder()
    signal.connect(short.method, dispatch_uid="once")
    del short

    signal.connect(receiver, dispatch_uid="once")

    assert [one for one, _ in signal.send(None)] == [receiver]


def test_a_dispatch_uid_is_free_again_when_its_receiver_is_disconnected(signal: Signal, receiver: Recorder) -> None:
    first = Recorder()
    signal.connect(first, dispatch_uid="once")
    signal.disconnect(first)

    signal.connect(receiver, dispatch_uid="once")

    assert [one for one, _ in signal.send(None)] == [receiver]


def test_a_dispatch_uid_disconnects_its_receiver(signal: Signal) -> None:
    signal.connect(lambda **kwargs: None, weak=False, dispatch_uid="mine")

    assert signal.disconnect(dispatch_uid="mine")
    assert signal.send(None) == []


# --- errors


def test_an_error_in_a_receiver_is_logged_and_returned_and_the_others_run(
    signal: Signal, receiver: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    error = RuntimeError("no disk")

    @signal.connect
    def broken(**kwargs: Any) -> None:
        raise error

    signal.connect(receiver)

    assert signal.send(None) == [(broken, error), (receiver, 1)]
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert "broken of the signal fire failed" in record.message


def test_an_error_in_a_receiver_of_a_strict_signal_is_raised() -> None:
    @api.setup_logging.connect
    def broken(**kwargs: Any) -> None:
        raise RuntimeError("no disk")

    with pytest.raises(RuntimeError, match="no disk"):
        api.setup_logging.send(None)


def test_a_retried_receiver_is_called_until_it_returns(
    signal: Signal, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(retried, "sleep", waits.append)
    errors = [OSError("away")] * 17

    def flaky(**kwargs: Any) -> str:
        if errors:
            raise errors.pop()
        return "done"

    signal.connect(flaky, retry=True)

    assert [answer for _, answer in signal.send(None)] == ["done"]
    assert waits == [2.0 * n for n in range(1, 16)] + [30.0, 30.0]
    assert "flaky of the signal fire failed, trying again in 2 s" in caplog.text


def test_a_retried_receiver_is_kept_and_disconnects_by_its_function(signal: Signal) -> None:
    class Temporary:
        def method(self, **kwargs: Any) -> str:
            return "kept"

    holder = Temporary()
    signal.connect(holder.method, retry=True)

    assert [answer for _, answer in signal.send(None)] == ["kept"]
    assert signal.disconnect(holder.method)
    assert signal.send(None) == []


@pytest.fixture
def _restless() -> Iterator[None]:
    """Threads take turns as often as can be: what one of them may not be interrupted in is."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("_restless")
def test_threads_may_connect_and_send_at_once(signal: Signal) -> None:
    start = threading.Barrier(4)
    failed: list[BaseException] = []

    def busy() -> None:
        try:
            start.wait(30)
            for _ in range(300):
                receiver = Recorder()
                signal.connect(receiver)
                signal.connect(receiver.method, sender="me")
                signal.connect(receiver, sender=object())
                signal.send("me")
                signal.disconnect(receiver)
        except BaseException as error:  # noqa: BLE001  (whatever it is, the test is to show it)
            failed.append(error)

    threads = [threading.Thread(target=busy) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert not failed


# --- from hooks to signals


def listening(app: KernelQ, name: str) -> list[str]:
    """Who of this plugin listens to a hook; others may, too."""
    return [plugin for plugin, *_ in app.plugins.heard(name) if plugin.startswith("signals")]


def test_nobody_hears_messages_until_somebody_connects(app: KernelQ) -> None:
    assert [name for name in PER_MESSAGE if listening(app, name)] == []


@pytest.mark.parametrize("name", PER_MESSAGE)
def test_connecting_makes_living_and_later_apps_listen(name: str, app: KernelQ, receiver: Recorder) -> None:
    getattr(api, name).connect(receiver)
    later = KernelQ("later", broker="memory://", set_as_current=False)
    assert later.conf.broker_url

    assert len(listening(app, name)) == len(listening(later, name)) == 1


def test_an_app_listens_once_however_often_it_is_configured(app: KernelQ, receiver: Recorder) -> None:
    api.task_prerun.connect(receiver)
    api.task_prerun.connect(Recorder())
    app.config_from_object({"task_default_queue": "other"}, force=True)

    app.plugins.notify("task_prerun", app=app, task=app.task(add), request=context())

    assert len(receiver.calls) == 1
    assert not app.plugins.failures


@pytest.mark.parametrize("name", ["task_received", "after_task_publish", "task_sent", "task_internal_error"])
def test_when_the_receivers_are_gone_nothing_is_prepared_for_them(name: str, app: KernelQ) -> None:
    getattr(api, name).connect(Recorder())
    garbage = Message(id="i1", task="proj.add", body=b"?")

    app.plugins.notify(
        "after_task_publish" if name == "task_sent" else name,
        app=app,
        task=app.task(add),
        message=garbage,
        delivery=Delivery(message=garbage, queue="mail"),
        hostname="w1@here",
        request=None,
        exception=ERROR,
        einfo=ExceptionInfo(ERROR),
    )

    assert not app.plugins.failures


def test_an_app_without_the_plugin_hears_nothing(receiver: Recorder) -> None:
    app = KernelQ("proj", broker="memory://", disable_plugins=("signals",), set_as_current=False)
    assert app.conf.broker_url
    api.task_prerun.connect(receiver)

    assert not listening(app, "task_prerun")


def test_before_task_publish_may_change_headers(app: KernelQ) -> None:
    @api.before_task_publish.connect(sender="proj.add")
    def stamp(sender: str, body: Any, headers: dict[str, Any], **kwargs: Any) -> None:
        headers["trace"] = f"{sender}{body[0]}"

    receiver = Recorder()
    api.after_task_publish.connect(receiver, sender="proj.add")
    app.send_task("proj.add", (1, 2), {"z": 3}, task_id="i1", queue="mail")
    app.send_task("proj.sub", (1, 2))

    published = receiver.only
    assert published["headers"]["trace"] == "proj.add[1, 2]"
    assert published["headers"]["id"] == "i1"
    assert published["body"][:2] == ([1, 2], {"z": 3})
    assert (published["exchange"], published["routing_key"]) == ("", "mail")


def test_before_task_publish_has_every_argument_receivers_ask_for(app: KernelQ, receiver: Recorder) -> None:
    api.before_task_publish.connect(receiver)

    app.send_task("proj.add", (1, 2))

    names = {"body", "exchange", "routing_key", "headers", "properties", "declare", "retry_policy"}
    assert receiver.only.keys() == {"sender", *names}


def test_before_task_publish_may_change_arguments_inside_the_body(app: KernelQ, lane_of: Any) -> None:
    task, seen = app.task(name="proj.keep")(lambda *args, **kwargs: seen.append((args, kwargs))), list[Any]()

    @api.before_task_publish.connect
    def change(body: Any, **kwargs: Any) -> None:
        args, named, _ = body
        args.append(3)
        named["who"] = "me"

    task.apply_async((1,), {"y": 2})
    task.apply_async((1,), {"y": 2}, compression="zlib")
    lane_of(app).run_all()

    assert seen == [((1, 3), {"y": 2, "who": "me"})] * 2


def test_before_task_publish_may_change_properties_and_the_retry_policy(app: KernelQ) -> None:
    policies: list[dict[str, Any]] = []
    after = Recorder()
    api.after_task_publish.connect(after)

    @api.before_task_publish.connect
    def change(properties: dict[str, Any], retry_policy: dict[str, Any], **kwargs: Any) -> None:
        properties["priority"] = 7
        retry_policy["max_retries"] = 0
        policies.append(retry_policy)

    app.send_task("proj.add", (1, 2))

    consumer = app.broker.consumer(["default"], id="c1", lease=15.0)
    (delivery,) = consumer.fetch(1, 0)
    assert isinstance(delivery.message, Message)
    assert delivery.message.priority == 7
    assert len(after.calls) == len(policies) == 1


def test_whoever_received_a_message_knows_its_app(app: KernelQ, receiver: Recorder) -> None:
    api.task_unknown.connect(receiver)

    app.plugins.notify(
        "task_unknown", app=app, message=Message(id="i1", task="proj.gone", body=b""), hostname="w1@here", exc=ERROR
    )

    sender = receiver.only["sender"]
    assert (sender, sender.hostname, sender.app) == ("w1@here", "w1@here", app)


def test_a_signal_says_whether_anybody_would_hear(signal: Signal, receiver: Recorder) -> None:
    signal.connect(receiver, sender="me")

    assert (signal.has_listeners(), signal.has_listeners("me"), signal.has_listeners("you")) == (True, True, False)
    assert signal.send_robust("me") == [(receiver, 1)]


def test_task_sent_tells_name_and_arguments(app: KernelQ, receiver: Recorder) -> None:
    api.task_sent.connect(receiver, sender="proj.add")

    app.send_task("proj.add", (1, 2), task_id="i1")

    assert receiver.only == {
        "sender": "proj.add",
        "task_id": "i1",
        "task": "proj.add",
        "args": [1, 2],
        "kwargs": {},
        "eta": None,
        "taskset": None,
    }


def test_task_received_gives_the_request_of_the_run_to_come(app: KernelQ, receiver: Recorder) -> None:
    api.task_received.connect(receiver, sender="w1@here")
    message = Message(id="i1", task="proj.add", body=app.serializer("json").dumps(([1, 2], {"z": 3}, {})), queue="mail")
    delivery = Delivery(message=message, queue="mail")

    app.plugins.notify("task_received", app=app, message=message, delivery=delivery, hostname="w1@here")

    request = receiver.only["request"]
    assert (request.id, request.task_id, request.name, request.task_name) == ("i1", "i1", "proj.add", "proj.add")
    assert (request.args, request.kwargs, request.hostname) == ([1, 2], {"z": 3}, "w1@here")
    assert request.delivery_info["queue"] == "mail"


RUN = {"args": (1,), "kwargs": {"y": 2}}
ERROR = ValueError("no")


@pytest.mark.parametrize(
    ("name", "details", "expected"),
    [
        ("task_prerun", {}, {"task_id", "task", "args", "kwargs"}),
        ("task_postrun", {"retval": 3, "state": "SUCCESS"}, {"task_id", "task", "args", "kwargs", "retval", "state"}),
        ("task_success", {"result": 3, "runtime": 0.5}, {"result", "runtime"}),
        ("task_retry", {"reason": ERROR, "einfo": ExceptionInfo(ERROR)}, {"request", "reason", "einfo"}),
        (
            "task_failure",
            {"exception": ERROR, "einfo": ExceptionInfo(ERROR)},
            {"task_id", "exception", "args", "kwargs", "traceback", "einfo"},
        ),
        (
            "task_internal_error",
            {"exception": ERROR, "einfo": ExceptionInfo(ERROR)},
            {"task_id", "args", "kwargs", "request", "exception", "traceback", "einfo"},
        ),
        (
            "task_revoked",
            {"terminated": False, "signum": None, "expired": True},
            {"request", "terminated", "signum", "expired"},
        ),
    ],
)
def test_a_task_signal_is_sent_by_the_task_with_its_arguments(
    name: str, details: dict[str, Any], expected: set[str], app: KernelQ, receiver: Recorder
) -> None:
    task = app.task(add)
    other = app.task(name="proj.other")(add)
    request = context(1, y=2)
    getattr(api, name).connect(receiver, sender=task)

    app.plugins.notify(name, app=app, task=other, request=request, **details)
    app.plugins.notify(name, app=app, task=task, request=request, **details)

    told = receiver.only
    assert told.pop("sender") is task
    assert told.keys() == expected
    given = {"task_id": "i1", "task": task, "args": (1,), "kwargs": {"y": 2}, "traceback": None, **details}
    assert all(told[key] == given[key] for key in expected - {"request", "einfo"})
    assert "einfo" not in told or (told["einfo"].exception, str(told["einfo"])) == (ERROR, "ValueError: no\n")


def test_the_request_of_an_internal_error_is_a_dict(app: KernelQ, receiver: Recorder) -> None:
    api.task_internal_error.connect(receiver)

    app.plugins.notify(
        "task_internal_error",
        app=app,
        task=app.task(add),
        request=context(1, 2),
        exception=ERROR,
        einfo=ExceptionInfo(ERROR),
    )

    request = receiver.only["request"]
    assert (request["id"], request["task"], request["args"]) == ("i1", "proj.add", (1, 2))


def test_unknown_and_rejected_messages_are_told_by_the_node(app: KernelQ) -> None:
    unknown, rejected = Recorder(), Recorder()
    api.task_unknown.connect(unknown, sender="w1@here")
    api.task_rejected.connect(rejected, sender="w1@here")
    message = Message(id="i1", task="proj.gone", body=b"")
    garbage = Undecodable(b"?", "not a message")

    app.plugins.notify("task_unknown", app=app, message=message, hostname="w1@here", exc=ERROR)
    app.plugins.notify("task_rejected", app=app, message=garbage, hostname="w1@here", exc=ERROR)

    assert unknown.only == {"sender": "w1@here", "name": "proj.gone", "id": "i1", "message": message, "exc": ERROR}
    assert rejected.only == {"sender": "w1@here", "message": garbage, "exc": ERROR}


def test_a_receivers_error_does_not_count_against_the_plugin(app: KernelQ) -> None:
    @api.task_prerun.connect
    def broken(**kwargs: Any) -> None:
        raise RuntimeError("no disk")

    app.plugins.notify("task_prerun", app=app, task=app.task(add), request=context())

    assert not app.plugins.failures


@pytest.mark.parametrize("name", ["worker_init", "worker_ready", "worker_shutdown"])
def test_the_life_of_a_worker_is_told_by_the_worker(name: str, app: KernelQ, receiver: Recorder) -> None:
    worker = StandingWorker(app)
    getattr(api, name).connect(receiver, sender=worker)

    app.plugins.notify(name, worker=worker)

    assert receiver.only == {"sender": worker}


def test_the_stop_of_a_worker_is_told_by_its_node(app: KernelQ, receiver: Recorder) -> None:
    api.worker_shutting_down.connect(receiver, sender="w1@here")
    asked = {"sig": "SIGTERM", "how": "Warm", "exitcode": 0}

    app.plugins.notify("worker_shutting_down", worker=StandingWorker(app), **asked)

    assert receiver.only == {"sender": "w1@here", **asked}


def test_a_worker_is_told_by_its_node_first_of_all(app: KernelQ, receiver: Recorder) -> None:
    api.celeryd_init.connect(receiver, sender="w1@here")
    worker = StandingWorker(app)

    app.plugins.notify("worker_init", worker=worker)

    told = receiver.only
    assert told.pop("options")["hostname"] == "w1@here"
    assert told == {"sender": "w1@here", "instance": worker, "conf": app.conf}


def test_a_worker_that_is_set_up_is_told_by_its_node_once(app: KernelQ, receiver: Recorder) -> None:
    api.celeryd_after_setup.connect(receiver, sender="w1@here")
    worker = StandingWorker(app)

    app.import_modules()
    app.plugins.notify("worker_init", worker=worker)
    assert not receiver.calls
    app.import_modules()
    app.import_modules()

    assert receiver.only == {"sender": "w1@here", "instance": worker, "conf": app.conf}


def test_the_life_of_pool_children_is_told(app: KernelQ) -> None:
    before, begun, ended = Recorder(), Recorder(), Recorder()
    api.worker_before_create_process.connect(before, sender=app)
    api.worker_process_init.connect(begun, sender="w1@here")
    api.worker_process_shutdown.connect(ended, sender="w1@here")

    app.plugins.notify("worker_before_create_process", app=app)
    app.plugins.notify("worker_process_init", app=app, hostname="w1@here")
    app.plugins.notify("worker_process_shutdown", app=app, hostname="w1@here", pid=7, exitcode=0)

    assert before.only == {"sender": app}
    assert begun.only == {"sender": "w1@here"}
    assert ended.only == {"sender": "w1@here", "pid": 7, "exitcode": 0}


def test_importing_modules_and_preload_options_are_told(app: KernelQ) -> None:
    imported, preloaded = Recorder(), Recorder()
    api.import_modules.connect(imported, sender=app)
    api.user_preload_options.connect(preloaded)

    app.plugins.notify("import_modules", app=app)
    app.plugins.notify("user_preload_options", app=app, options={"template": "x"})

    assert imported.only == {"sender": app}
    assert preloaded.only == {"sender": app, "app": app, "options": {"template": "x"}}


LOGGING: dict[str, Any] = {"loglevel": 20, "logfile": None, "format": "%(message)s", "colorize": False}


def test_without_a_receiver_logging_is_left_to_others() -> None:
    assert signals.setup_logging(**LOGGING) is None


def test_a_receiver_of_setup_logging_takes_it_over(app: KernelQ, receiver: Recorder) -> None:
    api.setup_logging.connect(receiver)

    assert app.plugins.hook.setup_logging(app=app, **LOGGING) is True
    assert receiver.only == {"sender": None, **LOGGING}


@pytest.mark.parametrize("name", ["after_setup_logger", "after_setup_task_logger"])
def test_the_loggers_are_handed_on(name: str, app: KernelQ, receiver: Recorder) -> None:
    getattr(api, name).connect(receiver)
    logger = logging.getLogger("kernelq.test")

    app.plugins.notify(name, app=app, logger=logger, **LOGGING)

    assert receiver.only == {"sender": None, "logger": logger, **LOGGING}


# --- names


def test_every_signal_is_importable_from_kernelq_under_its_own_name() -> None:
    from kernelq import signals as public

    assert public is api
    named = {name for name in api.__all__ if name != "Signal"}
    assert named == {value.name for value in vars(api).values() if isinstance(value, Signal)}


def test_an_app_that_connects_nothing_imports_no_signal_machinery() -> None:
    code = "import sys, kernelq; kernelq.KernelQ(); sys.exit('blinker' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=30).returncode == 0


# --- all together


def test_a_worker_tells_its_life_and_its_tasks_in_order(app: KernelQ) -> None:
    told: list[str] = []
    receivers = [lambda signal, **kwargs: told.append(signal.name) for _ in api.__all__]
    for name, receiver in zip(api.__all__, receivers, strict=True):
        if name not in ("Signal", "setup_logging"):
            getattr(api, name).connect(receiver)
    task = app.task(add)
    worker = app.Worker(pool="solo")
    thread = threading.Thread(target=worker.run, daemon=True)

    thread.start()
    assert worker.ready.wait(10)
    assert task.delay(1, 2).get(timeout=10) == 3
    worker.stop()
    thread.join(10)

    # Publishing and running are on two threads, so each has an order of its own.
    published = ["before_task_publish", "after_task_publish", "task_sent"]
    assert sorted(name for name in told if name in published) == sorted(published)
    assert [name for name in told if name not in published] == [
        "celeryd_init",
        "worker_init",
        "import_modules",
        "celeryd_after_setup",
        "worker_process_init",
        "worker_ready",
        "task_received",
        "task_prerun",
        "task_success",
        "task_postrun",
        "worker_shutting_down",
        "worker_shutdown",
    ]


def test_receivers_are_called_in_the_order_of_connecting_whoever_they_listen_to() -> None:
    signal, seen = Signal("told", "."), list[str]()

    def first(**_: Any) -> None:
        seen.append("first")

    def second(**_: Any) -> None:
        seen.append("second")

    signal.connect(first, sender="ada")
    signal.connect(second)
    signal.send("ada")

    assert seen == ["first", "second"]
