"""Random lives of claims: wishes, ends and looks, drawn small enough that they meet."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from kernelq.locks import ANYBODY, Claim, Keep, LockStore, Op, Release
from msgspec.structs import replace

SETTINGS = settings(
    max_examples=60, report_multiple_bugs=False, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)

KEYS = ("a", "b", "c")
TOKENS = ("t1", "t2", "t3")
TTLS = (0.0, 3600.0)
"""Seconds: over at once, or not while a test runs."""
FREE = "free "
"""Begins a step: the key after it is freed by force."""

Step = list[Claim] | list[Op] | str


def steps() -> st.SearchStrategy[list[Step]]:
    """Wishes, operations, and keys freed by force."""
    keys, tokens = st.sampled_from(KEYS), st.sampled_from(TOKENS)
    ttls, queues = st.sampled_from(TTLS), st.sampled_from(("", "q"))
    over = st.sampled_from((None, None, ANYBODY, *TOKENS))
    claims = st.builds(Claim, key=keys, token=tokens, task=st.just("tests.add"), ttl=ttls, queue=queues, over=over)
    ops = st.one_of(st.builds(Release, keys, tokens), st.builds(Keep, keys, tokens, ttls, queues))
    step: st.SearchStrategy[Step] = st.one_of(
        st.lists(claims, min_size=1, max_size=4), st.lists(ops, min_size=1, max_size=4), keys.map(FREE.__add__)
    )
    return st.lists(step, min_size=1, max_size=12)


def told_apart(step: Step, run: str) -> Step:
    """The same for keys of one run alone."""
    if isinstance(step, str):
        return step + run
    return [replace(each, key=each.key + run) for each in step]  # type: ignore[return-value]  # of one kind, as given


def carry_out(store: LockStore, step: Step) -> Any:
    """Do it; what there is to see of that."""
    if isinstance(step, str):
        return store.free(step.removeprefix(FREE))
    claims = [each for each in step if isinstance(each, Claim)]
    ops = [each for each in step if not isinstance(each, Claim)]
    store.apply(ops)
    return [_seen(holder) for holder in store.claim(claims)]


def look(store: LockStore, run: str) -> Any:
    """All that can be seen from outside, but for instants."""
    return {key: _seen(holder) for key, holder in store.holders([key + run for key in KEYS]).items()}


def _seen(holder: Any) -> Any:
    return holder and (holder.token, holder.task, holder.queue, holder.remaining > 0)
