"""Annotations: attributes of tasks changed by configuration, for tasks of other people's or for all of them.

    app.conf.task_annotations = {
        "shop.sync": {"rate_limit": "10/m", "time_limit": 60},
        "*": {"on_failure": page_someone, "max_retries": 5},
    }

Install: part of ``pip install kernelq``. Setting: `task_annotations`, one of these or a list of them:

- a mapping of task name → attributes; ``*`` stands for every task
- an object with ``annotate(task)`` or ``annotate_any()`` or both, which answer with attributes or None
- the name of a class of such objects, ``"proj.settings.Limits"``, or of an object or a mapping

Of a list the first that has something for a task counts, and so does the first that has something for all. Those for all
are set after those of the name, and so have the last word, as with Celery.

A function as a value is a method, so that ``{"on_failure": page_someone}`` calls ``page_someone(task, exc, task_id, args,
kwargs, einfo)``. A name with an ``@`` before it gives a decorator: ``{"@run": traced}`` puts ``traced(run)`` in its place.

Guarantee: other tasks of the same class, and the same class in other apps, stay as they are. What cannot be used is logged
with the task's name, and the other annotations stand.

What it does not do: change the tasks that plugins bring, such as ``kernelq.chord``; follow changes of the setting once the tasks are registered.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kernelq import KernelQ, Option, hookimpl

if TYPE_CHECKING:
    from kernelq import Task


@hookimpl
def settings() -> Sequence[Option]:
    """Which attributes of which tasks to change."""
    old = ("CELERY_ANNOTATIONS", "CELERY_TASK_ANNOTATIONS")
    return (Option("task_annotations", object, None, "attributes of tasks to change, by name or * for all", old),)


@hookimpl(tryfirst=True)  # what others do with a task depends on its attributes
def task_registered(app: KernelQ, task: Task[..., Any]) -> None:
    """Change the task."""
    given = app.conf.task_annotations
    if given and not getattr(task, "is_builtin", False):  # what is meant for a user's tasks could break ours
        from .annotations import annotations_of, change

        for attributes in annotations_of(app, given).of(task):
            change(task, attributes)
