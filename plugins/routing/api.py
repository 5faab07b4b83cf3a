"""What ``kernelq.routing`` offers: queues, exchanges and bindings to write down, and how names become queues."""

from .errors import QueueNotFound
from .exchange import Exchange, binding
from .matching import topic_matches
from .queue import Broadcast, Queue
from .queues import Queues, queues_of, resolve, worker_direct

__all__ = [
    "Broadcast",
    "Exchange",
    "Queue",
    "QueueNotFound",
    "Queues",
    "binding",
    "queues_of",
    "resolve",
    "topic_matches",
    "worker_direct",
]
