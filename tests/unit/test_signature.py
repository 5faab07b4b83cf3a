"""Signatures: calls as values."""

from __future__ import annotations

import copy
import datetime
import json
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kernelq import KernelQ, Signature, maybe_signature, signature, subtask
from kernelq.canvas import Signature as SignatureOfCanvas
from kernelq.contracts import Message
from kernelq.errors import InvalidTaskError, NotRegistered


@pytest.fixture
def add(app: KernelQ) -> Any:
    return app.task(name="proj.add")(lambda x, y, **more: x + y)


@pytest.fixture
def sent(app: KernelQ) -> Callable[[], Message]:
    """The message that was published last."""

    def take() -> Message:
        (delivery,) = app.broker.consumer(["default", "mail", "slow"], id="look", lease=5.0).fetch(1, 0)
        assert isinstance(delivery.message, Message)
        return delivery.message

    return take


def body_of(app: KernelQ, message: Message) -> Any:
    return app.serializer(message.content_type).loads(message.body)


# --- what it is ----------------------------------------------------------------------------------


def test_a_signature_is_a_dict_of_one_call(add: Any) -> None:
    sig = add.signature((2, 2), countdown=10)

    assert sig == {
        "task": "proj.add", "args": (2, 2), "kwargs": {}, "options": {"countdown": 10}, "subtask_type": None,
        "immutable": False,
    }  # fmt: skip
    assert isinstance(sig, dict)


def test_its_parts_are_attributes_too(add: Any) -> None:
    sig = add.signature((2,), {"y": 3}, task_id="1", root_id="r", parent_id="p")

    assert (sig.task, sig.name, sig.args, sig.kwargs) == ("proj.add", "proj.add", (2,), {"y": 3})
    assert (sig.id, sig.root_id, sig.parent_id) == ("1", "r", "p")
    assert (sig.subtask_type, sig.immutable, sig.type, sig.app) == (None, False, add, add.app)
    assert add.s().id is None


def test_attributes_can_be_set(add: Any) -> None:
    sig = add.s(1)

    sig.args, sig.immutable, sig.id = (5,), True, "x"

    assert (sig["args"], sig["immutable"], sig["options"]) == ((5,), True, {"task_id": "x"})


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda add: add.s(2, 2), "proj.add(2, 2)"),
        (lambda add: add.s(4).clone((8,)), "proj.add(8, 4)"),
        (lambda add: add.s(1, z=2).clone((0,), {"z": 5, "w": 1}), "proj.add(0, 1, z=5, w=1)"),
        (lambda add: add.si(1, 2).clone((9,), countdown=3), "proj.add(1, 2)"),
        (lambda add: add.s("a", key=None), "proj.add('a', key=None)"),
        (lambda add: add.s(), "proj.add()"),
    ],
)
def test_its_text_is_the_call(add: Any, make: Callable[[Any], Any], text: str) -> None:
    assert repr(make(add)) == text


def test_keywords_of_s_are_the_tasks_own(add: Any) -> None:
    sig = add.s(1, immutable=True, countdown=5)

    assert (sig.kwargs, sig.immutable, sig.options) == ({"immutable": True, "countdown": 5}, False, {})


def test_an_immutable_one_is_made_by_si_and_by_signature(add: Any) -> None:
    assert add.si(1, 2).immutable
    assert add.signature((1, 2), immutable=True).immutable
    assert add.s(1, 2).set(immutable=True).immutable
    assert add.subtask((1, 2), immutable=True) == add.si(1, 2)


def test_a_name_makes_one_without_a_task(app: KernelQ) -> None:
    sig = signature("far.away", args=(1,), kwargs={"x": 2}, countdown=3, app=app)

    assert (sig.task, sig.args, sig.kwargs, sig.options) == ("far.away", (1,), {"x": 2}, {"countdown": 3})
    assert app.signature("far.away", (1,)).app is app
    with pytest.raises(NotRegistered):
        _ = sig.type


def test_without_an_app_it_is_the_current_ones() -> None:
    app = KernelQ("here", broker="memory://")

    assert signature("far.away").app is app
    assert subtask("far.away").task == "far.away"


@pytest.mark.parametrize(("task", "args"), [("add", 10), (None, ()), ("add", "ab"), ({"args": ()}, ())])
def test_what_is_no_call_is_refused(app: KernelQ, task: Any, args: Any) -> None:
    with pytest.raises(TypeError, match="expected a task or its name"):
        signature(task, args, app=app)


def test_the_class_can_be_subscripted() -> None:
    assert Signature[int] is not None
    assert SignatureOfCanvas is Signature


# --- plain data ----------------------------------------------------------------------------------


def test_it_survives_json_with_its_links(app: KernelQ, add: Any) -> None:
    sig = add.signature((1,), {"y": [2]}, countdown=3, link=add.s(5))
    sig.link_error(add.si(6, 7))

    again = signature(json.loads(json.dumps(sig)), app=app)

    assert again == sig
    assert isinstance(again.options["link"], Signature)
    assert isinstance(again.options["link_error"][0], Signature)
    assert again.app is app


@pytest.mark.parametrize("name", ["json", "msgpack", "yaml"])
def test_every_serializer_writes_it_as_plain_json(app: KernelQ, add: Any, name: str) -> None:
    sig = add.signature((1, 2), link=[add.s(5)])
    serializer = app.serializer(name)

    plain = serializer.loads(serializer.dumps([sig]))[0]

    assert (type(plain), plain["args"], plain["options"]["link"][0]["args"]) == (dict, [1, 2], [5])
    assert signature(plain, app=app) == sig
    if name == "json":
        assert b"__type__" not in serializer.dumps([sig])


def test_it_can_be_pickled_and_copied_deep(add: Any) -> None:
    add.app.set_current()
    sig = add.s(1).set(link=[add.s(2)])

    assert pickle.loads(pickle.dumps(sig)) == sig
    deep = copy.deepcopy(sig)
    deep.options["link"].append(1)
    assert (deep.app, len(sig.options["link"])) == (sig.app, 1)


def test_a_signature_of_a_signature_is_a_copy(add: Any) -> None:
    sig = add.s(1)

    assert signature(sig) == sig
    assert signature(sig) is not sig


def test_maybe_signature_leaves_a_signature_and_none_as_they_are(app: KernelQ, add: Any) -> None:
    sig = Signature("proj.add", (1,))

    assert maybe_signature(None) is None
    assert maybe_signature(sig, app) is sig
    assert sig.app is app
    assert maybe_signature(sig, clone=True) is not sig
    assert maybe_signature(dict(sig), app) == sig


@pytest.fixture
def types() -> Iterator[dict[str, Any]]:
    before = dict(Signature.TYPES)
    yield Signature.TYPES
    Signature.TYPES.clear()
    Signature.TYPES.update(before)


def test_a_registered_type_comes_back_as_its_class(app: KernelQ, types: Any) -> None:
    @Signature.register_type("pair")
    class Pair(Signature[Any]):
        pass

    pair = Pair("proj.pair", (1, 2), subtask_type="pair", app=app)

    again = signature(json.loads(json.dumps(pair)), app=app)
    assert (type(again), again) == (Pair, pair)
    assert type(pair.clone()) is Pair
    assert type(signature(dict(Signature("t", link=pair)), app=app).options["link"]) is Pair


def test_a_registered_type_may_make_itself(app: KernelQ, types: Any) -> None:
    @Signature.register_type()
    class Many(Signature[Any]):
        def __init__(self, *tasks: Any, app: KernelQ | None = None) -> None:
            super().__init__("proj.many", (), {"tasks": list(tasks)}, subtask_type="Many", app=app)

        @classmethod
        def from_dict(cls, plain: Any, app: KernelQ | None = None) -> Any:
            return cls(*(signature(task, app=app) for task in plain["kwargs"]["tasks"]), app=app)

    again = signature(json.loads(json.dumps(Many(signature("a"), signature("b")))), app=app)

    assert isinstance(again, Many)
    assert [type(task) for task in again.kwargs["tasks"]] == [Signature, Signature]


def test_a_type_that_nobody_registered_is_named(app: KernelQ) -> None:
    with pytest.raises(InvalidTaskError, match="unknown type 'lattice'"):
        signature({"task": "t", "args": [], "kwargs": {}, "subtask_type": "lattice"}, app=app)


# --- completing and changing ---------------------------------------------------------------------


def test_a_clone_leaves_the_original_alone(add: Any) -> None:
    sig = add.signature((1,), {"a": 1}, headers={"h": [1]}, link=[add.s(2)])

    clone = sig.clone((0,), {"b": 2}, countdown=1)
    clone.kwargs["a"] = 5
    clone.options["headers"]["h"].append(2)
    clone.link(add.s(3))
    clone.options["link"][0].set(queue="mail")

    assert sig == add.signature((1,), {"a": 1}, headers={"h": [1]}, link=[add.s(2)])
    assert (clone.args, clone.app) == ((0, 1), sig.app)


def test_a_clone_leaves_iterators_unread(add: Any) -> None:
    numbers = iter([1, 2])

    clone = add.signature(kwargs={"it": numbers}, stamps=numbers).clone()

    assert clone.kwargs["it"] is numbers
    assert list(numbers) == [1, 2]


def test_parts_can_be_replaced(add: Any) -> None:
    sig = add.signature((1,), {"y": 2}, countdown=3)

    assert sig.replace(args=(5,)) == add.signature((5,), {"y": 2}, countdown=3)
    assert sig.replace(kwargs={}, options={"queue": "q"}) == add.signature((1,), {}, queue="q")
    assert sig.replace() == sig


def test_set_changes_the_signature_itself(add: Any) -> None:
    sig = add.s(1)

    assert sig.set(countdown=1).set(queue="mail") is sig
    assert sig.options == {"countdown": 1, "queue": "mail"}


def test_links_are_added_once_and_given_back(add: Any) -> None:
    sig, callback, errback = add.s(1), add.s(2), add.si(3, 4)

    assert sig.link(callback) is callback
    assert sig.link(add.s(2)) == callback
    assert sig.link_error(errback) is errback
    assert sig.on_error(errback) is sig
    assert sig.options == {"link": [callback], "link_error": [errback]}


def test_a_single_link_becomes_a_list_by_another(add: Any) -> None:
    sig = add.signature((1,), link=add.s(2))

    sig.link(add.s(3))
    sig.extend_list_option("link_error", add.s(4))
    sig.extend_list_option("link_error", [add.s(5)])

    assert sig.options["link"] == [add.s(2), add.s(3)]
    assert sig.options["link_error"] == [add.s(4), add.s(5)]


def test_links_of_links_are_found(add: Any) -> None:
    inner = add.s(2).set(link=add.s(3))

    assert add.s(1).set(link=[inner, add.s(4)]).flatten_links() == [
        add.s(1).set(link=[inner, add.s(4)]),
        inner,
        add.s(3),
        add.s(4),
    ]


def test_a_frozen_one_has_its_result_before_it_is_sent(add: Any) -> None:
    sig = add.s(1, 2)

    result = sig.freeze(root_id="r", parent_id="p", group_id="g", group_index=0)

    assert sig.freeze().id == result.id == sig.id
    assert sig.options == {"task_id": result.id, "root_id": "r", "parent_id": "p", "group_id": "g", "group_index": 0}
    assert sig.freeze(group_id="other") == result
    assert sig.options["group_id"] == "g"
    assert sig.delay().id == result.id


def test_an_id_can_be_given_when_freezing(add: Any) -> None:
    assert add.s().freeze("mine").id == "mine"
    assert add.s().freeze(_id="mine", chord={"task": "t"}).id == "mine"


# --- calling -------------------------------------------------------------------------------------


def test_calling_it_runs_the_function_here(add: Any) -> None:
    assert add.s(1, 2)() == 3
    assert add.s(1)(2) == 3
    assert add.si(1, 2)(9, 9, z=9) == 3


def test_arguments_of_the_call_come_first(app: KernelQ, add: Any, sent: Callable[[], Message]) -> None:
    add.s(1, z=2).delay(0, z=5, w=1)

    assert body_of(app, sent())[:2] == [[0, 1], {"z": 5, "w": 1}]


def test_an_immutable_one_takes_options_but_no_arguments(app: KernelQ, add: Any, sent: Callable[[], Message]) -> None:
    add.si(1, 2).apply_async((9,), {"z": 9}, priority=3)

    message = sent()
    assert (body_of(app, message)[:2], message.priority) == ([[1, 2], {}], 3)


def test_options_of_the_call_win_over_the_signatures_and_those_over_the_tasks(
    app: KernelQ, sent: Callable[[], Message]
) -> None:
    task = app.task(name="t", priority=1, queue="slow", serializer="yaml")(lambda: None)
    sig = task.signature(priority=2, queue="mail")

    sig.apply_async(priority=3, queue=None)

    message = sent()
    assert (message.priority, message.queue, message.content_type) == (3, "mail", "application/x-yaml")


def test_options_the_signature_keeps(add: Any) -> None:
    sig = add.signature((1,), group_id="g", stamped_headers=["by"], by="me")

    clone = sig.clone(group_id="h", stamped_headers=["x"], by="you", queue="q")

    assert clone.options == {"group_id": "g", "stamped_headers": ["by"], "by": "me", "queue": "q"}


def test_an_unregistered_task_is_sent_by_its_name(app: KernelQ, sent: Callable[[], Message]) -> None:
    result = signature("far.away", (2,), app=app, priority=4).apply_async((1,), task_id="x")

    message = sent()
    assert (message.id, message.task, message.priority) == ("x", "far.away", 4) == (result.id, "far.away", 4)
    assert body_of(app, message)[0] == [1, 2]


def test_a_task_class_of_ones_own_decides_how_it_is_sent(app: KernelQ) -> None:
    class Counting(app.Task):  # type: ignore[name-defined,misc]  # a class that the app holds
        calls = 0

        def apply_async(self, *args: Any, **options: Any) -> Any:
            self.calls += 1
            return super().apply_async(*args, **options)

    task = app.task(name="t", base=Counting)(lambda: None)

    task.s().delay()

    assert task.calls == 1


def test_inverting_it_waits_for_the_value(app: KernelQ, add: Any) -> None:
    from kernelq.testing import start_worker

    with start_worker(app):
        assert ~add.s(1, 2) == 3


def test_of_an_election_one_message_remains(app: KernelQ, add: Any) -> None:
    sig = add.s(1, 2).set(task_id="mayor")

    assert {sig.election().id, sig.clone().election().id} == {"mayor"}
    assert [stats.ready for stats in app.broker.queues()] == [1]
    assert add.s(1, 2).election().id != "mayor"


# --- of a running task ---------------------------------------------------------------------------


def test_a_running_task_knows_its_own_call(app: KernelQ, lane: Any) -> None:
    seen = []
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)

    @app.task(bind=True, name="t")
    def look(self: Any, x: int) -> None:
        seen.append(self.signature_from_request())
        seen.append(self.signature_from_request(args=(5,), queue="mail", countdown=1))

    look.apply_async(
        (1,), link=look.s(), time_limit=9, soft_time_limit=5, headers={"h": 1}, task_id="id", priority=2, expires=later
    )
    lane.run()

    own, other = seen
    assert (own.task, own.args, own.kwargs) == ("t", (1,), {})
    assert own.options == {
        "task_id": "id", "root_id": "id", "link": [dict(look.s(), args=[])], "time_limit": 9, "soft_time_limit": 5,
        "headers": {"h": 1}, "retries": 0, "priority": 2, "queue": "default", "replaced": 0,
        "expires": later.isoformat(),
    }  # fmt: skip
    assert (other.args, other.options["queue"], other.options["countdown"]) == ((5,), "mail", 1)


def test_an_event_without_a_plugin_for_events_is_nothing(app: KernelQ, add: Any) -> None:
    assert add.send_event("task-custom", detail=1) is None


def test_an_event_is_handed_to_the_plugin_for_events(app: KernelQ, add: Any) -> None:
    events = []

    class Dispatcher:
        def __enter__(self) -> Any:
            return self

        def __exit__(self, *_: object) -> None:
            events.append("closed")

        def send(self, type_: str, **fields: Any) -> None:
            events.append((type_, fields))

    class Events:
        def default_dispatcher(self, hostname: Any) -> Any:
            return Dispatcher()

    app.events = Events()

    add.send_event("task-custom", detail=1)

    assert events == [("task-custom", {"uuid": None, "retry": True, "retry_policy": None, "detail": 1}), "closed"]


def test_outside_a_chord_nothing_can_be_added_to_one(add: Any) -> None:
    with pytest.raises(ValueError, match="not in the header of a chord"):
        add.add_to_chord(add.s(1))
