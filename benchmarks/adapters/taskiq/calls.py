"""taskiq: what its users call."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import tasks

ASYNC = True


async def setup() -> None:
    await tasks.broker.startup()


async def close() -> None:
    await tasks.broker.shutdown()


async def send(i: int) -> None:
    await tasks.noop.kiq(i)


async def round_trip(i: int) -> None:
    # Looks every millisecond; its own default is 200 ms.
    result = await (await tasks.echo.kiq(i)).wait_result(check_interval=0.001, timeout=30)
    assert result.return_value == i


async def send_eta(i: int, when: float) -> None:
    await tasks.late.schedule_by_time(tasks.source, datetime.fromtimestamp(when, UTC), i)


async def send_payload(i: int, data: dict[str, Any]) -> None:
    await tasks.payload.kiq(i, data)


async def send_pause(i: int, seconds: float) -> None:
    await tasks.pause.kiq(i, seconds)
