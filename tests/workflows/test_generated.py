"""Workflows as hypothesis makes them, run by real workers: each ends as the model says.

What fails prints its description; ``Runner.check`` with it runs it again.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from workflows.shapes import HERE, IN_PROCESS, OF_PROCESSES, SENT, Chain, Chord, Group, Task, shapes
from workflows.tasks import Fate

AT_ONCE = 4
"""Workflows that run side by side."""

MIXED = st.one_of(
    st.lists(shapes(fates, fortune=6), min_size=AT_ONCE, max_size=AT_ONCE)
    for fates in (IN_PROCESS, (*IN_PROCESS, *OF_PROCESSES))
)
"""Side by side with those that kill processes others may run twice, so some are without these."""

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

OK, FAIL = Task(), Task(Fate.FAIL)

ENOUGH = settings(
    deadline=None,
    max_examples=100,
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)
# Neither a second run of a whole batch nor a smaller one says much that the first does not, and each takes seconds.
QUICKLY = settings(deadline=None, phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck))


@given(st.lists(shapes(IN_PROCESS), min_size=1, max_size=AT_ONCE))
@settings(ENOUGH)
@example([Chord((Chain((OK, FAIL)), OK), Task(errors=(SENT, HERE)), errors=(SENT,))])
@example([Chain((FAIL, Group((OK, OK)), Chord((OK, OK), OK, errors=(SENT,)), OK))])
@example(
    [Chord((Chord((Task(Fate.IGNORE), OK), OK, errors=(HERE,)), OK), Chain((OK, Group((OK, OK)))), errors=(HERE,))]
)
@example([Chord((), OK, errors=(SENT,)), Chord((Chord((), OK, errors=(HERE,)), OK), FAIL, errors=(HERE,))])
@example([Chord((Task(Fate.FAIL),), Group((OK, Chord((OK, OK), OK, errors=(SENT,)))), errors=(SENT, HERE))])
@example([Chain((Chord((FAIL, OK), Group((OK, OK)), errors=(SENT,)), OK))])
@example(
    [
        Chain((Chain((OK, Chord((OK,), OK)), errors=(HERE,)), FAIL)),
        Chain((FAIL, Group((OK, OK)), Group((OK, OK))), (SENT,)),
    ]
)
def test_in_memory_every_workflow_ends_as_the_model_says(in_memory, workflows):
    in_memory.check(workflows)


@pytest.mark.parametrize("on_server", ["sqlite", "redis", "two"], indirect=True)
@given(MIXED)
@settings(QUICKLY, max_examples=25)
def test_between_processes_every_workflow_ends_as_the_model_says(on_server, workflows):
    on_server.check(workflows)


@pytest.mark.soak
@pytest.mark.timeout(0)
@pytest.mark.parametrize("on_server", ["sqlite", "redis", "two", "postgresql", "mysql", "amqp"], indirect=True)
@given(MIXED)
@settings(QUICKLY, max_examples=200)
def test_between_processes_very_many_workflows_end_as_the_model_says(on_server, workflows):
    on_server.check(workflows)
