"""Behaviour b120: random lives of messages, on the tested broker and the memory broker side by side."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from kernelq import KernelQ
from kernelq.contracts import Broker, Consumer, Delivery, Message, QueueStats, Transition, Verdict
from msgspec import structs

from .book import QUEUES, WAITING, Book, key_of, queue_of
from .samples import message

if TYPE_CHECKING:
    from .broker_bench import BrokerBench

SETTINGS = settings(
    max_examples=40,
    stateful_step_count=40,
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)

LEASE = 60.0
LATER = (1, 20, 100)
"""Seconds: how far time moves at once, and how far ahead an eta lies when it moves."""
FAR = 86_400
"""Seconds: how far ahead an eta lies when time does not move."""
KEYS = tuple("abcdefghij")
KEEPER = "keeper"
MOST_CONSUMERS = 4


class Twin(NamedTuple):
    """One thing as the tested broker made it, and as the memory broker did."""

    tested: Any
    model: Any


class Clock:
    """A clock that moves when told to."""

    def __init__(self) -> None:
        self.time = float(int(time.time()))

    def __call__(self) -> float:
        return self.time


class BrokerMachine(RuleBasedStateMachine):
    """Does everything to both brokers, compares what they give back, and keeps book of where each key is.

    The book is a third opinion: it also catches what both get wrong. Time moves only by a rule, and
    only if the tested driver takes the clock (`BrokerBench.set_clock`); otherwise no lease ends and
    nothing delayed becomes ready. The consumer `KEEPER` reads all queues and never dies, so that what
    others lose comes to light at once.
    """

    def __init__(self, bench: BrokerBench, url: str) -> None:
        super().__init__()
        self.apps = Twin(bench.make_app(url), KernelQ("model", broker="memory://", set_as_current=False))
        self.brokers = Twin(self.apps.tested.broker, self.apps.model.broker)
        self.clock = Clock()
        self.moves_time = bench.set_clock(self.brokers.tested, self.clock)
        if self.moves_time:
            bench.set_clock(self.brokers.model, self.clock)
        self.alive: dict[str, Twin] = {}  # consumers by id
        self.gone: dict[str, Twin] = {}  # dead and closed ones, which may still try to settle
        self.seen: list[tuple[str, Twin]] = []  # every delivery with its consumer's id, stale ones too
        self.book = Book()
        self.numbers = count(1)

    @initialize()
    def begin(self) -> None:
        self._open(KEEPER, QUEUES)

    @precondition(lambda self: len(self.alive) < MOST_CONSUMERS)
    @rule(queues=st.sets(st.sampled_from(QUEUES), min_size=1))
    def open(self, queues: set[str]) -> None:
        self._open(f"consumer-{next(self.numbers)}", sorted(queues))

    @rule(data=st.data())
    def publish(self, data: st.DataObject) -> None:
        batch = data.draw(st.lists(self._messages(self.book.dead()), max_size=6))
        for broker in self.brokers:
            broker.publish(batch)
        self.book.published(batch)

    @rule(data=st.data(), limit=st.integers(1, 5))
    def fetch(self, data: st.DataObject, limit: int) -> None:
        who = data.draw(st.sampled_from(sorted(self.alive)))
        self._take(who, lambda consumer: consumer.fetch(limit, 0), out_of=WAITING)

    @precondition(lambda self: self.seen)
    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        who, chosen = self._choose_deliveries(data)
        busy = {key_of(twin.model) for twin in chosen}
        drafts = [data.draw(self._drafts(busy)) for _ in chosen]
        expected = [not self.book.has(who, twin.model) for twin in chosen]
        for side, consumer in enumerate((self.alive | self.gone)[who]):
            transitions = [
                structs.replace(draft, delivery=twin[side]) for draft, twin in zip(drafts, chosen, strict=True)
            ]
            refused = {id(transition.delivery) for transition in consumer.settle(transitions)}
            assert [id(each.delivery) in refused for each in transitions] == expected
        for draft, twin, is_refused in zip(drafts, chosen, expected, strict=True):
            if not is_refused:
                self.book.settled(key_of(twin.model), draft)

    @precondition(lambda self: self.seen)
    @rule(data=st.data())
    def mark_started(self, data: st.DataObject) -> None:
        who, chosen = self._choose_deliveries(data)
        for side, consumer in enumerate((self.alive | self.gone)[who]):
            consumer.mark_started([twin[side] for twin in chosen])

    @precondition(lambda self: len(self.alive) > 1)
    @rule(data=st.data())
    def close(self, data: st.DataObject) -> None:
        who = self._leave(data)
        for consumer in self.gone[who]:
            consumer.close()
        self.book.given_back(who)

    @precondition(lambda self: len(self.alive) > 1)
    @rule(data=st.data())
    def take_over(self, data: st.DataObject) -> None:
        dead = self._leave(data)
        heir = data.draw(st.sampled_from(sorted(self.alive)))
        self._take(heir, lambda consumer: sorted(consumer.take_over(dead), key=key_of), out_of=dead)

    @precondition(lambda self: self.moves_time and len(self.alive) > 1)
    @rule(data=st.data(), limit=st.integers(1, 5))
    def die(self, data: st.DataObject, limit: int) -> None:
        who = self._leave(data)
        self._pass(1.2 * LEASE)
        self.book.given_back(who)
        self._take(KEEPER, lambda consumer: consumer.fetch(limit, 0), out_of=WAITING)

    @precondition(lambda self: self.moves_time)
    @rule(seconds=st.sampled_from(LATER))
    def wait(self, seconds: int) -> None:
        self._pass(seconds)

    @rule(queue=st.sampled_from(QUEUES))
    def purge(self, queue: str) -> None:
        waiting = self.book.waiting(queue)
        assert [broker.purge(queue) for broker in self.brokers] == [len(waiting)] * 2
        self.book.dropped(waiting)

    @precondition(lambda self: self.book.dead())
    @rule(data=st.data())
    def retry_dead(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(self.book.dead()))
        assert [broker.dead_retry([_ref(broker, key)]) for broker in self.brokers] == [1, 1]
        self.book.where[key] = WAITING

    @precondition(lambda self: self.book.dead())
    @rule(data=st.data())
    def purge_dead(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(self.book.dead()))
        assert [broker.dead_purge([_ref(broker, key)]) for broker in self.brokers] == [1, 1]
        self.book.dropped([key])

    @invariant()
    def stand_alike(self) -> None:
        tested, model = ({each.name: each for each in broker.queues()} for broker in self.brokers)
        for name in QUEUES:
            stand = tested.get(name, QueueStats(name=name))
            assert _stand(stand) == _stand(model.get(name, QueueStats(name=name)))
            self.book.check(stand)

    @invariant()
    def bury_alike(self) -> None:
        tested, model = (_graves(broker) for broker in self.brokers)
        assert tested == model

    def teardown(self) -> None:
        for app in self.apps:
            app.close()

    # What rules draw.

    def _messages(self, but: Collection[str]) -> st.SearchStrategy[Message]:
        """Messages of any keys `but` these."""
        later = LATER if self.moves_time else (FAR,)
        return st.builds(
            self._message,
            st.sampled_from([key for key in KEYS if key not in but] or ["spare"]),
            priority=st.integers(0, 9),
            after=st.sampled_from((None, -FAR, *later)),
        )

    def _message(self, key: str, *, priority: int, after: float | None) -> Message:
        eta = None if after is None else self.clock() + after
        return message(key, queue=queue_of(key), priority=priority, eta=eta)

    def _drafts(self, busy: Collection[str]) -> st.SearchStrategy[Transition]:
        """Transitions without their delivery; no successor bears the key of one that is being settled.

        Nor that of a dead one: what publishing and retrying it come to together is the engine's affair.
        """
        successors = self._messages([*self.book.dead(), *busy])
        return st.builds(
            Transition,
            delivery=st.none(),
            verdict=st.sampled_from(Verdict),
            reason=st.sampled_from(("rejected", "poison")),
            delay=st.sampled_from((0.0, *(LATER if self.moves_time else (FAR,)))),
            successors=st.lists(successors, max_size=2).map(tuple),
        )

    def _choose_deliveries(self, data: st.DataObject) -> tuple[str, list[Twin]]:
        """Some of the last deliveries of one consumer, which may be gone, and they may be stale."""
        who = data.draw(st.sampled_from(sorted({who for who, _ in self.seen})))
        mine = [twin for owner, twin in self.seen if owner == who][-6:]
        chosen = data.draw(st.sets(st.integers(0, len(mine) - 1), min_size=1))
        return who, [mine[i] for i in sorted(chosen)]

    # What rules do.

    def _open(self, who: str, queues: Sequence[str]) -> None:
        self.alive[who] = Twin(*(broker.consumer(queues, id=who, lease=LEASE) for broker in self.brokers))

    def _leave(self, data: st.DataObject) -> str:
        """Some consumer that is not the keeper is gone now; return its id."""
        who = data.draw(st.sampled_from(sorted(set(self.alive) - {KEEPER})))
        self.gone[who] = self.alive.pop(who)
        return who

    def _take(self, who: str, act: Callable[[Consumer], list[Delivery]], *, out_of: str) -> None:
        found = Twin(*(act(consumer) for consumer in self.alive[who]))
        assert [_look(each) for each in found.tested] == [_look(each) for each in found.model]
        for twin in map(Twin, found.tested, found.model):
            self.book.taken(who, twin.model, out_of)
            self.seen.append((who, twin))

    def _pass(self, seconds: float) -> None:
        """Let time pass; whoever is alive renews in good time."""
        while seconds > 0:
            step = min(seconds, LEASE / 3)
            self.clock.time += step
            seconds -= step
            for broker in self.brokers:
                assert not set(broker.renew(sorted(self.alive))) & set(self.book.where.values())


def _look(delivery: Delivery) -> tuple[object, ...]:
    """What users see of a delivery."""
    return delivery.message, delivery.queue, delivery.fence, delivery.crashes, delivery.suspect


def _stand(queue: QueueStats) -> tuple[int, int, int, int, bool]:
    """What two brokers must agree on; when a message was published depends on the engine's clock."""
    has_ready = queue.oldest_ready_at is not None
    return queue.ready, queue.delayed, queue.running, queue.dead, has_ready


def _graves(broker: Broker) -> list[tuple[object, ...]]:
    letters = [(str(letter.message), letter.queue, letter.reason) for letter in broker.dead()]
    return sorted(letters)


def _ref(broker: Broker, key: str) -> str:
    [ref] = [letter.ref for letter in broker.dead() if letter.message and letter.message.key == key]
    return ref
