"""The engine: one server or file that several drivers share, and what it can do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What an engine can do, as data; a setting that needs more is refused at start."""

    durable: bool = False
    """What was accepted survives the end of every process of ours."""
    processes: bool = False
    """Several processes may share it."""
    delay: bool = False
    """A message with an eta waits inside the engine."""
    priorities: int = 1
    """How many priorities it tells apart; 1 is none."""
    leases: bool = False
    """Deliveries are leased, renewed and fenced as the contract says."""
    transactions: bool = False
    """A transition's successors, effects and settlement become visible together, where engines are shared."""
    push: bool = False
    """Waiting (for messages, for outcomes) costs no polling."""
    dedup: bool = False
    """Publishing a `Message.key` that waits or is leased is a no-op; without it a publish repeated after a lost answer may run twice."""
    exchanges: bool = False
    """Routes messages itself, by exchange and routing key, to as many queues as are bound; elsewhere it must be one."""
    revoking: bool = False
    """Keeps marks of revoked tasks, see `Broker.revoke`."""
    inventory: bool = False
    """Knows from outside what each queue holds delayed and running, and purges what is delayed."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing seen in an examination of an engine; see `Broker.examine`."""

    level: Literal["ok", "warning", "refused"]
    """``refused``: a worker does not start on it."""
    what: str
    """What was found, with the server's own names: ``maxmemory-policy is allkeys-lru``."""
    advice: str = ""
    """What to do about it."""


class Engine(ABC):
    """One server or file that several drivers may share: its address and its connections.

    `app.engine(url)` gives the same object for every URL of one engine; a broker and a store whose
    `engine` is the same object can commit together. Safe to use from any thread and, after
    `forget_connections`, in a forked child.
    """

    family: ClassVar[str]
    """``sql``, ``redis``, ``memory``, …: says what `handle` in `Store.apply_within` is."""
    connect_timeout: float = 4.0
    """Seconds a connection may take to be made; `app.engine` sets it to ``broker_connection_timeout``."""

    @classmethod
    @abstractmethod
    def canonical(cls, url: str) -> str:
        """The identity of the engine behind `url`, without secrets; equal means the same engine."""

    @abstractmethod
    def close(self) -> None:
        """Close every connection of this process; the next use opens new ones."""

    def forget_connections(self) -> None:
        """Drop inherited connections without closing them; called in a child after a fork."""
