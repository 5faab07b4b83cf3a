"""Burials: taking back what dead children held, again and again while the broker is away."""

from __future__ import annotations

import logging
from math import inf
from typing import Final

from kernelq.contracts import BackendUnavailable, BrokerFull, BrokerUnavailable
from kernelq.pools import Fate, PoolHost

from .burial import bury

log = logging.getLogger("kernelq.worker")

AGAIN_AFTER: Final = 1.0
"""Seconds between two tries."""


class Burials:
    """Dead consumers still to be buried, in order of death. Used by the supervisor's thread."""

    def __init__(self, host: PoolHost) -> None:
        self._host = host
        self._open: dict[str, dict[str, Fate]] = {}
        self._again_at = inf
        self._told: str | None = None  # the consumer whose waiting was logged, so that it is logged once

    def add(self, consumer_id: str, running: dict[str, Fate], now: float) -> None:
        """Bury a consumer, now or as soon as the broker is back. Its lease is renewed no more."""
        self._host.drop(consumer_id)
        self._open[consumer_id] = running
        if self._again_at == inf:
            self.retry(now)

    def next(self) -> float:
        """When to call `retry`; infinity when nothing is open."""
        return self._again_at

    def retry(self, now: float) -> None:
        """Bury what is open; the first that finds the broker away ends this try."""
        self._again_at = inf
        for consumer_id, running in list(self._open.items()):
            try:
                bury(self._host, consumer_id, running)
            except (BrokerUnavailable, BrokerFull, BackendUnavailable) as error:
                if self._told != consumer_id:
                    self._told = consumer_id
                    log.warning("cannot take back yet what %s held, trying again: %s", consumer_id, error)
                self._again_at = now + AGAIN_AFTER
                return
            except Exception:  # the supervisor must outlive it: time limits depend on it
                log.exception("cannot take back what %s held; it is run again when the lease ends", consumer_id)
            del self._open[consumer_id]

    def close(self, now: float) -> None:
        """Try a last time; the leases of the rest end by themselves."""
        self.retry(now)
        if self._open:
            log.warning("left to the end of their leases: what %s held", ", ".join(self._open))
