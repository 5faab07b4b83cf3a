"""Celery's settings that are taken and change nothing here, by the reason why: (name, Celery's default, old names)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from .kinds import WithoutEffect

Row: TypeAlias = "tuple[str, Any, *tuple[str, ...]]"

_ETA = "messages with an eta wait in the broker, never in a worker's memory"
_FETCH = "a lane fetches by the run times it sees and gives back what waits behind a long task"
_PARTS = "the worker's parts are bootsteps, and plugins add to them or take their place"
_RECONNECT = "a worker connects again for as long as it takes, at its start too, and says so"
_BEAT_CONTROL = "there is no remote control yet; kernelq beat list tells how the schedule stands"
_LATER_EVENTS = "there are no events for monitors yet"
_LATER_CONTROL = "there is no remote control yet"
_BACKEND_RETRY = "an outcome waits in the worker until its backend is back, and is acknowledged after it is stored"
_CHORDS = "the end of the last member calls the body of a chord, nothing asks for it again and again; result_expires counts for chords too"
_TABLES = "the engine makes and names its own tables"
_DAEMON = "a worker stays in the foreground, under a supervisor such as systemd, which has settings for that"

ROWS: Mapping[str, tuple[Row, ...]] = {
    # --- worker
    _FETCH: (
        ("worker_prefetch_multiplier", 4, "CELERYD_PREFETCH_MULTIPLIER"),
        ("worker_disable_prefetch", False, "CELERYD_DISABLE_PREFETCH"),
        ("worker_enable_prefetch_count_reduction", True, "CELERYD_ENABLE_PREFETCH_COUNT_REDUCTION"),
        ("worker_detect_quorum_queues", True, "CELERYD_DETECT_QUORUM_QUEUES"),
    ),
    _ETA: (
        ("worker_eta_task_limit", None, "CELERYD_ETA_TASK_LIMIT"),
        ("worker_timer", None, "CELERYD_TIMER"),
        ("worker_timer_precision", 1.0, "CELERYD_TIMER_PRECISION"),
    ),
    _PARTS: (
        ("worker_agent", None, "CELERYD_AGENT"),
        ("worker_autoscaler", "celery.worker.autoscale:Autoscaler", "CELERYD_AUTOSCALER"),
        ("worker_consumer", "celery.worker.consumer:Consumer", "CELERYD_CONSUMER"),
    ),
    "a stale attempt cannot store an outcome, so it need not be killed": (
        ("worker_cancel_long_running_tasks_on_connection_loss", False, "CELERYD_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS"),
    ),
    "what a stopped worker leaves goes back uncharged and runs elsewhere; worker_shutdown_timeout limits a warm stop": (
        ("worker_soft_shutdown_timeout", 0.0, "CELERYD_SOFT_SHUTDOWN_TIMEOUT"),
        ("worker_enable_soft_shutdown_on_idle", False, "CELERYD_ENABLE_SOFT_SHUTDOWN_ON_IDLE"),
    ),
    "no rates are limited": (("worker_disable_rate_limits", False, "CELERY_DISABLE_RATE_LIMITS"),),
    "an outcome and its acknowledgement are one step where broker and backend are one engine; elsewhere a task may run twice": (
        ("worker_deduplicate_successful_tasks", False, "CELERYD_DEDUPLICATE_SUCCESSFUL_TASKS"),
    ),
    "the log writes dates in one form": (
        ("worker_log_datefmt", None, "CELERYD_LOG_DATEFMT"),
        ("worker_task_log_datefmt", None, "CELERYD_TASK_LOG_DATEFMT"),
    ),
    "the worker leaves standard output and standard error alone": (
        ("worker_redirect_stdouts", True, "CELERY_REDIRECT_STDOUTS"),
        ("worker_redirect_stdouts_level", "WARNING", "CELERY_REDIRECT_STDOUTS_LEVEL"),
    ),
    "a lost process is noticed at once, and no result travels through it": (
        ("worker_lost_wait", 10.0, "CELERYD_WORKER_LOST_WAIT"),
        ("worker_proc_alive_timeout", 4.0, "CELERYD_PROC_ALIVE_TIMEOUT"),
        ("worker_pool_putlocks", True, "CELERYD_POOL_PUTLOCKS"),
    ),
    "revoked ids are kept in the broker, not in a file of the worker": (("worker_state_db", None, "CELERYD_STATE_DB"),),
    _DAEMON: tuple(
        (f"{program}_{what}", None)
        for program in ("worker", "beat", "events")
        for what in ("logfile", "pidfile", "umask", "executable")
    ),
    # --- broker
    _RECONNECT: (
        ("broker_connection_retry", True),
        ("broker_connection_retry_on_startup", None),
        ("broker_connection_max_retries", 100),
        ("broker_channel_error_retry", False),
    ),
    "the nodes in broker_url are tried in their order": (("broker_failover_strategy", None),),
    "the engine looks after its heartbeats by itself": (
        ("broker_heartbeat", 120),
        ("broker_heartbeat_checkrate", 3.0),
    ),
    "the engine logs in by user and password": (("broker_login_method", None),),
    "each engine keeps as many connections as it needs; see its page for a bound": (
        ("broker_pool_limit", 10),
        ("broker_pool_acquire_timeout", None),
    ),
    "only RabbitMQ has types of queues, exchanges and deliveries, and the plugin broker_amqp is not loaded": (
        ("broker_native_delayed_delivery_queue_type", "quorum"),
        ("task_default_queue_type", "classic", "CELERY_DEFAULT_QUEUE_TYPE"),
        ("task_default_exchange_type", "direct", "CELERY_DEFAULT_EXCHANGE_TYPE"),
        ("task_queue_max_priority", None, "CELERY_QUEUE_MAX_PRIORITY"),
    ),
    # --- tasks
    "a message whose process is lost runs again by itself, up to task_max_crashes times": (
        ("task_retry_on_worker_lost", False, "CELERY_RETRY_ON_WORKER_LOST"),
    ),
    "a failure's traceback comes with its result, as text": (
        ("task_remote_tracebacks", False, "CELERY_REMOTE_TRACEBACKS"),
    ),
    "what is shown of arguments is bounded by its length alone": (
        ("task_repr_maxlevels", 3, "CELERY_REPR_MAXLEVELS"),
    ),
    # --- results
    "results are not kept in the memory of who asks": (("result_cache_max", -1, "CELERY_MAX_CACHED_RESULTS"),),
    "results are stored as they are serialised": (("result_compression", None, "CELERY_RESULT_COMPRESSION"),),
    "an rpc result goes straight to the queue of who waits for it": (
        ("result_exchange", "celeryresults", "CELERY_RESULT_EXCHANGE"),
        ("result_exchange_type", "direct", "CELERY_RESULT_EXCHANGE_TYPE"),
        ("result_persistent", None, "CELERY_RESULT_PERSISTENT"),
    ),
    "failures are kept as long as other results, result_expires": (
    ),
    _BACKEND_RETRY: (
        ("result_backend_always_retry", False, "CELERY_RESULT_BACKEND_ALWAYS_RETRY"),
        ("result_backend_max_retries", float("inf"), "CELERY_RESULT_BACKEND_MAX_RETRIES"),
        ("result_backend_base_sleep_between_retries_ms", 10, "CELERY_RESULT_BACKEND_BASE_SLEEP_BETWEEN_RETRIES_MS"),
        ("result_backend_max_sleep_between_retries_ms", 10_000, "CELERY_RESULT_BACKEND_MAX_SLEEP_BETWEEN_RETRIES_MS"),
    ),
    "every backend may be shared by threads": (("result_backend_thread_safe", False),),
    "the engine makes its connections itself; what it can be told stands in result_backend, behind a ?": (
        ("database_engine_options", {"pool_pre_ping": True, "pool_recycle": 3600}, "CELERY_RESULT_ENGINE_OPTIONS"),
        ("database_engine_callback", None),
        ("database_short_lived_sessions", False, "CELERY_RESULT_DB_SHORT_LIVED_SESSIONS"),
        ("redis_socket_connect_timeout", None, "CELERY_REDIS_SOCKET_CONNECT_TIMEOUT"),
        ("redis_retry_on_timeout", False, "CELERY_REDIS_RETRY_ON_TIMEOUT"),
        ("redis_socket_keepalive", False, "CELERY_REDIS_SOCKET_KEEPALIVE"),
        ("redis_client_name", None),
    ),
    _TABLES: (
        ("database_table_schemas", None),
        ("database_table_names", None, "CELERY_RESULT_DB_TABLENAMES"),
        ("database_create_tables_at_setup", True),
    ),
    _CHORDS: (
        ("result_chord_expires", None, "CELERY_RESULT_CHORD_EXPIRES"),
        ("result_chord_retry_interval", 1.0, "CELERY_RESULT_CHORD_RETRY_INTERVAL"),
        ("result_chord_join_timeout", 3.0, "CELERY_RESULT_CHORD_JOIN_TIMEOUT"),
    ),
    # --- what comes later
    _BEAT_CONTROL: (
        ("beat_enable_remote_control", False, "CELERYBEAT_ENABLE_REMOTE_CONTROL"),
        ("beat_remote_control_max_tick_age", None, "CELERYBEAT_REMOTE_CONTROL_MAX_TICK_AGE"),
    ),
    _LATER_EVENTS: (
        ("event_queue_expires", 60.0, "CELERY_EVENT_QUEUE_EXPIRES"),
        ("event_queue_ttl", 5.0, "CELERY_EVENT_QUEUE_TTL"),
        ("event_queue_prefix", "celeryev", "CELERY_EVENT_QUEUE_PREFIX"),
        ("event_queue_exclusive", True, "CELERY_EVENT_QUEUE_EXCLUSIVE"),
        ("event_queue_durable", False, "CELERY_EVENT_QUEUE_DURABLE"),
        ("event_serializer", "json", "CELERY_EVENT_SERIALIZER"),
        ("event_exchange", "celeryev", "CELERY_EVENT_EXCHANGE"),
        ("task_send_sent_event", False, "CELERY_SEND_TASK_SENT_EVENT"),
        ("worker_send_task_events", False, "CELERY_SEND_EVENTS"),
    ),
    _LATER_CONTROL: (
        ("control_queue_ttl", 300.0),
        ("control_queue_expires", 10.0),
        ("control_queue_exclusive", True),
        ("control_queue_durable", False),
        ("control_exchange", "celery"),
        ("worker_enable_remote_control", True, "CELERY_ENABLE_REMOTE_CONTROL"),
        ("worker_pool_restarts", False, "CELERYD_POOL_RESTARTS"),
    ),
}  # fmt: skip
"""Reason → the settings it holds for. A plugin that gives one of them a meaning declares it itself, and that counts."""


def without_effect() -> Iterator[WithoutEffect]:
    """The options of all rows."""
    for reason, rows in ROWS.items():
        for name, default, *old in rows:
            yield WithoutEffect(name, object, default, f"no effect: {reason}", tuple(old), reason=reason)
