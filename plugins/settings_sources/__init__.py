"""Settings sources: `app.config_from_object` for modules, classes, dotted names and mappings.

Old uppercase names (``CELERY_RESULT_BACKEND``) and namespaces (``namespace="CELERY"``) are understood; mixing old and
new names in one source is refused, with the renames. A name in a mapping or under a namespace must be known; in a
module, whatever does not look like a setting is its author's helper. Without a `timezone`, a source's ``TIME_ZONE`` (Django's) counts.

On the app: `config_from_envvar`, `config_from_cmdline`, `configured`, `either`, and `check_settings`, which says what would become of each name
in a source without taking it (``kernelq config check``). On `app.conf`: `keys`, `values`, `items`, `setdefault`, `copy`, `clear`,
`without_defaults`, `humanize`, `value_set_for`, `find_option`, `get_by_parts`.

Install: part of ``pip install kernelq``. No settings.

What it does not do: read files that are no Python; a plugin may, by the hook `read_settings`.
"""

from __future__ import annotations

from typing import Any

from kernelq import KernelQ, hookimpl
from kernelq.contracts import StashKey

CONFIGURED = StashKey[bool]()
"""On the app once its configuration was read."""


@hookimpl(trylast=True)
def read_settings(app: KernelQ, source: Any, namespace: str | None, silent: bool) -> dict[str, Any]:
    """Values by setting out of a module, class, dotted name or mapping."""
    from .sources import read_source

    return read_source(app.conf, source, namespace, silent=silent)


@hookimpl
def app_configured(app: KernelQ) -> None:
    """For `app.configured`."""
    app.stash[CONFIGURED] = True
