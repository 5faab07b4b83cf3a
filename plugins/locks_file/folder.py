"""A folder of small files, each a value under a key, and the lock under which they are read and written."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

LONGEST = 50
"""Characters of a file's name, as celery-once's were."""

_NOT_PLAIN = re.compile(r"[^A-Za-z0-9.-]+")


class Entry(msgspec.Struct, kw_only=True):
    """One claim; instants are UTC epoch seconds."""

    key: str
    token: str
    task: str
    queue: str
    since: float
    ends_at: float


class Folder:
    """Claims in files. `locked` is held around every other method."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep every other thread and process out. Raises `OSError`."""
        import fcntl  # here: there is none on Windows, and a plugin is to be listed there too

        self.path.mkdir(parents=True, exist_ok=True)
        # Opened anew each time: so it keeps other threads out too, and ends with the file or with this process.
        with (self.path / ".lock").open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def read(self, key: str) -> Entry | None:
        """The claim on a key."""
        return _entry(self._file(key))

    def write(self, entry: Entry) -> None:
        """Write a claim in the place of an earlier one."""
        file = self._file(entry.key)
        new = file.with_suffix(".new")
        new.write_bytes(msgspec.json.encode(entry))
        os.replace(new, file)

    def drop(self, key: str) -> None:
        """Forget a claim, if there is one."""
        self._file(key).unlink(missing_ok=True)

    def every(self) -> list[Entry]:
        """All claims, the oldest first."""
        found = [entry for entry in map(_entry, self.path.glob("*.once")) if entry is not None]
        return sorted(found, key=lambda entry: entry.since)

    def _file(self, key: str) -> Path:
        digest = hashlib.md5(key.encode(), usedforsecurity=False).hexdigest()
        head = _NOT_PLAIN.sub("_", key)[: LONGEST - len(digest) - 1]
        return self.path / f"{head}_{digest}.once"


def _entry(file: Path) -> Entry | None:
    """What a file says; None for none, or for one somebody else wrote."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=Entry)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None
