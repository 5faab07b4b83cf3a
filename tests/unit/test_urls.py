"""URLs: what is shown of them, and the scheme that picks a driver."""

from __future__ import annotations

import pytest
from kernelq.contracts import mask


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://:hunter2@host:6379/0", "redis://:**@host:6379/0"),
        ("amqp://user:hunter2@host//", "amqp://user:**@host//"),
        ("amqp://user@host//", "amqp://user@host//"),
        ("sqlite:///queue.sqlite3", "sqlite:///queue.sqlite3"),
        ("postgresql+psycopg://u:hun@ter2@host/db", "postgresql+psycopg://u:**@host/db"),
        ("redis://:hun,ter;2@host", "redis://:**@host"),
        ("REDIS://u:hunter2@host", "REDIS://u:**@host"),
        ("redis://host/0?password=hunter2&db=1", "redis://host/0?password=**&db=1"),
        ("redis://host?db=1&TOKEN=hunter2", "redis://host?db=1&TOKEN=**"),
        ("amqp://a:hunter2@one;amqp://b:hunter2@two", "amqp://a:**@one;amqp://b:**@two"),
        ("amqp://a:hunter2@one,amqp://two", "amqp://a:**@one,amqp://two"),
        ("", ""),
    ],
)
def test_no_password_is_shown(url: str, shown: str) -> None:
    assert mask(url) == shown
