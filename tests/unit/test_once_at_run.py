"""Queue once, for what workers publish themselves: a key is claimed when such a task is about to run."""

from __future__ import annotations

import json
from typing import Any

import pytest
from kernelq import AlreadyQueued, KernelQ, QueueOnce, chain, chord, group, uuid
from kernelq.contracts import BackendUnavailable, Message
from kernelq.errors import KernelQError
from kernelq.locks import Claim
from kernelq.once import lock_store

KEY = "qo_work"


@pytest.fixture
def plain(app: KernelQ) -> Any:
    @app.task(name="plain")
    def plain(*args: Any) -> str:
        return "plain"

    return plain


def work_of(app: KernelQ, **options: Any) -> Any:
    """A task of one key, which notes what is held while it runs."""
    seen: list[list[str]] = []
    once = {"keys": [], **options.pop("once", {})}

    @app.task(base=QueueOnce, name="work", once=once, **options)
    def work(*args: Any) -> str:
        seen.append([holder.token for holder in lock_store(app).claims()])
        return "done"

    work.seen = seen
    return work


def hold(app: KernelQ, token: str = "another") -> None:
    """Let another task have the key."""
    assert lock_store(app).claim([Claim(key=KEY, token=token, task="work", ttl=60.0, queue="default")]) == [None]


def holders(app: KernelQ) -> list[str]:
    return [holder.token for holder in lock_store(app).claims()]


def errors(app: KernelQ, seen: list[Any]) -> Any:
    @app.task(name="noted")
    def noted(task_id: str) -> None:
        seen.append(task_id)

    return noted


def test_a_later_step_holds_its_key_while_it_runs(app, plain, lane_of):
    work = work_of(app)
    result = chain(plain.s(), work.s()).delay()

    lane_of(app).run_all()

    assert work.seen == [[result.id]]
    assert result.get() == "done"
    assert holders(app) == []


def test_a_later_step_whose_key_is_held_fails_and_what_waits_for_it_hears_of_it(app, plain, lane_of):
    work, told = work_of(app), []
    result = chain(plain.s(), work.s().on_error(errors(app, told).s()), plain.s()).delay()
    hold(app)

    lane_of(app).run_all()

    step = result.parent
    assert (step.state, step.result.task_id, step.result.key) == ("FAILURE", "another", KEY)
    assert result.state == "FAILURE"
    assert told == [step.id]
    assert work.seen == []
    assert holders(app) == ["another"]


def test_a_graceful_step_whose_key_is_held_is_revoked_and_later_ones_end_with_it(app, plain, lane_of):
    work = work_of(app, once={"graceful": True})
    result = chain(plain.s(), work.s(), plain.s()).delay()
    hold(app)

    lane_of(app).run_all()

    assert (result.parent.state, result.state) == ("REVOKED", "REVOKED")
    assert result.parent.reason == "refused"
    assert work.seen == []


def test_the_body_of_a_chord_whose_key_is_held_fails(app, plain, lane_of):
    work = work_of(app)
    result = chord([plain.s(), plain.s()], work.s()).delay()
    hold(app)

    lane_of(app).run_all()

    with pytest.raises(AlreadyQueued):
        result.get(timeout=1)
    assert work.seen == []


def test_members_of_a_group_that_takes_a_task_s_place_claim_their_key_one_after_the_other(app, lane_of):
    work = work_of(app)

    @app.task(bind=True)
    def spread(self: Any) -> Any:
        raise self.replace(group(work.si(), work.si()))

    result = spread.delay()
    lane = lane_of(app)
    lane.run()
    first, second = lane.consumer.fetch(2, 0)
    hold(app, first.message.id)

    lane.run(second)
    lane.run(first)
    lane.run_all()

    assert work.seen == [[first.message.id]]
    with pytest.raises(KernelQError, match="AlreadyQueued"):
        result.get(timeout=1)
    assert holders(app) == []


def test_an_error_callback_whose_key_is_held_fails(app, lane_of):
    @app.task(base=QueueOnce, name="work", once={"keys": []})
    def work(task_id: str) -> None: ...

    @app.task(throws=(ValueError,))
    def fails() -> None:
        raise ValueError

    fails.apply_async(link_error=work.s().set(task_id="told"))
    hold(app)

    lane_of(app).run_all()

    assert app.AsyncResult("told").state == "FAILURE"
    assert holders(app) == ["another"]


def test_a_step_of_the_same_work_as_the_one_before_it_runs(app, lane_of):
    work = work_of(app, acks_late=False)
    result = chain(work.si(), work.si(), work.si()).delay()

    lane_of(app).run_all()

    assert result.get() == "done"
    assert [len(each) for each in work.seen] == [1, 1, 1]
    assert holders(app) == []


def test_a_step_that_is_tried_again_keeps_its_key(app, plain, lane_of):
    @app.task(base=QueueOnce, bind=True, name="work", once={"keys": []}, max_retries=1)
    def work(self: Any) -> str:
        if not self.request.retries:
            raise self.retry(countdown=0.001)
        return "done"

    result = chain(plain.si(), work.si()).delay()
    lane = lane_of(app)
    lane.run()
    lane.run()

    assert holders(app) == [result.id]
    with pytest.raises(AlreadyQueued):
        work.delay()


def test_a_step_may_wait_for_its_key_by_trying_again(app, plain, lane_of):
    work = work_of(app, autoretry_for=(AlreadyQueued,), retry_kwargs={"countdown": 0})
    result = chain(plain.si(), work.si()).delay()
    hold(app)
    lane = lane_of(app)
    lane.run()
    lane.run()
    assert result.state == "RETRY"
    lock_store(app).free(KEY)

    lane.run_all()

    assert result.get() == "done"


def test_a_step_that_killed_its_worker_too_often_frees_its_key(app, plain, lane_of):
    work_of(app)
    result = chain(plain.si(), app.tasks["work"].si()).delay()
    app.conf.task_max_crashes = 0
    lane = lane_of(app)
    lane.run()
    delivery = lane.take()
    hold(app, result.id)  # as its last run did

    lane.run(type(delivery)(**{**{name: getattr(delivery, name) for name in delivery.__struct_fields__}, "crashes": 1}))

    assert result.state == "FAILURE"
    assert holders(app) == []


def test_a_step_that_holds_its_key_only_while_it_waits_claims_nothing(app, plain, lane_of):
    work = work_of(app, once={"unlock_before_run": True})
    result = chain(plain.si(), work.si()).delay()
    hold(app)

    lane_of(app).run_all()

    assert result.get() == "done"
    assert work.seen == [["another"]]


def test_a_throttled_step_counts_as_a_call(app, plain, lane_of):
    work = work_of(app, once={"policy": "throttle", "period": 60})
    chain(plain.si(), work.si()).delay()
    second = chain(plain.si(), work.si()).delay()

    lane_of(app).run_all()

    assert len(work.seen) == 1
    assert second.state == "FAILURE"


def test_a_step_takes_the_place_of_an_older_call_that_waits(app, plain, lane_of):
    work = work_of(app, once={"keep": "latest"})
    older = work.apply_async(queue="slow")
    step = chain(plain.si(), work.si()).delay()

    lane_of(app).run_all()
    lane_of(app, "slow").run_all()

    assert step.get() == "done"
    assert (older.state, older.reason) == ("REVOKED", "superseded")
    assert len(work.seen) == 1


def test_a_step_gives_way_to_a_newer_call_that_waits(app, plain, lane_of):
    work = work_of(app, once={"keep": "latest"})
    result = chain(plain.si(), work.si(), plain.si()).delay()
    lane = lane_of(app)
    lane.run()
    newer = work.apply_async(queue="slow")

    lane.run_all()
    lane_of(app, "slow").run_all()

    assert (result.parent.state, result.parent.reason) == ("REVOKED", "superseded")
    assert result.state == "REVOKED"
    assert newer.get() == "done"


def test_a_message_from_where_the_task_is_not_known_claims_when_it_runs(app, lane_of):
    work = work_of(app)
    one, two = (Message(id=uuid(), task="work", body=b"[[],{},null]") for _ in range(2))
    app.broker.publish([one, two])
    hold(app, one.id)
    lane = lane_of(app)
    first, second = lane.consumer.fetch(2, 0)

    lane.run(second)
    lane.run(first)

    assert app.AsyncResult(two.id).state == "FAILURE"
    assert work.seen == [[one.id]]
    assert holders(app) == []


def test_nothing_runs_while_the_store_of_claims_is_away(app, plain, lane_of, monkeypatch):
    work = work_of(app)
    result = chain(plain.si(), work.si()).delay()
    lane = lane_of(app)
    lane.run()
    delivery = lane.take()

    def away(claims: Any) -> None:
        raise BackendUnavailable("gone")

    with monkeypatch.context() as patch:
        patch.setattr(lock_store(app), "claim", away)
        with pytest.raises(BackendUnavailable):  # which a lane waits out, and runs it again
            lane.run(delivery)
    assert work.seen == []

    lane.run(delivery)

    assert result.get() == "done"


def test_a_step_that_is_acknowledged_before_it_runs_holds_its_key_by_time(app, plain, lane_of):
    work = work_of(app, acks_late=False)
    result = chain(plain.si(), work.si()).delay()

    lane_of(app).run_all()

    assert work.seen == [[result.id]]
    assert holders(app) == []


def test_calls_that_claimed_when_they_were_published_claim_nothing_more(app, lane_of):
    work = work_of(app)
    work.delay()

    lane_of(app).run_all()

    assert not app.plugins.has("once_lock:at_run")


# --- what a signature says


def test_a_step_may_be_graceful_by_its_signature(app, plain, lane_of):
    work = work_of(app)
    result = chain(plain.s(), work.s().set(once={"graceful": True})).delay()
    hold(app)

    lane_of(app).run_all()

    assert (result.state, result.reason) == ("REVOKED", "refused")


def test_a_step_s_timeout_is_its_signature_s(app, plain, lane_of):
    left: list[float] = []

    @app.task(base=QueueOnce, name="work", once={"keys": []})
    def work() -> None:
        left.append(lock_store(app).claims()[0].remaining)

    chain(plain.si(), work.si().clone().set(once={"timeout": 60})).delay()
    lane_of(app).run_all()

    assert 0 < left[0] <= 60


def test_a_signature_s_once_counts_when_it_is_called_alone(app):
    work = work_of(app)
    work.delay()

    refused = work.signature(once={"graceful": True}).delay()

    assert refused.state == "REJECTED"
    with pytest.raises(AlreadyQueued):
        work.s().apply_async()
    with pytest.raises(AlreadyQueued):
        work.s().set(once={"graceful": True}).apply_async(once={"graceful": False})


def test_a_signature_may_not_say_what_is_the_task_s(app):
    work = work_of(app)

    with pytest.raises(TypeError, match="'keys' in once= of a call of work: a call may say graceful and timeout"):
        work.s().set(once={"keys": ["a"]})


def test_a_signature_with_once_is_the_same_after_a_journey_as_plain_data(app, plain, lane_of):
    work = work_of(app)
    canvas = app.signature(json.loads(json.dumps(chain(plain.s(), work.s().set(once={"graceful": True})))))
    result = canvas.delay()
    hold(app)

    lane_of(app).run_all()

    assert result.reason == "refused"
