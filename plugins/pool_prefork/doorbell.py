"""The doorbell: a pipe that wakes the supervisor, from its signal handlers and from its children."""

from __future__ import annotations

import os


class Doorbell:
    """Rung from anywhere, signal handlers and forked children included; heard by one poll loop."""

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)

    def ring(self) -> None:
        """Wake whoever polls `fileno`. Never blocks, never raises."""
        try:
            os.write(self._writer, b"\0")
        except OSError:
            pass  # full: it rings already; closed: nobody listens any more

    def fileno(self) -> int:
        """What to poll for reading."""
        return self._reader

    def quiet(self) -> None:
        """Take in every ring so far."""
        try:
            while os.read(self._reader, 4096):
                pass
        except BlockingIOError:
            pass

    def close(self) -> None:
        """Give the pipe back; later rings do nothing."""
        reader, writer = self._reader, self._writer
        # First the numbers, so that a signal handler ringing late cannot write into another's file.
        self._reader = self._writer = -1
        os.close(reader)
        os.close(writer)
