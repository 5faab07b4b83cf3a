"""What scripts are given and give back: runs of messages, and deliveries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain, groupby
from typing import Any, NewType

from kernelq.contracts import Delivery, Message, pack, unpack
from kernelq.redis import Space, Word

Tag = NewType("Tag", tuple[bytes, bytes])
"""What names a delivery to the scripts: the message's key and the token of this handing-out."""

_NEVER = (0, False)
"""Crashes and suspicion of what was not handed out before."""


LONG_BYTES = 16_384
"""Bytes above which a packed message goes around Lua, where each kilobyte costs two microseconds more, each way (measured)."""


class Parcel:
    """What is told the server of messages to publish: the `words` for the script, and the commands that follow it.

    `longs` are those commands: they put the messages that do not pass through the script into the hash of that name.
    """

    def __init__(self, messages: Sequence[Message], space: Space) -> None:
        self.longs: list[tuple[Word, ...]] = []
        self._space = space
        self.is_one = len(messages) == 1 and messages[0].eta is None
        self.words: Sequence[Word]
        if self.is_one:
            [message] = messages
            self.words = (message.queue, _level(message), message.key, self._put(message))
        else:
            self.words = list(chain.from_iterable(runs_of(messages, self._put)))

    def _put(self, message: Message) -> bytes:
        blob = pack(message)
        if len(blob) <= LONG_BYTES or not self._space.transacts:
            return blob
        self.longs.append(("HSETNX", self._space.key("longs"), message.key, blob))
        return b""


def runs_of(messages: Iterable[Message], put: Callable[[Message], bytes] = pack) -> list[list[Word]]:
    """Messages as runs of equal queue, priority and eta, in order; see ``read_run`` in ``common.lua``."""
    runs = []
    for (queue, priority, eta), run in groupby(messages, key=_sort):
        listed = [word for message in run for word in (message.key, put(message))]
        runs.append([len(listed) // 2, queue, priority, "" if eta is None else eta, *listed])
    return runs


def deliveries_of(
    keys: Sequence[bytes], tokens: Sequence[bytes], blobs: Sequence[Any], marks: Sequence[int], revoked: Sequence[Any]
) -> list[Delivery]:
    """What was handed out, see ``deliveries.lua``."""
    # (key, id): a key that looks like that of a retry may have the mark of another task.
    marked = {(keys[revoked[i]], revoked[i + 1].decode()) for i in range(0, len(revoked), 2)}
    came_back = {keys[marks[i]]: (marks[i + 1], bool(marks[i + 2])) for i in range(0, len(marks), 3)}
    deliveries = []
    for key, token, blob in zip(keys, tokens, blobs, strict=True):
        fence, _, _, queue = token.split(b":", 3)
        crashes, suspect = came_back.get(key, _NEVER) if came_back else _NEVER
        message = unpack(blob or b"")
        deliveries.append(
            Delivery(
                message=message,
                queue=queue.decode(),
                tag=Tag((key, token)),
                fence=int(fence),
                crashes=crashes,
                suspect=suspect,
                revoked=bool(marked) and isinstance(message, Message) and (key, message.id) in marked,
            )
        )
    return deliveries


def with_longs(keys: Sequence[bytes], blobs: Sequence[Any], space: Space) -> list[Any]:
    """What was handed out, with the messages that go around Lua in their places; raises as `Space.call`."""
    long = [i for i, blob in enumerate(blobs) if blob == b""]
    whole = list(blobs)
    for i, blob in zip(long, space.call("HMGET", space.key("longs"), *(keys[i] for i in long)), strict=True):
        whole[i] = blob
    return whole


def _sort(message: Message) -> tuple[str, int, float | None]:
    return message.queue, _level(message), message.eta


def _level(message: Message) -> int:
    return min(max(message.priority, 0), 9)
