"""Queue once with workers: stores on the broker's engine and elsewhere, brokers that can be asked and one that cannot."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from threading import Event, Lock, Thread
from typing import Any

import pytest
from kernelq import AlreadyQueued, Ignore, KernelQ, QueueOnce, Reject, chain, uuid
from kernelq.once import lock_store
from kernelq.testing import start_worker
from sqlalchemy import create_engine
from sqlalchemy.orm import Session
from waiting import until

PLACES = ("memory", "sqlite", "redis", "postgresql", "file beside redis", "redis beside sqlite", "file beside rabbitmq")


@pytest.fixture(params=PLACES)
def app(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[KernelQ]:
    def redis() -> str:
        return f"redis://127.0.0.1:{request.getfixturevalue('redis_server').port}/0?prefix={uuid()}"

    sqlite, file = f"sqlite:///{tmp_path}/kernelq.sqlite3", f"file://{tmp_path}/once"
    place: Callable[[], tuple[str, str | None, str | None]] = {
        "memory": lambda: ("memory://", "memory://", None),
        "sqlite": lambda: (sqlite, sqlite, None),
        "redis": lambda: ((url := redis()), url, None),
        "postgresql": lambda: ((url := _database(request.getfixturevalue("postgres_server"))), url, None),
        "file beside redis": lambda: ((url := redis()), url, file),
        "redis beside sqlite": lambda: (sqlite, sqlite, redis()),
        "file beside rabbitmq": lambda: (_vhost(request.getfixturevalue("rabbit_server")), sqlite, file),
    }[request.param]
    broker, backend, store = place()
    with KernelQ("once", broker=broker, backend=backend, once_store=store, set_as_current=False) as app:
        yield app


def _database(server: Any) -> str:
    url: str = server.fresh(f"once_{uuid().replace('-', '')}")
    return url


def _vhost(server: Any) -> str:
    name = f"once{uuid().replace('-', '')}"
    server.control("add_vhost", name)
    server.control("set_permissions", "-p", name, "guest", ".*", ".*", ".*")
    return f"{server.url.rstrip('/')}/{name}"


@pytest.mark.parametrize("how", ["success", "failure", "ignored", "rejected", "retried", "expired"])
def test_the_same_work_is_queued_again_after_every_ending(app, how):
    opened = Event()

    @app.task(base=QueueOnce, bind=True, name="work", throws=(ValueError,), once={"keys": []}, max_retries=1)
    def work(self: Any, how: str) -> str:
        assert opened.wait(30)
        if how == "failure":
            raise ValueError(how)
        if how == "ignored":
            raise Ignore
        if how == "rejected":
            raise Reject(how)
        if how == "retried":
            raise self.retry(countdown=0, exc=ValueError(how))
        return how

    result = work.apply_async((how,), expires=-1.0 if how == "expired" else None)
    with start_worker(app, pool="threads"):
        if how != "expired":
            with pytest.raises(AlreadyQueued) as refused:
                work.delay("again")
            assert refused.value.task_id == result.id
        opened.set()
        until(lambda: not lock_store(app).claims(), "the key to be free")
        assert work.delay("success").get(timeout=30) == "success"


def test_a_claim_lasts_while_its_task_runs(app):
    opened, begun = Event(), Event()
    app.conf.worker_lease = 2.0

    @app.task(base=QueueOnce, name="work", once={"timeout": 2})
    def work() -> None:
        begun.set()
        assert opened.wait(30)

    first = work.delay()
    with start_worker(app, pool="threads"):
        assert begun.wait(30)
        key = work.get_key()
        seen = lock_store(app).holders([key])[key].since
        until(lambda: _age(app, key, seen) > 3.0, "the claim to outlast its timeout")
        with pytest.raises(AlreadyQueued) as refused:
            work.delay()
        opened.set()
        until(lambda: not lock_store(app).claims(), "the key to be free")
    assert refused.value.task_id == first.id


def test_of_many_calls_of_the_same_work_no_two_ever_run_at_once(app):
    guard, running, worst, ran = Lock(), [0, 0, 0], [0], [0]

    @app.task(
        base=QueueOnce,
        bind=True,
        name="work",
        throws=(ValueError,),
        max_retries=1,
        once={"keys": ["key"], "graceful": True},
    )
    def work(self: Any, key: int, how: int) -> None:
        with guard:
            running[key] += 1
            ran[0] += 1
            worst[0] = max(worst[0], running[key])
        try:
            if how == 1:
                raise self.retry(countdown=0, exc=ValueError("again"))
            if how == 2:
                raise Reject("no")
        finally:
            with guard:
                running[key] -= 1

    def call(seed: int) -> None:
        chances = random.Random(seed)
        while ran[0] < 40:
            work.delay(chances.randrange(3), chances.randrange(4))

    with start_worker(app, pool="threads", concurrency=4):
        callers = [Thread(target=call, args=(seed,)) for seed in range(4)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        until(lambda: not lock_store(app).claims(), "every key to be free")

    assert worst == [1]


def test_steps_that_workers_publish_never_run_beside_one_of_the_same_key(app):
    guard, running, worst, ran = Lock(), [0], [0], [0]

    @app.task(name="first")
    def first(n: int) -> int:
        return n

    @app.task(base=QueueOnce, name="work", once={"keys": []}, autoretry_for=(AlreadyQueued,), max_retries=None,
              retry_kwargs={"countdown": 0.01})  # fmt: skip
    def work(n: int) -> int:
        with guard:
            running[0] += 1
            ran[0] += 1
            worst[0] = max(worst[0], running[0])
        time.sleep(0.01)
        with guard:
            running[0] -= 1
        return n

    with start_worker(app, pool="threads", concurrency=4):
        results = [chain(first.s(n), work.s(), work.s()).delay() for n in range(8)]
        assert [result.get(timeout=60) for result in results] == list(range(8))
        until(lambda: not lock_store(app).claims(), "every key to be free")

    assert (worst, ran) == ([1], [16])


def test_a_step_whose_key_is_held_fails_with_who_holds_it(app):
    opened = Event()

    @app.task(name="first")
    def first() -> None: ...

    @app.task(base=QueueOnce, name="work", once={"keys": []})
    def work() -> None:
        assert opened.wait(30)

    holder = work.apply_async(countdown=3600)
    result = chain(first.si(), work.si(), first.si()).delay()
    with start_worker(app, pool="threads"), pytest.raises(AlreadyQueued) as refused:
        result.get(timeout=30)

    assert refused.value.task_id == holder.id
    assert refused.value.key == "qo_work"
    assert [claim.token for claim in lock_store(app).claims()] == [holder.id]


def test_a_call_within_a_transaction_holds_its_key_until_that_is_undone(tmp_path):
    url = f"sqlite:///{tmp_path}/kernelq.sqlite3"
    database = create_engine(url)
    with KernelQ("once", broker=url, backend=url, set_as_current=False) as app:
        work: Any = app.task(lambda: None, base=QueueOnce, name="work", once={"timeout": 0.2})
        with Session(database) as session:
            first = work.apply_async(session=session)
            session.commit()
        with pytest.raises(AlreadyQueued) as refused:
            work.delay()
        assert refused.value.task_id == first.id
        app.broker.purge("default")
        until(lambda: lock_store(app).claims()[0].remaining < 0, "the claim's time to be up")

        with Session(database) as session:
            undone = work.apply_async(session=session)
            session.rollback()
        assert lock_store(app).claims()[0].token == undone.id
        until(lambda: lock_store(app).claims()[0].remaining < 0, "the claim's time to be up")

        assert work.delay()
    database.dispose()


def _age(app: KernelQ, key: str, since: float) -> float:
    assert key in lock_store(app).holders([key])
    return time.time() - since
