"""Exchanges, and bindings to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from kernelq.errors import ImproperlyConfigured

from .made import notice

TYPES = ("direct", "topic", "fanout", "headers")
"""Types of exchanges; a server's plugin may bring others, whose names begin with ``x-``."""


class Exchange(str):
    """Where messages are sent to and queues are bound. `type`: direct, topic, fanout or headers."""

    type: str
    durable: bool
    auto_delete: bool
    delivery_mode: int | str | None
    arguments: Mapping[str, Any]
    passive: bool
    no_declare: bool

    def __new__(
        cls,
        name: str = "",
        type: str = "",
        channel: Any = None,
        *,
        durable: bool = True,
        auto_delete: bool = False,
        delivery_mode: int | str | None = None,
        arguments: Mapping[str, Any] | None = None,
        passive: bool = False,
        no_declare: bool = False,
    ) -> Self:
        notice()
        return cls.named(
            name, type, durable=durable, auto_delete=auto_delete, delivery_mode=delivery_mode, arguments=arguments,
            passive=passive, no_declare=no_declare,
        )  # fmt: skip

    @classmethod
    def named(
        cls,
        name: str,
        type: str = "",
        *,
        durable: bool | None = True,
        arguments: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> Self:
        """One made by ourselves: no sign that users name exchanges in their calls."""
        kind = type or "direct"
        if kind not in TYPES and not kind.startswith("x-"):
            raise ImproperlyConfigured(
                f"expected a type of exchange, one of {', '.join(TYPES)}, got {kind!r} (exchange {name!r})"
            )
        self = str.__new__(cls, name)
        plain = {"auto_delete": False, "delivery_mode": None, "passive": False, "no_declare": False}
        known = {"durable": durable is not False, "arguments": dict(arguments or {})}
        self.__dict__.update({**plain, **options, **known, "type": kind})
        return self

    @classmethod
    def of(cls, given: Any) -> Exchange:
        """An exchange of its name, of ours, or of kombu's."""
        if isinstance(given, Exchange):
            return given
        if given is None or isinstance(given, str):
            return cls.named(given or "")
        known = ("durable", "auto_delete", "delivery_mode", "arguments")
        return cls.named(given.name or "", given.type, **{name: getattr(given, name, None) for name in known})

    @property
    def name(self) -> str:
        """Its name, as plain text."""
        return str(self)

    def __repr__(self) -> str:
        return f"Exchange({str(self)!r}, {self.type!r})"


@dataclass(frozen=True, slots=True)
class binding:
    """One way into a queue: what is sent to `exchange` with a key that `routing_key` fits."""

    exchange: Exchange
    routing_key: str = ""
    arguments: Mapping[str, Any] | None = None

    def __init__(
        self, exchange: Any = None, routing_key: str = "", arguments: Mapping[str, Any] | None = None, **_: Any
    ) -> None:
        object.__setattr__(self, "exchange", Exchange.of(exchange))
        object.__setattr__(self, "routing_key", routing_key or "")
        object.__setattr__(self, "arguments", arguments)
