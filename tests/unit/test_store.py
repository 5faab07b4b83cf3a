"""Stores and pools: what their contracts leave to drivers, and what they do without."""

from __future__ import annotations

from typing import Any

import pytest
from kernelq.contracts import Backend, Store, Watch
from kernelq.pools import Pool


class Plain(Store):
    def apply(self, ops: Any) -> Any:
        return ()


class PlainBackend(Plain, Backend):
    def get_many(self, ids: Any) -> Any:
        return {}

    def watch(self, ids: Any) -> Any:
        return PlainWatch()

    def forget(self, ids: Any) -> None: ...


class PlainWatch(Watch):
    is_closed = False

    def changes(self, timeout: float) -> Any:
        return []

    def close(self) -> None:
        self.is_closed = True


class PlainPool(Pool):
    def run(self) -> None: ...

    def stop(self, how: Any) -> None: ...


def test_a_store_on_no_shared_engine_has_nothing_to_do_in_a_transaction() -> None:
    store = Plain()

    assert store.engine is None
    with pytest.raises(NotImplementedError):
        store.apply_within(None, [])


def test_a_backend_need_not_clean_up_nor_close() -> None:
    backend = PlainBackend()

    assert backend.cleanup() == 0
    backend.close()


def test_a_watch_is_closed_at_the_end_of_its_block() -> None:
    with PlainBackend().watch([]) as watch:
        assert not watch.is_closed

    assert watch.is_closed


def test_a_pool_need_not_be_able_to_break_out_of_tasks() -> None:
    host: Any = object()

    pool = PlainPool(host)
    pool.abandon()

    assert (pool.host, pool.limits, pool.lanes) == (host, False, 1)
