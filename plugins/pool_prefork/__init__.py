"""Pool of processes, the default: a supervisor with one child process per slot, each consuming by itself.

    kernelq -A proj worker --concurrency 8
    kernelq -A proj worker --pool prefork --concurrency 8

Install: part of ``pip install kernelq``; needs an engine that several processes may share, and a POSIX system.

A child runs one task at a time and talks to the broker directly: no task passes through the supervisor. The
supervisor forks children and replaces those that end, keeps time limits, renews the leases of all
children, and takes back at once what a dead child held. Idle, it wakes once a second.

Options:
    worker_concurrency              number of children; default: the number of CPUs
    worker_max_tasks_per_child      tasks after which a child is replaced; default: never
    worker_max_memory_per_child     KiB of resident memory after which it is replaced; default: never
    worker_shutdown_timeout         seconds a warm stop waits for running tasks; default: as long as they take
    task_soft_time_limit            seconds after which SoftTimeLimitExceeded is raised in a task
    task_time_limit                 seconds after which the process of a task is killed

Signals to a child: TERM is a warm stop of that child, which is then replaced; INT does nothing; KILL is a crash.
Signals to the worker: see the worker. A task may use every signal but TERM and USR1.

Guarantees:
    A child that dies in a task, of whatever cause, costs that message one crash and no other message anything;
    it goes back at once, not when its lease ends.
    A task over its hard limit is killed with every process it forked (its process group), within a fraction of
    a second, even when it holds the interpreter's lock or blocks in C.
    SoftTimeLimitExceeded comes once per run, never in the task after, and before the hard limit.
    max_tasks_per_child is exact. A child too large is replaced after the task that made it so.
    A quick stop kills the children; what they ran goes back uncharged.
    Children do not outlive the supervisor, not even when it is killed.
    Children that end at their very start are forked again more and more slowly, up to every 5 seconds.

What a task starts in a session of its own (``start_new_session``) is left alone; everything else it leaves
behind is killed when its child ends, for whatever reason. The one exception: when the supervisor
is killed, children die and what their tasks forked does not.

Hooks it calls: ``worker_before_create_process`` in the supervisor, ``worker_process_init`` and
``worker_process_shutdown`` in the child. Memory is shared with the children copy-on-write, so what the project imports
before the fork costs once. Connections are not shared: the app opens new ones in each child; what a
project opened itself at import is to be reopened in ``worker_process_init``.

What it does not do: grow and shrink by load, or start children by ``spawn``.
"""

from __future__ import annotations

from collections.abc import Sequence

from kernelq import Option, hookimpl


@hookimpl
def settings() -> Sequence[Option]:
    """When a child is replaced."""
    return (
        Option("worker_max_tasks_per_child", int, None, "tasks after which a child is replaced", ("CELERYD_MAX_TASKS_PER_CHILD",), 1),
        Option("worker_max_memory_per_child", int, None, "KiB of resident memory after which a child is replaced", ("CELERYD_MAX_MEMORY_PER_CHILD",), 1),
    )  # fmt: skip
