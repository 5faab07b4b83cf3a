"""Dead letters: a queue of them beside each queue of work, looked through, put back and dropped."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable
from heapq import nlargest

from kernelq.amqp import AmqpEngine, Parcel
from kernelq.contracts import DeadLetter, Message
from msgspec.structs import replace

from .envelope import again, read, received, record_of
from .plan import Plan
from .reading import Letter, reading
from .topology import Topology


class DeadLetters:
    """The dead letters of one broker."""

    def __init__(self, engine: AmqpEngine, plan: Plan, topology: Topology) -> None:
        self._engine = engine
        self._plan = plan
        self._topology = topology

    def newest(self, queues: Iterable[str], limit: int) -> list[DeadLetter]:
        """The newest of some queues, newest first."""
        found: list[DeadLetter] = []
        for queue, name in self._present(queues):
            with reading(self._engine, name) as look:
                newest = deque((_dead_letter(queue, letter) for letter in look.letters()), maxlen=max(limit, 0))
            found += reversed(newest)
        return nlargest(limit, found, key=lambda letter: letter.died_at)

    def retry(self, queues: Iterable[str], refs: Collection[str]) -> int:
        """Put letters back into their queues, with a clean slate but for the fence; return how many were there."""
        return self._take_out(queues, lambda ref: ref in refs, comes_back=True)

    def purge(self, queues: Iterable[str], refs: Collection[str] | None) -> int:
        """Drop letters, all when `refs` is None; return how many."""
        return self._take_out(queues, lambda ref: refs is None or ref in refs, comes_back=False)

    def _take_out(self, queues: Iterable[str], is_meant: Callable[[str], bool], *, comes_back: bool) -> int:
        count = 0
        for queue, name in self._present(queues):
            with reading(self._engine, name) as look:
                meant = [letter for letter in look.letters() if is_meant(_ref(letter))]
                if comes_back and meant:
                    self._topology.ensure(queue)
                    # Confirmed before they are dropped here: a crash in between doubles them, and loses none.
                    self._engine.publish([self._revived(queue, letter) for letter in meant])
                for letter in meant:
                    look.drop(letter)
            count += len(meant)
        return count

    def _revived(self, queue: str, letter: Letter) -> Parcel:
        properties = received(letter.properties)
        record = replace(record_of(properties), crashes=0, suspect=False, queue="", dead=None)
        return Parcel("", self._plan.name(queue), letter.body, again(properties, record))

    def _present(self, queues: Iterable[str]) -> list[tuple[str, str]]:
        """(queue, name of its dead letter queue) of those that have one."""
        named = ((queue, self._plan.dead_name(queue)) for queue in queues)
        return [(queue, name) for queue, name in named if self._topology.exists(name) is not None]


def _ref(letter: Letter) -> str:
    dead = record_of(received(letter.properties)).dead or {}
    return str(dead.get("ref") or letter.properties.correlation_id)


def _dead_letter(queue: str, letter: Letter) -> DeadLetter:
    properties = received(letter.properties)
    dead = record_of(properties).dead or {}
    message = read(letter.body, properties, queue=queue, exchange="", routing_key="")
    return DeadLetter(
        ref=_ref(letter),
        queue=queue,
        reason=str(dead.get("reason", "")),
        died_at=float(dead.get("died_at", 0.0)),
        raw=letter.body,
        message=message if isinstance(message, Message) else None,
    )
