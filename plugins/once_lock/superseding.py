"""Order: of calls that replace one another, the older are dropped when they are fetched."""

from __future__ import annotations

import logging
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from kernelq import KernelQ, hookimpl
from kernelq.contracts import BackendError
from msgspec.structs import replace

from .contract import ANYBODY, Claim, LockStore
from .errors import Superseded
from .mark import mark_of
from .rule import REPLACING
from .store import lock_store

if TYPE_CHECKING:
    from kernelq import Context

log = logging.getLogger("kernelq.once")


def take_place(store: LockStore, wanted: Claim) -> bool:
    """Claim, whoever holds the key; whether anybody did. Raises `BackendUnavailable`."""
    [holder] = store.claim([wanted])
    if holder is not None:
        store.claim([replace(wanted, over=ANYBODY)])
    return holder is not None


class Order:
    """A plugin of its own, registered with the first task that replaces."""

    @hookimpl(wrapper=True, tryfirst=True)  # nobody else is to prepare anything for what does not run
    def call_task(self, app: KernelQ, request: Context) -> Generator[None, Any, Any]:
        """Drop a call whose key belongs to another one by now."""
        message = request.message
        mark = None if message is None or request.is_eager else mark_of(message)
        if message is not None and mark is not None and mark.policy in REPLACING:
            try:
                holder = lock_store(app).holders([mark.key]).get(mark.key)
            except BackendError as error:
                log.warning("%s[%s] runs although a newer one may wait: %s", message.task, message.id, error)
                holder = None
            if holder is not None and holder.token != message.id:
                raise Superseded(f"superseded by {holder.token}")
        return (yield)
