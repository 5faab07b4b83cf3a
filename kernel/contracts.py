"""Contracts of the drivers: what the kernel asks of an engine, whoever wrote it.

This is the module driver authors import. A driver is a class called as ``driver(app, url)`` (engines
``driver(url)``, pools ``driver(host)``, serializers and compressors without arguments), found by name or URL scheme
in the entry-point groups of `KINDS`, or given by a plugin's ``make_…`` hook. Drivers turn their client library's
errors into ours: `BrokerUnavailable`, `BrokerFull`, `BackendUnavailable`.
"""

# mypy: implicit-reexport

from .admission import Admit
from .broker import Broker, Consumer, DeadLetter, Delivery, QueueStats, Transition, Verdict
from .context import Context, Ending, running
from .engine import Capabilities, Engine, SqlEngine, Wakeup
from .errors import (
    BackendError, BackendStoreError, BackendUnavailable, BrokerError, BrokerFull, BrokerUnavailable, DecodeError,
    EncodeError, ImproperlyConfigured, PluginConflict, TimeLimitExceeded, UnknownSetting, WorkerLostError,
)  # fmt: skip
from .execute import Committer, Executor
from .message import Admission, Message, Undecodable, pack, unpack
from .outcome import (
    EXCEPTION_STATES, FAILURE, PENDING, PROPAGATE_STATES, READY_STATES, RETRY, REVOKED, STARTED, SUCCESS, Outcome,
    accepts, fence_of, pack_outcome, unpack_outcome,
)  # fmt: skip
from .pool import Fate, Lane, Pool, PoolHost, Stop, Tracker
from .protocol import apply_headers, headers_of
from .record import Recorder
from .retry import intervals
from .serializer import Compressor, Serializer
from .settler import Held, Settler
from .store import Backend, Effect, Store, Watch
from .urls import mask

KINDS = {
    "engine": "kernelq.engines",
    "broker": "kernelq.brokers",
    "backend": "kernelq.backends",
    "serializer": "kernelq.serializers",
    "compressor": "kernelq.compressors",
    "pool": "kernelq.pools",
    "lock store": "kernelq.locks",
    "schedule store": "kernelq.schedules",
}
"""Kind of driver → entry-point group."""
