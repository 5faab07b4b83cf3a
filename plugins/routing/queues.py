"""The queues of an app: those of `task_queues`, those added since, and how one that nobody declared is made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kernelq.contracts import ImproperlyConfigured, StashKey

from .declared import complete, declared_queues, ways
from .errors import QueueNotFound
from .exchange import Exchange, binding
from .made import notice
from .matching import reaches
from .queue import Broadcast, Queue

if TYPE_CHECKING:
    from kernelq import KernelQ

DIRECT_EXCHANGE = "C.dq2"
DIRECT_SUFFIX = ".dq2"
"""Of the queues that workers have of their own, as Celery names them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """What the settings say, read once for each state of theirs."""

    generation: int
    default_queue: str
    default_exchange: Exchange
    default_key: str
    declared: Mapping[str, Queue]
    """Those of `task_queues`, or the default one."""
    known: Mapping[str, Queue]
    """Those and the added ones, by name and by alias."""
    ways: Mapping[str, Sequence[tuple[binding, Queue]]]
    """Exchange → what is bound to it."""
    creates_missing: bool
    missing_type: str | None
    missing_exchange_type: str


class Queues(Mapping[str, Queue]):
    """Every queue of an app by name: ``app.amqp.queues``. A change of the settings shows at once.

    Asking for one that is not declared makes it, or raises `QueueNotFound`, as `task_create_missing_queues` says.
    """

    def __init__(self, app: KernelQ) -> None:
        self._app = app
        self._table: _Table | None = None
        self._added: dict[str, Queue] = {}
        self._selected: dict[str, None] | None = None
        self._deselected: set[str] = set()
        self._also: dict[str, None] = {}  # consumed beside those of `task_queues`
        self.changes = 0
        """Grows with each queue that is added."""

    # --- finding

    def __getitem__(self, name: str) -> Queue:
        return self.resolve(name)

    def __contains__(self, name: object) -> bool:
        return name in self._read().known

    def __iter__(self) -> Iterator[str]:
        return iter({str(queue): None for queue in self._read().known.values()})

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def resolve(self, given: Any, **options: Any) -> Queue:
        """The queue of a name as it is declared, or made with `options` (see `Queue.from_dict`), or made by itself.

        Raises:
            QueueNotFound: it is not declared and `task_create_missing_queues` is off.
        """
        if isinstance(given, Queue) or not isinstance(given, str):
            queue = Queue.of(given)
            return self._read().known.get(queue) or self._completed(queue)
        if options:
            return self._completed(Queue.from_dict(given, **options))
        found = self.find(given)
        if found is not None:
            return found
        table = self._read()
        if not table.creates_missing:
            raise QueueNotFound(
                f"no queue {given!r} is declared (there are: {', '.join(self)}), and task_create_missing_queues is off; "
                "add it to task_queues"
            )
        return self.described(given)

    def find(self, name: str) -> Queue | None:
        """The queue of a name or alias; None when it would have to be made."""
        known = self._read().known
        found = known.get(name)
        if found is None and name.endswith(DIRECT_SUFFIX):
            return worker_direct(name.removesuffix(DIRECT_SUFFIX))
        if found is None:
            heard = (queue for queue in known.values() if isinstance(queue, Broadcast) and queue.is_of_worker(name))
            found = next((queue.of_worker(name.removeprefix(f"{queue}.")) for queue in heard), None)
        return found

    def described(self, name: str) -> Queue:
        """How the queue of a name is declared on the server, whether anybody may make it or not."""
        found = self.find(name)
        if found is not None:
            return found
        table = self._read()
        arguments = {"x-queue-type": table.missing_type} if table.missing_type else None
        return Queue.named(name, Exchange.named(name, table.missing_exchange_type), name, queue_arguments=arguments)

    def exchange(self, name: str) -> Exchange | None:
        """The exchange of a name as the queues know it; None when none is bound to it."""
        ways = self._read().ways.get(name)
        return ways[0][0].exchange if ways else None

    def bound(self, exchange: str) -> list[Queue]:
        """The queues bound to an exchange."""
        return list({str(queue): queue for _, queue in self._read().ways.get(exchange, ())}.values())

    def matching(self, exchange: str, key: str) -> list[Queue] | None:
        """The queues that a message sent to an exchange reaches; None when only the server can tell."""
        found: dict[str, Queue] = {}
        for way, queue in self._read().ways.get(exchange, ()):
            fits = reaches(way.exchange, way.routing_key, key)
            if fits is None:
                return None
            if fits:
                found[str(queue)] = queue
        return list(found.values())

    @property
    def default_queue(self) -> Queue:
        """The queue of calls that name none."""
        return self.resolve(self._read().default_queue)

    @property
    def default_exchange(self) -> Exchange:
        """The exchange of queues that name none."""
        return self._read().default_exchange

    @property
    def default_key(self) -> str:
        """The routing key of queues that have none."""
        return self._read().default_key

    @property
    def declared(self) -> Mapping[str, Queue]:
        """Those of `task_queues`, or else the default queue."""
        return self._read().declared

    # --- adding and choosing

    def add(self, queue: Any, **options: Any) -> Queue:
        """Declare one more queue, given as `Queue` or as its name and options; it is not consumed by that."""
        made = Queue.from_dict(queue, **options) if type(queue) is str else Queue.of(queue)
        made = self.keep(self._completed(made))
        notice()
        self._app.publisher.forget()
        return made

    def select(self, include: str | Sequence[str]) -> None:
        """Consume only these; nothing given changes nothing."""
        if include:
            self._selected = {str(self[name]): None for name in _listed(include)}
            self._deselected -= self._selected.keys()

    def deselect(self, exclude: str | Sequence[str]) -> None:
        """Consume these no more."""
        self._deselected |= {str(self.find(name) or name) for name in _listed(exclude)}

    def select_add(self, queue: Any, **options: Any) -> Queue:
        """Declare one more queue and consume it too."""
        made = self.add(queue, **options)
        chosen = self._also if self._selected is None else self._selected
        chosen[str(made)] = None
        self._deselected.discard(str(made))
        return made

    @property
    def consume_from(self) -> dict[str, Queue]:
        """The queues a worker of this app consumes that is told nothing else."""
        names = (*self.declared, *self._also) if self._selected is None else tuple(self._selected)
        return {name: self.resolve(name) for name in names if name not in self._deselected}

    def keep(self, queue: Queue) -> Queue:
        """Know a queue from now on, by its name and as it is, without a word to who publishes."""
        if self._added.get(str(queue)) is not queue and str(queue) not in self.declared:
            self._added[str(queue)] = queue
            self._table = None
            self.changes += 1
        return queue

    # --- the settings

    def setting(self, name: str, default: Any = None) -> Any:
        """A setting of routing; `default` while the plugin that declares them is off."""
        return self._app.conf[name] if self._app.plugins.has("routing") else default

    def _read(self) -> _Table:
        table, generation = self._table, self._app.conf.layers.generation
        if table is None or table.generation != generation:
            table = self._table = self._make_table()
        return table

    def _make_table(self) -> _Table:
        get = self.setting
        default: str = self._app.conf.task_default_queue
        generation = self._app.conf.layers.generation  # after a first read, which loads the settings
        exchange = Exchange.named(get("task_default_exchange") or default, get("task_default_exchange_type", ""))
        key: str = get("task_default_routing_key") or default
        given = declared_queues(get("task_queues")) or [Queue.named(default)]
        declared: dict[str, Queue] = {}
        for queue in given:
            if queue in declared:
                raise ImproperlyConfigured(
                    f"the queue {str(queue)!r} is declared twice in task_queues; give one several bindings instead"
                )
            declared[str(queue)] = complete(queue, exchange, key)
        known = {**self._added, **declared}
        aliases = {queue.alias: queue for queue in known.values() if queue.alias}
        return _Table(
            generation=generation,
            default_queue=default,
            default_exchange=exchange,
            default_key=key,
            declared=declared,
            known={**aliases, **known},
            ways=ways(known.values()),
            creates_missing=get("task_create_missing_queues", True),
            missing_type=get("task_create_missing_queue_type"),
            missing_exchange_type=get("task_create_missing_queue_exchange_type") or "direct",
        )

    def _completed(self, queue: Queue) -> Queue:
        table = self._read()
        return complete(queue, table.default_exchange, table.default_key)


QUEUES: StashKey[Queues] = StashKey()


def queues_of(app: KernelQ) -> Queues:
    """The queues of an app."""
    return app.stash.get(QUEUES, None) or app.stash.setdefault(QUEUES, Queues(app))


def resolve(app: KernelQ, name: Any, **options: Any) -> Queue:
    """The queue of a name in an app; see `Queues.resolve`."""
    return queues_of(app).resolve(name, **options)


def worker_direct(hostname: str | Queue) -> Queue:
    """The queue that a worker has of its own when `worker_direct` is set, by the worker's name."""
    if isinstance(hostname, Queue):
        return hostname
    return Queue.named(hostname + DIRECT_SUFFIX, DIRECT_EXCHANGE, hostname)


def _listed(names: str | Sequence[str]) -> Sequence[str]:
    return [names] if isinstance(names, str) else names
