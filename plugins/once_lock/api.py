"""`kernelq.once`: tasks that are queued once."""

from .errors import AlreadyQueued, Superseded
from .queue_once import QueueOnce
from .store import lock_store

__all__ = ["AlreadyQueued", "QueueOnce", "Superseded", "lock_store"]
