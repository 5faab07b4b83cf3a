"""A worker in the test's own process."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from kernelq import KernelQ, Worker
from kernelq.pools import Stop


@contextmanager
def start_worker(
    app: KernelQ,
    *,
    concurrency: int = 1,
    pool: str = "solo",
    loglevel: str | int | None = None,
    logfile: str | None = None,
    hostname: str | None = None,
    queues: Sequence[str] | None = None,
    perform_ping_check: bool = True,
    shutdown_timeout: float = 10.0,
    **worker_options: Any,
) -> Iterator[Worker]:
    """Run a worker of `app` in a thread of this process, children and all for prefork, while the block lasts.

    Gives the worker once every lane consumes (unless `perform_ping_check` is off). At the end it is stopped warm, then
    quick when `shutdown_timeout` seconds were not enough. An error that ended it is raised at the end of the block.

    Raises:
        TimeoutError: it was not ready within 30 s, or did not end.
    """
    worker = app.Worker(
        concurrency=concurrency, pool=pool, loglevel=loglevel, logfile=logfile, hostname=hostname, queues=queues,
        **worker_options,
    )  # fmt: skip
    errors: list[BaseException] = []
    ended = threading.Event()

    def run() -> None:
        try:
            worker.run()
        except BaseException as error:  # noqa: BLE001  (raised again in the test's thread)
            errors.append(error)
        finally:
            ended.set()
            worker.ready.set()  # nobody waits for it any more

    thread = threading.Thread(target=run, name="test-worker", daemon=True)
    thread.start()
    try:
        if perform_ping_check and not worker.ready.wait(30.0):
            raise TimeoutError(f"the worker {worker.hostname} was not ready within 30 s")
        if not errors:
            yield worker
    finally:
        worker.stop()
        if not ended.wait(shutdown_timeout):
            worker.stop(Stop.QUICK)
            if not ended.wait(shutdown_timeout):
                raise TimeoutError(f"the worker {worker.hostname} did not end within {shutdown_timeout:g} s")
        thread.join()
    if errors:
        raise errors[0]
