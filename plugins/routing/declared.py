"""The setting `task_queues`, in every form it may have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from kernelq.contracts import ImproperlyConfigured

from .exchange import Exchange, binding
from .queue import Broadcast, Queue


def complete(queue: Queue, exchange: Exchange, key: str) -> Queue:
    """A queue with what it leaves to the settings; one that has only bindings needs neither."""
    if isinstance(queue, Broadcast) or (queue.bindings and not queue.exchange):
        return queue
    return queue.changed(exchange=queue.exchange or exchange, routing_key=queue.routing_key or key)


def ways(queues: Iterable[Queue]) -> dict[str, list[tuple[binding, Queue]]]:
    """Exchange → what is bound to it; raises `ImproperlyConfigured` when an exchange would be of two types."""
    found: dict[str, list[tuple[binding, Queue]]] = {}
    for queue in queues:
        for way in queue.ways:
            others = found.setdefault(str(way.exchange), [])
            if others and others[0][0].exchange.type != way.exchange.type:
                raise ImproperlyConfigured(
                    f"the exchange {str(way.exchange)!r} is of type {others[0][0].exchange.type!r} for the queue "
                    f"{str(others[0][1])!r} and of type {way.exchange.type!r} for the queue {str(queue)!r}"
                )
            others.append((way, queue))
    return found


def declared_queues(given: Any) -> list[Queue]:
    """The queues as they are written down; raises `ImproperlyConfigured` for what is none."""
    if given is None:
        return []
    if isinstance(given, Mapping):
        return [_described(name, about) for name, about in given.items()]
    if isinstance(given, list | tuple | set | frozenset):
        return [_queue(each) for each in given]
    raise ImproperlyConfigured(
        f"expected task_queues as a list of queues or a mapping of names to options, got {given!r}"
    )


def _described(name: str, about: Any) -> Queue:
    if about is None or isinstance(about, Mapping):
        return Queue.from_dict(name, **(about or {}))
    return _queue(about)


def _queue(given: Any) -> Queue:
    if isinstance(given, str) or all(hasattr(given, name) for name in ("name", "exchange", "routing_key")):
        return Queue.of(given)
    raise ImproperlyConfigured(f"expected a Queue or the name of one in task_queues, got {given!r}")
