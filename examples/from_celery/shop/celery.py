"""The app: where ``-A shop`` finds it."""

from __future__ import annotations

from typing import Any

from kernelq import KernelQ as Celery

from .journal import record

app = Celery("shop", include=["shop.orders", "shop.stock", "shop.mail", "shop.imports", "shop.tenants", "shop.trail"])
app.config_from_object("shop.settings")
app.autodiscover_tasks(["shop"], related_name="limits")


@app.on_after_configure.connect
def configured(sender: Any, **kwargs: Any) -> None:
    record("on_after_configure", app=sender.main, given=sorted(name for name in kwargs if name != "signal"))


@app.on_after_finalize.connect
def finalized(sender: Any, **kwargs: Any) -> None:
    record("on_after_finalize", app=sender.main)
