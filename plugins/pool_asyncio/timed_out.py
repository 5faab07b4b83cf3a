"""How a run ends whose hard time limit passed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernelq.contracts import FAILURE, Admit, Run, TimeLimitExceeded, Transition, Verdict

if TYPE_CHECKING:
    from .lane import AsyncioLane


def timed_out(lane: AsyncioLane, run: Run, error: TimeLimitExceeded) -> Transition | None:
    """The transition of a run over its hard limit, None when it is committed already; plugins are told.

    As with a process that was killed: no handler of the task's own runs, and nothing is retried. On a thread.
    """
    app, task, request = lane.app, run.task, run.request
    assert request.message is not None
    transition: Transition | None
    if not run.acked and not task.option("acks_on_timeout"):
        transition = Transition(delivery=run.delivery, verdict=Verdict.REQUEUE)
    else:
        transition = Admit(app, lane.hostname).end(run.delivery, request.message, FAILURE, error, "timed_out")
        if run.acked:
            lane.commit_detached(transition)
            transition = None
    task.runs.ended += 1
    app.plugins.notify("task_postrun", app=app, task=task, request=request, retval=error, state=FAILURE)
    return transition
