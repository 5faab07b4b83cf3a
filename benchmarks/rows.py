"""The rows of the table: which number of which measure, beside whom, and what is wanted of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .peers import BY_NAME, Peer, is_ours


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What a row is to reach: a ratio to the fastest peer, or an own value."""

    number: float
    is_value: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table."""

    label: str
    """The measure as the table names it; `measure` is what is run."""
    measure: str
    number: str
    title: str
    unit: str
    is_cost: bool = False
    """Less is better: seconds, memory."""
    store: str = "redis"
    any_store: bool = False
    """Beside the peers on every store, not on this one only."""
    at_least: Goal | None = None
    wanted: Goal | None = None
    among: Callable[[Peer], bool] = lambda peer: True
    """Which peers it is compared with, of those on the same store."""
    limit: str = ""
    """The number of the limit that stands beside it."""

    @property
    def ours(self) -> str:
        """The name of KernelQ on this row's store."""
        return next(name for name, peer in BY_NAME.items() if peer.store == self.store and is_ours(name))

    def rivals(self) -> list[str]:
        """The peers it is compared with."""
        return [
            name
            for name, peer in BY_NAME.items()
            if (self.any_store or peer.store == self.store) and not is_ours(name) and self.among(peer)
        ]


def _ratio(number: float) -> Goal:
    return Goal(number=number)


def _value(number: float) -> Goal:
    return Goal(number=number, is_value=True)


def _is_json(peer: Peer) -> bool:
    return peer.serializer == "JSON"


def _is_celery(peer: Peer) -> bool:
    return peer.name == "celery"


def _has_two_slots(peer: Peer) -> bool:
    return peer.slots == 2


def _nobody(peer: Peer) -> bool:
    return False


ROWS = (
    Row(label="M1", measure="M1", number="msgs_s", title="enqueue one by one", unit="/s", at_least=_ratio(1.1), wanted=_ratio(1.3), limit="single"),
    Row(label="M1b", measure="M1b", number="msgs_s", title="enqueue in bulk", unit="/s", any_store=True, at_least=_ratio(4), wanted=_ratio(8), limit="bulk"),
    Row(label="M2", measure="M2", number="tasks_s", title="drain", unit="/s", at_least=_ratio(5), wanted=_ratio(8), limit="drain"),
    Row(label="M2r", measure="M2r", number="tasks_s", title="drain with results", unit="/s", at_least=_ratio(7), wanted=_ratio(10), limit="drain_results"),
    Row(label="M3", measure="M3", number="tasks_s", title="produce and consume at once", unit="/s", at_least=_ratio(1.7), wanted=_ratio(3)),
    Row(label="M4", measure="M4", number="p50_ms", title="round trip, p50", unit="ms", is_cost=True, at_least=_ratio(0.7), wanted=_ratio(0.4), limit="ping_ms"),
    Row(label="M5", measure="M5", number="import_s", title="import of the client with app and task", unit="s", is_cost=True, any_store=True, at_least=_ratio(0.6), wanted=_ratio(0.35)),
    Row(label="M5", measure="M5", number="spawn_s", title="spawn to first task done", unit="s", is_cost=True, any_store=True, at_least=_ratio(1.0), wanted=_ratio(0.8)),
    Row(label="M6", measure="M6", number="pss_mb", title="idle worker, 2 processes (PSS)", unit="MB", is_cost=True, at_least=_ratio(1.0), wanted=_ratio(0.8)),
    Row(label="M7", measure="M7", number="p99", title="many due at once: p99 lateness", unit="s", is_cost=True, at_least=_ratio(0.4), wanted=_ratio(0.2)),
    Row(label="M7", measure="M7", number="growth_mb", title="many due at once: the worker grows by", unit="MB", is_cost=True, at_least=_value(5), among=_nobody),
    Row(label="M8", measure="M8", number="chord_s", title="chord", unit="s", is_cost=True, at_least=_ratio(0.4), wanted=_ratio(0.25)),
    Row(label="M8", measure="M8", number="group_s", title="group", unit="s", is_cost=True, at_least=_ratio(0.6), wanted=_ratio(0.4)),
    Row(label="M8", measure="M8", number="chain_s", title="chain", unit="s", is_cost=True, at_least=_ratio(0.8), wanted=_ratio(0.5)),
    Row(label="M8w", measure="M8w", number="chord_s", title="chord of 100,000", unit="s", is_cost=True, among=_nobody),
    Row(label="M8w", measure="M8w", number="worker_mb", title="chord of 100,000: a worker's process grows by", unit="MB", is_cost=True, at_least=_value(50), among=_nobody),
    Row(label="M8w", measure="M8w", number="client_mb", title="chord of 100,000: the client grows by", unit="MB", is_cost=True, among=_nobody),
    Row(label="M8w", measure="M8w", number="body_runs", title="chord of 100,000: runs of its body", unit="", is_cost=True, at_least=_value(1), among=_nobody),
    Row(label="M9", measure="M6", number="commands_s", title="idle worker: commands", unit="/s", is_cost=True, at_least=_ratio(1.0), wanted=_value(0), among=_is_celery),
    Row(label="M9", measure="M6", number="cpu_ms_s", title="idle worker: CPU", unit="ms/s", is_cost=True, at_least=_ratio(1.0), wanted=_value(0.05), among=_is_celery),
    Row(label="M10", measure="M10", number="tasks_s", title="100 kB arguments, beside peers with JSON", unit="/s", at_least=_ratio(2), among=_is_json),
    Row(label="M10", measure="M10", number="tasks_s", title="100 kB arguments, beside all", unit="/s", wanted=_ratio(1)),
    Row(label="M11", measure="M11", number="p99_ms", title="short among long: p99 wait, beside one task a process", unit="ms", is_cost=True, at_least=_ratio(1.0), wanted=_value(60), among=_has_two_slots),
    Row(label="M11", measure="M11", number="p99_ms", title="short among long: p99 wait, beside all", unit="ms", is_cost=True, any_store=True, at_least=_ratio(1.0), wanted=_value(60)),
    Row(label="M12", measure="M12", number="tasks_s", title="SQLite: drain", unit="/s", store="sqlite", at_least=_ratio(4)),
    Row(label="M12", measure="M12", number="results_tasks_s", title="SQLite: drain with results", unit="/s", store="sqlite", at_least=_ratio(4)),
    Row(label="M12", measure="M12", number="single_msgs_s", title="SQLite: enqueue one by one", unit="/s", store="sqlite", at_least=_ratio(1)),
    Row(label="M12", measure="M12", number="p50_ms", title="SQLite: round trip, p50", unit="ms", store="sqlite", is_cost=True, at_least=_ratio(0.5)),
    Row(label="M12", measure="M12", number="tasks_s", title="PostgreSQL: drain", unit="/s", store="postgresql", at_least=_ratio(8)),
    Row(label="M12", measure="M12", number="tasks_s", title="RabbitMQ: drain, beside Celery", unit="/s", store="rabbitmq", at_least=_ratio(10), among=lambda peer: peer.adapter == "celery"),
    Row(label="M12", measure="M12", number="tasks_s", title="RabbitMQ: drain, beside all", unit="/s", store="rabbitmq"),
    Row(label="M13", measure="M13", number="all_ratio", title="all first-party plugins: rate ÷ none", unit="", at_least=_value(0.8), wanted=_value(0.9), among=_nobody),
    Row(label="M13", measure="M13", number="empty_ratio", title="and ten of empty hooks: rate ÷ none", unit="", among=_nobody),
    Row(label="M14", measure="M14", number="ratio", title="most messages waiting: rate ÷ that at 10,000", unit="", at_least=_value(0.9), among=_nobody),
    Row(label="M14", measure="M14", number="server_ratio", title="most messages waiting: server time per task at 10,000 ÷ that", unit="", among=_nobody),
    Row(label="M14", measure="M14", number="delayed_ratio", title="as many delayed ones beside: rate ÷ that without", unit="", at_least=_value(0.9), among=_nobody),
    Row(label="M14", measure="M14", number="delayed_server_ratio", title="as many delayed ones beside: server time per task without ÷ that", unit="", among=_nobody),
)  # fmt: skip
