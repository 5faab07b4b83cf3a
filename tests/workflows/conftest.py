"""Apps with workers that run one workflow after the other."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from kernelq import KernelQ
from kernelq.testing import start_worker
from workflows.places import LEASE, PROJECT, runner_in, yard_on
from workflows.runner import Runner
from workflows.tasks import define


@pytest.fixture(scope="module")
def in_memory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    """Runs workflows on the memory engine, with a worker of threads in this process."""
    folder = tmp_path_factory.mktemp("flows")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FAULTS_RUNS", str(folder))
        with KernelQ("flows", broker="memory://", backend="memory://", set_as_current=False) as app:
            tasks = define(app)
            with start_worker(app, pool="threads", concurrency=4):
                yield Runner(app, tasks, folder, patience=20.0)


@pytest.fixture(scope="module")
def on_server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    """Runs workflows on the engine that is the parameter, with two prefork children."""
    yard = yard_on(request, tmp_path_factory.mktemp("flows"))
    yard.start(PROJECT, concurrency=2, worker_lease=LEASE)
    yield runner_in(yard)
    yard.close()
