"""Beat as users run it: commands, a worker with a beat inside, and the tutorials' project."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from waiting import until

PROJECT = {
    "mycelery/__init__.py": "",
    "mycelery/main.py": """
        from kernelq import KernelQ as Celery

        app = Celery("mycelery")
        app.config_from_object("mycelery.config")
        app.autodiscover_tasks(["mycelery.sms", "mycelery.mail"])
    """,
    "mycelery/config.py": """
        from datetime import timedelta

        from kernelq.schedules import crontab

        BROKER_URL = "sqlite:///queue.sqlite3"
        CELERY_RESULT_BACKEND = "sqlite:///queue.sqlite3"
        CELERY_TIMEZONE = "Asia/Shanghai"
        CELERY_IMPORTS = ("mycelery.mail.tasks",)
        CELERYBEAT_SCHEDULE = {
            "send-every-half-second": {
                "task": "mycelery.sms.tasks.send_sms",
                "schedule": timedelta(seconds=0.5),
                "args": ("13800138000",),
            },
            "mail-every-morning": {
                "task": "mycelery.mail.tasks.send_mail",
                "schedule": crontab(hour=7, minute=30, day_of_week=1),
                "args": ("boss@example.com",),
            },
        }
    """,
    "mycelery/sms/__init__.py": "",
    "mycelery/sms/tasks.py": """
        from pathlib import Path

        from mycelery.main import app


        @app.task
        def send_sms(mobile):
            with Path("sent").open("a") as sent:
                sent.write(mobile + "\\n")
            return "ok"
    """,
    "mycelery/mail/__init__.py": "",
    "mycelery/mail/tasks.py": """
        from mycelery.main import app


        @app.task(name="mycelery.mail.tasks.send_mail")
        def send_mail(to):
            return to
    """,
}


class Project:
    """The files of a project, and programs that run in its folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._running: list[subprocess.Popen[str]] = []
        for name, text in PROJECT.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("\n".join(line[8:] for line in text.splitlines()))

    def begin(self, *words: str) -> subprocess.Popen[str]:
        """Start ``kernelq``; it ends with the test."""
        log = (self.folder / "log").open("a")
        with log:
            begun = subprocess.Popen(self._command(words), cwd=self.folder, stdout=log, stderr=log, text=True)
        self._running.append(begun)
        return begun

    def run(self, *words: str) -> str:
        """What ``kernelq`` prints."""
        done = subprocess.run(self._command(words), cwd=self.folder, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def lines(self) -> int:
        """How many messages were sent so far, by the task."""
        sent = self.folder / "sent"
        return len(sent.read_text().splitlines()) if sent.exists() else 0

    def close(self) -> None:
        for process in self._running:
            process.kill()
            process.wait()

    def _command(self, words: tuple[str, ...]) -> list[str]:
        return [sys.executable, "-m", "kernelq", "-A", "mycelery.main", *words]


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    project = Project(tmp_path)
    yield project
    project.close()


def test_the_tutorials_project_runs_but_for_its_import_line(project: Project) -> None:
    project.begin("worker", "-P", "solo", "-q", "-l", "INFO")
    beat = project.begin("beat", "-l", "INFO")

    until(lambda: project.lines() >= 3, "three runs")
    beat.send_signal(signal.SIGTERM)

    assert beat.wait(30) == 0
    assert "beat: stopped" in project.log


def test_a_worker_schedules_too_with_b(project: Project) -> None:
    project.begin("worker", "-B", "-s", "own-schedule", "-c", "1", "-q", "-l", "INFO")

    until(lambda: project.lines() >= 3, "three runs")

    assert (project.folder / "own-schedule").exists()


def test_entries_are_listed_in_plain_words_and_the_zone_of_the_project(project: Project) -> None:
    rows: list[dict[str, Any]] = json.loads(project.run("beat", "list", "--json"))

    by_name = {row["name"]: row for row in rows}
    assert by_name["mail-every-morning"]["next"].startswith("Mon ")
    assert " 07:30:00 CST" in by_name["mail-every-morning"]["next"]
    assert "07:30" in by_name["mail-every-morning"]["schedule"]
    assert by_name["send-every-half-second"]["origin"] == "code"


def test_an_entry_is_added_edited_paused_run_and_removed_while_a_beat_runs(project: Project) -> None:
    project.begin("beat", "-l", "INFO")
    until(lambda: "this beat leads" in project.log, "a leader")

    said = project.run(
        "beat", "add", "new", "mycelery.sms.tasks.send_sms", "0 9 * * mon", "--args", '["1"]', "--zone", "UTC"
    )
    assert said.count("09:00:00 UTC") == 5
    project.run("beat", "edit", "new", "--schedule", "0.2")
    until(lambda: "sent new" in project.log, "the new entry")
    project.run("beat", "pause", "new", "mail-every-morning")
    states = {row["name"]: row["state"] for row in json.loads(project.run("beat", "list", "--json"))}
    assert states == {"new": "paused", "mail-every-morning": "paused", "send-every-half-second": "on"}
    id = project.run("beat", "run", "new").strip()
    assert len(id) == 36
    project.run("beat", "resume", "mail-every-morning")
    project.run("beat", "remove", "new")

    assert "new" not in project.run("beat", "list")


def test_an_entry_of_the_code_is_not_edited_from_outside(project: Project) -> None:
    with pytest.raises(AssertionError, match="is of the code"):
        project.run("beat", "edit", "mail-every-morning", "--schedule", "5")


def test_a_second_beat_with_the_same_pid_file_does_not_start(project: Project) -> None:
    project.begin("beat", "--pidfile", "beat.pid", "-l", "INFO")
    until(lambda: (project.folder / "beat.pid").exists() and "beat: starting" in project.log, "the PID file")

    with pytest.raises(AssertionError, match="runs already"):
        project.run("beat", "--pidfile", "beat.pid")
    os.kill(int((project.folder / "beat.pid").read_text()), signal.SIGTERM)
    until(lambda: not (project.folder / "beat.pid").exists(), "the end of the PID file")
