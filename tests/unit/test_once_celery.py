"""What users of celery-once wrote goes on working: its settings, and the flows of its README."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from kernelq import AlreadyQueued, KernelQ, QueueOnce
from kernelq.contracts import ImproperlyConfigured
from kernelq.once import lock_store
from kernelq_plugins.once_lock.celery_form import once_url


def configured(app: KernelQ, backend: str, **settings: Any) -> KernelQ:
    app.conf.ONCE = {"backend": f"celery_once.backends.{backend}", "settings": settings}
    return app


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("redis://localhost:6379/0", "redis://localhost:6379/0"),
        ("redis://:password@localhost:6379/1", "redis://:password@localhost:6379/1"),
        ("rediss://host/2", "rediss://host/2"),
        ("redis+socket:///tmp/redis.sock?db=2", "unix:///tmp/redis.sock?db=2"),
    ],
)
def test_redis_is_found_by_celery_once_s_urls(app, given, url):
    assert once_url(configured(app, "Redis", url=given)) == url


def test_any_other_url_is_a_value_error(app):
    with pytest.raises(ValueError, match="Unsupported protocol amqp"):
        once_url(configured(app, "Redis", url="amqp://host"))


def test_files_are_kept_at_the_location(app, tmp_path):
    configured(app, "File", location=str(tmp_path / "once"), default_timeout=60)
    work = app.task(lambda: None, base=QueueOnce, name="work")

    work.delay()

    assert 0 < lock_store(app).claims()[0].remaining <= 60
    [file] = (tmp_path / "once").glob("*.once")
    assert len(file.stem) <= 50


def test_files_are_kept_in_the_folder_for_passing_things_without_a_location(app):
    assert Path(once_url(configured(app, "File")).removeprefix("file://")).name == "celery_once"


def test_a_backend_of_one_s_own_is_an_error_that_names_the_way_out(app):
    app.conf.ONCE = {"backend": "mine.Etcd", "settings": {}}

    with pytest.raises(
        ImproperlyConfigured, match=r"got 'mine.Etcd' \(setting ONCE\); a store of one's own is a driver"
    ):
        lock_store(app)


def test_settings_of_both_ages_go_together():
    with KernelQ("proj", broker="memory://", set_as_current=False) as app:
        app.conf.update(task_ignore_result=True, ONCE={"settings": {"default_timeout": 7}})

        assert app.task(lambda: None, base=QueueOnce, name="work").default_timeout == 7


def test_a_blocking_call_waits_for_the_key(app, lane_of):
    app.conf.ONCE = {"settings": {"blocking": True, "blocking_timeout": 30}}
    work: Any = app.task(lambda: None, base=QueueOnce, name="work")
    work.delay()
    lane = lane_of(app)
    delivery = lane.take()

    import threading

    runner = threading.Timer(0.1, lane.run, (delivery,))
    runner.start()
    second = work.delay()
    runner.join()

    assert lock_store(app).claims()[0].token == second.id


# --- the README


def test_a_task_is_queued_once_until_it_has_run(app, lane_of):
    @app.task(base=QueueOnce)
    def slow_task() -> str:
        return "Done!"

    slow_task.apply_async()
    with pytest.raises(AlreadyQueued):
        slow_task.apply_async()
    lane_of(app).run_all()

    assert slow_task.apply_async()


def test_arguments_tell_calls_apart(app):
    @app.task(base=QueueOnce)
    def slow_add(a: int, b: int) -> int:
        return a + b

    slow_add.apply_async(args=(1, 1))
    slow_add.apply_async(args=(1, 2))
    with pytest.raises(AlreadyQueued):
        slow_add.apply_async(args=(1, 1))


def test_graceful_gives_none_for_a_refused_call(app):
    @app.task(base=QueueOnce, once={"graceful": True})
    def slow_task() -> None: ...

    @app.task(base=QueueOnce)
    def other() -> None: ...

    slow_task.apply_async(), other.apply_async()

    assert slow_task.apply_async().result is None
    assert other.apply_async(once={"graceful": True}).result is None


def test_keys_make_the_lock(app):
    @app.task(base=QueueOnce, once={"keys": ["a"]})
    def slow_add(a: int, b: int) -> int:
        return a + b

    slow_add.delay(1, 1)
    with pytest.raises(AlreadyQueued) as refused:
        slow_add.delay(1, 2)
    assert 0 < refused.value.countdown <= 3600
    assert slow_add.delay(2, 2)


def test_the_timeout_is_the_task_s_or_the_call_s(app):
    @app.task(base=QueueOnce, once={"timeout": 60 * 60 * 10})
    def long_running_task() -> None: ...

    long_running_task.delay()
    with pytest.raises(AlreadyQueued) as refused:
        long_running_task.delay()
    assert 3600 < refused.value.countdown <= 36000

    lock_store(app).free(long_running_task.get_key())
    long_running_task.apply_async(once={"timeout": 10})
    with pytest.raises(AlreadyQueued) as refused:
        long_running_task.delay()
    assert refused.value.countdown <= 10


def test_a_task_unlocked_before_its_run_may_be_queued_while_it_runs(app, lane_of):
    queued: list[Any] = []

    @app.task(base=QueueOnce, once={"unlock_before_run": True})
    def slow_task() -> None:
        queued.append(slow_task.apply_async())

    slow_task.apply_async()
    lane_of(app).run()

    assert queued
    assert slow_task.unlock_before_run()


def test_a_class_based_task_is_queued_once(app):
    class Example(QueueOnce):
        name = "example"
        once = {"keys": ["a"]}

        def run(self, a: int, b: int) -> int:
            return a + b

    task = app.register_task(Example())
    task.delay(1, 2)

    with pytest.raises(AlreadyQueued):
        task.delay(1, 3)
    assert task.get_key((1, 2)) == "qo_example_a-1"
