"""What `kernelq worker` understands beside its own options: ``-B``, and with it ``-s`` and ``-S``."""

from __future__ import annotations

from copy import copy
from typing import Any

import click


def with_beat(command: click.Command) -> click.Command:
    """The command, with options of ours if it is the worker's."""
    if command.name != "worker":
        return command
    equipped = copy(command)
    equipped.params = [*command.params, *_options()]
    return equipped


def scheduling(text: str) -> dict[str, str]:
    """The settings that ``-S`` stands for: a store if it is a URL, else a scheduler."""
    return {"schedule_store" if "://" in text else "beat_scheduler": text}


def in_file(path: str) -> dict[str, str]:
    """The settings that ``-s`` stands for: a file that is named is meant, whatever store the settings name."""
    return {"beat_schedule_filename": path, "schedule_store": ""}


def _options() -> list[click.Option]:
    return [
        click.Option(["-B", "--beat"], is_flag=True, expose_value=False, callback=_take_beat, help="Schedule periodic tasks too."),
        click.Option(["-s", "--schedule", "--schedule-filename", "schedule"], metavar="FILE", expose_value=False, callback=_take_file, help="With -B: the file of the schedule."),
        click.Option(["-S", "--scheduler"], metavar="URL|CLASS", expose_value=False, callback=_take_scheduler, help="With -B: a schedule store, or another scheduler."),
    ]  # fmt: skip


def _take_beat(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value:
        context.obj.settings["worker_beat"] = "true"


def _take_file(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    if value is not None:
        context.obj.settings |= in_file(value)


def _take_scheduler(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    if value is not None:
        context.obj.settings |= scheduling(value)
