"""The bench a lock store is tested on: its app and the store, made and closed for every test."""

from __future__ import annotations

from typing import Any

from kernelq import KernelQ
from kernelq.contracts import load_driver
from kernelq.locks import Claim, LockStore

from .store_bench import StoreBench

BRIEF = 0.2
"""Seconds a claim lasts that a test sees ended."""
ENOUGH = 3600.0
"""Seconds that do not pass while a test runs."""


class LockBench(StoreBench):
    """What a subclass says about its store, and the fixtures made of it."""

    def make_store(self, app: KernelQ) -> LockStore:
        return store_of(app, app.broker_url)


def store_of(app: KernelQ, url: str) -> LockStore:
    """The store of a URL."""
    driver: Any = load_driver("lock store", url.partition("://")[0].partition("+")[0])
    store: LockStore = driver(app, url)
    return store


def claim(key: str, token: str, **fields: Any) -> Claim:
    """A claim of a sample task that waits in a queue."""
    return Claim(**{"key": key, "token": token, "task": "tests.add", "ttl": ENOUGH, "queue": "q", **fields})


def had(store: LockStore, *claims: Claim) -> list[str | None]:
    """Of each claim: None when it was had, else whose the key is."""
    return [None if holder is None else holder.token for holder in store.claim(claims)]


def owners(store: LockStore, keys: str) -> dict[str, str]:
    """Key → token, for these keys of one letter."""
    return {key: holder.token for key, holder in store.holders(list(keys)).items()}
