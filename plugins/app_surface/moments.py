"""The signals of one app: `on_configure` and its kin."""

from __future__ import annotations

import inspect
import os
from functools import cache
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from kernelq.contracts import StashKey

if TYPE_CHECKING:
    from kernelq import KernelQ
    from kernelq.signals import Signal

TEXTS = {
    "on_configure": "The settings were read; those set now take effect for everybody: no arguments.",
    "on_after_configure": "The settings stand: source (the settings).",
    "on_after_finalize": "Every task is bound: no arguments.",
    "on_after_fork": "In a child just forked; connections of the parent are forgotten: no arguments.",
}
"""Signal → when it is sent, and with which arguments; the sender is the app."""

SIGNALS: StashKey[dict[str, Signal]] = StashKey()
TOLD: StashKey[set[str]] = StashKey()
"""Those sent already; ``configuring`` while `on_configure` is on its way."""

_forking: WeakSet[KernelQ] = WeakSet()
"""The apps whose `on_after_fork` was asked for."""


def signal_of(app: KernelQ, name: str) -> Signal:
    """The app's signal of this name, made when it is first asked for."""
    from kernelq.signals import Signal  # here: an app that connects nothing needs no machinery of signals

    if name == "on_after_fork":
        _forking.add(app)
        _watch_forks()
    return app.stash.setdefault(SIGNALS, {}).setdefault(name, Signal(name, TEXTS[name]))


def tell_once(app: KernelQ, name: str, **named: Any) -> None:
    """Send a signal of the app to whoever connected, unless it was sent before."""
    told = app.stash.setdefault(TOLD, set())
    if name not in told:
        told.add(name)
        _tell(app, name, **named)


def configure(app: KernelQ) -> None:
    """Send `on_configure`, or call the method that a subclass put in its place; once."""
    told = app.stash.setdefault(TOLD, set())
    if "on_configure" in told:
        return
    told |= {"on_configure", "configuring"}
    try:
        own = inspect.getattr_static(type(app), "on_configure", None)
        if inspect.isfunction(own):
            own(app)
        else:
            _tell(app, "on_configure")
    finally:
        told.discard("configuring")


def after_configure(app: KernelQ) -> None:
    """Send `on_after_configure`; once, and not inside `on_configure`, which may take another source of settings."""
    if "configuring" not in app.stash.setdefault(TOLD, set()):
        tell_once(app, "on_after_configure", source=app.conf)


def _tell(app: KernelQ, name: str, **named: Any) -> None:
    nobody: dict[str, Signal] = {}
    signal = app.stash.get(SIGNALS, nobody).get(name)
    if signal is not None:
        signal.send(app, **named)


@cache
def _watch_forks() -> None:
    os.register_at_fork(after_in_child=_tell_of_fork)


def _tell_of_fork() -> None:
    # After the kernel's own: handlers in a child run in the order they were registered.
    for app in list(_forking):
        _tell(app, "on_after_fork")
