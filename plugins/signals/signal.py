"""The signal: functions connected to a moment, and calling them when it comes."""

from __future__ import annotations

import inspect
import logging
import threading
import weakref
from collections import defaultdict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar, overload

import blinker

from .retried import Retried

Receiver = Callable[..., Any]
F = TypeVar("F", bound=Receiver)

log = logging.getLogger("kernelq.signals")


class Signal:
    """A moment others may hear of. Receivers are called on the sender's thread, in the order they connected.

    Those connected to every sender come before those of one sender. A receiver connected twice is called once. Any
    thread may connect, disconnect and send.
    """

    def __init__(self, name: str, doc: str, *, is_strict: bool = False) -> None:
        """`is_strict`: a receiver's exception goes to whoever sent, and ends the sending."""
        self.name = name
        self.__doc__ = doc
        self.is_strict = is_strict
        self.on_connect: Callable[[], None] = _nobody_waits
        """Called after each `connect`; for whoever has to feed this signal only from then on."""
        self._bonds = _Bonds()
        self.receivers = self._bonds.receivers
        """Empty when nobody is connected; only its truth is public."""
        self._named: dict[tuple[Hashable, Hashable], Callable[[], Receiver | None]] = {}
        self._lock = threading.Lock()

    @overload
    def connect(
        self, fn: F, sender: Any = None, weak: bool = True, dispatch_uid: Hashable = None, retry: bool = False
    ) -> F: ...

    @overload
    def connect(
        self, fn: None = None, sender: Any = None, weak: bool = True, dispatch_uid: Hashable = None, retry: bool = False
    ) -> Callable[[F], F]: ...

    def connect(
        self, fn: Any = None, sender: Any = None, weak: bool = True, dispatch_uid: Hashable = None, retry: bool = False
    ) -> Any:
        """Connect a receiver and return it; without one, return a decorator that does.

        With a `sender` it hears that sender only: texts are compared by value, everything else by identity. Kept by a
        weak reference, so a receiver nobody else keeps is gone, unless `weak` is off. Under one `dispatch_uid` and
        sender only the first live receiver counts. With `retry` a receiver that raises is called again, after 2,
        4, … 30 s, until it returns, and everything behind it waits; it is kept strongly.

        Raises:
            ValueError: the receiver does not accept ``**kwargs``; a later version may send more than this one.
        """
        if fn is None:
            return lambda receiver: self.connect(receiver, sender, weak, dispatch_uid, retry)
        _check(fn, self.name)
        receiver = Retried(fn, self.name) if retry else fn
        if retry and dispatch_uid is None:
            dispatch_uid = _identity(fn)  # finds the wrapper again when `fn` is disconnected
        self._bind(receiver, _behind_proxy(sender), dispatch_uid, weak=weak and not retry)
        self.on_connect()
        return fn

    def disconnect(self, receiver: Receiver | None = None, sender: Any = None, dispatch_uid: Hashable = None) -> bool:
        """Undo `connect`; False when it was not connected.

        By the receiver: without a `sender` it hears none any more. Or by the `dispatch_uid` and the sender it was
        connected with.
        """
        sender = _behind_proxy(sender)
        with self._lock:
            uid = _identity(receiver) if dispatch_uid is None else dispatch_uid
            reference = self._named.pop((uid, _identity(sender)), None)
            known = receiver if reference is None else reference()
            if known is None or known not in self._live(sender):
                return False
            self._bonds.disconnect(known, blinker.ANY if sender is None else sender)
            return True

    def send(self, sender: Any, **named: Any) -> list[tuple[Receiver, Any]]:
        """Call every receiver with ``signal=``, ``sender=`` and `named`; return (receiver, its answer) of each.

        An exception is logged and stands in the place of the answer; the other receivers still run.
        """
        if not self.receivers:
            return []
        answers: list[tuple[Receiver, Any]] = []
        for receiver in self._in_order(_behind_proxy(sender)):
            try:
                answer = receiver(signal=self, sender=sender, **named)
            except Exception as error:
                if self.is_strict:
                    raise
                log.exception("receiver %s of the signal %s failed", _name(receiver), self.name)
                answer = error
            answers.append((receiver, answer))
        return answers

    send_robust = send

    def has_listeners(self, sender: Any = None) -> bool:
        """Whether anybody would hear this sender; without one, whether anybody is connected."""
        return bool(self._live(_behind_proxy(sender)))

    def _bind(self, receiver: Receiver, sender: Any, uid: Hashable, *, weak: bool) -> None:
        with self._lock:
            if uid is not None:
                place = (uid, _identity(sender))
                known = self._named.get(place, _nobody)()
                if known is not None and known in self._live(sender):
                    return
                self._named[place] = _reference(receiver) if weak else lambda: receiver
            self._bonds.connect(receiver, blinker.ANY if sender is None else sender, weak=weak)

    def _in_order(self, sender: Any) -> list[Receiver]:
        """Who hears this sender, in the order of connecting; blinker gives those of all senders first."""
        found = list(self._bonds.receivers_for(sender))
        if len(found) > 1:
            places = {
                identity: place for place, identity in enumerate(list(self.receivers))
            }  # others connect meanwhile
            found.sort(key=lambda receiver: places.get(_identity(receiver), len(places)))
        return found

    def _live(self, sender: Any) -> list[Receiver]:
        if sender is not None:
            return list(self._bonds.receivers_for(sender))
        references = list(self.receivers.values())
        return [one for one in (r() if isinstance(r, weakref.ref) else r for r in references) if one is not None]

    def __repr__(self) -> str:
        return f"<Signal: {self.name}>"


class _InOrder(dict[Hashable, None]):
    """What blinker asks of its sets, in the order of adding; each operation is one step under the GIL."""

    def add(self, item: Hashable) -> None:
        self[item] = None

    def discard(self, item: Hashable) -> None:
        self.pop(item, None)


class _Buckets(defaultdict[Hashable, Any]):
    """Receivers by sender; blinker goes through them when a receiver is gone, while others connect to new senders."""

    def values(self) -> list[Any]:  # type: ignore[override]  # a copy made in one step under the GIL
        return list(super().values())


class _Bonds(blinker.Signal):
    """Blinker's bookkeeping of receivers, senders and weak references; its `send` calls in another manner."""

    set_class = _InOrder  # type: ignore[assignment]  # it offers all that blinker uses of a set

    def __init__(self) -> None:
        super().__init__()
        self._by_sender = _Buckets(self.set_class)


def _check(fn: Any, name: str) -> None:
    if not callable(fn):
        raise TypeError(
            f"expected a function to connect to {name}, got {fn!r}; a sender goes by keyword: @{name}.connect(sender=…)"
        )
    try:
        parameters = inspect.signature(fn).parameters.values()
    except (TypeError, ValueError):
        return  # written in C, without a signature to look at
    if all(parameter.kind is not parameter.VAR_KEYWORD for parameter in parameters):
        raise ValueError(f"a receiver of {name} must accept **kwargs, and {_name(fn)} does not; add it")


def _behind_proxy(sender: Any) -> Any:
    """The object a proxy stands for, by the method such proxies have in Celery and Flask; others as they are."""
    return sender._get_current_object() if hasattr(type(sender), "_get_current_object") else sender


def _identity(thing: Any) -> Hashable:
    if thing is None or isinstance(thing, str | int):
        return thing
    if inspect.ismethod(thing):
        return id(thing.__func__), id(thing.__self__)  # a bound method is a new object at every look
    return id(thing)


def _reference(receiver: Receiver) -> Callable[[], Receiver | None]:
    return weakref.WeakMethod(receiver) if inspect.ismethod(receiver) else weakref.ref(receiver)


def _name(receiver: Receiver) -> str:
    where = getattr(receiver, "__module__", None)
    name = getattr(receiver, "__qualname__", None)
    return f"{where}.{name}" if where and name else repr(receiver)


def _nobody() -> None:
    """The reference to no receiver."""


def _nobody_waits() -> None:
    """What `Signal.on_connect` does until somebody sets it."""
