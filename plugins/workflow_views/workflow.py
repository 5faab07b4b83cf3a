"""A workflow as it stands: its plan, and what has become of each task."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING

from kernelq.contracts import PENDING, READY_STATES, SUCCESS, Outcome

from .errors import UnknownWorkflow
from .plan import Chain, Chord, Node, Plan, Task, groups_of, read_plan, tasks_of

if TYPE_CHECKING:
    from kernelq import KernelQ
    from kernelq.workflows import WorkflowStore

AT_ONCE = 1000
"""Outcomes asked for by one question: their values may be large."""

UPSTREAM = "upstream"
"""The reason of an outcome that a task got because one before it did not succeed."""

ALIAS = b">"
"""What a kept plan begins with that says where the plan is kept."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What has become of a task; PENDING while nothing is stored."""

    state: str = PENDING
    reason: str | None = None

    @property
    def is_ready(self) -> bool:
        """Whether the task has come to its end."""
        return self.state in READY_STATES

    def __str__(self) -> str:
        return self.state if self.reason is None else f"{self.state} ({self.reason})"


UNKNOWN, PASSED = Standing(), Standing(SUCCESS)


@dataclass(frozen=True)
class Workflow:
    """A workflow as it stood when it was read. `standings` is by task id, of those that something is stored of."""

    plan: Plan
    standings: Mapping[str, Standing]

    @property
    def id(self) -> str:
        """The id of its result."""
        return self.plan.id

    @cached_property
    def tasks(self) -> dict[str, Task]:
        """Its tasks by id, in the order they were written."""
        return {task.id: task for task in tasks_of(self.plan.root)}

    @cached_property
    def known(self) -> dict[str, Standing]:
        """What is known of each task, by id.

        A task of which nothing is stored has succeeded when one behind it has begun: its outcome was not wanted
        (`ignore_result`), or is not kept any more.
        """
        found = dict.fromkeys(self.tasks, UNKNOWN) | dict(self.standings)
        _infer(self.plan.root, found, is_passed=False)
        return found

    def __getitem__(self, id: str) -> Standing:
        return self.known[id]

    def __contains__(self, id: object) -> bool:
        """Whether an id is that of its result, or of a task or group in it."""
        return id == self.id or id in self.tasks or any(id == group.id for group in groups_of(self.plan.root))

    @property
    def completed(self) -> int:
        """How many tasks have succeeded."""
        return sum(each.state == SUCCESS for each in self.known.values())

    @property
    def total(self) -> int:
        """How many tasks there are."""
        return len(self.tasks)

    @property
    def failed(self) -> list[str]:
        """The ids of the tasks that ended and did not succeed."""
        return [id for id, each in self.known.items() if each.is_ready and each.state != SUCCESS]

    @property
    def unfinished(self) -> list[str]:
        """The ids of the tasks that have not ended."""
        return [id for id, each in self.known.items() if not each.is_ready]


def store_of(app: KernelQ) -> WorkflowStore | None:
    """Where the app keeps its workflows; None: nowhere."""
    from kernelq import canvas  # here: it costs who has no workflow nothing

    return canvas.store_of(app)


def find(app: KernelQ, id: str) -> Workflow:
    """The workflow whose result, task or group has this id, else the one that it was called from.

    Raises:
        UnknownWorkflow: there is none, or it is not known any more.
    """
    plans = _plans(app, id)
    for plan in plans:
        workflow = Workflow(plan, {})
        if id in workflow:
            return read(app, plan)
    if plans:
        return read(app, plans[0])
    raise UnknownWorkflow(id)


def find_own(app: KernelQ, id: str) -> Workflow | None:
    """The workflow that has this id in it; None when none is known."""
    plan = next((plan for plan in _plans(app, id) if id in Workflow(plan, {})), None)
    return None if plan is None else read(app, plan)


def read(app: KernelQ, plan: Plan) -> Workflow:
    """The workflow of a plan, as it stands."""
    return Workflow(plan, standings(app, [task.id for task in tasks_of(plan.root)]))


def standings(app: KernelQ, ids: Iterable[str]) -> dict[str, Standing]:
    """What is stored of tasks, a round trip for each thousand."""
    found: dict[str, Standing] = {}
    rest = iter(ids)
    while some := list(islice(rest, AT_ONCE)):
        found.update({id: standing_of(outcome) for id, outcome in app.backend.get_many(some).items()})
    return found


def standing_of(outcome: Outcome) -> Standing:
    """What an outcome says, without its value."""
    return Standing(outcome.state, outcome.reason)


# --- finding


def _plans(app: KernelQ, id: str) -> list[Plan]:
    """The plans an id may belong to, the nearest first."""
    store = store_of(app)
    if store is None:
        return []
    if found := _kept(store, [id]):
        return found
    outcome = app.backend.get_many([id]).get(id) if app.backend_url else None
    if outcome is None:
        return []
    above = dict.fromkeys((outcome.root_id, outcome.group_id, outcome.parent_id))
    return _kept(store, [each for each in above if each is not None and each != id])


def _kept(store: WorkflowStore, ids: Collection[str]) -> list[Plan]:
    """The plans kept under these ids, in that order; one that stands for another is followed once."""
    if not ids:
        return []
    kept = store.kept([f"plan:{id}" for id in ids])
    found = [kept[key] for key in (f"plan:{id}" for id in ids) if key in kept]
    aliases = {f"plan:{value[1:].decode()}" for value in found if value.startswith(ALIAS)}
    if aliases:
        meant = store.kept(aliases)
        found = [meant.get(f"plan:{value[1:].decode()}", b"") if value.startswith(ALIAS) else value for value in found]
    plans = [read_plan(value) for value in found if value and not value.startswith(ALIAS)]
    return list({plan.id: plan for plan in plans}.values())


# --- what is not stored


def _infer(node: Node, known: dict[str, Standing], *, is_passed: bool) -> None:
    """Give PASSED to tasks without an outcome that have one behind them that has begun; `is_passed`: behind all of `node`."""
    if isinstance(node, Task):
        if is_passed and known[node.id] is UNKNOWN:
            known[node.id] = PASSED
    elif isinstance(node, Chain):
        for step in reversed(node.of):
            _infer(step, known, is_passed=is_passed)
            is_passed = is_passed or _has_begun(step, known)
    else:
        if isinstance(node, Chord):
            _infer(node.body, known, is_passed=is_passed)
            is_passed = is_passed or _has_begun(node.body, known)
        for member in node.of:
            _infer(member, known, is_passed=is_passed)


def _has_begun(node: Node, known: Mapping[str, Standing]) -> bool:
    """Whether any task in it was started, or would have been but for itself."""
    if isinstance(node, Task):
        return known[node.id] is not UNKNOWN and known[node.id].reason != UPSTREAM
    parts = (*node.of, node.body) if isinstance(node, Chord) else node.of
    return any(_has_begun(each, known) for each in parts)
