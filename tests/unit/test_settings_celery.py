"""Celery's settings: all are known; each works, has no effect and says why, or is refused with the way out."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kernelq import KernelQ, Option, hookimpl
from kernelq.contracts import ImproperlyConfigured
from kernelq_plugins.celery_settings import kinds
from kernelq_plugins.celery_settings.derived import backend_url
from kernelq_plugins.celery_settings.kinds import Refused, WithoutEffect, is_asked_for

DATA = Path(__file__).parents[1] / "data"


def lines(name: str) -> list[list[str]]:
    text = (DATA / name).read_text(encoding="utf-8")
    return [line.split("\t") for line in text.splitlines() if line and not line.startswith("#")]


DECLARED = lines("celery_settings.tsv")
BESIDE = [name for (name,) in lines("celery_settings_beside.tsv")]


@pytest.fixture
def app() -> KernelQ:
    return KernelQ("proj", set_as_current=False)


@pytest.fixture
def untold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinds, "_told", set())


@pytest.fixture
def warnings(untold: None, caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.WARNING, "kernelq.settings"):
        yield caplog


# --- all of them


def test_every_setting_of_celery_is_known_by_its_name(app: KernelQ) -> None:
    assert len(DECLARED) == 207
    assert [name for name, _, _ in DECLARED if name not in app.options()] == []
    assert [name for name in BESIDE if name not in app.conf] == []


def test_every_setting_of_celery_is_known_by_its_old_name(app: KernelQ) -> None:
    found = {old: option and option.name for _, _, old in DECLARED for option in [app.conf.find(old)]}
    expected = {old: name for name, _, old in DECLARED}

    assert {old: name for old, name in found.items() if name != expected[old]} == {}


def test_no_setting_without_effect_or_refused_has_another_default_than_with_celery(app: KernelQ) -> None:
    ours = [app.options()[name] for name, _, _ in DECLARED]
    written = {name: None if default == "∅" else eval(default) for name, default, _ in DECLARED if "§" not in default and default not in ("1 day", "inf")}  # fmt: skip

    differing = [
        (option.name, option.default)
        for option in ours
        if isinstance(option, WithoutEffect | Refused) and option.name in written
        if is_asked_for(option.default, written[option.name])
    ]

    # Elasticsearch's and Redis' "effective" defaults are the client's.
    assert differing == []


def test_each_says_in_one_line_what_becomes_of_it(app: KernelQ) -> None:
    for option in app.options().values():
        if isinstance(option, WithoutEffect | Refused):
            assert option.reason
            assert option.help == f"{option.status}: {option.reason}"
            assert "\n" not in option.help


def test_reading_all_settings_at_their_defaults_says_nothing(app: KernelQ, warnings: pytest.LogCaptureFixture) -> None:
    for name in app.options():
        app.conf[name]

    assert warnings.records == []


# --- without effect


@pytest.mark.usefixtures("untold")
def test_a_setting_without_effect_says_why_once(app: KernelQ, warnings: pytest.LogCaptureFixture) -> None:
    app.conf.worker_prefetch_multiplier = 1
    app.conf.update(worker_pool="solo")

    assert app.conf.worker_prefetch_multiplier == 1
    app.conf.worker_prefetch_multiplier = 2
    KernelQ("other", worker_prefetch_multiplier=1, set_as_current=False).conf.worker_pool  # noqa: B018

    (said,) = warnings.messages
    assert said.startswith("the setting worker_prefetch_multiplier (from app.conf) has no effect here: a lane fetches")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("worker_prefetch_multiplier", 4),
        ("worker_prefetch_multiplier", "4"),
        ("beat_schedule", {}),
        ("worker_state_db", ""),
        ("worker_enable_remote_control", "true"),
    ],
)
def test_celerys_default_given_by_hand_says_nothing(
    app: KernelQ, warnings: pytest.LogCaptureFixture, name: str, value: Any
) -> None:
    app.conf[name] = value

    assert app.conf[name] == value
    assert warnings.records == []


# --- refused


@pytest.mark.parametrize(
    ("name", "value", "way_out"),
    [
        ("broker_use_ssl", True, "write rediss:// or amqps:// in broker_url"),
        ("broker_use_ssl", {"ssl_cert_reqs": "required"}, "write rediss:// or amqps:// in broker_url"),
        ("redis_backend_use_ssl", {"ssl_cert_reqs": "none"}, "ssl_ca_certs"),
        ("security_key", "/etc/key.pem", "TLS, users and rights"),
        ("broker_read_url", "redis://elsewhere", "one broker.*KERNELQ_BROKER_URL"),
        ("worker_uid", "nobody", "systemd's User="),
        ("task_protocol", 1, "upgrade"),
        ("worker_pool_start_method", "spawn", "--pool threads"),
        ("override_backends", {"x": "y:Z"}, "kernelq.backends"),
    ],
)
def test_what_would_break_its_promise_is_refused_with_the_way_out(
    app: KernelQ, name: str, value: Any, way_out: str
) -> None:
    app.conf[name] = value

    with pytest.raises(ImproperlyConfigured, match=rf"the setting {name} \(from app.conf\) is refused: .*{way_out}"):
        app.conf.worker_pool  # noqa: B018


@pytest.mark.parametrize(("name", "value"), [("broker_use_ssl", False), ("task_protocol", 2), ("security_key", None)])
def test_a_refused_setting_that_asks_for_nothing_is_taken(app: KernelQ, name: str, value: Any) -> None:
    app.conf[name] = value

    assert app.conf[name] == value


def test_a_refused_secret_is_not_shown(app: KernelQ) -> None:
    app.conf.security_key_password = "hunter2"

    with pytest.raises(ImproperlyConfigured) as caught:
        app.conf.worker_pool  # noqa: B018

    assert "hunter2" not in str(caught.value)


# --- another plugin declares one


class Limits:
    """A plugin with a meaning for a setting that has none otherwise."""

    @hookimpl
    def settings(self) -> list[Option]:
        return [Option("task_default_rate_limit", str, None, "how often a task may run")]


def test_what_another_plugin_declares_is_its_own_and_keeps_the_old_name(app: KernelQ) -> None:
    app.register_plugin(Limits())
    app.conf.CELERY_DEFAULT_RATE_LIMIT = "10/s"

    assert app.conf.task_default_rate_limit == "10/s"
    assert type(app.options()["task_default_rate_limit"]) is Option


def test_without_this_plugin_the_others_settings_stand(app: KernelQ) -> None:
    app = KernelQ("proj", disable_plugins=["celery_settings"], set_as_current=False)

    assert app.conf.task_default_queue == "default"
    assert "worker_prefetch_multiplier" not in app.conf


# --- what follows


def test_the_old_parts_of_a_broker_make_its_url(app: KernelQ) -> None:
    app.config_from_object(
        {
            "BROKER_HOST": "mq",
            "BROKER_PORT": 5673,
            "BROKER_USER": "ada",
            "BROKER_PASSWORD": "a@b/c",
            "BROKER_VHOST": "/",
        }
    )

    assert app.broker_url == "amqp://ada:a%40b%2Fc@mq:5673/%2F"
    assert app.conf.table()["broker_url"][1] == "add_defaults"


def test_a_transport_is_the_scheme_of_a_broker_made_of_parts(app: KernelQ) -> None:
    app.conf.update(broker_transport="redis", broker_host="here", broker_vhost="/3")

    assert app.broker_url == "redis://here/3"


def test_a_broker_s_host_may_be_its_url(app: KernelQ) -> None:
    app.conf.update(broker_host="redis://here/1")

    assert app.broker_url == "redis://here/1"


def test_a_url_wins_over_parts(app: KernelQ) -> None:
    app.conf.update(broker_host="there", broker_url="memory://")

    assert app.broker_url == "memory://"


def test_one_setting_stands_for_failures_and_time_limits(app: KernelQ) -> None:
    app.conf.update(task_acks_on_failure_or_timeout=False, task_acks_on_timeout=True)

    assert (app.conf.task_acks_on_failure, app.conf.task_acks_on_timeout) == (False, True)

    app.conf.task_acks_on_failure_or_timeout = True
    assert app.conf.task_acks_on_failure is True


@pytest.mark.parametrize(("value", "crashes"), [(None, 3), (True, 3), (False, 0)])
def test_a_lost_task_that_is_not_wanted_back_may_crash_not_once(app: KernelQ, value: bool | None, crashes: int) -> None:
    app.conf.task_reject_on_worker_lost = value

    assert app.conf.task_max_crashes == crashes


def test_a_database_s_url_is_the_backend(app: KernelQ) -> None:
    app.conf.update(broker_url="memory://", database_url="sqlite:///results.sqlite3")

    assert app.backend_url == "sqlite:///results.sqlite3"


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({"result_backend": "database", "database_url": "sqlite:///r.sqlite3"}, "sqlite:///r.sqlite3"),
        ({"result_backend": "redis", "redis_host": "here", "redis_port": 6380, "redis_db": 2}, "redis://here:6380/2"),
        ({"result_backend": "redis://", "redis_password": "p@ss"}, "redis://:p%40ss@localhost/0"),
        ({"result_backend": "redis://there/1", "redis_host": "here"}, "redis://there/1"),
        ({"result_backend": "redis"}, "redis"),
    ],
)
def test_a_backend_of_a_source_is_put_together_of_its_parts(app: KernelQ, given: dict[str, Any], url: str) -> None:
    app.config_from_object(given)

    assert app.conf.result_backend == url == backend_url(given["result_backend"], given)


def test_connection_settings_of_a_redis_backend_are_options_of_its_transport(app: KernelQ) -> None:
    app.conf.update(redis_socket_timeout=7, redis_max_connections=9)

    assert app.conf.result_backend_transport_options == {"socket_timeout": 7.0, "max_connections": 9}

    app.conf.result_backend_transport_options = {"prefix": "p"}
    assert app.conf.result_backend_transport_options == {"prefix": "p"}


def test_a_wrong_value_of_what_others_follow_from_is_an_error(app: KernelQ, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERNELQ_BROKER_PORT", "many")

    with pytest.raises(ImproperlyConfigured, match="broker_port"):
        app.conf.broker_url  # noqa: B018


# --- values of sources


def test_values_are_taken_as_celery_writes_them(app: KernelQ) -> None:
    class Zone:
        zone = "Europe/Vienna"

    app.config_from_object(
        {
            "broker_url": ["amqp://a", "amqp://b"],
            "worker_concurrency": "auto",
            "timezone": Zone(),
            "task_acks_on_failure": None,
            "task_default_priority": None,
            "accept_content": {"json"},
        }
    )

    assert app.conf.broker_url == "amqp://a;amqp://b"
    assert app.conf.worker_concurrency is None
    assert app.conf.timezone == "Europe/Vienna"
    assert (app.conf.task_acks_on_failure, app.conf.task_default_priority) == (True, 0)
    assert app.conf.accept_content == ("json",)


def test_options_of_celerys_transports_that_nothing_reads_are_left_out_and_told_once(
    app: KernelQ, warnings: pytest.LogCaptureFixture
) -> None:
    options = {"visibility_timeout": 43_200, "global_keyprefix": "p"}
    for _ in range(2):
        app.config_from_object({"broker_transport_options": options})

        assert app.conf.broker_transport_options == {"global_keyprefix": "p"}

    assert warnings.messages == [
        "the option visibility_timeout in broker_transport_options (from dict) has no effect here: "
        "a lease (worker_lease) is renewed for as long as its task runs"
    ]


# --- the environment


def test_celerys_variables_win_over_the_configuration(app: KernelQ, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CELERY_BROKER_URL", "redis://b")
    monkeypatch.setenv("CELERY_RESULT_BACKEND", "redis://r")
    app.conf.update(broker_url="memory://")
    app.config_from_object({"result_backend": "memory://"})

    assert (app.broker_url, app.backend_url) == ("redis://b", "redis://r")
    app.conf.broker_url = "memory://"
    assert app.broker_url == "redis://b"


def test_our_variables_and_the_command_line_win_over_celerys(app: KernelQ, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CELERY_BROKER_URL", "redis://b")
    monkeypatch.setenv("KERNELQ_BROKER_URL", "redis://ours")
    monkeypatch.setenv("CELERY_RESULT_BACKEND", "redis://r")
    app.conf.force("result_backend", "memory://")

    assert (app.broker_url, app.backend_url) == ("redis://ours", "memory://")
    app.config_from_object({})
    assert (app.broker_url, app.backend_url) == ("redis://ours", "memory://")


@pytest.mark.parametrize("variable", ["CELERY_BROKER_READ_URL", "CELERY_BROKER_WRITE_URL"])
def test_a_second_broker_in_the_environment_is_refused(
    app: KernelQ, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "redis://u:hunter2@b")

    with pytest.raises(ImproperlyConfigured, match=f"{variable} is refused.*KERNELQ_BROKER_URL") as caught:
        app.conf.worker_pool  # noqa: B018
    assert "hunter2" not in str(caught.value)

    monkeypatch.setenv("CELERY_BROKER_URL", "redis://u:hunter2@b")
    assert KernelQ("proj", set_as_current=False).broker_url == "redis://u:hunter2@b"
