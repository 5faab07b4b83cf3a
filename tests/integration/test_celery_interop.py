"""Celery on the other side of a RabbitMQ queue: its clients with our workers, our clients with its workers."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from celery.signals import before_task_publish
from kernelq import KernelQ, uuid
from kernelq.testing import start_worker
from servers import RabbitServer
from waiting import until

PATIENCE = 30.0
"""Seconds a test waits for what must come."""

# What Celery and kombu warn of themselves is theirs.
pytestmark = pytest.mark.filterwarnings("default")


# --- a Celery client and a worker of ours


def make_ours(url: str, queue: str, **settings: Any) -> KernelQ:
    """An app of ours on queues as Celery declares them."""
    settings = {"task_default_queue_type": "classic", "task_default_queue": queue, **settings}
    return KernelQ("ours", broker=url, backend="rpc://", set_as_current=False, **settings)


@pytest.fixture(scope="module")
def ours(rabbit_server: RabbitServer) -> Iterator[KernelQ]:
    """A worker of ours; the queue's name is its `task_default_queue`."""
    with make_ours(rabbit_server.url, f"ours-{uuid()}") as app:

        @app.task(name="ours.add")
        def add(x: int, y: int) -> int:
            return x + y

        @app.task(name="ours.fail")
        def fail(text: str) -> None:
            raise ValueError(text)

        @app.task(name="ours.about", bind=True)
        def about(self: Any) -> dict[str, Any]:
            message = self.request.message
            return {
                "id": message.id,
                "retries": message.retries,
                "expires": message.expires,
                "timelimit": message.timelimit,
                "headers": message.headers,
                "route": [message.exchange, message.routing_key],
                "now": time.time(),
            }

        @app.task(name="ours.again", bind=True, max_retries=3)
        def again(self: Any) -> int:
            if self.request.retries < 2:
                raise self.retry(countdown=0.1)
            return int(self.request.retries)

        with start_worker(app):
            yield app


@pytest.fixture(scope="module")
def celery_client(ours: KernelQ) -> Iterator[Celery]:
    """Sends to the worker of ours."""
    with Celery("client", broker=ours.conf.broker_url, backend="rpc://", set_as_current=False) as client:
        client.conf.update(task_default_queue=ours.conf.task_default_queue)
        yield client
        hang_up(client)


def hang_up(client: Celery) -> None:
    """Close what Celery leaves open: the connection that its results came by."""
    consumer = client.backend.result_consumer
    if consumer._consumer is not None:
        consumer._consumer.connection.close()


def test_a_celery_client_gets_the_result_of_our_worker(celery_client: Celery) -> None:
    assert celery_client.send_task("ours.add", (2, 3)).get(timeout=PATIENCE) == 5


def test_a_celery_client_gets_the_exception_of_our_worker(celery_client: Celery) -> None:
    result = celery_client.send_task("ours.fail", ("größe",))

    with pytest.raises(ValueError, match="größe"):
        result.get(timeout=PATIENCE)
    assert result.state == "FAILURE"
    assert "raise ValueError(text)" in result.traceback


def test_many_results_of_our_worker_find_their_way(celery_client: Celery) -> None:
    results = [celery_client.send_task("ours.add", (number, number)) for number in range(50)]

    assert [result.get(timeout=PATIENCE) for result in results] == [2 * number for number in range(50)]


def test_our_worker_understands_the_headers_of_a_celery_client(celery_client: Celery) -> None:
    result = celery_client.send_task(
        "ours.about", expires=3600, time_limit=30.5, soft_time_limit=20, headers={"extra": {"weight": 0.5}}
    )

    about = result.get(timeout=PATIENCE)

    assert about["id"] == result.id
    assert 3500 < about["expires"] - about["now"] <= 3600
    assert about["timelimit"] == [30.5, 20]
    assert about["headers"]["extra"] == {"weight": 0.5}


def test_a_countdown_of_a_celery_client_is_kept_by_our_worker(celery_client: Celery) -> None:
    sent = time.time()

    about = celery_client.send_task("ours.about", countdown=0.6).get(timeout=PATIENCE)

    assert about["now"] >= sent + 0.6


def test_a_message_of_a_celery_client_that_expired_is_revoked_by_our_worker(celery_client: Celery) -> None:
    def expire(headers: dict[str, Any], **_: Any) -> None:
        headers["expires"] = "2020-01-01T00:00:00+00:00"

    # By the option `expires` Celery gives it a time to live of none, and RabbitMQ drops what no consumer takes at once.
    before_task_publish.connect(expire)
    try:
        result = celery_client.send_task("ours.add", (1, 1))
    finally:
        before_task_publish.disconnect(expire)

    with pytest.raises(Exception, match="expired"):
        result.get(timeout=PATIENCE)
    assert result.state == "REVOKED"


def test_a_retry_in_our_worker_ends_at_the_celery_client(celery_client: Celery) -> None:
    assert celery_client.send_task("ours.again").get(timeout=PATIENCE) == 2


def test_what_a_celery_client_sends_to_the_exchange_of_our_queue_arrives(celery_client: Celery, ours: KernelQ) -> None:
    queue = ours.conf.task_default_queue

    result = celery_client.send_task("ours.about", exchange=queue, routing_key=queue)

    assert result.get(timeout=PATIENCE)["route"] == [queue, queue]


@pytest.mark.parametrize("compression", ["zlib", "bzip2", "lzma", "zstd", "brotli"])
def test_our_worker_reads_what_a_celery_client_compressed(celery_client: Celery, compression: str) -> None:
    result = celery_client.send_task("ours.add", ("x" * 500, "y"), compression=compression)

    assert result.get(timeout=PATIENCE) == "x" * 500 + "y"


def test_what_a_celery_client_compressed_by_a_method_nobody_knows_is_kept_with_the_reason(
    celery_client: Celery, ours: KernelQ
) -> None:
    celery_client.send_task("ours.add", (2, 3), headers={"compression": "application/x-squashed"})

    letter = until(lambda: ours.broker.dead(queue=ours.conf.task_default_queue))[0]

    assert letter.reason == "undecodable"
    ours.broker.dead_purge([letter.ref])


def test_priorities_of_a_celery_client_are_kept(rabbit_server: RabbitServer) -> None:
    queue = f"ours-{uuid()}"
    order: list[str] = []
    with (
        make_ours(rabbit_server.url, queue, task_queue_max_priority=10, task_default_queue_type=None) as app,
        Celery("client", broker=rabbit_server.url, backend="rpc://", set_as_current=False) as client,
    ):
        # Confirmed: all are in the queue before the worker takes the first.
        confirmed = {"broker_transport_options": {"confirm_publish": True}}
        client.conf.update(task_default_queue=queue, task_queue_max_priority=10, **confirmed)
        app.task(name="ours.note")(order.append)
        results = [client.send_task("ours.note", (str(each),), priority=each) for each in (1, 9, 5)]

        with start_worker(app):
            for result in results:
                result.get(timeout=PATIENCE)
        hang_up(client)

    assert order == ["9", "5", "1"]


# --- a client of ours and a Celery worker


class CeleryWorker:
    """A Celery worker as a process, on a queue of its own."""

    def __init__(self, url: str, folder: Path) -> None:
        self.queue = f"side-{uuid()}"
        self._log = folder / "celery.log"
        environment = os.environ | {
            "SIDE_BROKER": url,
            "SIDE_QUEUE": self.queue,
            "SIDE_PRIORITIES": "1",
            "PYTHONPATH": str(Path(__file__).parent),
            "PYTHONWARNINGS": "ignore",
        }
        command = ["-m", "celery", "-A", "celery_side", "worker", "-P", "solo", "-l", "INFO"]
        quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat", "-Q", self.queue]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, *command, *quiet], cwd=folder, env=environment, stdout=log, stderr=log
            )

    @property
    def log(self) -> str:
        return self._log.read_text()

    def until_ready(self) -> None:
        until(lambda: " ready." in self.log or self._process.poll() is not None)
        assert self._process.poll() is None, self.log

    def close(self) -> None:
        self._process.kill()  # a warm stop of Celery's waits for its connection, which the tests may have cut
        self._process.wait()


@pytest.fixture(scope="module")
def celery_worker(rabbit_server: RabbitServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CeleryWorker]:
    worker = CeleryWorker(rabbit_server.url, tmp_path_factory.mktemp("celery"))
    try:
        worker.until_ready()
        yield worker
    finally:
        worker.close()


@pytest.fixture(scope="module")
def our_client(rabbit_server: RabbitServer, celery_worker: CeleryWorker) -> Iterator[KernelQ]:
    with make_ours(
        rabbit_server.url, celery_worker.queue, task_queue_max_priority=10, task_default_queue_type=None
    ) as app:
        yield app


def test_our_client_gets_the_result_of_a_celery_worker(our_client: KernelQ) -> None:
    assert our_client.send_task("side.add", (2, 3)).get(timeout=PATIENCE) == 5


def test_our_client_gets_the_exception_of_a_celery_worker(our_client: KernelQ) -> None:
    result = our_client.send_task("side.fail", ("größe",))

    with pytest.raises(ValueError, match="größe"):
        result.get(timeout=PATIENCE)
    assert "raise ValueError(text)" in result.traceback


@pytest.mark.parametrize("compression", ["gzip", "bzip2", "xz", "zstandard", "brotli"])
def test_a_celery_worker_reads_what_we_compressed(our_client: KernelQ, compression: str) -> None:
    result = our_client.send_task("side.add", ("x" * 500, "y"), compression=compression)

    assert result.get(timeout=PATIENCE) == "x" * 500 + "y"


def test_a_celery_worker_understands_our_headers(our_client: KernelQ) -> None:
    result = our_client.send_task(
        "side.about", expires=3600, priority=7, time_limit=30.5, soft_time_limit=20, headers={"extra": "own"}
    )

    about = result.get(timeout=PATIENCE)

    assert (about["id"], about["retries"], about["priority"]) == (result.id, 0, 7)
    assert about["timelimit"] == [30.5, 20]
    assert about["expires"] is not None
    assert about["extra"] == "own"


def test_our_countdown_is_kept_by_the_server_for_a_celery_worker(our_client: KernelQ) -> None:
    sent = time.time()

    about = our_client.send_task("side.about", countdown=0.6).get(timeout=PATIENCE)

    assert about["now"] >= sent + 0.55


def test_a_retry_in_a_celery_worker_ends_at_our_client(our_client: KernelQ) -> None:
    assert our_client.send_task("side.again").get(timeout=PATIENCE) == 2


def test_a_message_of_ours_that_expired_is_revoked_by_a_celery_worker(our_client: KernelQ) -> None:
    result = our_client.send_task("side.add", (1, 1), expires=-1)

    with pytest.raises(Exception, match="expired"):
        result.get(timeout=PATIENCE)


def test_our_priorities_are_kept_by_a_celery_worker(our_client: KernelQ, tmp_path: Path) -> None:
    gate, notes = tmp_path / "gate", tmp_path / "notes"
    our_client.send_task("side.wait_for", (str(gate),))
    results = [our_client.send_task("side.note", (str(notes), str(each)), priority=each) for each in (1, 9, 5)]

    gate.touch()
    for result in results:
        result.get(timeout=PATIENCE)

    # One message may be in the worker's hands already when the others come.
    assert notes.read_text() in ("951", "195")
