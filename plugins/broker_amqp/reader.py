"""The reader: what came over the wire as a delivery, with its fence, its crashes and what is suspected of its last holder.

The server tells that a copy was handed out before (classic queues) and how often (quorum queues), but not why it came
back. Three things make up for it: copies of ours carry their counts in a header; this process remembers what it gave
back itself; and a copy that comes out of a hold queue has surely been running when its process died. What
was handed out before for any other reason is suspect: it is marked before it runs.
"""

from __future__ import annotations

from collections.abc import Callable

from kernelq.contracts import Delivery, Message

from .envelope import Record, has_expired_in_hold, ident_of, read, record_of, times_given_back
from .hold import Hold, hold_of
from .inbox import Arrival
from .memory import Memory


class Reader:
    """Reads arrivals. `is_limited` says of a message whether somebody may kill its process for being late.

    Such a message is to be marked too, so that the supervisor who kills it can settle what became of it.
    """

    def __init__(self, memory: Memory, is_limited: Callable[[Message], bool]) -> None:
        self._memory = memory
        self._is_limited = is_limited

    def delivery(self, arrival: Arrival) -> Delivery:
        """The delivery of what came out of a queue of work."""
        record, has_died = record_of(arrival.properties), has_expired_in_hold(arrival.properties)
        fence, is_lost = self._history(arrival, record)
        return self._make(
            arrival, fence, crashes=record.crashes + has_died, is_suspect=record.suspect or has_died or is_lost
        )

    def taken_over(self, arrival: Arrival) -> Delivery:
        """The delivery of what came out of a dead consumer's hold queue."""
        record = record_of(arrival.properties)
        arrival = arrival._replace(queue=record.queue)
        return self._make(arrival, record.fence + 1, crashes=record.crashes, is_suspect=False)

    def note(self, arrival: Arrival) -> tuple[str, str, int] | None:
        """What is to be remembered of one that goes back unfetched: it had no holder here, so that was no hand-out.

        Nothing of one that was suspect when it came: it is to be suspect when it comes again.
        """
        fence, is_lost = self._history(arrival, record_of(arrival.properties))
        return None if is_lost else (arrival.queue, ident_of(arrival.properties), fence)

    def _history(self, arrival: Arrival, record: Record) -> tuple[int, bool]:
        """The fence of an arrival, and whether it was handed out before and we do not know why it came back."""
        count = times_given_back(arrival.properties, is_redelivered=arrival.is_redelivered)
        remembered = self._memory.recall(arrival.queue, ident_of(arrival.properties)) if count else None
        fence = max(record.fence + count, remembered or 0) + 1
        return fence, bool(count) and (remembered is None or fence > remembered + 1)

    @staticmethod
    def given_back(delivery: Delivery) -> int:
        """How often this copy was given back, as far as the server says."""
        arrival = hold_of(delivery).arrival
        return times_given_back(arrival.properties, is_redelivered=arrival.is_redelivered)

    def _make(self, arrival: Arrival, fence: int, *, crashes: int, is_suspect: bool) -> Delivery:
        message = read(
            arrival.body,
            arrival.properties,
            queue=arrival.queue,
            exchange=arrival.exchange,
            routing_key=arrival.routing_key,
        )
        is_limited = isinstance(message, Message) and self._is_limited(message)
        return Delivery(
            message=message,
            queue=arrival.queue,
            tag=Hold(arrival, fence),
            fence=fence,
            crashes=crashes,
            # What has crashed before is marked too, or its next crash would go unseen.
            suspect=is_suspect or is_limited or crashes > 0,
        )
