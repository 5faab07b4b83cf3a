"""Where workflows run: yards on the engines, whose workers find this folder's tasks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from faults.engines import KINDS, Kind
from faults.yard import Yard
from servers import RedisServer
from workflows.runner import Runner
from workflows.tasks import define

HERE = Path(__file__).parent

LEASE = 15.0
"""Seconds; where no worker is killed, none may lose its messages because the machine is busy."""

PROJECT = "flow_tasks"
"""What workers import: this folder's `tasks`, in their working directory."""


def _two_engines(server: RedisServer, folder: Path) -> tuple[str, str]:
    broker, _ = KINDS["redis"].urls(server, folder)
    return broker, f"sqlite:///{folder}/results.sqlite3"


PLACES = {**KINDS, "two": Kind(RedisServer, "redis_server", _two_engines)}
"""The engines; and ``two``, on which nothing that spans broker and backend is committed together."""


def yard_on(request: pytest.FixtureRequest, folder: Path) -> Yard:
    """A clean yard on the engine that is the parameter."""
    kind = PLACES[request.param]
    server = request.getfixturevalue(kind.fixture) if kind.fixture else None
    return _prepared(Yard(folder, kind.ground(request.param, server, folder)))


def runner_in(yard: Yard, **options: Any) -> Runner:
    """What runs workflows in a yard."""
    if yard.ground.engine == "amqp":  # there only the server knows what is held
        options["left"] = yard.left
    return Runner(yard.app, define(yard.app), yard.folder / "runs", logs=yard.logs, **options)


def _prepared(yard: Yard) -> Yard:
    """A yard whose workers find the project."""
    (yard.folder / f"{PROJECT}.py").symlink_to(HERE / "tasks.py")
    return yard
