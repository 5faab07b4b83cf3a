"""What `app.conf` has of a mapping and of Celery's settings, and secrets kept out of what is shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import kernelq
import pytest
from click.testing import CliRunner
from kernelq import KernelQ
from kernelq_plugins.commands.command_line import Session
from kernelq_plugins.commands.report import report
from kernelq_plugins.settings_sources.conf_methods import ConfigMethods
from kernelq_plugins.settings_sources.secrets import censor

NAMES = sorted(name for name in vars(ConfigMethods) if not name.startswith("_"))


@pytest.fixture
def app() -> KernelQ:
    return KernelQ("proj", broker="memory://", set_as_current=False)


def method(app: KernelQ, name: str) -> Callable[..., Any]:
    """A method of `app.conf`, as its entry point offers it."""
    found: Callable[..., Any] = getattr(ConfigMethods, name).__get__(app.conf)
    return found


# --- mappings


def test_no_setting_has_the_name_of_a_method(app: KernelQ) -> None:
    assert [name for name in NAMES if name in app.conf] == []


def test_the_settings_are_a_mapping(app: KernelQ) -> None:
    assert dict(method(app, "items")()) == {name: app.conf[name] for name in method(app, "keys")()}
    assert len(list(method(app, "values")())) == len(app.options())


def test_setdefault_sets_what_nobody_has_set(app: KernelQ) -> None:
    assert method(app, "setdefault")("task_default_queue", "mail") == "mail"
    assert method(app, "setdefault")("task_default_queue", "other") == app.conf.task_default_queue == "mail"


def test_a_copy_is_a_dict_of_its_own(app: KernelQ) -> None:
    copied = method(app, "copy")()
    copied["task_default_queue"] = "mail"

    assert copied["broker_url"] == "memory://"
    assert app.conf.task_default_queue == "default"


def test_clear_puts_every_setting_to_its_default(app: KernelQ) -> None:
    app.config_from_object({"worker_concurrency": 3})

    method(app, "clear")()

    assert (app.conf.worker_concurrency, app.conf.broker_url) == (None, None)


def test_without_defaults_there_is_what_was_set(app: KernelQ) -> None:
    app.conf.CELERYD_CONCURRENCY = 3

    assert method(app, "without_defaults")() == {"broker_url": "memory://", "worker_concurrency": 3}


def test_a_value_is_set_by_whatever_name(app: KernelQ) -> None:
    app.conf.CELERYD_CONCURRENCY = 3

    assert method(app, "value_set_for")("worker_concurrency")
    assert method(app, "value_set_for")("CELERYD_CONCURRENCY")
    assert not method(app, "value_set_for")("worker_pool")


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (("worker_concurrency",), ("worker", "concurrency")),
        (("concurrency",), ("worker", "concurrency")),
        (("serializer", "result"), ("result", "serializer")),
        (("timezone",), ("", "timezone")),
    ],
)
def test_an_option_is_found_by_its_name_or_the_end_of_it(
    app: KernelQ, asked: tuple[str, ...], found: tuple[str, str]
) -> None:
    *names, option = method(app, "find_option")(*asked)

    assert tuple(names) == found
    assert option is app.conf.find("_".join(filter(None, found)))


def test_an_option_that_is_not_there_is_a_missing_key(app: KernelQ) -> None:
    with pytest.raises(KeyError, match="no_such_thing"):
        method(app, "find_option")("no_such_thing")


def test_a_setting_is_had_by_the_parts_of_its_name(app: KernelQ) -> None:
    assert method(app, "get_by_parts")("task", "default", "queue") == "default"


def test_settings_are_written_for_people_without_their_secrets(app: KernelQ) -> None:
    app.conf.update(broker_url="redis://u:hunter2@h/0", task_default_queue="mail")

    assert method(app, "humanize")() == "broker_url: 'redis://u:**@h/0'\ntask_default_queue: 'mail'"
    assert "hunter2" in method(app, "humanize")(censored=False)
    assert "worker_pool: 'prefork'" in method(app, "humanize")(with_defaults=True)
    assert "**" in method(app, "without_defaults")(censored=True)["broker_url"]


def test_the_table_says_where_values_come_from(app: KernelQ) -> None:
    table = method(app, "table")

    assert table(with_defaults=False) == {"broker_url": ("memory://", "app.conf")}
    assert table()["worker_pool"] == ("prefork", "default")
    assert table() == app.conf.table()


# --- secrets


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("broker_url", "redis://u:p@ss,w;rd@h/0", "redis://u:**@h/0"),
        ("broker_url", "amqp://u:one@a;amqp://u:t,w@o@b", "amqp://u:**@a;amqp://u:**@b"),
        ("broker_url", "amqp://u:one@a,amqp://u:two@b", "amqp://u:**@a,amqp://u:**@b"),
        ("broker_url", ["amqp://u:one@a", "amqp://u:two@b"], ["amqp://u:**@a", "amqp://u:**@b"]),
        ("redis_password", "hunter2", "********"),
        ("redis_password", 1234, "********"),
        ("redis_password", None, None),
        ("s3_secret_access_key", "x", "********"),
        ("security_key_password", b"x", "********"),
        ("broker_transport_options", {"sentinel_kwargs": {"password": "x"}}, {"sentinel_kwargs": {"password": "********"}}),
        ("ONCE", {"settings": {"url": "redis://:x@h"}}, {"settings": {"url": "redis://:**@h"}}),
        ("imports", ("a", "b"), ("a", "b")),
        ("task_default_routing_key", "mail", "mail"),
        ("broker_transport_options", {"global_keyprefix": "p"}, {"global_keyprefix": "p"}),
    ],
)  # fmt: skip
def test_secrets_are_masked_wherever_they_lie(name: str, value: Any, shown: Any) -> None:
    assert censor(name, value) == shown


def test_the_table_of_settings_is_censored_unless_told_otherwise(app: KernelQ) -> None:
    app.conf.broker_url = "redis://u:hunter2@h"

    assert app.settings_table()["broker_url"] == ("redis://u:**@h", "app.conf")
    assert app.settings_table(censored=False)["broker_url"] == ("redis://u:hunter2@h", "app.conf")


# --- bug reports


@pytest.mark.parametrize(
    "url",
    [
        "redis://ada:hunter2@here/0",
        "amqp://ada:hunter2@a;amqp://ada:hunter2,x@b",
        "amqp://ada:hunter2@a,amqp://ada:hun@hunter2@b",
        "sentinel://:hunter2@a:26379;sentinel://:hunter2@b:26379/0",
    ],
)
def test_a_bug_report_holds_no_password(url: str) -> None:
    app = KernelQ("proj", broker=url, redis_password="hunter2", set_as_current=False)

    text = app.bugreport()

    assert "hunter2" not in text
    assert "\n  broker_url " in text
    assert "\nsettings that differ from their default\n" in text


def test_the_command_prints_the_report_of_the_app(app: KernelQ) -> None:
    said = CliRunner().invoke(report, [], obj=Session(app))

    assert said.exit_code == 0
    assert said.stdout == app.bugreport() + "\n"


def test_the_module_reports_the_app_it_is_given_or_the_current_one(app: KernelQ) -> None:
    app.set_current()

    assert kernelq.bugreport() == kernelq.bugreport(app) == kernelq.bugreport(app=app)
