"""The router: fills in what neither a call nor its task says of where a message goes.

Call before task before route before setting. Where it goes is one thing: whichever of them first names a queue or an exchange
decides, and a routing key counts from there on up.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from kernelq.contracts import CapabilityMissing, ImproperlyConfigured, running

from .errors import QueueNotFound
from .exchange import Exchange
from .queue import Broadcast, Queue
from .queues import queues_of
from .routes import Routes

if TYPE_CHECKING:
    from kernelq import KernelQ, Task

PLACE = frozenset({"queue", "exchange", "exchange_type", "routing_key"})
"""Options that say where a message goes."""

OF_TASKS = frozenset({
    "priority", "serializer", "compression", "delivery_mode", "expires", "time_limit", "soft_time_limit", "ignore_result",
})  # fmt: skip
"""Other options of a route that a task may have as attributes, which win."""

MODES: Mapping[Any, int] = {1: 1, 2: 2, "1": 1, "2": 2, "transient": 1, "persistent": 2}
PERSISTENT = 2

MOST_REMEMBERED = 1_000
"""Destinations that are kept; more come from routing keys made for single messages."""


class Place(NamedTuple):
    """Where a message is to go, as somebody said it."""

    queue: Any = None
    exchange: Any = None
    routing_key: str | None = None
    exchange_type: str | None = None

    @property
    def is_said(self) -> bool:
        return self.queue is not None or bool(self.exchange)

    def or_else(self, queue: Any, exchange: Any, routing_key: Any, exchange_type: Any) -> Place:
        """What the next level adds to a place that is not said yet."""
        key = routing_key if self.routing_key is None else self.routing_key
        if queue is None and exchange == "" and key:
            return Place(key)  # the server's own exchange, which knows every queue by its name
        return Place(queue, exchange or None, key, self.exchange_type or exchange_type)


NOWHERE = Place()


class Router:
    """The router of one app, for one state of its settings."""

    def __init__(self, app: KernelQ) -> None:
        conf = app.conf
        self._app = app
        self._queues = queues_of(app)
        self._routes = Routes(conf.task_routes)
        self._inherits: bool = conf.task_inherit_parent_priority
        self._mode = mode_of(conf.task_default_delivery_mode, "the setting task_default_delivery_mode")
        self._has_exchanges = app.broker.capabilities.exchanges
        self._places: dict[Place, Mapping[str, Any]] = {}

    def __call__(
        self, name: str, args: Any, kwargs: Any, options: Mapping[str, Any], task: Task[..., Any] | None
    ) -> dict[str, Any]:
        """The options of a call with their gaps filled; see the hook `make_router`.

        Raises:
            QueueNotFound: nothing is declared where it would go.
            CapabilityMissing: it would go to several queues, on an engine that cannot do that.
        """
        route = self._routes.find(name, args, kwargs, options, task) if self._routes else {}
        filled = dict(options)
        for option, value in route.items():
            if option not in PLACE and filled.get(option) is None and _own(task, option) is None:
                filled[option] = value
        place = self._place(options, task, route)
        filled.update(self._known(name, place))
        self._fill_mode(name, filled, task)
        if self._inherits and filled.get("priority") is None and _own(task, "priority") is None:
            parent = running()
            if parent is not None and parent.message is not None:
                filled["priority"] = parent.message.priority
        return filled

    def route(
        self, options: Mapping[str, Any], name: str, args: Any = (), kwargs: Any = None, task_type: Any = None
    ) -> dict[str, Any]:
        """The same under the name and with the arguments that Celery's router has."""
        return self(name, args, kwargs or {}, options, task_type)

    def _place(self, options: Mapping[str, Any], task: Task[..., Any] | None, route: Mapping[str, Any]) -> Place:
        """Where it is to go: by the first level that names a queue or an exchange, with the keys of those up to it."""
        place = NOWHERE
        if options and not PLACE.isdisjoint(options):
            place = place.or_else(*(options.get(option) for option in Place._fields))
        if task is not None and not place.is_said:
            place = place.or_else(task.queue, task.exchange, task.routing_key, None)
        if route and not place.is_said:
            place = place.or_else(*(route.get(option) for option in Place._fields))
        return place

    def _known(self, name: str, place: Place) -> Mapping[str, Any]:
        if place.queue is not None and type(place.queue) is not str:
            place = place._replace(queue=self._by_name(place.queue))
        found = self._places.get(place)
        if found is None:
            if len(self._places) >= MOST_REMEMBERED:
                self._places = {}
            found = self._places[place] = self._leads_to(name, place)
        return found

    def _by_name(self, given: Any) -> str:
        """The name of a queue given as one, which is known from now on: whoever declares it is to know how."""
        queue = Queue.of(given)
        if queue not in self._queues:
            self._queues.keep(self._queues.resolve(queue))
            self._places = {}
        return str(queue)

    def _leads_to(self, name: str, place: Place) -> Mapping[str, Any]:
        """The options that take a message to its place."""
        if place.exchange is None:
            queue = self._queues.default_queue if place.queue is None else self._queues.resolve(place.queue)
            return self._by_queue(name, queue, place)
        return self._by_exchange(name, place)

    def _by_queue(self, name: str, queue: Queue, place: Place) -> Mapping[str, Any]:
        exchange, mode = queue.exchange, _mode_of(queue.exchange)
        if isinstance(queue, Broadcast):
            if not self._has_exchanges:
                raise self._cannot(name, f"the broadcast {str(queue)!r} goes to every worker")
            return {"queue": str(queue), "exchange": str(exchange), "routing_key": place.routing_key or "", **mode}
        straight = {"queue": str(queue), **mode}
        if not exchange or (exchange.type == "direct" and place.routing_key is None):
            return straight
        key = queue.routing_key if place.routing_key is None else place.routing_key
        reached = self._queues.matching(exchange, key)
        if reached is None:
            return {**straight, "exchange": str(exchange), "routing_key": key} if self._has_exchanges else straight
        if not reached:
            return straight  # a key that leads nowhere: the queue was named
        return self._to(name, reached, exchange, key, queue)

    def _by_exchange(self, name: str, place: Place) -> Mapping[str, Any]:
        exchange, named = Exchange.of(place.exchange), None
        if place.queue is not None:
            named = self._queues.resolve(place.queue)
        known = self._queues.exchange(exchange) or exchange
        key = place.routing_key
        if key is None:
            key = named.routing_key if named is not None else self._queues.default_key
        reached = self._queues.matching(exchange, key)
        if self._has_exchanges:
            if reached:
                return self._to(name, reached, known, key, named)
            kind = {"exchange_type": place.exchange_type} if place.exchange_type else {}
            queue = self._queues.default_queue if named is None else named
            return {"queue": str(queue), "exchange": str(exchange), "routing_key": key, **kind, **_mode_of(known)}
        if named is not None:
            return {"queue": str(named), "exchange": str(exchange), "routing_key": key}
        if reached is None:
            raise self._cannot(name, f"only a server can tell where the {known.type} exchange {str(exchange)!r} leads")
        if not reached:
            raise QueueNotFound(
                f"{name} goes to the exchange {str(exchange)!r} with routing key {key!r}, and no queue of task_queues is bound "
                "to that; add one, or name a queue"
            )
        return self._to(name, reached, known, key, named)

    def _to(
        self, name: str, reached: list[Queue], exchange: Exchange, key: str, named: Queue | None
    ) -> Mapping[str, Any]:
        """To the queues that were found, which on most engines is one."""
        if len(reached) > 1 and not self._has_exchanges:
            queues = ", ".join(sorted(str(queue) for queue in reached))
            raise self._cannot(
                name, f"the exchange {str(exchange)!r} with routing key {key!r} leads to several queues ({queues})"
            )
        queue = named if named is not None and named in reached else reached[0]
        return {"queue": str(queue), "exchange": str(exchange), "routing_key": key, **_mode_of(exchange)}

    def _cannot(self, name: str, why: str) -> CapabilityMissing:
        return CapabilityMissing(
            f"cannot send {name}: {why}, and {type(self._app.broker).__name__} puts a message into one queue; "
            "use RabbitMQ (amqp://), or name one queue that has a direct exchange"
        )

    def _fill_mode(self, name: str, filled: dict[str, Any], task: Any) -> None:
        """Whether the message survives a restart of the server: said by call, task, route or exchange; else the setting."""
        of_exchange, given = filled.pop(OF_EXCHANGE, None), filled.get("delivery_mode")
        if given is None:
            given = _own(task, "delivery_mode")
        if given is None:
            given = of_exchange
        mode = self._mode if given is None else mode_of(given, f"the call of {name}")
        if given is not None or mode != PERSISTENT:
            filled["delivery_mode"] = mode


OF_EXCHANGE = "exchange's delivery_mode"
"""Where a place keeps what its exchange says of messages sent to it, until it is known that nobody else says."""


def _mode_of(exchange: Exchange) -> dict[str, Any]:
    return {} if exchange.delivery_mode is None else {OF_EXCHANGE: exchange.delivery_mode}


def mode_of(given: Any, where: str) -> int:
    """1 or 2 of a delivery mode as number or word; raises `ImproperlyConfigured`."""
    try:
        return MODES[given]
    except (KeyError, TypeError):
        raise ImproperlyConfigured(
            f"expected a delivery mode, 2 (persistent) or 1 (transient), got {given!r} ({where})"
        ) from None


def _own(task: Any, option: str) -> Any:
    return getattr(task, option, None) if task is not None and option in OF_TASKS else None
