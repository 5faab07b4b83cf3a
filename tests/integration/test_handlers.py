"""What a task's own handlers may do to the worker: nothing."""

import pytest
from kernelq import KernelQ, Task
from kernelq.testing import start_worker


@pytest.mark.parametrize("pool", ["solo", "threads"])
@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, ValueError])
def test_a_handler_that_raises_anything_leaves_the_outcome_and_the_worker_alone(
    pool: str, error: type[BaseException]
) -> None:
    class Raising(Task):
        def on_success(self, *_):
            raise error("from the handler")

    app = KernelQ("t", broker="memory://", backend="memory://", set_as_current=False)
    raising = app.task(name="raising", base=Raising)(lambda: "done")
    plain = app.task(name="plain")(lambda: "next")

    with start_worker(app, pool=pool):
        assert raising.delay().get(timeout=10) == "done"
        assert plain.delay().get(timeout=10) == "next"
