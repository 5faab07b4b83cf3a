"""Offered as `kernelq.utils`: where code that came from Celery looks for `kernelq.utils.log`."""

from __future__ import annotations

from kernelq import uuid

__all__ = ["uuid"]
