"""Every signal, as ``from kernelq.signals import task_prerun`` finds it.

Each one's text says when it is sent, by whom (`sender`) and with which arguments.
"""

from __future__ import annotations

from .signal import Signal

__all__ = [
    "Signal",
    "after_setup_logger",
    "after_setup_task_logger",
    "after_task_publish",
    "beat_embedded_init",
    "beat_init",
    "before_task_publish",
    "celeryd_after_setup",
    "celeryd_init",
    "eventlet_pool_apply",
    "eventlet_pool_postshutdown",
    "eventlet_pool_preshutdown",
    "eventlet_pool_started",
    "heartbeat_sent",
    "import_modules",
    "setup_logging",
    "task_failure",
    "task_internal_error",
    "task_postrun",
    "task_prerun",
    "task_received",
    "task_rejected",
    "task_retry",
    "task_revoked",
    "task_sent",
    "task_success",
    "task_unknown",
    "user_preload_options",
    "worker_before_create_process",
    "worker_init",
    "worker_process_init",
    "worker_process_shutdown",
    "worker_ready",
    "worker_shutdown",
    "worker_shutting_down",
]

# --- publish: on the publishing thread, once per message; sender is the task's name

before_task_publish = Signal(
    "before_task_publish",
    "Before a message is published: body (args, kwargs, embed), exchange, routing_key, headers, properties, declare, "
    "retry_policy. Changes inside body, headers, properties and retry_policy take effect.",
)
after_task_publish = Signal(
    "after_task_publish",
    "After the broker accepted a message: body (args, kwargs, embed), headers, exchange, routing_key.",
)
task_sent = Signal(
    "task_sent",
    "The same moment under its oldest name: task_id, task (its name), args, kwargs, eta, taskset. Use after_task_publish.",
)

# --- run: where the task runs; sender is the task

task_prerun = Signal("task_prerun", "Before a task runs: task_id, task, args, kwargs.")
task_postrun = Signal(
    "task_postrun",
    "After a task ran, whatever came of it: task_id, task, args, kwargs, retval (the exception of a failure), state.",
)
task_success = Signal("task_success", "A task returned: result, runtime (seconds).")
task_retry = Signal("task_retry", "A task will run again: request, reason, einfo.")
task_failure = Signal(
    "task_failure",
    "A task failed for good: task_id, exception, args, kwargs, traceback, einfo. Where the task's process "
    "died for good, sent by whoever receives its message next, or by the supervisor after a time limit.",
)
task_internal_error = Signal(
    "task_internal_error",
    "An error around a task, not its own: task_id, args, kwargs, request (a dict), exception, traceback, einfo.",
)
task_revoked = Signal(
    "task_revoked", "A task will not run: request, terminated, signum, expired. Sent where the message was received."
)

# --- receive: on the thread that consumes; sender is the worker's node name, with `app` and `hostname`

task_received = Signal("task_received", "A message of a known task arrived: request.")
task_unknown = Signal("task_unknown", "No task of this name is known here: name, id, message, exc.")
task_rejected = Signal("task_rejected", "A message that cannot be read goes to the dead letters: message, exc.")

# --- app and logging

import_modules = Signal("import_modules", "The worker imports its modules: no arguments; sender is the app.")
setup_logging = Signal(
    "setup_logging",
    "Before logging is set up; with a receiver nothing else sets it up: loglevel, logfile, format, colorize. No sender. "
    "An exception stops the worker.",
    is_strict=True,
)
after_setup_logger = Signal(
    "after_setup_logger", "The root logger is set up: logger, loglevel, logfile, format, colorize. No sender."
)
after_setup_task_logger = Signal(
    "after_setup_task_logger", "The logger of tasks is set up: logger, loglevel, logfile, format, colorize. No sender."
)
user_preload_options = Signal(
    "user_preload_options",
    "The command line was read: app, options (those the app added for all commands). Sender is the app.",
)

# --- worker

worker_init = Signal("worker_init", "Before the worker's first bootstep: no arguments; sender is the worker.")
worker_ready = Signal("worker_ready", "The worker consumes: no arguments; sender is the worker.")
worker_shutting_down = Signal(
    "worker_shutting_down", "The worker was asked to stop: sig, how (Warm or Cold), exitcode; sender is its node name."
)
worker_shutdown = Signal("worker_shutdown", "The worker has stopped: no arguments; sender is the worker.")
worker_before_create_process = Signal(
    "worker_before_create_process", "A pool is about to fork a child, in the parent: no arguments; sender is the app."
)
worker_process_init = Signal(
    "worker_process_init",
    "A child has begun, in it; once in pools without children: no arguments; sender is the worker's node name.",
)
worker_process_shutdown = Signal(
    "worker_process_shutdown",
    "A child is about to end by itself, in it: pid, exitcode; sender is the worker's node name.",
)

celeryd_init = Signal(
    "celeryd_init",
    "The first of all a worker's own signals: instance (the worker), conf, options (hostname, concurrency, pool, queues, loglevel, "
    "logfile). Settings changed here hold for the worker; sender is its node name.",
)
celeryd_after_setup = Signal(
    "celeryd_after_setup",
    "Logging is set up and the modules are imported, nothing has begun: instance (the worker), conf. Changes of the worker's "
    "queues take effect; sender is its node name.",
)

# --- moments of other parts, kept here so that receivers need to know one place; this plugin sends none of them

beat_init = Signal("beat_init", "For schedulers to send when they start; sender is the scheduler's service.")
beat_embedded_init = Signal(
    "beat_embedded_init", "For schedulers inside a worker to send after beat_init; sender is the scheduler's service."
)
heartbeat_sent = Signal(
    "heartbeat_sent", "For whoever sends heartbeats to monitors, after each; sender is that object."
)
eventlet_pool_started = Signal("eventlet_pool_started", "For pools of green threads: started; sender is the pool.")
eventlet_pool_preshutdown = Signal(
    "eventlet_pool_preshutdown", "For pools of green threads: about to stop; sender is the pool."
)
eventlet_pool_postshutdown = Signal(
    "eventlet_pool_postshutdown", "For pools of green threads: stopped; sender is the pool."
)
eventlet_pool_apply = Signal(
    "eventlet_pool_apply", "For pools of green threads: about to run target, args, kwargs; sender is the pool."
)
