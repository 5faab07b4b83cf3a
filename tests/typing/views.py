"""What a type checker must make of drawings, counts and progress of workflows; see calls.py."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_type

from kernelq import KernelQ
from kernelq.progress import progress, track
from kernelq.workflow_views import Drawing, Workflow, find

app = KernelQ("typing", set_as_current=False)


@app.task
def add(x: int, y: int) -> int:
    return x + y


result = add.delay(1, 2)

assert_type(result.graph(), Drawing)
assert_type(result.graph().svg(), str)
assert_type(result.completed_count(), int)
assert_type(result.total_count(), int)
assert_type(result.retry_failed(), int)
assert_type(progress(result, description="sum", timeout=1), int)
assert_type(track(result), Iterator[tuple[int, int]])
assert_type(find(app, result.id), Workflow)
