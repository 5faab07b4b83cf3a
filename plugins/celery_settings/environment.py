"""Environment variables of Celery: ``CELERY_BROKER_URL``, ``CELERY_RESULT_BACKEND``, ``CELERY_CONFIG_MODULE``."""

from __future__ import annotations

import os
from typing import Any

from kernelq import KernelQ
from kernelq.contracts import ImproperlyConfigured, StashKey

SETTINGS = {"CELERY_BROKER_URL": "broker_url", "CELERY_RESULT_BACKEND": "result_backend"}
"""Variable → the setting it is for. It wins over `app.conf`, and ``KERNELQ_…`` and the command line over it."""

MODULE = "CELERY_CONFIG_MODULE"
"""Names the configuration of apps that name none."""


class FromEnvironment(str):
    """The name of a module that the app itself was not given."""

    __slots__ = ()
    is_draft = True


HAS_SOURCE = StashKey[bool]()
"""On the app once it was given a configuration source."""

_TAKEN = StashKey[dict[str, str]]()
"""Setting → the value taken from the environment."""


def take_environment(app: KernelQ) -> None:
    """Set what the variables say, where neither the command line nor a variable of ours does."""
    taken, forced = app.stash.setdefault(_TAKEN, {}), app.conf.layers.forced
    for variable, name in SETTINGS.items():
        value = os.environ.get(variable)
        if value and f"KERNELQ_{name.upper()}" not in os.environ and forced.get(name) == taken.get(name):
            taken[name] = value
            app.conf.force(name, value)


def check_environment() -> None:
    """Raise `ImproperlyConfigured` for a second broker, named by a variable."""
    one = os.environ.get("CELERY_BROKER_URL")
    for variable in ("CELERY_BROKER_READ_URL", "CELERY_BROKER_WRITE_URL"):
        if os.environ.get(variable) and os.environ[variable] != one:
            raise ImproperlyConfigured(
                f"the environment variable {variable} is refused: an app has one broker, for publishing and for "
                "consuming; set KERNELQ_BROKER_URL for each process"
            )


def module_settings(app: KernelQ) -> dict[str, Any]:
    """Settings of the module in ``CELERY_CONFIG_MODULE``, for an app that was given no source."""
    module = os.environ.get(MODULE)
    if not module or app.stash.get(HAS_SOURCE, False):
        return {}
    values: dict[str, Any] | None = app.plugins.hook.read_settings(
        app=app, source=FromEnvironment(module), namespace=None, silent=False
    )
    return values or {}
