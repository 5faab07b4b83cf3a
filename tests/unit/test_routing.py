"""Routing: where a call goes, what a worker consumes, and what is said when that cannot be."""

from __future__ import annotations

import logging
import pickle
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernelq import Broadcast, Exchange, KernelQ, Option, Queue, binding
from kernelq.contracts import CapabilityMissing, ImproperlyConfigured, Message
from kernelq.errors import KernelQError
from kernelq.routing import QueueNotFound, resolve, topic_matches, worker_direct

Make = Callable[..., KernelQ]


@pytest.fixture(autouse=True)
def _nothing_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """What these tests make is no sign to apps of other tests, in whose calls a queue might then be."""
    monkeypatch.setattr("kernelq_plugins.routing.made._made", False)


def papers() -> list[Queue]:
    """Queues with exchanges of every type that can be matched here."""
    news, everybody = Exchange("news", "topic"), Exchange("all", "fanout")
    return [
        Queue("sport", news, "news.sport.#"),
        Queue("local", news, "news.*.town"),
        Queue("mail", Exchange("post"), "letter"),
        Queue("one", everybody),
        Queue("two", everybody),
        Queue("default"),
    ]


@pytest.fixture
def make() -> Iterator[Make]:
    made: list[KernelQ] = []

    def app(*, exchanges: bool = False, **settings: Any) -> KernelQ:
        made.append(KernelQ("proj", broker="memory://", backend="memory://", set_as_current=False, **settings))
        if exchanges:
            broker: Any = made[-1].broker
            broker.capabilities = replace(broker.capabilities, exchanges=True)
        return made[-1]

    yield app
    for each in made:
        each.close()


def message(app: KernelQ, name: str = "proj.add", **options: Any) -> Message:
    """What a call by name would send."""
    return app.publisher.message(app.tasks.get(name), name, (1,), {"k": 2}, options)


def place(app: KernelQ, name: str = "proj.add", **options: Any) -> tuple[str, str, str]:
    found = message(app, name, **options)
    return found.queue, found.exchange, found.routing_key


def worker_queues(app: KernelQ, only: tuple[str, ...] = (), without: tuple[str, ...] = ()) -> tuple[str, ...]:
    return app.Worker(pool="solo", queues=only, exclude_queues=without, hostname="w1@here").queues


# --- the forms of task_routes --------------------------------------------------------------------


def to_feeds(name: str, args: Any, kwargs: Any, options: Any, task: Any = None, **more: Any) -> Any:
    return "feeds" if name == "proj.add" and args == (1,) and kwargs == {"k": 2} else None


class Old:
    def route_for_task(self, task: str, args: Any = None, kwargs: Any = None) -> Any:
        return {"queue": "feeds"} if task == "proj.add" else None


@pytest.fixture
def routers() -> Iterator[None]:
    """A module of routers to be named."""
    module: Any = ModuleType("proj_routers")
    module.function, module.Old, module.table = to_feeds, Old, {"proj.*": "feeds"}
    sys.modules["proj_routers"] = module
    yield
    del sys.modules["proj_routers"]


@pytest.mark.parametrize(
    "routes",
    [
        {"proj.add": "feeds"},
        {"proj.add": {"queue": "feeds"}},
        {"proj.*": "feeds"},
        {"*.add": "feeds"},
        {re.compile(r"proj\.(add|mul)"): "feeds"},
        {"proj.*": "others", "proj.add": "feeds"},
        {"proj.a*": "feeds", "proj.*": "others"},
        [("proj.a*", "feeds"), ("proj.*", {"queue": "others"})],
        (["proj.a*", "feeds"], [re.compile("proj"), "others"]),
        ([("proj.a*", "feeds"), ("proj.*", "others")],),
        [{"other": "others"}, {"proj.add": "feeds"}, {"proj.add": "others"}],
        to_feeds,
        [{"other": "others"}, to_feeds],
        Old,
        Old(),
        "proj_routers.function",
        "proj_routers:function",
        "proj_routers.Old",
        "proj_routers.table",
        ("proj_routers.Old", "proj_routers.function"),
    ],
)
@pytest.mark.usefixtures("routers")
def test_every_form_of_a_route_leads_to_its_queue(make: Make, routes: Any) -> None:
    app = make(task_routes=routes)

    assert message(app).queue == "feeds"
    assert message(app, "else.where").queue == "default"


def test_a_route_may_be_a_queue_or_hold_one(make: Make) -> None:
    app = make(task_routes={"proj.add": Queue("feeds"), "proj.mul": {"queue": Queue("feeds")}})

    assert [message(app, name).queue for name in ("proj.add", "proj.mul")] == ["feeds", "feeds"]


def test_a_pattern_is_matched_from_the_start_and_without_a_star_is_a_name(make: Make) -> None:
    app = make(task_routes={re.compile("add"): "pattern", "proj.[a]dd": "brackets", "proj.?dd": "mark"})

    assert message(app, "proj.add").queue == "default"
    assert message(app, "adder").queue == "pattern"
    assert message(app, "proj.?dd").queue == "mark"


def test_a_route_by_function_may_look_at_the_call(make: Make) -> None:
    seen: list[Any] = []

    def route(name: str, args: Any, kwargs: Any, options: Any, task: Any = None) -> None:
        seen.append((name, args, kwargs, options, task))
        options["queue"] = "changed"

    app = make(task_routes=route)
    add = app.task(name="proj.add")(lambda x, k: x)

    assert message(app, priority=2).queue == "default"
    assert seen == [("proj.add", (1,), {"k": 2}, {"priority": 2, "queue": "changed"}, add)]


def test_a_change_of_task_routes_takes_effect_at_the_next_call(make: Make) -> None:
    app = make(task_routes={"proj.add": "before"})
    assert message(app).queue == "before"

    app.conf.task_routes = {"proj.add": "after"}
    assert message(app).queue == "after"

    app.conf.task_routes = None
    assert message(app).queue == "default"


@pytest.mark.parametrize(
    ("routes", "text"),
    [
        ({"proj.*": {"prio": 1}}, r"task_routes\['proj\.\*'\] has the unknown option 'prio' \(known: add_to_parent, "),
        ({"proj.add": {"immediate": True}}, r"unknown option 'immediate'"),
        ({re.compile("^x"): {"prio": 1}}, r"task_routes\['\^x'\] has the unknown option 'prio'"),
        (
            {"proj.add": 5},
            r"expected task_routes\['proj.add'\] to be the name of a queue or a mapping of options, got 5",
        ),
        ({"proj.add": ""}, r"task_routes\['proj.add'\] names no queue"),
        ({5: "feeds"}, r"expected the name of a task, a glob with \* or a compiled regular expression, got 5"),
        (5, r"expected a mapping, a list, a function, .*, got 5 \(task_routes\)"),
        ([["a", "b", "c"]], r"expected pairs of a pattern and a route"),
        ("no.such.router", r"cannot import the router 'no.such.router': "),
        ("nodots", r"cannot import the router 'nodots': "),
        (
            lambda *a, **k: {"prio": 1},
            r"the answer of the router .*<lambda> for proj.add has the unknown option 'prio'",
        ),
        (lambda *a, **k: 5, r"expected the answer of the router .*<lambda> for proj.add to be the name of a queue"),
    ],
)
def test_a_wrong_route_is_an_error_that_names_it(make: Make, routes: Any, text: str) -> None:
    app = make(task_routes=routes)

    with pytest.raises(ImproperlyConfigured, match=text):
        message(app)


def test_a_worker_with_a_wrong_route_does_not_start(make: Make) -> None:
    app = make(task_routes={"proj.*": {"prio": 1}})

    with pytest.raises(ImproperlyConfigured, match="unknown option 'prio'"):
        worker_queues(app)


# --- precedence ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "default", "route", "attribute", "call"),
    [("queue", "default", "by_route", "by_task", "by_call"), ("priority", 0, 1, 2, 3)],
)
def test_a_call_wins_over_its_task_and_that_over_the_route_and_that_over_the_setting(
    make: Make, option: str, default: Any, route: Any, attribute: Any, call: Any
) -> None:
    app = make(task_routes={"routed.*": {option: route}})
    for name, options in {"plain": {}, "routed.none": {}, "routed.task": {option: attribute}}.items():
        app.task(name=name, **options)(lambda x, k: x)

    found = [getattr(message(app, name), option) for name in ("plain", "routed.none", "routed.task")]
    found += [getattr(message(app, "routed.task", **{option: call}), option)]
    found += [getattr(message(app, "routed.task", **{option: None}), option)]

    assert found == [default, route, attribute, call, attribute]


def test_a_route_fills_in_other_options_of_a_call(make: Make) -> None:
    app = make(task_routes={"proj.add": {"headers": {"a": 1}, "expires": 60, "serializer": "msgpack", "time_limit": 5}})
    app.conf.task_default_queue = "else"

    found = message(app, expires=None)

    assert (found.headers, found.content_type, found.timelimit, found.queue) == (
        {"a": 1},
        "application/x-msgpack",
        (5, None),
        "else",
    )
    assert found.expires is not None


def test_a_route_never_takes_a_message_from_the_queue_its_call_names(make: Make) -> None:
    app = make(task_queues=papers(), task_routes={"proj.add": {"exchange": "news", "routing_key": "news.sport.x"}})

    assert place(app) == ("sport", "news", "news.sport.x")
    assert place(app, queue="mail") == ("mail", "", "")


def test_a_routing_key_of_the_call_goes_with_the_exchange_of_the_route(make: Make) -> None:
    app = make(task_queues=papers(), task_routes={"proj.add": {"exchange": "news"}})

    assert place(app, routing_key="news.sport.x") == ("sport", "news", "news.sport.x")


# --- nothing configured --------------------------------------------------------------------------


def test_nothing_is_looked_at_while_nothing_asks_for_routing(make: Make) -> None:
    app = make()
    assert app.plugins.hook.make_router(app=app) is None

    Queue("anything")
    assert app.plugins.hook.make_router(app=app) is not None


def test_the_first_queue_made_is_understood_by_apps_that_had_published_before(make: Make) -> None:
    app = make()
    app.send_task("proj.add")

    app.send_task("proj.add", queue=Queue("q", Exchange("x", "topic"), "a.#"))

    assert {stats.name: stats.ready for stats in app.broker.queues()} == {"default": 1, "q": 1}
    (delivery,) = app.broker.consumer(["q"], id="c", lease=15.0).fetch(1, 0)
    assert isinstance(delivery.message, Message)
    assert (delivery.message.exchange, delivery.message.routing_key) == ("x", "a.#")


def test_a_task_may_have_a_queue_as_its_attribute(make: Make) -> None:
    app = make()
    add = app.task(name="proj.add", queue=Queue("q"))(lambda: None)

    add.delay()

    assert [stats.name for stats in app.broker.queues()] == ["q"]


def test_attributes_of_a_task_that_comes_late_are_sent_along(make: Make) -> None:
    app = make()
    app.send_task("proj.other")

    add = app.task(name="proj.add", routing_key="letter", exchange="post", delivery_mode="transient")(lambda x, k: x)
    app.conf.task_queues = papers()

    assert place(app, add.name) == ("mail", "post", "letter")
    assert message(app, add.name).properties == {"delivery_mode": 1}


# --- exchanges on engines that have none ----------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"exchange": "news", "routing_key": "news.sport"}, ("sport", "news", "news.sport")),
        ({"exchange": "news", "routing_key": "news.sport.a.b"}, ("sport", "news", "news.sport.a.b")),
        ({"exchange": "news", "routing_key": "news.x.town"}, ("local", "news", "news.x.town")),
        ({"exchange": "post", "routing_key": "letter"}, ("mail", "post", "letter")),
        ({"exchange": "", "routing_key": "mail"}, ("mail", "", "mail")),
        ({"exchange": "default"}, ("default", "default", "default")),
        ({"queue": "mail"}, ("mail", "", "")),
        ({"queue": "mail", "routing_key": "letter"}, ("mail", "post", "letter")),
        ({"queue": "mail", "routing_key": "nothing"}, ("mail", "", "nothing")),
        ({"queue": "sport"}, ("sport", "news", "news.sport.#")),
        ({"queue": "mail", "exchange": "all"}, ("mail", "all", "letter")),
        ({"queue": "new"}, ("new", "", "")),
        ({}, ("default", "", "")),
    ],
)
def test_an_exchange_and_a_key_lead_to_the_queue_that_is_bound_by_them(
    make: Make, options: dict[str, Any], expected: tuple[str, str, str]
) -> None:
    assert place(make(task_queues=papers()), **options) == expected


def test_an_exchange_may_be_given_as_one(make: Make) -> None:
    options = {"exchange": Exchange("news", "topic"), "routing_key": "news.x.town"}

    assert place(make(task_queues=papers()), **options) == ("local", "news", "news.x.town")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            {"exchange": "news", "routing_key": "news.sport.town"},
            r"cannot send proj\.add: the exchange 'news' with routing key 'news\.sport\.town' leads to several queues "
            r"\(local, sport\), and MemoryBroker puts a message into one queue; use RabbitMQ \(amqp://\), or name one",
        ),
        ({"exchange": "all"}, r"leads to several queues \(one, two\)"),
        ({"queue": "one"}, r"leads to several queues \(one, two\)"),
    ],
)
def test_what_would_go_to_several_queues_is_refused_where_that_cannot_be(
    make: Make, options: dict[str, Any], text: str
) -> None:
    with pytest.raises(CapabilityMissing, match=text):
        message(make(task_queues=papers()), **options)


@pytest.mark.parametrize("exchange", ["news", "nowhere"])
def test_an_exchange_that_leads_nowhere_is_an_error(make: Make, exchange: str) -> None:
    text = rf"proj\.add goes to the exchange '{exchange}' with routing key 'x', and no queue of task_queues is bound"

    with pytest.raises(QueueNotFound, match=text):
        message(make(task_queues=papers()), exchange=exchange, routing_key="x")


def test_a_headers_exchange_is_refused_where_no_server_judges(make: Make) -> None:
    app = make(task_queues=[Queue("q", Exchange("h", "headers"))])

    with pytest.raises(CapabilityMissing, match="only a server can tell where the headers exchange 'h' leads"):
        message(app, exchange="h")
    assert place(app, queue="q") == ("q", "", "")


def test_the_example_of_the_field_goes_where_it_says(make: Make) -> None:
    app = make(
        task_queues=(Queue("default", routing_key="task.#"), Queue("feed_tasks", routing_key="feed.#")),
        task_default_exchange="tasks",
        task_default_exchange_type="topic",
        task_default_routing_key="task.default",
        task_routes={"proj.feed": {"queue": "feed_tasks", "routing_key": "feed.import"}},
    )

    assert place(app, "proj.feed") == ("feed_tasks", "tasks", "feed.import")
    assert place(app) == ("default", "tasks", "task.#")
    assert place(app, routing_key="feed.x") == ("feed_tasks", "tasks", "feed.x")


# --- exchanges on engines that have them -----------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"exchange": "news", "routing_key": "news.sport.town"}, ("sport", "news", "news.sport.town")),
        ({"exchange": "all"}, ("one", "all", "default")),
        ({"queue": "two"}, ("two", "all", "default")),
        ({"exchange": "nowhere", "routing_key": "x"}, ("default", "nowhere", "x")),
        ({"queue": "mail", "exchange": "nowhere", "routing_key": "x"}, ("mail", "nowhere", "x")),
        ({"queue": "mail"}, ("mail", "", "")),
    ],
)
def test_an_engine_with_exchanges_is_given_exchange_and_key(
    make: Make, options: dict[str, Any], expected: tuple[str, str, str]
) -> None:
    assert place(make(exchanges=True, task_queues=papers()), **options) == expected


def test_a_broadcast_goes_to_its_exchange_and_each_worker_has_a_queue_of_its_own(make: Make) -> None:
    app = make(exchanges=True, task_queues=[Broadcast("news"), "default"], task_routes={"proj.add": "news"})

    assert place(app) == ("news", "news", "")
    assert worker_queues(app) == ("news.w1@here", "default")
    assert app.amqp.queues["news.w1@here"].exchange.type == "fanout"


def test_a_broadcast_is_refused_where_there_are_no_exchanges(make: Make) -> None:
    app = make(task_queues=[Broadcast("news")])

    with pytest.raises(
        CapabilityMissing, match="the broadcast 'news' in task_queues goes to every worker, and MemoryBro"
    ):
        worker_queues(app)
    with pytest.raises(CapabilityMissing, match="cannot send proj.add: the broadcast 'news' goes to every worker"):
        message(app, queue="news")


# --- delivery mode and priority --------------------------------------------------------------------


def test_a_delivery_mode_is_said_by_call_task_route_exchange_or_setting(make: Make) -> None:
    app = make(
        task_default_delivery_mode="transient",
        task_queues=[Queue("lasting", Exchange("lasting", delivery_mode=2)), "default"],
        task_routes={"routed": {"delivery_mode": 2}},
    )

    def mode(name: str = "proj.add", **options: Any) -> Any:
        return message(app, name, **options).properties["delivery_mode"]

    assert [mode(), mode(queue="lasting"), mode("routed"), mode(queue="lasting", delivery_mode=1)] == [1, 2, 2, 1]
    with pytest.raises(ImproperlyConfigured, match="expected a delivery mode, 2 .* got 'x' .the call of proj.add"):
        message(app, delivery_mode="x")
    app.conf.task_default_delivery_mode = 3
    with pytest.raises(ImproperlyConfigured, match="got 3 .the setting task_default_delivery_mode"):
        message(app)


def test_a_call_in_a_task_has_its_priority_unless_it_is_given_one(make: Make, lane_of: Any) -> None:
    app = make(task_inherit_parent_priority=True, task_routes={"routed": {"priority": 2}})
    seen: list[int] = []

    @app.task(name="child")
    def child() -> None: ...

    @app.task(name="own", priority=3)
    def own() -> None: ...

    @app.task(name="parent")
    def parent() -> None:
        for name, options in (("child", {}), ("child", {"priority": 1}), ("own", {}), ("routed", {})):
            seen.append(app.publisher.message(app.tasks.get(name), name, (), {}, options).priority)

    parent.apply_async(priority=7)
    lane_of(app).run()

    assert seen == [7, 1, 3, 2]
    assert app.publisher.message(child, "child", (), {}, {}).priority == 0


# --- queues: declared, missing, found --------------------------------------------------------------


def test_a_queue_nobody_declared_is_made_unless_that_is_off(make: Make) -> None:
    app = make(task_queues=["a", "b"])
    assert message(app, queue="c").queue == "c"

    app.conf.task_create_missing_queues = False

    with pytest.raises(QueueNotFound) as caught:
        message(app, queue="c")
    assert str(caught.value) == (
        "no queue 'c' is declared (there are: a, b), and task_create_missing_queues is off; add it to task_queues"
    )
    assert isinstance(caught.value, KernelQError)
    assert isinstance(caught.value, KeyError)
    with pytest.raises(QueueNotFound, match="no queue 'default'"):
        message(app)
    assert message(app, queue="b").queue == "b"


@pytest.mark.parametrize(
    "given",
    [
        lambda: [Queue("q", Exchange("x", "topic"), "a.#", queue_arguments={"x": 1})],
        {"q": {"exchange": "x", "exchange_type": "topic", "routing_key": "a.#", "queue_arguments": {"x": 1}}},
        {"q": {"exchange": "x", "exchange_type": "topic", "binding_key": "a.#", "queue_arguments": {"x": 1}}},
        lambda: {"q": Queue("q", Exchange("x", "topic"), "a.#", queue_arguments={"x": 1})},
        [
            SimpleNamespace(
                name="q",
                exchange=SimpleNamespace(name="x", type="topic", durable=True),
                routing_key="a.#",
                queue_arguments={"x": 1},
            )
        ],
    ],
)
def test_every_form_of_task_queues_declares_the_same(make: Make, given: Any) -> None:
    queue = make(task_queues=given() if callable(given) else given).amqp.queues["q"]

    assert (queue.name, queue.exchange.name, queue.exchange.type, queue.routing_key) == ("q", "x", "topic", "a.#")
    assert queue.queue_arguments == {"x": 1}


def test_what_a_queue_leaves_out_comes_from_the_settings(make: Make) -> None:
    app = make(
        task_queues=[Queue("plain"), Queue("bound", [binding("x", "a"), binding("y", "b")])],
        task_default_exchange="tasks",
        task_default_routing_key="key",
    )

    plain, bound, missing = (app.amqp.queues[name] for name in ("plain", "bound", "missing"))

    assert (plain.exchange, plain.routing_key) == ("tasks", "key")
    assert [(way.exchange, way.routing_key) for way in bound.ways] == [("x", "a"), ("y", "b")]
    assert [(way.exchange, way.routing_key) for way in missing.ways] == [("missing", "missing")]
    assert place(app, exchange="y", routing_key="b") == ("bound", "y", "b")
    assert place(app, queue="bound") == ("bound", "", "")


@pytest.mark.parametrize(
    ("queues", "text"),
    [
        (5, "expected task_queues as a list of queues or a mapping of names to options, got 5"),
        ([5], "expected a Queue or the name of one in task_queues, got 5"),
        (["a", "a"], "the queue 'a' is declared twice in task_queues"),
        ({"a": {"colour": 1}}, "unknown option 'colour' of the queue 'a' .known: alias, auto_delete"),
        (
            {"a": {"exchange": "x", "exchange_type": "topci"}},
            "expected a type of exchange, one of direct, .* got 'topci'",
        ),
        (
            {"b": {"exchange": "news", "exchange_type": "topic"}, "c": {"exchange": "news"}},
            "the exchange 'news' is of type 'topic' for the queue 'b' and of type 'direct' for the queue 'c'",
        ),
    ],
)
def test_wrong_queues_are_errors(make: Make, queues: Any, text: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=text):
        message(make(task_queues=queues))


@pytest.mark.parametrize("option", ["exclusive", "no_ack"])
def test_a_queue_that_workers_could_not_share_is_refused(option: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=f"the queue 'a' cannot be {option}"):
        Queue("a", **{option: True})


def test_a_name_is_resolved_or_made_with_options(make: Make) -> None:
    app = make(task_queues=[Queue("q", "x", "a.#", alias="other")])

    assert resolve(app, "other") == "q"
    made = resolve(app, "fresh", exchange="x", exchange_type="fanout", routing_key="k")
    assert (made, made.exchange, made.exchange.type, made.routing_key) == ("fresh", "x", "fanout", "k")
    direct = resolve(app, "w1@here.dq2")
    assert (direct.exchange, direct.routing_key) == ("C.dq2", "w1@here")
    assert repr(direct) == repr(worker_direct("w1@here"))


def test_queues_are_added_and_chosen_at_run_time(make: Make) -> None:
    app = make(task_queues=["a", "b"])
    queues = app.amqp.queues

    queues.add("c", exchange="x", exchange_type="topic", routing_key="c.#")
    assert (list(queues.consume_from), "c" in queues, len(queues)) == (["a", "b"], True, 3)
    assert place(app, exchange="x", routing_key="c.1") == ("c", "x", "c.1")

    queues.select_add("d")
    queues.deselect("a")
    assert list(queues.consume_from) == ["b", "d"]

    app.select_queues(["a", "e"])
    queues.select_add(Queue("f"))
    assert list(queues.consume_from) == ["a", "e", "f"]
    assert worker_queues(app) == ("a", "e", "f")


def test_the_router_can_be_asked(make: Make) -> None:
    app = make(task_routes={"proj.add": {"queue": "feeds", "priority": 3}})

    assert app.amqp.router.route({}, "proj.add") == {"queue": "feeds", "priority": 3}
    assert app.amqp.default_queue == app.amqp.default_exchange == "default"
    app.conf.task_routes = None
    assert app.amqp.router.route({"queue": "q"}, "proj.add", (), {}) == {"queue": "q"}


def test_an_app_does_without_this_plugin(make: Make) -> None:
    app = make(disable_plugins=("routing",))

    assert message(app, queue="q").queue == "q"
    assert worker_queues(app) == ("default",)
    assert resolve(app, "q").exchange == "q"


# --- what a worker consumes ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "only", "without", "expected"),
    [
        ({}, (), (), ("default",)),
        ({"task_default_queue": "q"}, (), (), ("q",)),
        ({"task_queues": ["a", "default"]}, (), (), ("a", "default")),
        ({"task_queues": ["a", "default"]}, (), ("a",), ("default",)),
        ({"task_queues": ["a", "default"]}, ("b", "a"), (), ("b", "a")),
        ({"task_queues": ["a", "default"]}, ("b", "a"), ("a",), ("b",)),
        ({"task_queues": {"a": {"alias": "z"}, "default": {}}}, ("z",), (), ("a",)),
        ({"task_queues": {"a": {"alias": "z"}, "default": {}}}, (), ("z",), ("default",)),
        ({"worker_direct": True}, (), (), ("default", "w1@here.dq2")),
        ({"worker_direct": True}, ("q",), (), ("q", "w1@here.dq2")),
    ],
)
def test_a_worker_consumes_what_it_was_told_or_what_is_declared(
    make: Make, settings: dict[str, Any], only: tuple[str, ...], without: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    assert worker_queues(make(**settings), only, without) == expected


@pytest.mark.parametrize(
    ("only", "without", "text"),
    [
        (("c",), (), "no queue 'c' is declared .there are: a, default., and task_create_missing_queues is off"),
        ((), ("c",), "no queue 'c' to leave out .consumed: a, default."),
        (("a",), ("default",), "no queue 'default' to leave out .consumed: a."),
        (("a",), ("a",), "no queue is left to consume"),
    ],
)
def test_a_worker_that_was_told_of_an_unknown_queue_does_not_start(
    make: Make, only: tuple[str, ...], without: tuple[str, ...], text: str
) -> None:
    app = make(task_queues=["a", "default"], task_create_missing_queues=False)

    with pytest.raises(ImproperlyConfigured, match=text):
        worker_queues(app, only, without)


def test_a_worker_says_that_nobody_takes_tasks_that_name_no_queue(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    worker_queues(make(task_queues=["a", "default"]))
    assert caplog.messages == []

    with caplog.at_level(logging.WARNING, "kernelq.routing"):
        worker_queues(make(task_queues=["a", "b"]))

    assert caplog.messages == [
        "no worker takes tasks that name no queue: task_default_queue, 'default', is not in task_queues (a, b)"
    ]


def test_settings_of_routing_go_by_their_old_names(make: Make) -> None:
    app = make()
    old = {name: option for option in app.options().values() for name in option.old if isinstance(option, Option)}

    for name, setting in {
        "CELERY_ROUTES": "task_routes",
        "CELERY_QUEUES": "task_queues",
        "CELERY_CREATE_MISSING_QUEUES": "task_create_missing_queues",
        "CELERY_WORKER_DIRECT": "worker_direct",
        "CELERY_DEFAULT_EXCHANGE": "task_default_exchange",
        "CELERY_INHERIT_PARENT_PRIORITY": "task_inherit_parent_priority",
    }.items():
        assert old[name].name == setting


# --- values ----------------------------------------------------------------------------------------


def test_a_queue_is_its_name() -> None:
    queue = Queue(
        "q", Exchange("news", "topic"), "a.#", max_priority=5, expires=1.5, queue_arguments={"x-queue-mode": "lazy"}
    )

    assert queue == "q"
    assert {queue: 1}["q"] == 1
    assert (queue.name, f"{queue}", type(queue.name), queue.binding_key) == ("q", "q", str, "a.#")
    assert repr(queue) == "<Queue q: Exchange('news', 'topic') by 'a.#'>"
    assert queue.arguments == {"x-max-priority": 5, "x-expires": 1500, "x-queue-mode": "lazy"}
    assert queue.as_dict(recurse=True)["exchange"] == {"name": "news", "type": "topic", "durable": True}
    again = pickle.loads(pickle.dumps(queue))
    assert (repr(again), again.arguments) == (repr(queue), queue.arguments)


def test_a_queue_may_be_given_its_exchange_by_name_or_several_bindings() -> None:
    assert Queue("q", "x").exchange.type == "direct"
    queue = Queue("q", Exchange("x"), "k", bindings=[binding(Exchange("news", "topic"), "a"), binding("y", "b")])

    assert [(way.exchange, way.routing_key) for way in queue.ways] == [("x", "k"), ("news", "a"), ("y", "b")]
    assert Queue("q", auto_delete=True).arguments == {"x-expires": 3_600_000}


# --- topics ----------------------------------------------------------------------------------------


def fits(pattern: list[str], key: list[str]) -> bool:
    """The rule, as simple as it can be said."""
    if not pattern:
        return not key
    if pattern[0] == "#":
        return fits(pattern[1:], key) or (bool(key) and fits(pattern, key[1:]))
    return bool(key) and pattern[0] in ("*", key[0]) and fits(pattern[1:], key[1:])


@given(
    st.lists(st.sampled_from(["a", "b", "*", "#"]), max_size=7), st.lists(st.sampled_from(["a", "b", "c"]), max_size=7)
)
def test_topics_match_as_the_simple_rule_says(pattern: list[str], key: list[str]) -> None:
    assert topic_matches(".".join(pattern), ".".join(key)) == fits(pattern, key)


@pytest.mark.parametrize(
    ("pattern", "key", "expected"),
    [
        ("#", "", True),
        ("#", "a.b.c", True),
        ("*", "", False),
        ("*", "a", True),
        ("*", "a.b", False),
        ("a.#", "a", True),
        ("a.#.z", "a.z", True),
        ("a.*.z", "a.z", False),
        ("*.*", "a.", True),
        ("a", "A", False),
    ],
)
def test_topics_at_their_edges(pattern: str, key: str, *, expected: bool) -> None:
    assert topic_matches(pattern, key) is expected


def test_a_long_topic_is_matched_at_once() -> None:
    assert not topic_matches(".".join(["#", "a"] * 50), ".".join(["a"] * 200) + ".b")
