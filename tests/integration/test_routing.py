"""Routing on real servers: exchanges on RabbitMQ, with Celery on the other side; and one queue of many on the others."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from kernelq import Broadcast, Exchange, KernelQ, Queue, uuid
from kernelq.contracts import CapabilityMissing, Delivery, ImproperlyConfigured, Message, Transition
from kernelq.testing import start_worker
from kombu import Exchange as KombuExchange
from kombu import Queue as KombuQueue
from servers import RabbitServer, RedisServer

# What Celery and kombu warn of themselves is theirs.
pytestmark = pytest.mark.filterwarnings("ignore:::celery.*", "ignore:::kombu.*")

PATIENCE = 30.0
"""Seconds a test waits for what must come."""

MOMENT = 0.3
"""Seconds in which what must not come would have come."""

Make = Callable[..., KernelQ]


@pytest.fixture(autouse=True)
def _nothing_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """What these tests make is no sign to apps of other tests, in whose calls a queue might then be."""
    monkeypatch.setattr("kernelq_plugins.routing.made._made", False)


@pytest.fixture
def make(rabbit_server: RabbitServer) -> Iterator[Make]:
    """Apps that share names on the server, which no other test has."""
    made: list[KernelQ] = []
    prefix = f"{uuid()}."

    def app(*, is_shared: bool = False, **settings: Any) -> KernelQ:
        options = {} if is_shared else {"global_keyprefix": prefix}
        made.append(
            KernelQ(
                "proj", broker=rabbit_server.url, set_as_current=False, broker_transport_options=options, **settings
            )
        )
        return made[-1]

    yield app
    for each in made:
        each.close()


def fetch(app: KernelQ, *queues: str, count: int = 1) -> list[Delivery]:
    """So many deliveries of some queues, settled."""
    consumer = app.broker.consumer(queues, id=uuid(), lease=60.0)
    found: list[Delivery] = []
    deadline = time.monotonic() + PATIENCE
    while len(found) < count and time.monotonic() < deadline:
        found += consumer.fetch(count - len(found), 1.0)
    more = consumer.fetch(1, MOMENT)
    assert consumer.settle([Transition(delivery=each) for each in found + more]) == []
    consumer.close()
    assert len(found + more) == count
    return found


def heard(app: KernelQ, *queues: str, count: int) -> dict[str, list[str]]:
    """Queue → the tasks in it, of those that have any; so many in all."""
    found: dict[str, list[str]] = {}
    for delivery in fetch(app, *queues, count=count):
        assert isinstance(delivery.message, Message)
        found.setdefault(delivery.queue, []).append(delivery.message.task)
    return {queue: sorted(tasks) for queue, tasks in found.items()}


def papers(news: Exchange, everybody: Exchange) -> list[Queue]:
    return [
        Queue("sport", news, "news.sport.#"),
        Queue("town", news, "news.*.town"),
        Queue("one", everybody),
        Queue("two", everybody),
        Queue("default"),
    ]


@pytest.fixture
def news(make: Make) -> KernelQ:
    return make(task_queues=papers(Exchange("news", "topic"), Exchange("all", "fanout")))


# --- exchanges ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"exchange": "news", "routing_key": "news.sport.tennis"}, {"sport"}),
        ({"exchange": "news", "routing_key": "news.art.town"}, {"town"}),
        ({"exchange": "news", "routing_key": "news.sport.town"}, {"sport", "town"}),
        ({"exchange": "all"}, {"one", "two"}),
        ({"queue": "one"}, {"one", "two"}),
        ({"queue": "town", "routing_key": "news.sport.x"}, {"sport"}),
        ({}, {"default"}),
    ],
)
def test_a_message_reaches_the_queues_that_are_bound_whether_it_waits_or_not(
    news: KernelQ, options: dict[str, Any], expected: set[str]
) -> None:
    news.send_task("now", **options)
    news.send_task("later", countdown=0.1, **options)

    found = heard(news, "sport", "town", "one", "two", "default", count=2 * len(expected))

    assert found == {queue: ["later", "now"] for queue in expected}


def test_what_nothing_is_bound_for_is_an_error_and_binds_nothing(news: KernelQ) -> None:
    for _ in range(2):
        with pytest.raises(Exception, match=r"no queue is bound to the exchange '.*news' with routing key 'weather'"):
            news.send_task("t", exchange="news", routing_key="weather", retry=False)


def test_a_retry_of_a_message_that_went_to_all_stays_in_its_queue(make: Make) -> None:
    everybody = Exchange("all", "fanout")
    app = make(task_queues=[Queue("one", everybody), Queue("two", everybody)])
    runs: Counter[tuple[str, int]] = Counter()
    done = threading.Event()

    @app.task(bind=True, name="again")
    def again(self: Any) -> None:
        runs[self.request.queue, self.request.retries] += 1
        if len(runs) == 4:
            done.set()
        if not self.request.retries:
            raise self.retry(countdown=0)

    with start_worker(app):
        app.send_task("again", exchange="all")
        assert done.wait(PATIENCE)

    assert runs == {("one", 0): 1, ("two", 0): 1, ("one", 1): 1, ("two", 1): 1}


def test_a_queue_given_to_a_call_is_declared_as_it_is(make: Make) -> None:
    app = make()
    app.send_task("before")

    app.send_task("t", queue=Queue("q", Exchange("x", "topic"), "a.#"))
    app.send_task("t", exchange="x", routing_key="a.b")

    assert heard(app, "q", count=2) == {"q": ["t", "t"]}


def test_an_exchange_of_the_servers_own_is_used_as_it_is(make: Make) -> None:
    app = make(task_queues=[Queue("q", Exchange("amq.topic", "topic"), f"{(key := uuid())}.#"), "default"])

    app.send_task("t", exchange="amq.topic", routing_key=f"{key}.x")

    [delivery] = fetch(app, "q")
    assert isinstance(delivery.message, Message)
    assert (delivery.message.exchange, delivery.message.routing_key) == ("amq.topic", f"{key}.x")


# --- what is declared --------------------------------------------------------------------------


def test_queues_are_declared_with_their_arguments(make: Make, rabbit_server: RabbitServer) -> None:
    app = make(
        is_shared=True,
        task_queues=[
            Queue(plain := f"plain-{uuid()}"),
            Queue(ranked := f"ranked-{uuid()}", max_priority=5),
            Queue(classic := f"classic-{uuid()}", queue_arguments={"x-queue-type": "classic", "x-max-length": 10}),
            Queue(passing := f"passing-{uuid()}", durable=False, expires=600),
        ],
        task_create_missing_queue_type="classic",
    )
    for queue in (plain, ranked, classic, passing, missing := f"missing-{uuid()}"):
        app.send_task("t", queue=queue)

    rows = [
        row.split("\t") for row in rabbit_server.control("list_queues", "name", "durable", "arguments").splitlines()
    ]
    found = {row[0]: (row[1], row[2]) for row in rows if len(row) == 3}

    assert found[plain] == ("true", '[{"x-queue-type","quorum"}]')
    assert found[ranked] == ("true", '[{"x-max-priority",5}]')
    assert found[missing] == ("true", '[{"x-queue-type","classic"}]')
    assert found[passing] == ("false", '[{"x-expires",600000}]')
    with Celery("theirs", broker=rabbit_server.url, set_as_current=False) as celery, celery.connection() as connection:
        celery.amqp.queues[missing](connection.default_channel).declare()  # a classic one, which it does not say
    assert "x-max-length" in found[classic][1]
    assert "classic" in found[classic][1]
    for queue in (plain, ranked, classic, passing, missing):
        app.broker.drop(queue)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"task_queues": {"q": {"max_priority": 5, "queue_arguments": {"x-queue-type": "quorum"}}}}, "the queue 'q'"),
        ({"task_create_missing_queue_type": "stream"}, "task_create_missing_queue_type must be 'quorum' or 'classic'"),
    ],
)
def test_queues_that_cannot_be_are_refused(make: Make, settings: dict[str, Any], text: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=text):
        _ = make(**settings).broker


def test_queues_with_priorities_make_them_a_capability(make: Make) -> None:
    assert make(task_queues=[Queue("q", max_priority=5)]).broker.capabilities.priorities == 10
    assert make(task_queues=[Queue("q")]).broker.capabilities.priorities == 1


# --- broadcasts and queues of workers -------------------------------------------------------------


def test_a_broadcast_is_run_once_by_every_worker_that_is_there(make: Make) -> None:
    runs: Counter[str] = Counter()
    enough, too_many = threading.Event(), threading.Event()
    made = []
    for _ in range(2):
        app = make(task_queues=[Broadcast("caches"), Queue("default")], task_routes={"clear": "caches"})

        @app.task(bind=True, name="clear", ignore_result=True)
        def clear(self: Any) -> None:
            runs[self.request.hostname] += 1
            if runs.total() >= 2:
                (too_many if enough.is_set() else enough).set()

        made.append(app)
    made[0].send_task("clear")  # nobody hears it, and that is no error

    with start_worker(made[0], hostname="w1@test"), start_worker(made[1], hostname="w2@test"):
        made[0].send_task("clear")
        assert enough.wait(PATIENCE)
        assert not too_many.wait(MOMENT)

    assert runs == {"w1@test": 1, "w2@test": 1}
    with pytest.raises(CapabilityMissing, match="the broadcast 'caches' goes to the workers that are there"):
        made[0].send_task("clear", countdown=5)


def test_a_worker_can_be_sent_to_by_its_name(make: Make) -> None:
    app, client = make(worker_direct=True), make()
    ran = threading.Event()
    app.task(name="note")(ran.set)

    with start_worker(app, hostname="w1@test"):
        client.send_task("note", queue="w1@test.dq2")
        assert ran.wait(PATIENCE)


# --- Celery on the other side ----------------------------------------------------------------------


class Sides:
    """The same queues in an app of ours and in one of Celery's, written down with kombu's classes."""

    def __init__(self, url: str) -> None:
        self.mark = uuid()
        topic, fanout = KombuExchange(f"news-{self.mark}", "topic"), KombuExchange(f"all-{self.mark}", "fanout")
        settings: dict[str, Any] = {
            "task_queues": [
                KombuQueue(self("sport"), topic, "news.sport.#"),
                KombuQueue(self("town"), topic, "news.*.town", queue_arguments={"x-queue-type": "quorum"}),
                KombuQueue(self("one"), fanout, max_priority=7),
                KombuQueue(self("two"), fanout, message_ttl=600),
                KombuQueue(self("plain"), KombuExchange(f"plain-{self.mark}"), "key"),
            ],
            "task_default_queue": self("plain"),
            "task_default_queue_type": "classic",
            "task_routes": {"by.route": {"exchange": f"news-{self.mark}", "routing_key": "news.sport.town"}},
        }
        self.ours = KernelQ("ours", broker=url, set_as_current=False, **settings)
        self.celery = Celery("theirs", broker=url, set_as_current=False)
        self.celery.conf.update(settings)

    def __call__(self, name: str) -> str:
        return f"{name}-{self.mark}"

    def taken_by_celery(self, queue: str) -> list[str]:
        """The tasks in a queue, which Celery declares first."""
        with self.celery.connection_for_read() as connection:
            bound = self.celery.amqp.queues[self(queue)](connection.default_channel)
            bound.declare()  # refused when it is there with other arguments
            found = []
            while (message := bound.get(no_ack=True)) is not None:
                found.append(message.headers["task"])
            return found


@pytest.fixture
def sides(rabbit_server: RabbitServer) -> Iterator[Sides]:
    made = Sides(rabbit_server.url)
    yield made
    for queue in made.ours.amqp.queues:
        made.ours.broker.drop(queue)
    made.celery.close()
    made.ours.close()


def test_what_we_send_reaches_the_queues_of_a_celery_peer(sides: Sides) -> None:
    ours = sides.ours
    ours.send_task("by.route")
    ours.send_task("by.fanout", exchange=sides("all"))
    ours.send_task("by.queue", queue=sides("plain"))
    ours.send_task("by.default")

    assert {queue: sides.taken_by_celery(queue) for queue in ("sport", "town", "one", "two", "plain")} == {
        "sport": ["by.route"],
        "town": ["by.route"],
        "one": ["by.fanout"],
        "two": ["by.fanout"],
        "plain": ["by.queue", "by.default"],
    }


def test_what_a_celery_peer_sends_reaches_our_queues(sides: Sides) -> None:
    for queue in ("sport", "town", "one", "two", "plain"):
        sides.taken_by_celery(queue)  # declares it
    celery = sides.celery
    celery.send_task("by.route")
    celery.send_task("by.fanout", exchange=sides("all"), routing_key="any")
    celery.send_task("by.queue", queue=sides("plain"))

    found = heard(sides.ours, *sides.ours.amqp.queues, count=5)

    assert found == {
        sides("sport"): ["by.route"],
        sides("town"): ["by.route"],
        sides("one"): ["by.fanout"],
        sides("two"): ["by.fanout"],
        sides("plain"): ["by.queue"],
    }


# --- the other engines -----------------------------------------------------------------------------


@pytest.fixture(params=["sqlite", "redis"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/kernelq.sqlite3"
    server: RedisServer = request.getfixturevalue("redis_server")
    return server.url


def test_a_worker_of_some_queues_runs_what_its_routes_lead_there(url: str) -> None:
    prefix = uuid()
    queues = [Queue(f"{prefix}-{name}", Exchange(f"{prefix}-news", "topic"), f"{name}.#") for name in ("sport", "town")]
    with KernelQ("proj", broker=url, backend=url, set_as_current=False, task_queues=[*queues, "default"]) as app:
        where = app.task(name="where", bind=True)(lambda self: [self.request.queue, self.request.routing_key])
        app.conf.task_routes = {"where": {"exchange": f"{prefix}-news", "routing_key": "sport.tennis"}}
        with start_worker(app, queues=[queues[0]]):
            assert where.delay().get(timeout=PATIENCE) == [f"{prefix}-sport", "sport.tennis"]
            assert where.apply_async(queue=queues[0]).get(timeout=PATIENCE) == [f"{prefix}-sport", "sport.#"]
        app.amqp.queues.add(Queue(f"{prefix}-all", Exchange(f"{prefix}-news", "topic"), "#"))
        with pytest.raises(CapabilityMissing, match="one queue"):
            where.delay()
