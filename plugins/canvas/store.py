"""Where an app keeps its workflows: found from its settings, made on first use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kernelq import KernelQ
from kernelq.contracts import CapabilityMissing, Effect, StashKey, load_driver, mask, offered
from kernelq.errors import DriverNotFound, scheme

from .contract import Op, WorkflowStore

KIND = "workflow store"


class ChordsNotSupported(CapabilityMissing, NotImplementedError):
    """Nothing here can hold the parts of a chord until all are there."""


_FOUND: StashKey[dict[Any, WorkflowStore | None]] = StashKey()


def store_of(app: KernelQ) -> WorkflowStore | None:
    """The store of the app's workflows: that of the setting `canvas_store`, else on the broker's engine, else on the backend's.

    The broker's comes before the backend's because what is on its engine is committed together with the ends of tasks.
    None: no driver for either.

    Raises:
        DriverNotFound: the setting names an engine without a driver.
    """
    known = app.stash.setdefault(_FOUND, {})
    urls = (app.conf.canvas_store, app.broker_url, app.backend_url)
    if urls not in known:
        known[urls] = _make(app, *urls)
    return known[urls]


def required_store(app: KernelQ, what: str) -> WorkflowStore:
    """The store, for `what` needs one.

    Raises:
        ChordsNotSupported: there is none; says what to configure.
    """
    store = store_of(app)
    if store is None:
        able = ", ".join(sorted(offered(KIND)))
        raise ChordsNotSupported(
            f"{what} needs a store that counts the ends of its tasks, which neither the broker {mask(app.broker_url)} nor the result "
            f"backend {mask(app.backend_url or 'disabled')} has; set result_backend or canvas_store to one of: {able}"
        )
    return store


def close_store(app: KernelQ) -> None:
    """Close what `store_of` made; the next use makes it anew."""
    for store in app.stash.pop(_FOUND, {}).values():
        if store is not None:
            store.close()


def effects(store: WorkflowStore | None, ops: Sequence[Op]) -> list[Effect]:
    """Operations as effects of a run's end."""
    return [] if store is None else [Effect(store, op) for op in ops]


def _make(app: KernelQ, own: str | None, *others: str | None) -> WorkflowStore | None:
    if own:
        return _driver(app, own)
    for url in others:
        if url and scheme(url) in offered(KIND):
            try:
                return _driver(app, url)
            except DriverNotFound:
                continue  # its plugin is disabled, or its library missing
    return None


def _driver(app: KernelQ, url: str) -> WorkflowStore:
    driver = load_driver(KIND, scheme(url), disabled=app.disabled)
    store: WorkflowStore = driver(app, url)
    return store
