"""The store in a JSON file."""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import unquote

import msgspec
from kernelq.beat import Board, Claim, Mark, NotLeading, Op, Open, ScheduleStore, Sent, instant_of, ticks_of
from kernelq.contracts import BackendError, Broker, Message, pack, unpack

if TYPE_CHECKING:
    from kernelq import KernelQ

log = logging.getLogger("kernelq.beat")

FORMAT = 1


class Content(msgspec.Struct, kw_only=True):
    """What the file holds."""

    kernelq_beat: int = FORMAT
    version: int = 0
    fence: int = 0
    holder: str = ""
    entries: dict[str, dict[str, Any]] = {}
    marks: dict[str, _Mark] = {}
    open: list[_Open] = []


class _Mark(msgspec.Struct, kw_only=True):
    last: int
    count: int = 0
    paused: bool = False


class _Open(msgspec.Struct, kw_only=True):
    key: str
    instant: int
    watched: bool = False
    message: bytes | None = None


@dataclass(slots=True)
class _Led:
    """The lock of who leads, while that is us."""

    descriptor: int | None = None
    holder: str = ""
    pid: int = field(default_factory=os.getpid)


class FileScheduleStore(ScheduleStore):
    """Marks and entries in one file."""

    is_shared: ClassVar[bool] = False

    def __init__(self, app: KernelQ, url: str) -> None:
        self.path = Path(unquote(url.removeprefix("file://"))).absolute()
        self._led = _Led()

    def lead(self, holder: str, lease: float) -> int | None:
        if self._led.pid != os.getpid():
            self.close()  # the lock of a forked child's parent is the parent's
        if self._led.descriptor is not None:
            return self._read().fence if self._led.holder == holder else None
        descriptor = self._opened(".lock")
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        self._led = _Led(descriptor, holder)
        with self._changing() as content:
            content.fence += 1
            content.holder = holder
        return content.fence

    def resign(self, holder: str) -> None:
        if self._led.descriptor is not None and self._led.holder == holder:
            self.close()

    def version(self) -> int:
        return self._read().version

    def board(self) -> Board:
        content = self._read()
        opened = [Open(key=one.key, instant=instant_of(one.instant), message=_message(one)) for one in content.open]
        return Board(
            version=content.version,
            entries=content.entries,
            marks={
                key: Mark(last=instant_of(mark.last), count=mark.count, paused=mark.paused)
                for key, mark in content.marks.items()
            },
            open=sorted(opened, key=lambda one: one.instant),
        )

    def claim(self, claim: Claim, *, fence: int, broker: Broker | None = None) -> bool:
        with self._changing() as content:
            if content.fence != fence or self._led.descriptor is None:
                raise NotLeading(claim.key)
            mark = content.marks.get(claim.key)
            if (None if mark is None else mark.last) != (None if claim.seen is None else ticks_of(claim.seen)):
                return False
            mark = mark or _Mark(last=0)
            last, sent = ticks_of(claim.last), claim.message is not None
            content.marks[claim.key] = _Mark(last=last, count=mark.count + sent, paused=mark.paused)
            if claim.message is not None:
                packed = pack(claim.message)
                content.open.append(_Open(key=claim.key, instant=last, watched=claim.watched, message=packed))
        return True

    def put(self, name: str, definition: dict[str, Any], *, is_new: bool) -> bool:
        with self._changing() as content:
            if (name not in content.entries) != is_new:
                return False
            content.entries[name] = definition
            content.version += 1
        return True

    def remove(self, key: str) -> bool:
        origin, _, name = key.partition(":")
        with self._changing() as content:
            known = content.marks.pop(key, None) is not None
            if origin == "store":
                known |= content.entries.pop(name, None) is not None
            content.open = [one for one in content.open if one.key != key]
            content.version += 1
        return known

    def pause(self, key: str, paused: bool, *, now: float) -> None:
        with self._changing() as content:
            mark = content.marks.setdefault(key, _Mark(last=ticks_of(now)))
            if mark.paused and not paused:
                mark.last = max(mark.last, ticks_of(now))
            mark.paused = paused
            content.version += 1

    def apply(self, ops: Sequence[Op]) -> Sequence[Message]:
        with self._changing() as content:
            for op in ops:
                content.open = [left for one in content.open if (left := _after(op, one)) is not None]
        return ()

    def close(self) -> None:
        """Lead no more. Of a forked child: leave the parent's lock alone, which closing a copy of it does."""
        if self._led.descriptor is not None:
            os.close(self._led.descriptor)
        self._led = _Led()

    # --- the file

    def _read(self) -> Content:
        """What the file holds; a new one is empty, and one of somebody else's is set aside."""
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=Content)
        except FileNotFoundError:
            return Content()
        except OSError as error:
            raise BackendError(f"cannot read the schedule {str(self.path)!r}: {error.strerror}") from error
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            aside = self.path.with_name(self.path.name + ".old")
            log.warning("%s is no schedule of kernelq's (%s); it is set aside as %s", self.path, error, aside.name)
            self.path.replace(aside)
            return Content()

    @contextmanager
    def _changing(self) -> Iterator[Content]:
        """A block that changes what the file holds, if it ends well and changed anything; others wait."""
        descriptor = self._opened(".edit")
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            content = self._read()
            before = msgspec.json.encode(content)
            yield content
            after = msgspec.json.encode(content)
            if after != before:
                self._write(after)
        finally:
            os.close(descriptor)

    def _write(self, raw: bytes) -> None:
        draft = self.path.with_name(self.path.name + ".new")
        self._or_error(lambda: _save(draft, raw))
        self._or_error(lambda: draft.replace(self.path))

    def _opened(self, suffix: str) -> int:
        path = self.path.with_name(self.path.name + suffix)
        descriptor: int = self._or_error(lambda: os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644))
        return descriptor

    def _or_error(self, do: Callable[[], Any]) -> Any:
        try:
            return do()
        except OSError as error:
            raise BackendError(f"cannot write the schedule {str(self.path)!r}: {error.strerror}") from error


def _save(path: Path, raw: bytes) -> None:
    with path.open("wb") as file:
        file.write(raw)
        file.flush()
        os.fsync(file.fileno())


def _after(op: Op, one: _Open) -> _Open | None:
    """What is left of an open occurrence."""
    if one.key != op.key or one.instant != ticks_of(op.instant):
        return one
    if isinstance(op, Sent) and one.watched:
        one.message = None
        return one
    return None


def _message(one: _Open) -> Message | None:
    message = None if one.message is None else unpack(one.message)
    return message if isinstance(message, Message) else None
