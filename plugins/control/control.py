"""`app.control`: orders about tasks that were called already."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NoReturn

from kernelq.contracts import REVOKED, CapabilityMissing, Outcome, describe
from kernelq.errors import TaskRevokedError

if TYPE_CHECKING:
    from kernelq import KernelQ

REASON = "revoked"


class Control:
    """The orders one app can give."""

    def __init__(self, app: KernelQ) -> None:
        self.app = app

    def revoke(
        self,
        task_id: str | Iterable[str],
        destination: None = None,
        terminate: bool = False,
        signal: str | int | None = None,
        *,
        reply: bool = False,
        timeout: float | None = None,
    ) -> list[dict[str, Any]] | None:
        """Keep tasks from being run, by id or ids; known ones or not, called already or later.

        What waits is REVOKED when this returns; what a worker holds already runs to its end, see the plugin's page. With
        `reply`, what users of Celery get from each node, here from the one place where marks are kept. `signal` and
        `timeout` have nothing to wait for and are accepted.

        Raises:
            TypeError: an id that is not a string.
            CapabilityMissing: `terminate`, `destination`, or a broker that keeps no marks (`Capabilities.revoking`).
            BrokerUnavailable, BackendUnavailable: revoking again is safe.
        """
        ids = [task_id] if isinstance(task_id, str) else list(task_id)
        for each in ids:
            if not isinstance(each, str):
                raise TypeError(f"expected the id of a task, or several, got {each!r}; of a result it is result.id")
        if terminate:
            self.terminate(ids)
        if destination is not None:
            _refuse("destination: a revoked id is marked in the broker, for every worker")
        waiting = self.app.broker.revoke(ids, self.app.conf.revoke_expires)
        self._store(waiting)
        return [{"broker": {"ok": f"tasks {ids} flagged as revoked"}}] if reply else None

    def revoke_by_stamped_headers(self, headers: Any, *args: Any, **options: Any) -> NoReturn:
        """Not offered: marks are by id. Raises `CapabilityMissing`."""
        _refuse("tasks cannot be revoked by their stamps; app.control.revoke takes their ids")

    def terminate(self, task_id: Any, *args: Any, **options: Any) -> NoReturn:
        """Not offered. Raises `CapabilityMissing`."""
        _refuse(
            "a task that runs cannot be terminated from outside; revoke it without terminate, and give it a time_limit"
        )

    def _store(self, ids: Iterable[str]) -> None:
        # Fence 0: the lowest, so that it replaces nothing that an attempt has stored, and the worker that ends the
        # message replaces it, with all that this one does not know of the task.
        if self.app.backend_url is None:
            return
        conf, error = self.app.conf, TaskRevokedError(REASON)
        serializer = self.app.serializer(conf.result_serializer)
        value = serializer.dumps(describe(error))
        self.app.backend.apply(
            [
                Outcome(
                    id=each, state=REVOKED, reason=REASON, value=value, content_type=serializer.content_type,
                    done_at=time.time(), ttl=conf.result_expires or None,
                )
                for each in ids
            ]
        )  # fmt: skip


def _refuse(what: str) -> NoReturn:
    raise CapabilityMissing(what)
