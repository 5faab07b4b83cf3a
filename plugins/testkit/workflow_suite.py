"""The workflow suite: every behaviour of the workflow store's contract, for one driver."""

from __future__ import annotations

from hypothesis import given
from kernelq import KernelQ, uuid
from kernelq.workflows import WorkflowStore

from .closing import Closing
from .joining import Joining
from .meeting_within import MeetingWithin
from .outlasting import Outlasting
from .workflow_bench import store_of
from .workflow_lives import SETTINGS, Step, carry_out, look, steps, told_apart


class WorkflowStoreSuite(Joining, Closing, Outlasting, MeetingWithin):
    """Subclass it in a test file as ``class TestMyWorkflows(WorkflowStoreSuite)`` and say `url` or `make_url`.

    What else a subclass may say: `WorkflowBench`.
    """

    def test_w80_it_looks_like_the_memory_store_whatever_happens(self, store: WorkflowStore) -> None:
        with KernelQ("model", broker="memory://", set_as_current=False) as app:
            model = store_of(app)

            @SETTINGS
            @given(steps())
            def live(life: list[Step]) -> None:
                run = uuid()
                for step in life:
                    mine = told_apart(step, run)
                    assert carry_out(store, mine, run) == carry_out(model, mine, run)
                    assert look(store, run) == look(model, run)

            live()
