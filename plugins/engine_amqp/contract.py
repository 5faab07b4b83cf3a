"""What the engine of family ``amqp`` offers its broker and its stores, beside `kernelq.contracts.Engine`.

Drivers take it from `kernelq.amqp`. `Any` stands for the client library's types.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from kernelq.contracts import BrokerRefused, BrokerUnavailable


class NotThere(BrokerUnavailable):
    """A queue or an exchange that was named is not on the server. Declare it and try again."""


class Different(BrokerRefused):
    """A queue or an exchange is there with other arguments than were declared."""


class Parcel(NamedTuple):
    """One message to be published, in AMQP's terms.

    `properties` are the basic properties by their names in AMQP; None stands for a property that is not there. `ident` names
    the message: one that is on its way already, its confirm awaited in vain before, is not sent again. An unroutable
    parcel that is `mandatory` comes back; another one is dropped by the server.
    """

    exchange: str
    routing_key: str
    body: bytes
    properties: Mapping[str, Any]
    ident: str = ""
    mandatory: bool = True


Begin = Callable[[Any, Callable[[Any], None]], None]
"""``begin(channel, done)``: asks something of a channel, on its thread, and sees to it that `done` gets the answer.

What it sends goes out in one write. The properties that a consumer's callback gets have `fields`, a dict of all by their names.
"""


class Wire(Protocol):
    """One channel of a connection. From any thread but the connection's own."""

    @property
    def ended(self) -> Exception | None:
        """Why it is closed; None while it is open."""

    def ask(self, begin: Begin) -> Any:
        """Run `begin` on the connection's thread and wait for what it gives to `done`.

        Raises:
            BrokerUnavailable, BrokerRefused: the channel or the connection is closed, or was closed over this; or no answer
                came within the engine's timeout, and then the connection is dropped.
        """

    def tell(self, act: Callable[[Any], None]) -> None:
        """Run ``act(channel)`` on the connection's thread, after what was asked and told before; not when it is closed."""

    def close(self) -> None:
        """Close the channel; what it holds goes back. The second time does nothing."""


class Link(Protocol):
    """One connection, with the thread that serves it."""

    server: Mapping[str, Any]
    """What the server says of itself: ``product``, ``version``, …"""

    @property
    def ended(self) -> Exception | None:
        """Why it is closed; None while it is open."""

    def wire(self, on_end: Callable[[], None] | None = None) -> Wire:
        """A new channel; `on_end` is called, from any thread, when it is closed. Raises `BrokerUnavailable`."""

    def later(self, delay: float, act: Callable[[], None]) -> None:
        """Run `act` on the connection's thread in `delay` seconds, if it is open then."""

    def close(self) -> None:
        """Close it in order, or drop it when the server does not answer."""

    def drop(self, why: str = "was dropped") -> None:
        """Close the socket without a word to the server; `why` is for who still waits for answers."""


class AmqpEngine(Protocol):
    """What the engine of family ``amqp`` offers beside `Engine`."""

    where: str
    """``host:port/vhost``, for people."""

    def connect(self, *, name: str, heartbeat: float | None = None) -> Link:
        """A new connection, which the server's administrator sees under `name`.

        `heartbeat`: seconds after which either side takes the other's silence for its end, between one and three times
        that; at least 1; None: the server's own. Raises `BrokerUnavailable`, `BrokerRefused`.
        """

    def publish(self, parcels: Sequence[Parcel]) -> list[Parcel]:
        """Publish all on the connection for publishing and wait for their confirms; return those nobody could be found for.

        Raises:
            BrokerUnavailable: the connection was lost; nothing is known of what was not confirmed.
            BrokerFull: the server blocks publishers, or a queue refused a message.
            EncodeError: a property cannot be written; nothing was published.
        """

    def wire(self) -> Wire:
        """A new channel on a connection that never publishes, so that no alarm of the server stops it. To be closed."""

    def ask(self, begin: Begin) -> Any:
        """`Wire.ask` on such a channel, closed afterwards."""

    def server(self) -> Mapping[str, Any]:
        """What the server says of itself."""
