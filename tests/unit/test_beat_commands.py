"""``kernelq beat list|next|add|edit|pause|resume|run|remove``: what they do and say."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from kernelq import KernelQ, QueueOnce
from kernelq.beat import Claim
from kernelq_plugins.beat.book import shown
from kernelq_plugins.beat.command import beat
from kernelq_plugins.beat.finding import store_at, store_url
from kernelq_plugins.commands.command_line import Session


@pytest.fixture
def kernelq(app: KernelQ, tmp_path: Path) -> Any:
    app.conf.beat_schedule_filename = str(tmp_path / "schedule")
    app.conf.beat_schedule = {"of code": {"task": "shop.tidy", "schedule": 60}}
    app.task(lambda *args: None, name="shop.tidy")
    app.task(lambda *args: None, name="shop.once", base=QueueOnce, once={"policy": "return_existing"})

    def run(*words: str) -> Result:
        return CliRunner().invoke(beat, words, obj=Session(app))

    return run


def states(kernelq: Any) -> dict[str, str]:
    return {row["name"]: row["state"] for row in json.loads(kernelq("list", "--json").stdout)}


def test_an_entry_of_a_task_nobody_knows_is_added_with_a_warning_that_names_the_nearest(kernelq):
    added = kernelq("add", "e", "shop.tydi", "10")

    assert added.exit_code == 0
    assert added.stderr == "warning: no module of this app has a task 'shop.tydi'; did you mean 'shop.tidy'?\n"
    assert states(kernelq)["e"] == "on"


def test_an_entry_of_a_known_task_is_added_without_a_warning(kernelq):
    assert kernelq("add", "e", "shop.tidy", "10").stderr == ""


def test_an_entry_edited_to_a_task_nobody_knows_says_so_too(kernelq):
    kernelq("add", "e", "shop.tidy", "10")

    assert "no module of this app has a task 'other.task'" in kernelq("edit", "e", "--task", "other.task").stderr


def test_entries_are_paused_resumed_and_removed_by_name(kernelq):
    kernelq("add", "e", "shop.tidy", "10")

    assert kernelq("pause", "e", "of code").stdout == "e paused\nof code paused\n"
    assert states(kernelq) == {"e": "paused", "of code": "paused"}
    assert kernelq("resume", "of code").stdout == "of code resumed\n"
    assert kernelq("remove", "e").stdout == "e removed\n"
    assert states(kernelq) == {"of code": "on"}


@pytest.mark.parametrize("command", ["pause", "resume", "remove"])
def test_of_names_one_of_which_is_unknown_nothing_is_done(kernelq, command):
    kernelq("add", "e", "shop.tidy", "10")

    done = kernelq(command, "e", "f")

    assert done.exit_code == 1
    assert "no entry 'f'" in done.stderr
    assert states(kernelq)["e"] == "on"


@pytest.mark.parametrize("line", [("remove", "of code"), ("edit", "of code", "--schedule", "5")])
def test_an_entry_of_the_code_is_not_changed_here(kernelq, line):
    assert "the entry 'of code' is of the code" in kernelq(*line).stderr


@pytest.mark.parametrize("schedule", ["0", "-5", "nan", "inf", "1e400", "* * *", "61 * * * *", "soon"])
def test_a_schedule_that_cannot_be_is_refused_in_one_line(kernelq, schedule):
    refused = kernelq("add", "e", "shop.tidy", "--", schedule)

    assert refused.exit_code in (1, 2)
    assert refused.stderr.startswith("Error: ")
    assert "e" not in states(kernelq)


@pytest.mark.parametrize(
    "option", [("--zone", "Mars/Olympus"), ("--args", "{}"), ("--kwargs", "nothing"), ("--options", "[1]")]
)
def test_an_option_that_cannot_be_read_is_refused(kernelq, option):
    refused = kernelq("add", "e", "shop.tidy", "10", *option)

    assert refused.exit_code in (1, 2)
    assert "e" not in states(kernelq)


def test_run_prints_the_id_of_the_task_that_stands_for_it(kernelq):
    kernelq("add", "e", "shop.once", "10")

    first, second = kernelq("run", "e").stdout, kernelq("run", "e").stdout

    assert first == second


def test_what_others_wrote_into_a_store_does_not_control_the_terminal(kernelq):
    kernelq("add", "e", "shop.tidy", "10", "--description", "\x1b[2J")

    assert "\x1b" not in kernelq("next", "e").stdout


def test_the_next_time_of_a_long_interval_is_told_from_its_last_occurrence(kernelq, app):
    kernelq("add", "e", "shop.tidy", str(7 * 86_400))
    store, ago = store_at(app, store_url(app)), time.time() - 3 * 86_400
    store.claim(Claim(key="store:e", seen=None, last=ago), fence=store.lead("me", 60) or 0)

    [row] = [row for row in json.loads(kernelq("list", "--json").stdout) if row["name"] == "e"]

    assert row["next"] == shown(ago + 7 * 86_400, app.timezone)


def test_the_next_times_of_an_overdue_interval_keep_its_beat(kernelq, app):
    kernelq("add", "e", "shop.tidy", "0.5")
    store, ago = store_at(app, store_url(app)), time.time() - 10 * 86_400
    store.claim(Claim(key="store:e", seen=None, last=ago), fence=store.lead("me", 60) or 0)

    assert len(kernelq("next", "e", "-n", "3").stdout.splitlines()) == 4
