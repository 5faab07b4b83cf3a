"""What scripts are given and give back: runs of messages, and deliveries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any, NewType

from kernelq.contracts import Delivery, Message, pack, unpack
from kernelq.redis import Word

Tag = NewType("Tag", tuple[bytes, bytes])
"""What names a delivery to the scripts: the message's key and the token of this handing-out."""

_NEVER = (0, False)
"""Crashes and suspicion of what was not handed out before."""


def words_of(message: Message) -> tuple[Word, ...]:
    """One message without eta; see ``publish_one.lua``."""
    return message.queue, _level(message), message.key, pack(message)


def runs_of(messages: Iterable[Message]) -> list[list[Word]]:
    """Messages as runs of equal queue, priority and eta, in order; see ``read_run`` in ``common.lua``."""
    runs = []
    for (queue, priority, eta), run in groupby(messages, key=_sort):
        listed = [word for message in run for word in (message.key, pack(message))]
        runs.append([len(listed) // 2, queue, priority, "" if eta is None else eta, *listed])
    return runs


def deliveries_of(
    keys: Sequence[bytes], tokens: Sequence[bytes], blobs: Sequence[Any], marks: Sequence[int]
) -> list[Delivery]:
    """What was handed out, see ``deliveries.lua``."""
    came_back = {keys[marks[i]]: (marks[i + 1], bool(marks[i + 2])) for i in range(0, len(marks), 3)}
    deliveries = []
    for key, token, blob in zip(keys, tokens, blobs, strict=True):
        fence, _, _, queue = token.split(b":", 3)
        crashes, suspect = came_back.get(key, _NEVER) if came_back else _NEVER
        deliveries.append(
            Delivery(
                message=unpack(blob or b""),
                queue=queue.decode(),
                tag=Tag((key, token)),
                fence=int(fence),
                crashes=crashes,
                suspect=suspect,
            )
        )
    return deliveries


def _sort(message: Message) -> tuple[str, int, float | None]:
    return message.queue, _level(message), message.eta


def _level(message: Message) -> int:
    return min(max(message.priority, 0), 9)
