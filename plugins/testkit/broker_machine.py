"""Behaviour b120: random lives of messages, on the tested broker and the memory broker side by side."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from itertools import count

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from kernelq import uuid
from kernelq.contracts import Consumer, Delivery, Message, Transition, Verdict
from msgspec import structs

from .book import WAITING, Book, key_of, queue_of
from .samples import message
from .side_by_side import SideBySide, Twin, look, look_at_graves, look_at_queues

SETTINGS = settings(
    max_examples=12,
    stateful_step_count=50,
    # Shrinking a failure takes minutes, longer than a test may last; turn it on to study one.
    phases=(Phase.generate,),
    report_multiple_bugs=False,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)

LEASE = 60.0
LATER = (1, 20, 100)
"""Seconds: how far time moves at once, and how far ahead an eta lies when it moves."""
FAR = 86_400
"""Seconds: how far ahead an eta lies when time does not move."""
LETTERS = "abcdefgh"
KEEPER = "keeper"
MOST_CONSUMERS = 4
PLENTY = 5
"""Messages: with fewer there is no purging, or there would seldom be more."""


class BrokerMachine(RuleBasedStateMachine):
    """Does everything to both brokers, compares what they give back, and keeps book of where each key is.

    The book is a third opinion: it also catches what both get wrong. Time moves only by a rule, and
    only if the tested driver takes the clock (`SideBySide.moves_time`); otherwise no lease ends and
    nothing delayed becomes ready. The consumer `KEEPER` reads all queues and never dies, so that what
    others lose comes to light at once; it gives back what it takes.
    """

    def __init__(self, pair: SideBySide) -> None:
        super().__init__()
        self.pair = pair
        self.brokers = pair.brokers
        self.run = uuid()
        self.keys = [f"{letter}-{self.run}" for letter in LETTERS]
        self.queues = sorted({queue_of(key) for key in self.keys})
        self.alive: dict[str, Twin] = {}  # consumers by id
        self.gone: dict[str, Twin] = {}  # dead and closed ones, which may still try to settle
        self.seen: list[tuple[str, Twin]] = []  # every delivery with its consumer's id, stale ones too
        self.book = Book()
        self.numbers = count(1)

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        self._open(KEEPER, self.queues)
        self._open("lane", self.queues)
        self.publish(data)

    @precondition(lambda self: len(self.alive) < MOST_CONSUMERS)
    @rule(data=st.data())
    def open(self, data: st.DataObject) -> None:
        queues = data.draw(st.lists(st.sampled_from(self.queues), min_size=1, unique=True))
        self._open(f"lane {next(self.numbers)}", queues)

    @rule(data=st.data())
    def publish(self, data: st.DataObject) -> None:
        batch = data.draw(st.lists(self._messages(self.book.dead()), min_size=1, max_size=6))
        for broker in self.brokers:
            broker.publish(batch)
        self.book.published(batch)

    @precondition(lambda self: len(self.alive) > 1)
    @rule(data=st.data(), limit=st.integers(1, 5), begins=st.booleans())
    def fetch(self, data: st.DataObject, limit: int, begins: bool) -> None:
        who = data.draw(st.sampled_from([who for who in self.alive if who != KEEPER]))
        self._take(who, lambda consumer: consumer.fetch(limit, 0), out_of=WAITING)
        if begins:
            self._mark_started(who)

    @precondition(lambda self: self._holding())
    @rule(data=st.data(), verdict=st.sampled_from(Verdict))
    def settle_alike(self, data: st.DataObject, verdict: Verdict) -> None:
        """Everything one consumer holds, as a worker does."""
        who = data.draw(st.sampled_from(self._holding()))
        held = self._held(who)
        self._settle(who, held, [Transition(delivery=twin.model, verdict=verdict) for twin in held])

    @precondition(lambda self: self.seen)
    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        """Anything anybody ever got, as a worker does that was frozen for a while."""
        who, chosen = self._choose_deliveries(data)
        busy = [key_of(twin.model) for twin in chosen]
        self._settle(who, chosen, [data.draw(self._drafts(busy)) for _ in chosen])

    @precondition(lambda self: self._holding())
    @rule(data=st.data(), fate=st.sampled_from(("closes", "dies", "is taken over")))
    def lose(self, data: st.DataObject, fate: str) -> None:
        """Some consumer goes, another comes in its place, and what it held is not lost."""
        who = data.draw(st.sampled_from(self._holding()))
        self.gone[who] = self.alive.pop(who)
        self._open(f"lane {next(self.numbers)}", self.queues)
        if fate == "closes":
            self._close(who)
        elif fate == "dies" and self.pair.moves_time:
            self._outlive(who)
        else:
            self._take_over(who, data.draw(st.sampled_from(list(self.alive))))

    @precondition(lambda self: self.pair.moves_time)
    @rule(seconds=st.sampled_from(LATER))
    def wait(self, seconds: int) -> None:
        self._pass(seconds)

    @precondition(lambda self: self.brokers.tested.capabilities.revoking)
    @rule(data=st.data())
    def revoke(self, data: st.DataObject) -> None:
        """Marks that end while time moves, and some that do not."""
        ids = data.draw(st.lists(st.sampled_from(self.keys), min_size=1, max_size=3, unique=True))
        ttl = data.draw(st.sampled_from((*LATER, FAR) if self.pair.moves_time else (FAR,)))
        waiting = sorted(each for each in ids if self.book.where.get(each) == WAITING)
        assert [sorted(broker.revoke(ids, ttl)) for broker in self.brokers] == [waiting] * 2

    @precondition(lambda self: len(self.book.where) > PLENTY)
    @rule(data=st.data())
    def purge(self, data: st.DataObject) -> None:
        queue = data.draw(st.sampled_from(self.queues))
        waiting = self.book.waiting(queue)
        assert [broker.purge(queue) for broker in self.brokers] == [len(waiting)] * 2
        self.book.dropped(waiting)

    @precondition(lambda self: self.book.dead())
    @rule(data=st.data(), comes_back=st.booleans())
    def exhume(self, data: st.DataObject, comes_back: bool) -> None:
        key = data.draw(st.sampled_from(self.book.dead()))
        for broker in self.brokers:
            act = broker.dead_retry if comes_back else broker.dead_purge
            assert act([self.pair.ref(broker, key)]) == 1
        if comes_back:
            self.book.where[key] = WAITING
        else:
            self.book.dropped([key])

    @invariant()
    def both_stand_alike(self) -> None:
        tested, model = self.pair.stands(self.queues)
        assert look_at_queues(tested) == look_at_queues(model)
        for queue in tested:
            self.book.check(queue)

    @invariant()
    def both_bury_alike(self) -> None:
        for queue in self.queues:
            tested, model = self.pair.graves(queue)
            assert look_at_graves(tested) == look_at_graves(model)

    def teardown(self) -> None:
        for twin in (*self.alive.values(), *self.gone.values()):
            for consumer in twin:
                consumer.close()
        for broker in self.brokers:
            for queue in self.queues:
                broker.purge(queue)

    # What rules draw.

    def _messages(self, but: Collection[str]) -> st.SearchStrategy[Message]:
        """Messages of any keys `but` these."""
        later = LATER if self.pair.moves_time else (FAR,)
        return st.builds(
            self._message,
            st.sampled_from([key for key in self.keys if key not in but] or [f"z-{self.run}"]),
            priority=st.sampled_from((0, 0, 1, 9)),
            after=st.sampled_from((None, -FAR, *later)),
        )

    def _message(self, key: str, *, priority: int, after: float | None) -> Message:
        eta = None if after is None else self.pair.clock() + after
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
            delay=st.sampled_from((0.0, *(LATER if self.pair.moves_time else (FAR,)))),
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
        self.alive[who] = self.pair.open(f"{who} {self.run}", queues, LEASE)

    def _consumers(self, who: str) -> Twin:
        return self.alive.get(who) or self.gone[who]

    def _holding(self) -> list[str]:
        """The consumers that may go and would be missed: those that hold something."""
        held = set(self.book.where.values())
        return [who for who in self.alive if who in held and who != KEEPER]

    def _take(self, who: str, act: Callable[[Consumer], list[Delivery]], *, out_of: str) -> None:
        found = Twin(*(act(consumer) for consumer in self.alive[who]))
        assert look(found.tested) == look(found.model)
        for twin in map(Twin, found.tested, found.model):
            self.book.taken(who, twin.model, out_of)
            self.seen.append((who, twin))

    def _held(self, who: str) -> list[Twin]:
        return [twin for owner, twin in self.seen if owner == who and self.book.has(who, twin.model)]

    def _mark_started(self, who: str) -> None:
        held = self._held(who)
        for side, consumer in enumerate(self.alive[who]):
            consumer.mark_started([twin[side] for twin in held])

    def _close(self, who: str) -> None:
        for consumer in self.gone[who]:
            consumer.close()
        self.book.given_back(who)

    def _take_over(self, dead: str, heir: str) -> None:
        dead_id = self.gone[dead].tested.id
        self._take(heir, lambda consumer: sorted(consumer.take_over(dead_id), key=key_of), out_of=dead)

    def _outlive(self, who: str) -> None:
        """Wait until a lease has ended; the keeper sees what comes back of it, and gives all back."""
        self.book.given_back(who)
        self._pass(1.2 * LEASE)
        self._take(KEEPER, lambda consumer: consumer.fetch(100, 0), out_of=WAITING)
        kept = self._held(KEEPER)
        self._settle(KEEPER, kept, [Transition(delivery=twin.model, verdict=Verdict.REQUEUE) for twin in kept])

    def _settle(self, who: str, chosen: Sequence[Twin], drafts: Sequence[Transition]) -> None:
        """Settle deliveries as the drafts say; exactly those that `who` does not hold are refused."""
        expected = [not self.book.has(who, twin.model) for twin in chosen]
        for side, consumer in enumerate(self._consumers(who)):
            transitions = [
                structs.replace(draft, delivery=twin[side]) for draft, twin in zip(drafts, chosen, strict=True)
            ]
            refused = {id(transition.delivery) for transition in consumer.settle(transitions)}
            assert [id(each.delivery) in refused for each in transitions] == expected
        for draft, twin, is_refused in zip(drafts, chosen, expected, strict=True):
            if not is_refused:
                self.book.settled(key_of(twin.model), draft)

    def _pass(self, seconds: float) -> None:
        """Let time pass; whoever is alive renews in good time."""
        ids = [twin.tested.id for twin in self.alive.values()]
        held = set(self.book.where.values())
        holders = {twin.tested.id for who, twin in self.alive.items() if who in held}
        while seconds > 0:
            step = min(seconds, LEASE / 3)
            self.pair.clock.time += step
            seconds -= step
            for broker in self.brokers:
                assert not holders.intersection(broker.renew(ids))
