"""Taking calls back, by whatever plugin offers `app.control`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kernelq.contracts import CapabilityMissing

if TYPE_CHECKING:
    from kernelq import KernelQ


def revoke(app: KernelQ, command: str, what: Any, **options: Any) -> Any:
    """Give the order ``app.control.<command>(what, …)``.

    Raises:
        CapabilityMissing: no plugin offers `app.control`.
    """
    control = getattr(app, "control", None)
    if control is None:
        raise CapabilityMissing(
            "tasks cannot be revoked here: no plugin offers app.control; enable the plugin 'control'"
        )
    return getattr(control, command)(what, **{name: value for name, value in options.items() if value is not None})
