"""`kernelq.testing.start_worker`."""

import pytest
from kernelq import KernelQ
from kernelq.errors import StepFailed
from kernelq.testing import start_worker


@pytest.mark.parametrize("pool", ["solo", "threads"])
def test_a_worker_runs_tasks_while_the_block_lasts(pool: str) -> None:
    app = KernelQ("t", broker="memory://", backend="memory://", set_as_current=False)
    add = app.task(name="add")(lambda x, y: x + y)

    with start_worker(app, pool=pool, concurrency=2) as worker:
        assert add.delay(1, 2).get(timeout=30) == 3
        assert worker.ready.is_set()

    add.delay(3, 4)
    assert [stats.ready for stats in app.broker.queues()] == [1]


def test_a_worker_that_cannot_start_says_why_in_the_test() -> None:
    app = KernelQ("t", broker="memory://", include=["no_such_module"], set_as_current=False)

    with (
        pytest.raises(StepFailed, match="bootstep 'Tasks' could not start: No module named 'no_such_module'"),
        start_worker(app),
    ):
        pytest.fail("the block must not run")
