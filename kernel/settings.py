"""The settings the kernel itself knows; plugins declare theirs by the hook `settings`."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any, TypeAlias

import msgspec

from .errors import ImproperlyConfigured, mask

_TRUTH = {"yes": "true", "on": "true", "no": "false", "off": "false"}

Seconds: TypeAlias = float
"""The type of a setting that is a duration: a number of seconds, or a timedelta."""


@dataclass(frozen=True, slots=True)
class Option:
    """One setting: `name`, `type`, `default`, `help` (one line, with the unit).

    `type` is int, float, str, bool, tuple, dict, `Seconds` or object (anything). None is allowed where it is the
    default or `optional` is set. `old` are the uppercase names it had before.
    """

    name: str
    type: type
    default: Any
    help: str
    old: tuple[str, ...] = ()
    minimum: float | None = None
    optional: bool = False

    def convert(self, value: Any, source: str) -> Any:
        """The value in the declared type; raises `ImproperlyConfigured`: expected what, got what, from where."""
        if (value is None and (self.default is None or self.optional)) or self.type is object:
            return value
        given, is_text = value, isinstance(value, str)
        try:
            if is_text and self.type is tuple:
                value = [part.strip() for part in value.split(",") if part.strip()]
            elif is_text and self.type is dict:
                value = msgspec.json.decode(value)
            elif is_text and self.type is bool:
                value = _TRUTH.get(value.lower(), value)
            elif isinstance(value, datetime.timedelta):
                value = value.total_seconds()
            value = msgspec.convert(value, self.type, strict=not is_text)
        except msgspec.MsgspecError as error:
            raise self._wrong(given, source, str(error)) from None
        if self.minimum is not None and value < self.minimum:
            raise self._wrong(given, source, f"expected at least {self.minimum:g}")
        return value

    def _wrong(self, value: Any, source: str, why: str) -> ImproperlyConfigured:
        why = why[:1].lower() + why[1:].partition(", got")[0]
        return ImproperlyConfigured(f"{why}, got {mask(repr(value))} (setting {self.name}, from {source})")


_KERNEL = (
    # --- engines
    Option("broker_url", str, None, "where messages wait; default: one SQLite file in the working directory", ("BROKER_URL", "BROKER_HOST")),
    Option("broker_connection_timeout", Seconds, 4.0, "seconds to wait for a connection to the broker", ("BROKER_CONNECTION_TIMEOUT",), 0),
    Option("broker_transport_options", dict, {}, "options for the broker's driver", ("BROKER_TRANSPORT_OPTIONS",)),
    Option("result_backend", str, None, "where outcomes are kept; default: with an embedded broker the same file, else nowhere", ("CELERY_RESULT_BACKEND",)),
    Option("result_backend_transport_options", dict, {}, "options for the backend's driver", ("CELERY_RESULT_BACKEND_TRANSPORT_OPTIONS",)),
    # --- the app
    Option("include", tuple, (), "modules the worker imports", ("CELERY_INCLUDE",)),
    Option("imports", tuple, (), "modules the worker imports, before `include`", ("CELERY_IMPORTS",)),
    Option("timezone", str, None, "zone of naive datetimes given as eta or expires; default UTC", ("CELERY_TIMEZONE",)),
    Option("enable_utc", bool, True, "naive datetimes are UTC unless `timezone` is set", ("CELERY_ENABLE_UTC",)),
    Option("plugins", tuple, (), "modules to load as plugins, by dotted name"),
    Option("disable_plugins", tuple, (), "names of installed plugins to leave out"),
    # --- bytes
    Option("accept_content", tuple, ("json",), "serializers or content types a worker may decode", ("CELERY_ACCEPT_CONTENT",)),
    Option("result_accept_content", tuple, None, "the same for results; default `accept_content`"),
    Option("task_serializer", str, "json", "serializer of arguments", ("CELERY_TASK_SERIALIZER",)),
    Option("task_compression", str, None, "compressor of arguments: gzip, bzip2, lzma, zstd, …; default none", ("CELERY_TASK_COMPRESSION", "CELERY_MESSAGE_COMPRESSION")),
    Option("result_serializer", str, "json", "serializer of results", ("CELERY_RESULT_SERIALIZER",)),
    # --- tasks
    Option("task_default_queue", str, "default", "the queue of tasks that name none", ("CELERY_DEFAULT_QUEUE",)),
    Option("task_default_priority", int, 0, "0 to 9, the higher the sooner", ("CELERY_DEFAULT_PRIORITY",), 0),
    Option("task_max_size", int, 16_777_216, "most bytes a task's serialised arguments may have", (), 1),
    Option("task_acks_late", bool, True, "acknowledge after the run, so that a crash repeats it", ("CELERY_ACKS_LATE",)),
    Option("task_acks_on_failure", bool, True, "acknowledge failed tasks; off: to the dead letters", ("CELERY_ACKS_ON_FAILURE",)),
    Option("task_acks_on_timeout", bool, True, "acknowledge tasks over their time limit; off: run them again", ("CELERY_ACKS_ON_TIMEOUT",)),
    Option("task_max_crashes", int, 3, "crash recoveries of one message before it goes to the dead letters", (), 0),
    Option("task_unknown_ttl", Seconds, 86_400.0, "seconds a message of an unknown task is parked before it goes to the dead letters", (), 0),
    Option("task_track_started", bool, False, "store the state STARTED", ("CELERY_TRACK_STARTED", "CELERY_TASK_TRACK_STARTED")),
    Option("task_ignore_result", bool, False, "keep no results unless a task says so", ("CELERY_IGNORE_RESULT",)),
    Option("task_store_errors_even_if_ignored", bool, False, "keep failures of tasks whose results are ignored", ("CELERY_STORE_ERRORS_EVEN_IF_IGNORED",)),
    Option("task_time_limit", Seconds, None, "seconds after which the process of a task is killed", ("CELERYD_TASK_TIME_LIMIT",), 0),
    Option("task_soft_time_limit", Seconds, None, "seconds after which SoftTimeLimitExceeded is raised in the task", ("CELERYD_TASK_SOFT_TIME_LIMIT",), 0),
    Option("task_publish_retry", bool, True, "try a publish again when the broker is away", ("CELERY_TASK_PUBLISH_RETRY",)),
    Option("task_publish_retry_policy", dict, {"max_retries": 3, "interval_start": 0, "interval_step": 0.2, "interval_max": 1, "timeout": 5.0}, "how often, after how many seconds, and how long in all", ("CELERY_TASK_PUBLISH_RETRY_POLICY",)),
    # --- results
    Option("result_expires", Seconds, 86_400.0, "seconds a result is kept; 0 or None: for ever", ("CELERY_TASK_RESULT_EXPIRES",), 0, True),
    Option("result_failure_expires", Seconds, None, "the same for failures; default `result_expires`", ("CELERY_RESULT_FAILURE_EXPIRES",), 0, True),
    Option("result_max_size", int, 16_777_216, "most bytes a serialised result may have; a larger one fails its task", (), 1),
    Option("result_extended", bool, False, "keep name, arguments and queue with the result", ("CELERY_RESULT_EXTENDED",)),
)  # fmt: skip

KERNEL_SETTINGS: dict[str, Option] = {option.name: option for option in _KERNEL}
