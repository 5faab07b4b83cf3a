"""``kernelq config check``: what would become of a configuration, line by line."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from click.testing import CliRunner, Result
from kernelq import KernelQ
from kernelq_plugins.commands.command_line import Session
from kernelq_plugins.commands.config import config

OLD = """
BROKER_URL = "redis://u:hunter2@localhost"
CELERYD_CONCURRENCY = 4
CELERYD_PREFETCH_MULTIPLIER = 1

CELERY_SEND_TASK_ERROR_EMAILS = False
BROKER_USE_SSL = {"ca_certs": "x"}
ADMINS = ()
"""


def check(*line: str) -> Result:
    return CliRunner().invoke(config, ["check", *line], obj=Session(KernelQ("proj", set_as_current=False)))


def found(*line: str) -> dict[str, dict[str, Any]]:
    result = check(*line, "--json")
    return {each.pop("name"): each for each in json.loads(result.stdout)}


@pytest.fixture
def old(tmp_path: Path) -> str:
    return file(tmp_path, OLD)


def file(folder: Path, text: str) -> str:
    path = folder / "celeryconfig.py"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_each_line_says_what_becomes_of_it(old: str) -> None:
    findings = found(old)

    assert {name: (each["line"], each["status"]) for name, each in findings.items()} == {
        "BROKER_URL": (2, "works"),
        "CELERYD_CONCURRENCY": (3, "works"),
        "CELERYD_PREFETCH_MULTIPLIER": (4, "no effect"),
        "CELERY_SEND_TASK_ERROR_EMAILS": (6, "unknown"),
        "BROKER_USE_SSL": (7, "refused"),
    }
    assert findings["CELERYD_CONCURRENCY"]["setting"] == "worker_concurrency"
    assert "run times" in findings["CELERYD_PREFETCH_MULTIPLIER"]["reason"]
    assert "rediss://" in findings["BROKER_USE_SSL"]["reason"]


def test_on_a_terminal_it_is_a_table_with_todays_names_and_no_values(old: str) -> None:
    said = check(old)

    assert said.exit_code == 2
    assert "today worker_concurrency" in said.stdout
    assert "hunter2" not in said.output


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("broker_url = 'memory://'", 0),
        ("", 0),
        ("broker_url = 'memory://'\nworker_prefetch_multiplier = 1", 1),
        ("worker_prefetch_multiplier = 1\nsecurity_key = 'x'", 2),
        ("task_time_limt = 3", 2),
        ("worker_concurrency = 'many'", 2),
        ("broker_url = 'memory://'\nCELERYD_CONCURRENCY = 3", 2),
        ("import no_such_library", 2),
        ("1 / 0", 2),
        ("what is this", 2),
    ],
)
def test_the_exit_code_says_whether_it_can_be_used(tmp_path: Path, text: str, code: int) -> None:
    assert check(file(tmp_path, text)).exit_code == code


def test_a_wrong_value_is_refused_with_what_was_expected(tmp_path: Path) -> None:
    findings = found(file(tmp_path, "worker_concurrency = 'many'\nworker_pool = 'solo'"))

    assert findings["worker_concurrency"]["status"] == "refused"
    assert "expected" in findings["worker_concurrency"]["reason"]
    assert findings["worker_pool"]["status"] == "works"


def test_a_mixture_is_told_with_the_rename_at_each_old_name(tmp_path: Path) -> None:
    findings = found(file(tmp_path, "worker_pool = 'solo'\nCELERYD_CONCURRENCY = 3"))

    assert findings["worker_pool"]["status"] == "works"
    assert findings["CELERYD_CONCURRENCY"]["status"] == "refused"
    assert "mixed in one source; write worker_concurrency" in findings["CELERYD_CONCURRENCY"]["reason"]


def test_an_unknown_name_comes_with_the_nearest(tmp_path: Path) -> None:
    findings = found(file(tmp_path, "task_time_limt = 3\nCELERYD_CONCURENCY = 3\nBROKER_XYZXYZXYZXYZ = 1\nfoo = 1"))

    assert {name: each["reason"] for name, each in findings.items()} == {
        "task_time_limt": "did you mean task_time_limit?",
        "CELERYD_CONCURENCY": "did you mean CELERYD_CONCURRENCY?",
        "BROKER_XYZXYZXYZXYZ": "nothing of this name is known",
    }


DJANGO = """
DEBUG = True
CELERY_BROKER_URL: str = "memory://"
CELERY_TASK_ACKS_LATE = True
CELERY_ACKS_LATE = True
CELERY_TASK_TIME_LIMT = 3
"""


def test_settings_of_django_are_looked_at_under_their_namespace(tmp_path: Path) -> None:
    findings = found(file(tmp_path, DJANGO), "--namespace", "CELERY")

    assert {name: (each["line"], each["status"]) for name, each in findings.items()} == {
        "CELERY_BROKER_URL": (3, "works"),
        "CELERY_TASK_ACKS_LATE": (4, "works"),
        "CELERY_ACKS_LATE": (5, "unknown"),
        "CELERY_TASK_TIME_LIMT": (6, "unknown"),
    }
    assert findings["CELERY_ACKS_LATE"]["reason"].endswith("write CELERY_TASK_ACKS_LATE")
    assert findings["CELERY_TASK_TIME_LIMT"]["reason"] == "did you mean CELERY_TASK_TIME_LIMIT?"


def test_a_forgotten_namespace_is_pointed_out(tmp_path: Path) -> None:
    findings = found(file(tmp_path, DJANGO))

    assert findings["CELERY_BROKER_URL"]["reason"] == "known under a namespace: --namespace CELERY"


def test_a_module_is_given_by_its_dotted_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "checked_config.py").write_text("worker_pool = 'solo'\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)

    assert found("checked_config")["worker_pool"]["line"] == 1


def test_values_are_judged_as_they_would_be_taken(tmp_path: Path) -> None:
    text = "worker_concurrency = 'auto'\nresult_backend = 'database'\ndatabase_url = 'sqlite:///r.sqlite3'"

    assert {each["status"] for each in found(file(tmp_path, text)).values()} == {"works"}


def test_what_cannot_be_loaded_is_told_in_one_line() -> None:
    said = check("no.such.module")

    assert said.exit_code == 2
    assert said.stderr.startswith("kernelq: cannot load the configuration 'no.such.module'")


def test_checking_takes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = ModuleType("environment_config")
    environment.worker_concurrency = 3  # type: ignore[attr-defined]  # a module made by hand
    monkeypatch.setitem(sys.modules, "environment_config", environment)
    monkeypatch.setenv("CELERY_CONFIG_MODULE", "environment_config")
    app = KernelQ("proj", set_as_current=False)

    app.check_settings({"worker_pool": "solo"})

    assert (app.conf.worker_pool, app.conf.worker_concurrency) == ("prefork", 3)


def test_checking_warns_of_nothing_in_the_log(old: str, caplog: pytest.LogCaptureFixture) -> None:
    check(old)

    assert caplog.messages == []
