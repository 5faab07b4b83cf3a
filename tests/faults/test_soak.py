"""A worker that has run very many tasks is as large as it was: ``pytest -m soak tests/faults/test_soak.py``."""

from __future__ import annotations

import os

import psutil
import pytest
from faults.engines import ALL, on
from waiting import until

pytestmark = [pytest.mark.faults, pytest.mark.soak, pytest.mark.timeout(0)]

TASKS = int(os.environ.get("FAULTS_SOAK") or 1_000_000)
CHUNK = 5_000

MOST_GROWTH_BYTES = 8 * 1024 * 1024
"""From a tenth of the way on: caches and the allocator's arenas are full by then."""


@on(ALL)
def test_a_million_tasks_leave_no_memory_and_no_descriptors_behind(yard):
    """A18."""
    worker = yard.start(concurrency=1)
    (child,) = worker.some_children()
    processes = [psutil.Process(worker.pid), child]

    sizes = []
    for done in range(0, TASKS, CHUNK):
        publisher = yard.app.publisher
        messages = [publisher.message(None, "faulty.nothing", (), {}, {"ignore_result": True}) for _ in range(CHUNK)]
        publisher.publish(messages)
        until(yard.is_empty, "all of them to have run", patience=600)
        if done >= TASKS // 10:
            sizes.append([(each.memory_info().rss, each.num_fds(), each.num_threads()) for each in processes])

    for first, last in zip(sizes[0], sizes[-1], strict=True):
        print(first, last)
        assert last[0] - first[0] <= MOST_GROWTH_BYTES
        assert last[1:] == first[1:]
