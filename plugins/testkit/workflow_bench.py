"""The bench a workflow store is tested on: its app and the store, made and closed for every test."""

from __future__ import annotations

from typing import Any

from kernelq import KernelQ
from kernelq.contracts import Message, load_driver
from kernelq.workflows import Arrive, Close, Keep, Op, Open, WorkflowStore

from .samples import message
from .store_bench import StoreBench

BRIEF = 0.2
"""Seconds something lasts that a test sees outlived."""
ENOUGH = 3600.0
"""Seconds that do not pass while a test runs."""


class WorkflowBench(StoreBench):
    """What a subclass says about its store, and the fixtures made of it."""

    def make_store(self, app: KernelQ) -> WorkflowStore:
        return store_of(app)


def store_of(app: KernelQ) -> WorkflowStore:
    """A store on the engine of an app's broker."""
    driver: Any = load_driver("workflow store", app.broker_url.partition("://")[0].partition("+")[0])
    store: WorkflowStore = driver(app, app.broker_url)
    return store


def opening(join: str, size: int | None = None, **fields: Any) -> Open:
    """Open a join whose message bears its name."""
    return Open(**{"join": join, "message": message(f"after {join}"), "size": size, **fields})


def arriving(join: str, *places: int, failed: bool = False) -> list[Arrive]:
    """The arrivals at these places, each with a part of its own."""
    return [Arrive(join=join, place=place, part=part_of(place), failed=failed) for place in places]


def meeting(join: str, size: int, *places: int) -> list[Op]:
    """Open a join and arrive at some of its places."""
    return [opening(join, size), *arriving(join, *places)]


def part_of(place: int) -> bytes:
    """The part that a sample member brings to its place."""
    return b"part \x00 %d" % place


def fired(messages: Any) -> list[str]:
    """The joins whose messages these are, each once: a store may give one twice."""
    return list(dict.fromkeys(each.id.removeprefix("after ") for each in messages))


def state_of(store: WorkflowStore, join: str = "j") -> tuple[str, int, int | None] | None:
    """State, places taken, and the place that failed first."""
    found = store.join(join)
    return (found.state, found.arrived, found.failed) if found else None


def every_op(join: str) -> list[Op]:
    """A small life of a join and of a value: opened, met, closed; kept."""
    return [*meeting(join, 1, 0), Close(join=join, ttl=ENOUGH), Keep(key=join, value=b"kept")]


EVERY_FIELD = Message(
    id="after j",
    task="kernelq.chord",
    body=bytes(range(256)),
    content_type="application/x-test",
    queue="größe",
    priority=7,
    root_id="root",
    parent_id="parent",
    chord="outer/3",
    stamps={"build": ["1"]},
    stamped_headers=("build",),
    headers={"tenant": "ключ"},
)
