"""Retries: `Task.retry`, and `autoretry_for`, by which a task retries itself.

``raise self.retry(exc=error, countdown=10)`` ends a run and has the task run again later, under the same id. The new message
travels with the end of the run, so that neither exists without the other. ``autoretry_for``, ``retry_backoff``,
``retry_backoff_max``, ``retry_jitter``, ``retry_kwargs`` and ``dont_autoretry_for`` are attributes of the task.

Install: part of ``pip install kernelq``. No settings.

Guarantee: a retry is neither lost nor doubled where the engine commits it together with the end of the run; elsewhere it is
published first. Crashes of a worker are no retries and use none up.
"""
