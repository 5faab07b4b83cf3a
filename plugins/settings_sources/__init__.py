"""Settings sources: `app.config_from_object` for modules, classes, dotted names and mappings.

Old uppercase names (``CELERY_RESULT_BACKEND``) and namespaces (``namespace="CELERY"``) are understood; mixing old and
new names in one source is refused, with the renames. A name in a mapping or under a namespace must be known; in a
module, whatever does not look like a setting is its author's helper.
"""

from __future__ import annotations

from typing import Any

from kernelq import KernelQ, hookimpl


@hookimpl(trylast=True)
def read_settings(app: KernelQ, source: Any, namespace: str | None, silent: bool) -> dict[str, Any]:
    """Values by setting out of a module, class, dotted name or mapping."""
    from .sources import read_source

    return read_source(app.conf, source, namespace, silent=silent)
