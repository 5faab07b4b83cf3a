"""Results: the caller's handle on a task (`kernelq.AsyncResult`), and waiting for it.

`delay` and `apply_async` return an `AsyncResult`; ``app.AsyncResult(id)`` makes one of an earlier call's id. Waiting is
the backend's own (`Backend.watch`), so it costs what the engine needs and no fixed polling.

Does not: keep anything itself; that is the result backend's part.
"""
