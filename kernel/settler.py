"""The settler: the one place where what attempts caused is committed."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from .broker import Consumer, Delivery, Transition, Verdict
from .errors import BackendUnavailable, BrokerFull, BrokerUnavailable
from .failure import safe_text
from .message import Message
from .store import Effect, Store

if TYPE_CHECKING:
    from .app import KernelQ

log = logging.getLogger("kernelq.worker")


class Settler:
    """Commits transitions of one consumer. Used by one thread at a time.

    Where a store shares the broker's engine, its effects go into the consumer's own settlement and all becomes
    visible at once. Elsewhere the order is: successors, effects, settlement. Each is idempotent, so
    settling again after an error repeats and never loses.
    """

    def __init__(self, app: KernelQ, consumer: Consumer) -> None:
        self._app = app
        self._consumer = consumer
        self._engine = app.broker.engine

    def settle(self, transitions: Sequence[Transition]) -> list[Delivery]:
        """Commit; return the deliveries whose attempt was refused because its lease had ended.

        A transition that cannot be committed at all (a store that does not take its effect) goes to the dead letters
        by itself, with the reason; the others are committed.

        Raises:
            BrokerUnavailable, BrokerFull, BackendUnavailable: nothing is known; settling again later is safe.
        """
        return self.exchange(transitions, 0)[0]

    def exchange(self, transitions: Sequence[Transition], limit: int) -> tuple[list[Delivery], list[Delivery]]:
        """`settle`, and take up to `limit` new deliveries if the engine can do both at once: (refused, taken)."""
        try:
            refused, taken = self._settle(transitions, limit)
        except (BrokerUnavailable, BrokerFull, BackendUnavailable):
            raise
        except Exception as error:
            if len(transitions) > 1:
                return [refused for transition in transitions for refused in self.settle([transition])], []
            log.exception("cannot settle %s; it goes to the dead letters", transitions[0].delivery.message)
            dead = Transition(
                delivery=transitions[0].delivery, verdict=Verdict.DEAD, reason=f"unsettleable: {safe_text(error)}"
            )
            return self._report([each.delivery for each in self._consumer.settle([dead])]), []
        kept = [each for each in transitions if each.successors]
        if kept:
            lost = {id(delivery) for delivery in refused}
            kept = [each for each in kept if id(each.delivery) not in lost]
            self._app.plugins.published(self._app, (message for each in kept for message in each.successors))
        return self._report(refused), taken

    def _settle(self, transitions: Sequence[Transition], limit: int) -> tuple[list[Delivery], list[Delivery]]:
        lost: list[Delivery] = []
        if not all(self._is_shared(effect) for transition in transitions for effect in transition.effects):
            transitions, lost = self._settle_apart(transitions)
        refused, taken = (
            self._consumer.exchange(transitions, limit) if limit else (self._consumer.settle(transitions), [])
        )
        return lost + [transition.delivery for transition in refused], taken

    def detached(self, successors: Sequence[Message], effects: Sequence[Effect]) -> None:
        """Do what an attempt caused whose delivery was acknowledged before it ran."""
        self._publish(successors)
        self._apply(effects)
        self._app.plugins.published(self._app, successors)

    def _settle_apart(self, transitions: Sequence[Transition]) -> tuple[Sequence[Transition], list[Delivery]]:
        # The lease is renewed first: for its whole length nobody else can hold these deliveries, so
        # what follows cannot come from a stale attempt.
        deliveries = [transition.delivery for transition in transitions]
        if self._app.broker.renew([self._consumer.id]):
            return [], deliveries
        held = {id(delivery) for delivery in self._consumer.held(deliveries)}
        lost = [delivery for delivery in deliveries if id(delivery) not in held]
        transitions = [transition for transition in transitions if id(transition.delivery) in held]
        self._publish([message for transition in transitions for message in transition.successors])
        self._apply([each for one in transitions for each in one.effects if not self._is_shared(each)])
        rest = [
            replace(one, successors=(), effects=tuple(each for each in one.effects if self._is_shared(each)))
            for one in transitions
        ]
        return rest, lost

    def _is_shared(self, effect: Effect) -> bool:
        return self._engine is not None and effect.store.engine is self._engine

    def _publish(self, messages: Sequence[Message]) -> None:
        if messages:
            self._app.broker.publish(messages)

    def _apply(self, effects: Sequence[Effect]) -> None:
        by_store: dict[int, tuple[Store, list[Any]]] = {}
        for effect in effects:
            by_store.setdefault(id(effect.store), (effect.store, []))[1].append(effect.op)
        for store, ops in by_store.values():
            self._publish(store.apply(ops))

    def _report(self, refused: list[Delivery]) -> list[Delivery]:
        for delivery in refused:
            what = f"{getattr(delivery.message, 'task', 'message')}[{getattr(delivery.message, 'id', '?')}]"
            why = "its lease had ended, and somebody else runs it now or has run it"
            log.warning("attempt %d of %s was refused: %s", delivery.fence, what, why)
        return refused
