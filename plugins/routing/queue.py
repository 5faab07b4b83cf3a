"""Queues as users write them down, under the names and signatures of kombu.

A `Queue` and an `Exchange` are text, their names, so that they go wherever a name is expected: a queue equals every other
one of its name. They are values: nothing changes them after they were made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

from kernelq.errors import ImproperlyConfigured

from .exchange import Exchange, binding
from .made import notice

UNUSED = 3600.0
"""Seconds after which a queue goes that was asked to go when nobody uses it.

Not at once: a worker stops consuming while it is busy, and comes back to its queue.
"""

_OPTIONS: Mapping[str, Any] = {
    "queue_arguments": None, "binding_arguments": None, "consumer_arguments": None, "durable": True, "exclusive": False,
    "auto_delete": False, "no_ack": False, "alias": None, "no_declare": False, "expires": None, "message_ttl": None,
    "max_length": None, "max_length_bytes": None, "max_priority": None,
}  # fmt: skip
"""Options of a queue → their defaults; `expires` and `message_ttl` are seconds."""

_IN_AMQP = {"expires": "x-expires", "message_ttl": "x-message-ttl", "max_length": "x-max-length",
            "max_length_bytes": "x-max-length-bytes", "max_priority": "x-max-priority"}  # fmt: skip


class Queue(str):
    """Where messages of a name wait, and what is bound to it.

    ``Queue("feeds", Exchange("tasks", "topic"), routing_key="feed.#")``. Without an exchange or a routing key it takes those of the
    settings (`task_default_exchange`, `task_default_routing_key`); a list of `binding` in the place of the exchange, or as
    `bindings`, binds it more than once. `queue_arguments`, `max_priority`, `expires` (seconds unused), … are for RabbitMQ.
    """

    exchange: Exchange
    routing_key: str
    bindings: tuple[binding, ...]
    queue_arguments: Mapping[str, Any]
    binding_arguments: Mapping[str, Any] | None
    durable: bool
    auto_delete: bool
    alias: str | None
    max_priority: int | None
    expires: float | None

    def __new__(
        cls,
        name: str = "",
        exchange: Any = None,
        routing_key: str = "",
        channel: Any = None,
        bindings: Sequence[Any] | None = None,
        on_declared: Any = None,
        **options: Any,
    ) -> Self:
        notice()
        return cls.named(name, exchange, routing_key, bindings, **options)

    @classmethod
    def named(
        cls,
        name: str,
        exchange: Any = None,
        routing_key: str = "",
        bindings: Sequence[Any] | None = None,
        **options: Any,
    ) -> Self:
        """One made by ourselves: no sign that users name queues in their calls."""
        if unknown := sorted(options.keys() - _OPTIONS.keys()):
            raise ImproperlyConfigured(
                f"unknown option {unknown[0]!r} of the queue {name!r} (known: {', '.join(sorted(_OPTIONS))})"
            )
        if wrong := next((option for option in ("exclusive", "no_ack") if options.get(option)), None):
            raise ImproperlyConfigured(
                f"the queue {name!r} cannot be {wrong}: a worker has several connections, and acknowledges what it ran"
            )
        if isinstance(exchange, list | tuple | set | frozenset):
            bindings, exchange = [*exchange, *(bindings or ())], None
        self = str.__new__(cls, name)
        self.__dict__.update({**_OPTIONS, **options})
        self.__dict__.update(
            exchange=Exchange.of(exchange),
            routing_key=routing_key or "",
            bindings=tuple(_binding(each) for each in bindings or ()),
            queue_arguments=dict(options.get("queue_arguments") or {}),
        )
        return self

    @classmethod
    def of(cls, given: Any) -> Queue:
        """A queue of its name, of ours, or of kombu's."""
        if isinstance(given, Queue):
            return given
        if isinstance(given, str):
            return Queue.named(given)
        if type(given).__name__ == "Broadcast":
            return Broadcast(given.alias or given.exchange.name, exchange=given.exchange)
        options = {name: getattr(given, name, default) for name, default in _OPTIONS.items()}
        return Queue.named(
            given.name, given.exchange, given.routing_key, bindings=list(getattr(given, "bindings", ())), **options
        )

    @classmethod
    def from_dict(cls, name: str, **options: Any) -> Queue:
        """A queue of the form that `task_queues` has as a mapping; its routing key is its name unless it is given."""
        options = {key.removeprefix("queue_") if key in _LONG else key: value for key, value in options.items()}
        exchange = options.pop("exchange", None)
        kind = {key: options.pop(f"exchange_{key}") for key in ("type", "durable") if f"exchange_{key}" in options}
        if kind or "delivery_mode" in options:
            kind["delivery_mode"] = options.pop("delivery_mode", None)
            exchange = Exchange.named(str(exchange or ""), **{"type": getattr(exchange, "type", ""), **kind})
        key = options.pop("binding_key", None)
        return cls.named(name, exchange, options.pop("routing_key", None) or key or name, **options)

    @property
    def name(self) -> str:
        """Its name, as plain text."""
        return str(self)

    @property
    def binding_key(self) -> str:
        """Another name of `routing_key`."""
        return self.routing_key

    @property
    def ways(self) -> tuple[binding, ...]:
        """All its bindings, that of its own exchange first."""
        own = (binding(self.exchange, self.routing_key, self.binding_arguments),) if self.exchange else ()
        return own + self.bindings

    @property
    def arguments(self) -> dict[str, Any]:
        """What RabbitMQ is given when it is declared: `queue_arguments`, and options in its own terms (milliseconds)."""
        given = {name: getattr(self, name) for name in _IN_AMQP}
        if self.auto_delete and given["expires"] is None:
            given["expires"] = UNUSED
        for name in ("expires", "message_ttl"):
            given[name] = None if given[name] is None else int(given[name] * 1000)
        return {**{_IN_AMQP[name]: value for name, value in given.items() if value is not None}, **self.queue_arguments}

    def changed(self, **changes: Any) -> Self:
        """Another one that differs in these attributes."""
        made = str.__new__(type(self), self)
        made.__dict__.update({**self.__dict__, **changes})
        return made

    def as_dict(self, recurse: bool = False) -> dict[str, Any]:
        """Its attributes by name, for people and monitors."""
        exchange = self.exchange
        about = {"name": str(exchange), "type": exchange.type, "durable": exchange.durable}
        known = {name: getattr(self, name) for name in _OPTIONS}
        return {"name": str(self), "exchange": about if recurse else exchange, "routing_key": self.routing_key, **known}

    def __repr__(self) -> str:
        ways = ", ".join(f"{way.exchange!r} by {way.routing_key!r}" for way in self.ways)
        return f"<{type(self).__name__} {self!s}{': ' if ways else ''}{ways}>"


class Broadcast(Queue):
    """A queue of each worker's own, so that every worker runs every task sent to this name; on engines with exchanges only.

    All of them run under one id: have such tasks ignore their results. A worker that is away hears nothing.
    """

    def __new__(cls, name: str = "", exchange: Any = None, **options: Any) -> Self:
        options = {key: value for key, value in options.items() if key not in ("unique", "queue", "auto_delete")}
        return super().__new__(cls, name, Exchange.of(exchange) or Exchange.named(name, "fanout"), **options)

    def of_worker(self, hostname: str) -> Queue:
        """The queue of one worker."""
        return Queue.named(f"{self}.{hostname}", self.exchange, queue_arguments=self.queue_arguments, expires=UNUSED)

    def is_of_worker(self, name: str) -> bool:
        """Whether a queue of this name is some worker's."""
        return name.startswith(f"{self}.") and "@" in name


_LONG = frozenset({"queue_durable", "queue_auto_delete"})


def _binding(given: Any) -> binding:
    return given if isinstance(given, binding) else binding(given.exchange, given.routing_key, given.arguments)
