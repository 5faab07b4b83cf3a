"""What can go wrong with a measurement."""

from __future__ import annotations


class BenchFailed(Exception):
    """A peer did not do what it was to do; says which, and where its log is. The run goes on with the next one."""


class Missing(Exception):
    """A server or a peer is not on this machine; says which, and what to do. Its rows are left out."""
