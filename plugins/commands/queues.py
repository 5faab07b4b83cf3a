"""``kernelq queues``: how every queue stands."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING

import click

from .output import duration, print_json, print_table

if TYPE_CHECKING:
    from .command_line import Session

COUNTS = ("ready", "delayed", "running", "dead")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def queues(session: Session, as_json: bool) -> None:
    """Show how every queue stands.

    ready: waits for a worker. delayed: has an eta, or is parked. running: is with a worker. dead: is in the dead
    letters. oldest: how long the oldest ready message has waited since it was sent.

    \b
    Example: kernelq -A proj queues --json
    """
    now = time.time()
    found = session.app.broker.queues()
    ages = [None if stats.oldest_ready_at is None else max(0.0, now - stats.oldest_ready_at) for stats in found]
    if as_json:
        print_json(
            [{**dataclasses.asdict(stats), "oldest_ready_age": age} for stats, age in zip(found, ages, strict=True)]
        )
        return
    rows = [
        (stats.name, *(getattr(stats, count) for count in COUNTS), duration(age))
        for stats, age in zip(found, ages, strict=True)
    ]
    print_table(("queue", *COUNTS, "oldest"), rows, numbers=(*COUNTS, "oldest"), empty="no queues yet")
