"""Queue once: who is refused, how claims end, and what the policies make of a second call."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from kernelq import (
    AlreadyQueued,
    KernelQ,
    NotAccepted,
    Option,
    QueueOnce,
    Reject,
    Retry,
    Task,
    chain,
    chord,
    group,
    hookimpl,
    uuid,
)
from kernelq.contracts import Admission, BrokerUnavailable, CapabilityMissing, ImproperlyConfigured
from kernelq.errors import DriverNotFound
from kernelq.locks import Claim
from kernelq.once import Superseded, lock_store


@pytest.fixture
def add(app: KernelQ) -> Any:
    @app.task(base=QueueOnce, name="add")
    def add(a: int, b: int) -> int:
        return a + b

    return add


def held(app: KernelQ) -> list[str]:
    """The keys that are held, by age."""
    return [holder.key for holder in lock_store(app).claims()]


def run_late(app: KernelQ) -> None:
    """Let an hour pass."""
    engine: Any = app.broker.engine
    before = engine.now
    engine.now = lambda: before() + 3601.0


# --- refusing


def test_a_second_call_is_refused_and_names_the_first(app, add):
    first = add.delay(1, 2)

    with pytest.raises(AlreadyQueued) as refused:
        add.apply_async((1,), {"b": 2})

    assert refused.value.task_id == first.id
    assert 3540 < refused.value.countdown <= 3600
    assert refused.value.message == f"Expires in {refused.value.countdown} seconds"
    assert app.broker.queues()[0].ready == 1


def test_other_arguments_are_other_work(app, add):
    add.delay(1, 2), add.delay(1, 3)

    assert held(app) == ["qo_add_a-1_b-2", "qo_add_a-1_b-3"]


def test_a_graceful_call_gives_a_rejected_result(add):
    add.delay(1, 2)

    refused = add.apply_async((1, 2), once={"graceful": True})

    assert (refused.id, refused.result, refused.state) == (None, None, "REJECTED")
    assert str(refused) == "None"


def test_a_graceful_task_s_delay_is_graceful(app):
    @app.task(base=QueueOnce, once={"graceful": True})
    def work() -> None: ...

    work.delay()

    assert work.delay().state == "REJECTED"
    with pytest.raises(AlreadyQueued):
        work.apply_async(once={"graceful": False})


def test_once_alone_makes_a_task_one_of_these(app):
    @app.task(once={"keys": ["a"]})
    def work(a: int, b: int) -> None: ...

    work.delay(1, 2)

    with pytest.raises(AlreadyQueued):
        work.delay(1, 3)
    assert isinstance(work, QueueOnce)


def test_a_task_called_by_name_is_queued_once(app, add):
    first = app.send_task("add", (1, 2))

    with pytest.raises(AlreadyQueued) as refused:
        add.delay(1, 2)
    assert refused.value.task_id == first.id


def test_an_asynchronous_call_is_refused(add):
    async def call_twice() -> Any:
        await add.adelay(1, 2)
        graceful = await add.aapply_async((1, 2), once={"graceful": True})
        with pytest.raises(AlreadyQueued):
            await add.adelay(1, 2)
        return graceful

    assert asyncio.run(call_twice()).state == "REJECTED"


def test_of_a_bulk_only_the_second_of_two_is_refused(app, add):
    bulk = app.bulk()
    one, two, three = bulk.delay(add, 1, 2), bulk.delay(add, 1, 2), bulk.delay(add, 1, 3)

    with pytest.raises(NotAccepted, match="held by task") as refused:
        bulk.flush()

    assert list(refused.value.errors) == [two.id]
    assert {holder.token for holder in lock_store(app).claims()} == {one.id, three.id}


def test_a_call_may_set_its_timeout(app, add):
    add.apply_async((1, 2), once={"timeout": 60})

    assert lock_store(app).claims()[0].remaining <= 60


def test_what_only_the_task_may_say_is_refused_of_a_call(add):
    with pytest.raises(TypeError, match="'keys' in once= of a call of add"):
        add.apply_async((1, 2), once={"keys": []})


@pytest.mark.parametrize(
    ("once", "text"),
    [
        ({"key": ["a"]}, "got 'key'"),
        ({"keys": "a"}, "expected keys to be a list of argument names, got 'a'"),
        ({"policy": "ask"}, "got 'ask'"),
        ({"policy": "throttle"}, "the policy throttle needs a period"),
        ({"period": 3}, "a period is for the policies debounce and throttle"),
        ({"timeout": "soon"}, "expected timeout in seconds, got 'soon'"),
        ({"timeout": 0}, "expected a timeout above 0"),
        ({"keep": "all"}, "expected keep='latest', got 'all'"),
        ({"keep": "latest", "policy": "refuse"}, "does not go with"),
    ],
)
def test_a_rule_that_cannot_be_read_is_an_error_at_the_call(app, once, text):
    @app.task(base=QueueOnce, once=once, name="work")
    def work(a: int) -> None: ...

    with pytest.raises(ImproperlyConfigured, match=text):
        work.delay(1)


def test_a_subclass_that_overrides_everything_keeps_working(app, lane_of):
    seen: list[str] = []

    class Base(QueueOnce):
        def apply_async(self, *args: Any, **options: Any) -> Any:
            seen.append("called")
            return super().apply_async(*args, **options)

        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            seen.append("runs")
            return super().__call__(*args, **kwargs)

        def after_return(self, *args: Any) -> None:
            seen.append("returned")
            super().after_return(*args)

    @app.task(base=Base)
    def work() -> None: ...

    work.delay()
    with pytest.raises(AlreadyQueued):
        work.delay()
    lane_of(app).run_all()
    work.delay()

    assert seen == ["called", "called", "runs", "returned", "called"]


def test_a_task_without_once_is_asked_for_nothing(app):
    @app.task
    def work() -> None: ...

    work.delay()

    assert not app.plugins.heard("admit")


def test_direct_calls_and_apply_hold_nothing(app, add):
    assert add(1, 2) == 3
    assert add.apply((1, 2)).get() == 3

    assert held(app) == []


# --- eager


def test_an_eager_call_holds_its_key_while_it_runs(app):
    app.conf.task_always_eager = True

    @app.task(base=QueueOnce, bind=True)
    def work(self: Any, again: bool) -> str:
        return str(work.apply_async((again,), once={"graceful": True}).state) if again else "done"

    assert work.delay(True).get() == "REJECTED"
    assert work.delay(True).get() == "REJECTED"
    assert work.delay(False).get() == "done"


def test_an_eager_call_frees_its_key_before_it_runs_if_asked_to(app):
    app.conf.task_always_eager = True
    depth: list[int] = []

    @app.task(base=QueueOnce, once={"unlock_before_run": True})
    def work() -> int:
        depth.append(1)
        return work.delay().get(disable_sync_subtasks=False) if len(depth) < 3 else 3

    assert work.delay().get() == 3


# --- endings


def ends(app: KernelQ, how: str) -> Any:
    """A task that ends so."""

    @app.task(base=QueueOnce, bind=True, name="ending", max_retries=1, throws=(ValueError,))
    def work(self: Task[..., Any]) -> None:
        from kernelq import Ignore

        if how == "failure":
            raise ValueError(how)
        if how == "ignored":
            raise Ignore
        if how == "rejected":
            raise Reject(how)
        if how == "retried and failed":
            raise self.retry(countdown=0)

    return work


@pytest.mark.parametrize("how", ["success", "failure", "ignored", "rejected", "retried and failed"])
def test_the_end_of_a_run_frees_its_key(app, lane_of, how):
    work = ends(app, how)
    work.delay()

    lane_of(app).run_all()

    assert held(app) == []
    assert work.delay()


def test_an_expired_task_frees_its_key(app, add, lane_of):
    add.apply_async((1, 2), expires=-1)

    lane_of(app).run_all()

    assert held(app) == []


def test_a_task_that_killed_its_worker_too_often_frees_its_key(app, add, lane_of):
    from kernelq.contracts import Transition, Verdict

    add.delay(1, 2)
    lane = lane_of(app)
    for _ in range(app.conf.task_max_crashes + 1):
        lane.settler.settle([Transition(delivery=lane.take(), verdict=Verdict.CRASHED)])
        assert held(app) == ["qo_add_a-1_b-2"]

    lane.run_all()

    assert held(app) == []
    assert len(app.broker.dead()) == 1


def test_arguments_that_cannot_be_read_free_their_key(app, add, lane_of):
    add.delay(1, 2)
    app.conf.task_max_size = 1

    lane_of(app).run_all()

    assert len(app.broker.dead()) == 1
    assert held(app) == []


def test_a_worker_that_does_not_know_the_task_frees_its_key_when_it_gives_up(app, add, lane_of):
    add.delay(1, 2)
    with KernelQ("other", broker="memory://", set_as_current=False, task_unknown_ttl=0.0) as other:
        other.broker.engine.condition, other.broker.engine._spaces = (
            app.broker.engine.condition,
            app.broker.engine._spaces,
        )
        lane_of(other).run_all()

    assert len(app.broker.dead()) == 1
    assert held(app) == []


def test_a_publish_that_fails_frees_its_key(app, add, monkeypatch):
    app.broker  # noqa: B018  (made before its method is replaced)

    def away(messages: Any) -> None:
        raise BrokerUnavailable("gone")

    with monkeypatch.context() as patch:
        patch.setattr(app.broker, "publish", away)
        with pytest.raises(BrokerUnavailable):
            add.apply_async((1, 2), retry=False)

    assert held(app) == []
    assert add.delay(1, 2)


def test_a_publish_that_is_accepted_at_the_second_try_keeps_its_key(app, add, monkeypatch):
    publish, tries = app.broker.publish, []

    def away_at_first(messages: Any) -> None:
        tries.append(messages)
        if len(tries) == 1:
            raise BrokerUnavailable("gone")
        publish(messages)

    monkeypatch.setattr(app.broker, "publish", away_at_first)
    result = add.apply_async((1, 2), retry_policy={"interval_start": 0})

    assert [holder.token for holder in lock_store(app).claims()] == [result.id]
    assert lock_store(app).claims()[0].queue == "default"


def test_a_publisher_that_dies_before_its_message_is_accepted_keeps_the_key_for_moments_only(app, add, monkeypatch):
    def die(messages: Any) -> None:
        raise SystemExit

    add.delay(9, 9)  # the queue is not empty
    with monkeypatch.context() as patch:
        patch.setattr(app.broker, "publish", die)
        with pytest.raises(SystemExit):
            add.delay(1, 2)
    with pytest.raises(AlreadyQueued):
        add.delay(1, 2)
    engine: Any = app.broker.engine
    before = engine.now
    engine.now = lambda: before() + 15.0

    assert add.delay(1, 2)


def test_a_retry_keeps_the_key(app, lane_of):
    work = ends(app, "retried and failed")
    result = work.delay()
    lane = lane_of(app)

    lane.run()

    with pytest.raises(AlreadyQueued) as refused:
        work.delay()
    assert refused.value.task_id == result.id


def test_a_task_given_back_keeps_the_key(app, lane_of):
    @app.task(base=QueueOnce)
    def work() -> None:
        raise Reject("later", requeue=True)

    work.delay()

    lane_of(app).run()

    assert held(app) == [work.get_key()]


def test_the_task_that_takes_its_place_keeps_the_key_and_frees_it(app, lane_of):
    @app.task
    def plain() -> str:
        return "in its place"

    @app.task(base=QueueOnce, bind=True)
    def work(self: Any) -> None:
        raise self.replace(plain.s())

    result = work.delay()
    lane = lane_of(app)
    lane.run()
    assert held(app) == [work.get_key()]

    lane.run_all()

    assert result.get() == "in its place"
    assert held(app) == []


def test_a_key_is_free_before_the_run_if_asked_to(app, lane_of):
    seen: list[list[str]] = []

    @app.task(base=QueueOnce, once={"unlock_before_run": True})
    def work() -> None:
        seen.append(held(app))

    work.delay()
    with pytest.raises(AlreadyQueued):
        work.delay()
    lane_of(app).run()

    assert seen == [[]]


def test_a_second_run_s_end_does_not_free_the_key_of_another(app, lane_of):
    @app.task(base=QueueOnce, once={"unlock_before_run": True})
    def work() -> None:
        if not again:
            again.append(work.delay())

    again: list[Any] = []
    work.delay()

    lane_of(app).run()

    assert [holder.token for holder in lock_store(app).claims()] == [again[0].id]


# --- time


def test_a_claim_past_its_timeout_goes_on_while_its_message_waits(app, add):
    first = add.delay(1, 2)
    run_late(app)

    with pytest.raises(AlreadyQueued) as refused:
        add.delay(1, 2)

    assert refused.value.task_id == first.id


def test_a_claim_past_its_timeout_goes_on_while_its_task_runs(app, lane_of):
    refused: list[str | None] = []

    @app.task(base=QueueOnce)
    def work() -> None:
        run_late(app)
        with pytest.raises(AlreadyQueued) as error:
            work.delay()
        refused.append(error.value.task_id)

    result = work.delay()
    lane_of(app).run()

    assert refused == [result.id]


def test_a_claim_past_its_timeout_is_had_when_its_message_is_gone(app, add):
    add.delay(1, 2)
    app.broker.purge("default")
    with pytest.raises(AlreadyQueued):
        add.delay(1, 2)

    run_late(app)

    assert add.delay(1, 2)


def test_a_task_acknowledged_before_its_run_holds_its_key_by_time(app, lane_of):
    seen: list[Any] = []

    @app.task(base=QueueOnce, acks_late=False)
    def work() -> None:
        seen.extend(lock_store(app).claims())

    work.delay()
    lane_of(app).run()

    assert [(holder.queue, holder.remaining <= app.conf.worker_lease) for holder in seen] == [("", True)]
    assert held(app) == []


# --- policies


def test_the_result_of_the_holder_is_returned(app):
    @app.task(base=QueueOnce, once={"policy": "return_existing"})
    def work() -> None: ...

    assert work.delay().id == work.delay().id


def test_a_member_of_a_group_is_never_another_task(app):
    @app.task(base=QueueOnce, once={"policy": "return_existing"})
    def work() -> None: ...

    work.delay()

    for canvas in (group(work.si()), chain(work.si(), work.si()), chord([work.si()], work.si())):
        with pytest.raises(AlreadyQueued):
            canvas.delay()


@pytest.mark.parametrize("once", [{"policy": "replace", "keys": []}, {"keep": "latest", "keys": []}])
def test_the_newest_call_runs_and_the_others_are_superseded(app, lane_of, once):
    ran: list[int] = []

    @app.task(base=QueueOnce, once=once, ignore_result=False)
    def work(n: int) -> None:
        ran.append(n)

    results = [work.delay(n) for n in range(3)]
    lane_of(app).run_all()

    assert ran == [2]
    assert [(each.state, each.reason) for each in results] == [
        ("REVOKED", "superseded"), ("REVOKED", "superseded"), ("SUCCESS", None),
    ]  # fmt: skip
    run_late(app)
    assert held(app) == []


def test_an_older_call_that_is_fetched_after_the_newer_has_ended_is_superseded(app, lane_of):
    ran: list[int] = []

    @app.task(base=QueueOnce, once={"keep": "latest", "keys": []})
    def work(n: int) -> None:
        ran.append(n)

    older, newer = work.apply_async((1,), queue="slow"), work.delay(2)
    lane_of(app).run_all()
    lane_of(app, "slow").run_all()

    assert ran == [2]
    assert (older.state, older.reason, newer.state) == ("REVOKED", "superseded", "SUCCESS")
    assert work.delay(3)


def test_a_debounced_call_runs_a_period_after_the_last(app, lane_of):
    ran: list[int] = []

    @app.task(base=QueueOnce, once={"policy": "debounce", "period": 30, "keys": []})
    def work(n: int) -> None:
        ran.append(n)

    for n in range(3):
        work.delay(n)
    assert lane_of(app).run_all() == []
    engine: Any = app.broker.engine
    before = engine.now
    engine.now = lambda: before() + 31.0
    lane_of(app).run_all()

    assert ran == [2]


def test_a_throttled_task_is_called_once_in_a_period(app, lane_of):
    @app.task(base=QueueOnce, once={"policy": "throttle", "period": 60})
    def work() -> None: ...

    work.delay()
    lane_of(app).run_all()
    with pytest.raises(AlreadyQueued) as refused:
        work.delay()
    run_late(app)

    assert 0 < refused.value.countdown <= 60
    assert work.delay()


def test_a_throttled_call_that_is_not_accepted_does_not_count(app, monkeypatch):
    @app.task(base=QueueOnce, once={"policy": "throttle", "period": 60})
    def work() -> None: ...

    def away(messages: Any) -> None:
        raise BrokerUnavailable("gone")

    with monkeypatch.context() as patch:
        patch.setattr(app.broker, "publish", away)
        with pytest.raises(BrokerUnavailable):
            work.apply_async(retry=False)

    assert work.delay()


def test_superseded_is_no_error_of_the_task(app, lane_of):
    @app.task(base=QueueOnce, once={"keep": "latest"})
    def work() -> None: ...

    old = work.delay()
    work.delay()
    lane_of(app).run()

    assert old.state == "REVOKED"
    assert issubclass(Superseded, Exception)


# --- stores


def test_the_store_is_on_the_broker_s_engine(app, add):
    assert add.once_backend.engine is app.broker.engine


def test_a_store_may_be_named(tmp_path):
    with KernelQ("proj", broker="memory://", once_store=f"file://{tmp_path}/locks", set_as_current=False) as app:
        app.task(lambda: None, base=QueueOnce, name="work").delay()

        assert len(list((tmp_path / "locks").glob("qo_work_*.once"))) == 1


def test_no_store_is_an_error_that_says_what_to_configure():
    app = KernelQ("proj", broker="amqp://127.0.0.1:1//", set_as_current=False)

    with pytest.raises(CapabilityMissing, match="set once_store to the URL of one of: .*redis"):
        lock_store(app)


def test_an_unknown_store_is_an_error():
    app = KernelQ("proj", broker="memory://", once_store="gopher://hole", set_as_current=False)

    with pytest.raises(DriverNotFound, match="gopher"):
        lock_store(app)


def test_a_store_that_is_away_is_a_broker_that_is_away(tmp_path):
    (tmp_path / "file").touch()
    with KernelQ("proj", broker="memory://", once_store=f"file://{tmp_path}/file", set_as_current=False) as app:
        work = app.task(lambda: None, base=QueueOnce, name="work")

        with pytest.raises(BrokerUnavailable, match="cannot claim qo_work"):
            work.delay()


def test_whoever_asks_before_may_still_refuse(app, add):
    class Closed:
        @hookimpl(tryfirst=True)
        def admit(self) -> Admission:
            return Admission.refuse(error=PermissionError("closed"))

        @hookimpl
        def settings(self) -> list[Option]:
            return []

    add.delay(9, 9)
    app.register_plugin(Closed(), "closed")

    with pytest.raises(PermissionError):
        add.delay(1, 2)
    assert held(app) == ["qo_add_a-9_b-9"]


def test_a_holder_that_claims_again_is_not_refused(app, add):
    id = uuid()
    add.apply_async((1, 2), task_id=id)

    assert add.apply_async((1, 2), task_id=id).id == id


def test_a_refusal_says_nothing_it_does_not_know():
    assert str(AlreadyQueued(2.5)) == "Expires in 2.5 seconds"
    assert AlreadyQueued(2.5).task_id is None


def test_a_claim_of_a_retry_published_at_once_is_not_asked_for_again(app, lane_of):
    @app.task(base=QueueOnce, bind=True)
    def work(self: Any) -> None:
        if not self.request.retries:
            assert isinstance(self.retry(countdown=0, throw=False), Retry)

    result = work.delay()
    lane_of(app).run_all()

    assert result.state == "SUCCESS"
    assert lock_store(app).claim([Claim(key="other", token="t", task="x", ttl=1.0)]) == [None]
