"""The backend suite: every behaviour of the result backend's contract, for one driver."""

from __future__ import annotations

from .storing import Storing
from .watching import Watching


class BackendSuite(Storing, Watching):
    """Subclass it in a test file as ``class TestMyBackend(BackendSuite)`` and say `url` or `make_url`.

    What else a subclass may say: `BackendBench`.
    """
