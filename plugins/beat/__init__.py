"""Beat: periodic tasks, each occurrence sent once, however many schedulers run and whoever of them is killed.

    app.conf.beat_schedule = {
        "tidy up": {"task": "proj.tidy", "schedule": crontab(minute=0, hour=4), "zone": "Europe/Berlin"},
        "poll": {"task": "proj.poll", "schedule": 10.0, "overlap": "skip", "options": {"expires": 10}},
    }
    app.add_periodic_task(30.0, ping.s("db"), name="ping")

    kernelq -A proj beat                                # a file keeps how far each entry has come
    kernelq -A proj beat -S redis://host/0              # on several machines: one leads, the others take over
    kernelq -A proj beat add report proj.report "0 7 * * mon" --zone Europe/Rome

Install: part of ``pip install kernelq``.

An entry says: `task`, `schedule` (seconds, a timedelta, or one of `kernelq.schedules`), `args`, `kwargs`, `options` of the call, `relative`,
`zone` (of the schedule; default the app's), `enabled`, `description`, and

    catch_up   "one" (default): of the occurrences missed while no beat ran the latest is sent; "all": every one, the latest 1000;
               "skip": none
    overlap    "allow" (default), or "skip": an occurrence is left out while the task of the last one has not ended

Settings: `beat_schedule`; `beat_namespace`, by which apps that share a store or a broker keep apart (default: the app's main name; "": by nothing);
`schedule_store`, a URL (Redis, SQL; default: the file `beat_schedule_filename`); `beat_lease`, seconds after which a
leader that is gone is followed; `beat_scheduler`, another class; `beat_max_loop_interval`; `beat_missed_after`;
`beat_cron_starting_deadline`; `beat_overlap_limit`; `worker_beat`, as ``kernelq worker -B``.

Guarantee: each occurrence, an entry and an instant, is claimed once in the store, by the leader alone, and has a task id made of both.
Where store and broker are on one engine, claim and message are one step: no kill and no freeze loses or doubles one. Elsewhere
(the file; a store on another server than the broker) a claimed message is kept until the broker has it, and sent again by the next leader
under its id: it can run twice only if the leader is lost, or wakes up, between two calls to servers, and the task had ended by then. Where
the result backend tells of that end, it is not sent again.

An interval first runs one interval after it was first seen. Entries of the code and of the store live side by side, and none takes the place of one
of the same name from the other side. A change of the time zone needs no reset: what is kept are instants. `last_run_at` is the
occurrence, not the moment of its sending, so an interval does not drift.

What it does not do: clean up results, for workers do that by themselves (there is no entry ``celery.backend_cleanup``).

Parts: `service` calls a `scheduler` (`persistent` is the usual one) in turns; `board` is what a leader knows, `missed` which occurrences
are due, `overlap` whether the last one has ended, `sending` makes messages, `contract` is what it asks of a store, `command`, `book` and
`editing` are for people.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING

from kernelq import Option, hookimpl

if TYPE_CHECKING:
    import click
    from kernelq import KernelQ, Step, Worker


@hookimpl
def settings() -> Sequence[Option]:
    """What is sent when, and who keeps count."""
    return (
        Option("beat_schedule", dict, {}, "periodic tasks: name to what is sent when", ("CELERYBEAT_SCHEDULE",)),
        Option("schedule_store", str, None, "URL of what keeps the schedule (default: the file beat_schedule_filename)"),
        Option("beat_namespace", str, None, "keeps the schedules of apps with one store or broker apart (default: the app's main name)"),
        Option("beat_schedule_filename", str, "celerybeat-schedule", "the file that keeps how far each entry has come", ("CELERYBEAT_SCHEDULE_FILENAME",)),
        Option("beat_scheduler", object, "kernelq.beat:PersistentScheduler", "the scheduler: module:Class, or the name of an entry point", ("CELERYBEAT_SCHEDULER",)),
        Option("beat_lease", float, 15.0, "seconds after which a leading beat that is gone is followed by another", (), 0.3),
        Option("beat_max_loop_interval", float, 0.0, "seconds beat sleeps at most; 0: 300", ("CELERYBEAT_MAX_LOOP_INTERVAL",), 0),
        Option("beat_sync_every", int, 0, "tasks after which a scheduler of your own is told to sync; the default one keeps each at once", ("CELERYBEAT_SYNC_EVERY",), 0),
        Option("beat_cron_starting_deadline", float, None, "seconds after which a missed occurrence of a crontab is not sent any more", ("CELERYBEAT_CRON_STARTING_DEADLINE",), 0),
        Option("beat_missed_after", float, 60.0, "seconds after which an occurrence of an entry with catch_up='skip' is missed", (), 0),
        Option("beat_overlap_limit", float, 86_400.0, "seconds after which a task that never ended keeps no further occurrence back", (), 0),
        Option("worker_beat", bool, False, "schedule inside the worker too, as kernelq worker -B"),
    )  # fmt: skip


@hookimpl(wrapper=True)
def commands(name: str | None) -> Generator[None, list[Sequence[click.Command]], list[Sequence[click.Command]]]:
    """Around all others: the worker's command is given options too."""
    offered = yield
    if name in (None, "worker"):
        from .worker_options import with_beat

        offered = [[with_beat(command) for command in offer] for offer in offered]
    if name in (None, "beat"):
        from .command import beat

        offered = [*offered, (beat,)]
    return offered


@hookimpl
def bootsteps(app: KernelQ) -> Sequence[type[Step]]:
    """The scheduler inside a worker, where one is wanted."""
    if not app.conf.worker_beat:
        return ()
    from .step import BeatStep

    return (BeatStep,)


@hookimpl
def worker_init(worker: Worker) -> None:
    """Where workers share a store of schedules, it is told of the ends of tasks; elsewhere no task's end comes by here."""
    app = worker.app
    if app.conf.schedule_store and not app.plugins.has("beat.ends"):
        from . import ends

        app.plugins.register(ends, "beat.ends")


@hookimpl
def app_closing(app: KernelQ) -> None:
    """Close the stores of schedules."""
    from .finding import close_stores

    close_stores(app)
