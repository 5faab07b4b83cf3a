"""compose.yaml says what it should. It is read here, not run: these tests need no Docker."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "compose.yaml").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


def test_there_is_a_service_for_every_engine_that_needs_a_server() -> None:
    assert list(SERVICES) == ["redis", "rabbitmq", "postgres", "mariadb"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_known_to_be_up_by_a_health_check(name: str) -> None:
    check = SERVICES[name]["healthcheck"]

    assert check["test"][0] == "CMD"
    assert {"interval", "timeout", "retries"} <= check.keys()


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_reached_from_this_machine_only(name: str) -> None:
    assert SERVICES[name]["ports"]
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name]["ports"])


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_service_keeps_outlives_its_container(name: str) -> None:
    volumes = [mount.partition(":")[0] for mount in SERVICES[name]["volumes"]]

    assert volumes == [name]
    assert name in COMPOSE["volumes"]


def test_redis_keeps_messages_on_the_disk_and_drops_none() -> None:
    line = " ".join(SERVICES["redis"]["command"])

    assert "--appendonly yes" in line
    assert "--maxmemory-policy noeviction" in line


@pytest.mark.parametrize("name", SERVICES)
def test_the_url_above_a_service_is_that_of_its_port_and_user(name: str) -> None:
    above = TEXT[: TEXT.index(f"\n  {name}:\n")].splitlines()[-1]
    url = urlsplit(above.split()[1])
    settings = SERVICES[name].get("environment", {})

    default = {"redis": 6379, "amqp": 5672, "postgresql": 5432, "mysql": 3306}[url.scheme]
    assert f"127.0.0.1:{default}:{default}" in SERVICES[name]["ports"]
    given = {value for key, value in settings.items() if key.endswith(("USER", "PASS", "PASSWORD", "DB", "DATABASE"))}
    assert {part for part in (url.username, url.password, url.path.strip("/")) if part} <= given


def test_the_worker_that_is_left_out_is_one_that_works() -> None:
    lines = TEXT[TEXT.index("  # worker:") : TEXT.index("\nvolumes:")].splitlines()

    worker = yaml.safe_load("\n".join(line.removeprefix("  # ") for line in lines))["worker"]

    assert set(worker["depends_on"]) <= set(SERVICES)
    assert urlsplit(worker["environment"]["KERNELQ_BROKER_URL"]).hostname in SERVICES
