"""The file store: claims in a folder of one machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from kernelq.contracts import BackendError, BackendUnavailable, ImproperlyConfigured, Message
from kernelq.locks import ANYBODY, Claim, Holder, Keep, LockStore, Op

from .folder import Entry, Folder

if TYPE_CHECKING:
    from kernelq import KernelQ


class FileLockStore(LockStore):
    """Claims in files. `now` is the clock of claims, this machine's; tests set it."""

    def __init__(self, app: KernelQ, url: str, *, now: Callable[[], float] = time.time) -> None:
        path = unquote(url.partition("://")[2])
        if not path.startswith("/"):
            raise ImproperlyConfigured(f"expected a URL such as file:///var/lib/myapp/once, got {url!r}")
        self._folder = Folder(Path(path))
        self.now = now

    def claim(self, claims: Sequence[Claim]) -> list[Holder | None]:
        with self._open() as now:
            return [self._claim(claim, now) for claim in claims]

    def apply(self, ops: Sequence[Op]) -> Sequence[Message]:
        with self._open() as now:
            for op in ops:
                entry = self._find(op.key, now)
                if entry is None or entry.token != op.token:
                    continue
                if isinstance(op, Keep):
                    entry.queue, entry.ends_at = op.queue, now + op.ttl
                    self._folder.write(entry)
                else:
                    self._folder.drop(op.key)
        return ()

    def holders(self, keys: Collection[str]) -> dict[str, Holder]:
        with self._open() as now:
            found = {key: self._find(key, now) for key in keys}
        return {key: _seen(entry, now) for key, entry in found.items() if entry is not None}

    def claims(self, limit: int = 1000) -> list[Holder]:
        with self._open() as now:
            return [_seen(entry, now) for entry in self._folder.every() if not _is_over(entry, now)][:limit]

    def free(self, key: str) -> bool:
        with self._open() as now:
            entry = self._find(key, now)
            self._folder.drop(key)
        return entry is not None

    def cleanup(self) -> int:
        with self._open() as now:
            over = [entry.key for entry in self._folder.every() if _is_over(entry, now)]
            for key in over:
                self._folder.drop(key)
        return len(over)

    def _claim(self, claim: Claim, now: float) -> Holder | None:
        entry = self._find(claim.key, now)
        if entry is not None and claim.over != ANYBODY and entry.token not in (claim.token, claim.over):
            return _seen(entry, now)
        mine = Entry(
            key=claim.key, token=claim.token, task=claim.task, queue=claim.queue, since=now, ends_at=now + claim.ttl
        )
        self._folder.write(mine)
        return None

    def _find(self, key: str, now: float) -> Entry | None:
        entry = self._folder.read(key)
        return None if entry is None or _is_over(entry, now) else entry

    @contextmanager
    def _open(self) -> Iterator[float]:
        """The folder to oneself; the present instant."""
        try:
            with self._folder.locked():
                yield self.now()
        except ImportError as error:
            raise BackendError("the file lock store needs fcntl, which this system does not have") from error
        except OSError as error:
            raise BackendUnavailable(f"cannot use the lock folder {self._folder.path}: {error}") from error


def _is_over(entry: Entry, now: float) -> bool:
    return not entry.queue and entry.ends_at <= now


def _seen(entry: Entry, now: float) -> Holder:
    return Holder(
        key=entry.key, token=entry.token, task=entry.task, queue=entry.queue, since=entry.since,
        remaining=entry.ends_at - now,
    )  # fmt: skip
