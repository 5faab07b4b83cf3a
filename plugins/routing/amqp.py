"""``app.amqp``: the queues and the router of an app, for code that looks at them there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernelq.contracts import StashKey

from .exchange import Exchange
from .queue import Queue
from .queues import Queues, queues_of
from .router import Router

if TYPE_CHECKING:
    from kernelq import KernelQ


class Amqp:
    """What an app's messages are routed by, on every engine."""

    def __init__(self, app: KernelQ) -> None:
        self.app = app
        self._seen = (-1, -1)
        self._router: Router | None = None

    @property
    def queues(self) -> Queues:
        """Its queues by name."""
        return queues_of(self.app)

    @property
    def default_queue(self) -> Queue:
        """The queue of calls that name none."""
        return self.queues.default_queue

    @property
    def default_exchange(self) -> Exchange:
        """The exchange of queues that name none."""
        return self.queues.default_exchange

    @property
    def router(self) -> Router:
        """What fills in where calls go, as the settings have it now."""
        seen = (self.app.conf.layers.generation, self.queues.changes)
        if self._router is None or self._seen != seen:
            self._router = Router(self.app)
            self._seen = (self.app.conf.layers.generation, self.queues.changes)
        return self._router


AMQP: StashKey[Amqp] = StashKey()


def amqp_of(app: KernelQ) -> Amqp:
    """The `Amqp` of an app."""
    return app.stash.get(AMQP, None) or app.stash.setdefault(AMQP, Amqp(app))
