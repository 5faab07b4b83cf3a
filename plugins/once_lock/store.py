"""Where an app keeps its claims: found from its settings, made on first use."""

from __future__ import annotations

from typing import Any, Final

from kernelq import KernelQ
from kernelq.contracts import CapabilityMissing, StashKey, load_driver, mask, offered
from kernelq.errors import DriverNotFound, scheme

from .celery_form import once_url
from .contract import LockStore

KIND: Final = "lock store"
EAGER: Final = "memory://once-eager"
"""Where calls that run in place claim, unless a store is named."""

_FOUND: StashKey[dict[Any, LockStore]] = StashKey()


def lock_store(app: KernelQ) -> LockStore:
    """The store of the app's claims: that of the setting `once_store`, else of `ONCE`, else on the broker's engine, else on the
    result backend's.

    The broker's comes before the backend's because what is on its engine is committed together with the ends of tasks.

    Raises:
        CapabilityMissing: there is none; says what to configure.
        DriverNotFound: the settings name an engine without a driver.
    """
    own = app.conf.once_store or once_url(app)
    if own:
        return _made(app, own)
    for url in (app.broker_url, app.backend_url):
        if url and scheme(url) in offered(KIND):
            try:
                return _made(app, url)
            except DriverNotFound:
                continue  # its plugin is disabled, or its library missing
    able = ", ".join(sorted(offered(KIND)))
    raise CapabilityMissing(
        f"tasks that are queued once need a store of claims, which neither the broker {mask(app.broker_url)} nor the result backend "
        f"{mask(app.backend_url or 'disabled')} has; set once_store to the URL of one of: {able}"
    )


def eager_store(app: KernelQ) -> LockStore:
    """The store for calls that run in place: the one that is named, else this process's memory."""
    return _made(app, app.conf.once_store or once_url(app) or EAGER)


def close_stores(app: KernelQ) -> None:
    """Close what was made; the next use makes it anew."""
    for store in app.stash.pop(_FOUND, {}).values():
        store.close()


def _made(app: KernelQ, url: str) -> LockStore:
    known = app.stash.setdefault(_FOUND, {})
    if url not in known:
        driver = load_driver(KIND, scheme(url), disabled=app.disabled)
        known[url] = driver(app, url)
    return known[url]
