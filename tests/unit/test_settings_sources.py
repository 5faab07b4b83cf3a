"""Configuration sources of every kind: those of projects that used Celery, old and new, command lines, the environment."""

from __future__ import annotations

import datetime
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from kernelq import KernelQ
from kernelq.contracts import ImproperlyConfigured, UnknownSetting

OLD = '''
"""The configuration of a shop, written for Celery 3.1."""
import os
from datetime import timedelta
from kombu import Exchange, Queue

BROKER_URL = "redis://localhost:6379/0"
BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 18000}
BROKER_POOL_LIMIT = 10
BROKER_CONNECTION_TIMEOUT = 5
CELERY_RESULT_BACKEND = "redis://localhost:6379/1"
CELERY_TASK_RESULT_EXPIRES = timedelta(hours=2)
CELERY_TASK_SERIALIZER = "json"
CELERY_RESULT_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = "Europe/Vienna"
CELERY_ENABLE_UTC = True
CELERY_IMPORTS = ("shop.tasks", "shop.mails")
CELERY_DEFAULT_QUEUE = "shop"
CELERY_IGNORE_RESULT = False
CELERY_ACKS_LATE = True
CELERY_TRACK_STARTED = True
CELERY_DISABLE_RATE_LIMITS = True
CELERY_SEND_EVENTS = True
CELERYD_CONCURRENCY = 8
CELERYD_PREFETCH_MULTIPLIER = 1
CELERYD_MAX_TASKS_PER_CHILD = 1000
CELERYD_TASK_TIME_LIMIT = 300
CELERYD_TASK_SOFT_TIME_LIMIT = 270
CELERYD_HIJACK_ROOT_LOGGER = False
CELERYD_LOG_FORMAT = "[%(asctime)s] %(message)s"
CELERY_REDIRECT_STDOUTS = False
CELERYBEAT_SCHEDULE = {"sweep": {"task": "shop.sweep", "schedule": timedelta(minutes=5)}}
CELERYBEAT_SCHEDULER = "celery.beat:PersistentScheduler"
CELERY_SEND_TASK_ERROR_EMAILS = False
ADMINS = (("Ada", "ada@example.org"),)
TEMPLATE_DIR = os.path.join("a", "b")

def broker_of(host):
    return f"redis://{host}"
'''

NEW = '''
"""The configuration of a shop, written for Celery 5."""
import os
from celery.schedules import crontab

broker_url = os.environ.get("SHOP_BROKER", "amqp://shop:secret@localhost//")
broker_connection_retry_on_startup = True
broker_heartbeat = 30
result_backend = "db+postgresql://shop:secret@localhost/shop"
result_expires = 3600
result_extended = True
database_engine_options = {"pool_recycle": 100}
accept_content = ["json"]
task_serializer = "json"
timezone = "UTC"
enable_utc = True
imports = ["shop.tasks"]
task_default_queue = "shop"
task_acks_late = True
task_reject_on_worker_lost = True
task_time_limit = 30 * 60
task_publish_retry_policy = {"max_retries": 3, "interval_start": 0, "interval_step": 0.2, "interval_max": 0.2}
worker_prefetch_multiplier = 1
worker_max_tasks_per_child = 100
worker_max_memory_per_child = 200000
worker_send_task_events = True
worker_cancel_long_running_tasks_on_connection_loss = True
beat_schedule = {"sweep": {"task": "shop.sweep", "schedule": crontab(minute=0)}}
'''


NAMES = [
    line.partition("\t")[0]
    for line in (Path(__file__).parents[1] / "data" / "celery_settings.tsv").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
]
"""Every setting of Celery."""


@pytest.fixture
def app() -> KernelQ:
    return KernelQ("proj", set_as_current=False)


def written(folder: Path, text: str, name: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module of that text which can be imported."""
    (folder / f"{name}.py").write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, name, raising=False)
    return name


def module(name: str, monkeypatch: pytest.MonkeyPatch, **members: Any) -> str:
    made = ModuleType(name)
    vars(made).update(members)
    monkeypatch.setitem(sys.modules, name, made)
    return name


# --- modules of real projects


def test_an_old_module_is_read_as_it_is(app: KernelQ, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app.config_from_object(written(tmp_path, OLD, "shop_old_config", monkeypatch))

    conf = app.conf
    assert conf.broker_url == "redis://localhost:6379/0"
    assert conf.result_expires == 7200
    assert (conf.worker_concurrency, conf.worker_max_tasks_per_child) == (8, 1000)
    assert (conf.task_time_limit, conf.task_soft_time_limit) == (300, 270)
    assert conf.imports == ("shop.tasks", "shop.mails")
    assert (conf.task_default_queue, conf.timezone, conf.task_track_started) == ("shop", "Europe/Vienna", True)
    assert conf.worker_hijack_root_logger is False
    assert conf.CELERYD_PREFETCH_MULTIPLIER == conf.worker_prefetch_multiplier == 1
    assert "sweep" in conf.beat_schedule


def test_a_new_module_is_read_as_it_is(app: KernelQ, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app.config_from_object(written(tmp_path, NEW, "shop_new_config", monkeypatch))

    conf = app.conf
    assert conf.broker_url == "amqp://shop:secret@localhost//"
    assert conf.result_backend == "db+postgresql://shop:secret@localhost/shop"
    assert (conf.task_time_limit, conf.result_extended, conf.task_max_crashes) == (1800, True, 3)
    assert conf.worker_max_memory_per_child == 200_000
    assert conf.task_publish_retry_policy["interval_max"] == 0.2


@pytest.mark.parametrize("text", [OLD, NEW])
def test_what_celery_reads_out_of_a_module_is_read_here_too(
    app: KernelQ, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    celery = pytest.importorskip("celery").Celery("proj", set_as_current=False)
    name = written(tmp_path, text, "shop_both_config", monkeypatch)
    celery.config_from_object(name)
    app.config_from_object(name)

    given = [each for each in NAMES if celery.conf.value_set_for(each)]
    assert len(given) > 15
    for each in given:
        if each == "broker_transport_options":
            continue  # without what has no meaning here
        assert comparable(app.conf[each]) == comparable(celery.conf[each]), each


def comparable(value: Any) -> Any:
    """A value without what differs in its type alone."""
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    return list(value) if isinstance(value, tuple) else value


def test_settings_of_django_are_read_under_their_namespace(app: KernelQ) -> None:
    settings = SimpleNamespace(
        DEBUG=True,
        TIME_ZONE="Europe/Vienna",
        CELERY_BROKER_URL="memory://",
        CELERY_TASK_TRACK_STARTED=True,
        CELERY_TASK_TIME_LIMIT=1800,
        CELERY_CACHE_BACKEND="default",
        CELERY_BEAT_SCHEDULER="django_celery_beat.schedulers:DatabaseScheduler",
    )

    app.config_from_object(settings, namespace="CELERY")

    assert (app.conf.broker_url, app.conf.task_track_started, app.conf.task_time_limit) == ("memory://", True, 1800)
    assert app.conf.timezone == "Europe/Vienna"


def test_a_timezone_of_its_own_wins_over_django_s(app: KernelQ) -> None:
    app.config_from_object(SimpleNamespace(TIME_ZONE="Europe/Vienna", CELERY_TIMEZONE="UTC"), namespace="CELERY")

    assert app.conf.timezone == "UTC"


def test_an_old_name_under_a_namespace_is_refused_with_the_new_one(app: KernelQ) -> None:
    app.config_from_object({"CELERY_ACKS_LATE": True}, namespace="CELERY")

    with pytest.raises(UnknownSetting, match="where names are the new ones; write CELERY_TASK_ACKS_LATE"):
        app.conf.worker_pool  # noqa: B018


# --- mixtures


def test_old_names_of_a_module_that_has_new_ones_are_refused_with_all_renames(
    app: KernelQ, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = module("mixed", monkeypatch, BROKER_URL="memory://", CELERYD_CONCURRENCY=3, task_default_queue="mail")
    app.config_from_object(name)

    renames = "rename: BROKER_URL -> broker_url, CELERYD_CONCURRENCY -> worker_concurrency"
    with pytest.raises(ImproperlyConfigured, match=renames):
        app.conf.worker_pool  # noqa: B018


def test_an_old_name_beside_its_new_one_is_no_mixture(app: KernelQ) -> None:
    app.config_from_object({"CELERY_DEFAULT_QUEUE": "old", "task_default_queue": "new", "worker_pool": "solo"})

    assert (app.conf.task_default_queue, app.conf.worker_pool) == ("new", "solo")


def test_a_name_in_small_letters_that_stands_for_another_is_no_mixture(app: KernelQ) -> None:
    app.config_from_object({"visibility_timeout": 60, "worker_pool": "solo"})

    assert (app.conf.worker_lease, app.conf.worker_pool) == (60, "solo")


# --- what sources hold beside settings


def test_imported_classes_and_functions_are_no_settings(app: KernelQ, monkeypatch: pytest.MonkeyPatch) -> None:
    name = module("helpers", monkeypatch, timezone=datetime.timezone, include=lambda: (), worker_pool="solo")
    app.config_from_object(name)

    assert (app.conf.timezone, app.conf.include, app.conf.worker_pool) == (None, (), "solo")


def test_a_function_is_kept_where_a_setting_may_be_one(app: KernelQ, monkeypatch: pytest.MonkeyPatch) -> None:
    def strategy(servers: Any) -> Any:
        return servers

    app.config_from_object(module("strategies", monkeypatch, broker_failover_strategy=strategy))

    assert app.conf.broker_failover_strategy is strategy


# --- silent, forced, lazy


def test_a_missing_module_inside_a_source_is_told(
    app: KernelQ, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.config_from_object(written(tmp_path, "import no_such_library\n", "broken_config", monkeypatch))

    with pytest.raises(ImproperlyConfigured, match="'broken_config': No module named 'no_such_library'"):
        app.conf.worker_pool  # noqa: B018


def test_what_is_set_before_and_after_a_source_wins_over_it(app: KernelQ) -> None:
    app.conf.task_default_queue = "before"
    app.config_from_object({"task_default_queue": "source", "worker_pool": "solo"})

    assert (app.conf.task_default_queue, app.conf.worker_pool) == ("before", "solo")
    app.config_from_object({"task_default_queue": "second"})
    assert (app.conf.task_default_queue, app.conf.worker_pool) == ("before", "prefork")


def test_asking_whether_an_app_is_configured_does_not_configure_it(app: KernelQ) -> None:
    app.config_from_object("no.such.module")

    assert app.configured is False
    app.config_from_object({})
    assert app.configured is False
    assert app.conf.worker_pool
    assert app.configured is True


# --- CELERY_CONFIG_MODULE


def test_an_app_without_a_source_takes_the_module_the_environment_names(
    app: KernelQ, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CELERY_CONFIG_MODULE", written(tmp_path, OLD, "shop_env_config", monkeypatch))
    app.conf.task_default_queue = "mine"

    assert (app.conf.task_default_queue, app.conf.worker_concurrency) == ("mine", 8)


def test_what_follows_from_the_environment_s_module_follows(app: KernelQ, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "CELERY_CONFIG_MODULE", module("env_config", monkeypatch, CELERY_ACKS_ON_FAILURE_OR_TIMEOUT=False)
    )

    assert app.conf.task_acks_on_failure is False


def test_an_app_with_a_source_leaves_the_environment_s_module_alone(
    app: KernelQ, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CELERY_CONFIG_MODULE", "no.such.module")
    app.config_from_object({"worker_pool": "solo"})

    assert (app.conf.worker_pool, app.conf.worker_concurrency) == ("solo", None)


def test_a_module_of_the_environment_that_is_not_there_is_told(app: KernelQ, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CELERY_CONFIG_MODULE", "no.such.module")

    for _ in range(2):
        with pytest.raises(ImproperlyConfigured, match="cannot load the configuration 'no.such.module'"):
            app.conf.worker_pool  # noqa: B018


# --- command lines


@pytest.mark.parametrize(
    ("word", "name", "value"),
    [
        ("worker_concurrency=(int)3", "worker_concurrency", 3),
        ("worker.concurrency=3", "worker_concurrency", 3),
        ("WORKER.Concurrency=3", "worker_concurrency", 3),
        ("task_acks_late=off", "task_acks_late", False),
        ("task_acks_late=(bool)no", "task_acks_late", False),
        ("task_time_limit=(float)1.5", "task_time_limit", 1.5),
        ('broker_transport_options=(dict){"a": 1}', "broker_transport_options", {"a": 1}),
        ('include=(tuple)["a", "b"]', "include", ("a", "b")),
        ("include=a,b", "include", ("a", "b")),
        ("celery_default_queue=mail", "task_default_queue", "mail"),
        ("_default_queue=mail", "task_default_queue", "mail"),
        ("broker.url=redis://h/?a=b", "broker_url", "redis://h/?a=b"),
    ],
)
def test_words_of_a_command_line_are_settings(app: KernelQ, word: str, name: str, value: Any) -> None:
    app.conf[name] = app.conf[name]
    app.config_from_cmdline([word])

    assert app.conf.table()[name] == (value, "the command line")


def test_a_command_line_may_be_one_text(app: KernelQ) -> None:
    app.config_from_cmdline("worker.concurrency=(int)3 task_default_queue='my queue'")

    assert (app.conf.worker_concurrency, app.conf.task_default_queue) == (3, "my queue")


def test_words_that_begin_with_a_dot_belong_to_the_namespace(app: KernelQ) -> None:
    app.config_from_cmdline([".concurrency=(int)3"], namespace="worker")

    assert app.conf.worker_concurrency == 3


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("worker.concurrency", "expected a setting as name=value, got 'worker.concurrency'"),
        ("worker.concurency=3", "unknown setting 'worker_concurency', from the command line; did you mean 'worker_concurrency'"),
        ("worker.concurrency=(int)many", "worker_concurrency is no int"),
        ("worker.concurrency=(number)3", r"unknown type 'number' of worker_concurrency \(known: int, "),
        ("worker.concurrency=many", r"expected .*int.*, got 'many' \(setting worker_concurrency, from the command line\)"),
        ("task_acks_late=(bool)maybe", "expected true or false"),
    ],
)  # fmt: skip
def test_a_wrong_word_is_refused_at_once(app: KernelQ, word: str, said: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=said):
        app.config_from_cmdline([word])


# --- either


def test_either_gives_the_first_value_there_is_or_the_setting(app: KernelQ) -> None:
    assert app.either("task_default_queue", None, 0, "x") == 0
    assert app.either("task_default_queue", None) == "default"
    assert app.either("task_default_queue") == "default"
