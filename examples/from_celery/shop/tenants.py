"""Tenants: a base class that has a say in each call."""

from __future__ import annotations

from typing import Any

from .audited import Audited
from .celery import app
from .journal import record


class ForTenant(Audited):
    """Each call carries the tenant, and is shown under a name with it."""

    abstract = True
    tenant = "nobody"

    def apply_async(self, args: Any = None, kwargs: Any = None, task_id: str | None = None, **options: Any) -> Any:
        options["headers"] = {**(options.get("headers") or {}), "tenant": self.tenant}
        return super().apply_async(args, kwargs, task_id, **options)

    def shadow_name(self, args: Any, kwargs: Any, options: Any) -> str:
        return f"{self.name} for {self.tenant}"


def tell(self: Any, retval: Any, task_id: str, args: Any, kwargs: Any) -> None:
    """A handler given as an option of the task."""
    record("tell", id=task_id, retries=self.request.retries, tenant=self.tenant, retval=retval)


@app.task(bind=True, base=ForTenant, tenant="ada", on_success=tell, default_retry_delay=0)
def invoice(self: Any, number: int) -> list[Any]:
    """Written at the second try."""
    if not self.request.retries:
        raise self.retry()
    return [number, self.tenant, self.request.headers, self.request.shadow]


@app.task(base=ForTenant)
def remind(number: int) -> str | None:
    """Whose it is, as the call says."""
    tenant: str | None = remind.request.headers.get("tenant")
    return tenant
