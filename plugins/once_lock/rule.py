"""The rule of a task: what its `once` asks for, with what the app's settings say."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from kernelq.contracts import ImproperlyConfigured

from .celery_form import default_timeout

if TYPE_CHECKING:
    from kernelq import Task

POLICIES = ("refuse", "return_existing", "replace", "debounce", "throttle")

REPLACING = frozenset({"replace", "debounce"})
"""Policies by which the newest call counts; what is older is dropped when it is fetched."""

OF_CALL = frozenset({"graceful", "timeout"})
"""What a call may say by itself: what counts for a key must be the same for every call."""

NAMES = ("keys", "graceful", "timeout", "unlock_before_run", "policy", "period", "keep")


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """See the manual of the plugin."""

    keys: tuple[str, ...] | None = None
    graceful: bool = False
    timeout: float = 3600.0
    unlock_before_run: bool = False
    policy: str = "refuse"
    period: float = 0.0


def is_once(task: Any) -> bool:
    """Whether a task asks to be queued once."""
    return isinstance(getattr(task, "once", None), Mapping)


def rule_of(task: Task[..., Any], of_call: Mapping[str, Any] | None = None) -> Rule:
    """The rule for one call of `task`.

    Raises:
        ImproperlyConfigured: it cannot be read; says why.
    """
    once: Mapping[str, Any] = getattr(task, "once", None) or {}
    unknown = [name for name in once if name not in NAMES]
    if unknown:
        raise _wrong(task, f"expected some of {', '.join(NAMES)}, got {unknown[0]!r}")
    given = {**once, **(of_call or {})}
    timeout = given.get("timeout")
    rule = Rule(
        keys=_keys(task, given.get("keys")),
        graceful=bool(given.get("graceful", False)),
        timeout=_seconds(task, "timeout", default_timeout(task.app) if timeout is None else timeout),
        unlock_before_run=bool(given.get("unlock_before_run", False)),
        policy=_policy(task, given),
        period=_seconds(task, "period", given.get("period") or 0.0),
    )
    if rule.policy in ("debounce", "throttle") and not rule.period:
        raise _wrong(task, f"the policy {rule.policy} needs a period in seconds")
    if rule.period and rule.policy not in ("debounce", "throttle"):
        raise _wrong(task, f"a period is for the policies debounce and throttle, not for {rule.policy}")
    if not rule.timeout:
        raise _wrong(task, "expected a timeout above 0 seconds, got 0")
    return rule


def of_call(options: Mapping[str, Any] | None, name: str) -> dict[str, Any]:
    """What one call of the task `name` says by itself; raises `TypeError` for what it may not."""
    wrong = [option for option in options or {} if option not in OF_CALL]
    if wrong:
        raise TypeError(
            f"{wrong[0]!r} in once= of a call of {name}: a call may say {' and '.join(sorted(OF_CALL))}, the rest is the task's"
        )
    return dict(options or {})


def _policy(task: Task[..., Any], given: Mapping[str, Any]) -> str:
    keep, policy = given.get("keep"), given.get("policy")
    if keep not in (None, "latest"):
        raise _wrong(task, f"expected keep='latest', got {keep!r}")
    if keep is not None and policy not in (None, *REPLACING):
        raise _wrong(task, f"keep='latest' does not go with policy={policy!r}")
    found = policy or ("replace" if keep else "refuse")
    if found not in POLICIES:
        raise _wrong(task, f"expected a policy of {', '.join(POLICIES)}, got {found!r}")
    return str(found)


def _keys(task: Task[..., Any], keys: Any) -> tuple[str, ...] | None:
    if keys is None:
        return None
    if isinstance(keys, str) or not all(isinstance(key, str) for key in keys):
        raise _wrong(task, f"expected keys to be a list of argument names, got {keys!r}")
    return tuple(keys)


def _seconds(task: Task[..., Any], name: str, value: Any) -> float:
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise _wrong(task, f"expected {name} in seconds, got {value!r}")
    return float(value)


def _wrong(task: Task[..., Any], why: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"{why} (once of task {task.name})")
