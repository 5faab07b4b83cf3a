"""What can go wrong with a destination."""

from __future__ import annotations

from kernelq.errors import ImproperlyConfigured


class QueueNotFound(ImproperlyConfigured, KeyError):
    """No queue of that name is declared, and `task_create_missing_queues` is off; or nothing is bound where a message is sent to."""

    __str__ = Exception.__str__  # KeyError would show the repr of the message
