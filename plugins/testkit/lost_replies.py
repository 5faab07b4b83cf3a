"""Behaviours b200–b209: the engine did it, and nobody was told."""

from __future__ import annotations

import time

from kernelq import KernelQ
from kernelq.contracts import Broker, BrokerUnavailable, Effect, Message, Transition

from .behaviour import requires
from .broker_bench import ENOUGH, Consume
from .fault_bench import BrokerFaultBench, Undaunt
from .proxy import Proxy
from .revoking import LATER, marks
from .samples import ids, message, messages, outcome
from .undaunted import persist

SHORT = 3.0
"""Seconds a lease lasts that nobody renews in vain."""
LARGE = b"0123456789abcdef" * 256


class LostReplies(BrokerFaultBench):
    """Whoever repeats what was not answered does no harm."""

    @requires("dedup")
    def test_b200_a_publish_whose_reply_is_lost_may_be_repeated(
        self, remote: Broker, proxy: Proxy, consume: Consume
    ) -> None:
        remote.publish([message("before")])
        proxy.cut_reply(self.publish_mark)

        persist(lambda: remote.publish([message("a")]))

        assert not proxy.is_armed
        assert ids(consume().fetch(10, 0)) == ["before", "a"]

    def test_b201_a_publish_whose_reply_is_lost_loses_nothing(
        self, remote: Broker, proxy: Proxy, consume: Consume
    ) -> None:
        remote.publish([message("before")])
        proxy.cut_reply(self.publish_mark)

        persist(lambda: remote.publish([message("a")]))

        assert set(ids(consume().fetch(10, 0))) == {"before", "a"}

    @requires("leases", "dedup")
    def test_b202_a_settlement_whose_reply_is_lost_is_carried_out_once(
        self, remote: Broker, proxy: Proxy, undaunted: Undaunt, consume: Consume
    ) -> None:
        consumer = undaunted()
        remote.publish([message("a")])
        [delivery] = consumer.fetch_some(1)
        transition = Transition(delivery=delivery, successors=(message("b", queue="next"),))
        proxy.cut_reply(self.settle_mark)

        persist(lambda: consumer.settle([transition]))

        assert not proxy.is_armed
        consumer.close()
        assert ids(consume().fetch(10, 0)) == []
        assert ids(consume("next").fetch(10, 0)) == ["b"]

    @requires("leases", "transactions")
    def test_b203_the_outcome_of_a_settlement_whose_reply_is_lost_is_stored(
        self, app: KernelQ, far: KernelQ, proxy: Proxy, undaunted: Undaunt
    ) -> None:
        consumer = undaunted()
        far.broker.publish([message("a")])
        [delivery] = consumer.fetch_some(1)
        stored = outcome("a", fence=1, value=b"3")
        transition = Transition(delivery=delivery, effects=(Effect(far.backend, stored),))
        proxy.cut_reply(self.settle_mark)

        persist(lambda: consumer.settle([transition]))

        assert app.backend.get_many(["a"]) == {"a": stored}

    def test_b204_a_settlement_whose_reply_is_lost_loses_nothing(
        self, remote: Broker, proxy: Proxy, undaunted: Undaunt, consume: Consume
    ) -> None:
        consumer = undaunted()
        remote.publish([message("a")])
        [delivery] = consumer.fetch_some(1)
        transition = Transition(delivery=delivery, successors=(message("b", queue="next"),))
        proxy.cut_reply(self.settle_mark)

        refused = persist(lambda: consumer.settle([transition]))

        # It may have been carried out before it was refused; if it was not, the message comes again.
        successors = ids(consume("next").fetch(10, 0))
        assert successors or refused
        assert successors or consumer.drain(["a"])

    @requires("leases", "dedup")
    def test_b208_an_exchange_whose_reply_is_lost_is_carried_out_once_and_strands_no_message(
        self, remote: Broker, proxy: Proxy, undaunted: Undaunt, consume: Consume
    ) -> None:
        consumer = undaunted()
        remote.publish(messages("ab"))
        [delivery] = consumer.fetch_some(1)
        transition = Transition(delivery=delivery, successors=(message("c", queue="next"),))
        proxy.cut_reply(self.settle_mark)

        _, taken = persist(lambda: consumer.exchange([transition], 10))

        assert not proxy.is_armed
        assert ids(taken or consumer.fetch_some(10)) == ["b"]
        consumer.close()
        assert ids(consume("next").fetch(10, 0)) == ["c"]

    @requires("revoking", "delay")
    def test_b209_a_revocation_whose_reply_is_lost_may_be_repeated(
        self, remote: Broker, proxy: Proxy, consume: Consume
    ) -> None:
        remote.revoke(["before"], ENOUGH)
        remote.publish([message("a"), message("b", eta=time.time() + LATER), message("c")])
        proxy.cut_reply(self.publish_mark)

        waiting = persist(lambda: remote.revoke(["a", "b", "other"], ENOUGH))

        assert not proxy.is_armed
        assert sorted(waiting) == ["a", "b"]
        assert marks(consume().fetch(10, 0)) == {"a": True, "b": True, "c": False}

    def test_b205_a_fetch_whose_reply_is_lost_strands_no_message(
        self, remote: Broker, proxy: Proxy, undaunted: Undaunt
    ) -> None:
        consumer = undaunted(lease=SHORT)
        assert consumer.fetch(1, 0) == []
        remote.publish(messages("ab"))
        proxy.cut_reply(self.fetch_mark)

        # The consumer lives on and renews, as a worker would: what it does not know of must not stay leased to it.
        consumer.drain("ab")
        assert not proxy.is_armed

    def test_b206_a_reset_inside_a_large_reply_leaves_the_drivers_in_step(
        self, remote: Broker, proxy: Proxy, undaunted: Undaunt
    ) -> None:
        consumer = undaunted(lease=SHORT)
        assert consumer.fetch(1, 0) == []
        given = {str(i): message(str(i), body=LARGE + b"%d" % i) for i in range(30)}
        remote.publish(list(given.values()))
        proxy.reset_inside(10_000)

        found: dict[str, Message] = {}
        while len(found) < len(given) and (deliveries := consumer.fetch_some(30)):
            found.update((each.message.id, each.message) for each in deliveries if isinstance(each.message, Message))
            persist(lambda each=deliveries: consumer.settle([Transition(delivery=one) for one in each]))  # type: ignore[misc]

        assert not proxy.is_armed
        assert found == given

    def test_b207_a_lost_connection_is_told_and_the_next_call_makes_another(
        self, remote: Broker, proxy: Proxy, consume: Consume
    ) -> None:
        remote.publish([message("a")])
        proxy.reset()

        try:
            remote.publish([message("b")])
        except BrokerUnavailable:
            remote.publish([message("b")])

        assert set(ids(consume().fetch(10, 0))) == {"a", "b"}
