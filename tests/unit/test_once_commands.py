"""``kernelq once``: looking at claims and freeing keys."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result
from kernelq import KernelQ, QueueOnce
from kernelq.once import lock_store
from kernelq_plugins.commands.command_line import Session
from kernelq_plugins.once_lock.command import once


@pytest.fixture
def kernelq(app: KernelQ) -> Any:
    app.task(lambda a: None, base=QueueOnce, name="work")

    def run(*words: str) -> Result:
        return CliRunner().invoke(once, words, obj=Session(app))

    return run


def test_claims_are_listed(app, kernelq):
    result = app.tasks["work"].delay("a\nb")

    out = kernelq("list").stdout

    assert "qo_work_a-a\\nb  work  " + result.id in out
    assert out.count("\n") == 1


def test_claims_are_listed_as_json(app, kernelq):
    result = app.tasks["work"].delay(1)

    [claim] = json.loads(kernelq("list", "--json").stdout)

    assert (claim["key"], claim["task"], claim["id"], claim["queue"]) == ("qo_work_a-1", "work", result.id, "default")


def test_no_claims_are_said_to_be_none(kernelq):
    assert "no claims" in kernelq("list").output


def test_a_key_is_released_by_force(app, kernelq):
    app.tasks["work"].delay(1)

    assert kernelq("release", "qo_work_a-1").stdout == "released\n"

    assert lock_store(app).claims() == []


def test_a_key_nobody_holds_is_an_error(kernelq):
    failed = kernelq("release", "qo_other")

    assert failed.exit_code == 1
    assert "nobody holds 'qo_other'" in failed.output
