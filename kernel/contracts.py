"""Contracts of the drivers: what the kernel asks of an engine, whoever wrote it.

This is the module driver authors import. A driver is a class called as ``driver(app, url)`` (engines
``driver(url)``, serializers without arguments; pools have their contract in `kernelq.pools`), found by name or URL scheme
in the entry-point groups of `KINDS`, or given by a plugin's ``make_…`` hook. Drivers turn their client library's
errors into ours: `BrokerUnavailable`, `BrokerFull`, `BackendUnavailable`.
"""

# mypy: implicit-reexport

from .admission import Admit, decode_body
from .bootsteps import BACKEND, BROKER, POOL, Key, Requirement
from .broker import Broker, Consumer, DeadLetter, Delivery, QueueStats, Transition, Verdict
from .context import Context, Ending, frames, running
from .drivers import KINDS, offered
from .drivers import load as load_driver
from .engine import Capabilities, Engine, Finding
from .errors import (
    BackendError, BackendUnavailable, BrokerError, BrokerFull, BrokerRefused, BrokerUnavailable, CapabilityMissing, DecodeError,
    EncodeError, ImproperlyConfigured, PluginConflict, TimeLimitExceeded, UnknownSetting, WorkerLostError, mask,
)  # fmt: skip
from .execute import Abandoned, Committer, End, Executor, Run
from .failure import ExceptionInfo, describe, safe_text
from .hooks import Caller, Router, Runner
from .message import Admission, Message, Undecodable, pack, unpack
from .outcome import (
    EXCEPTION_STATES, FAILURE, PENDING, PROPAGATE_STATES, READY_STATES, RETRY, REVOKED, STARTED, SUCCESS, Outcome,
    accepts, fence_of, pack_outcome, unpack_outcome,
)  # fmt: skip
from .publish import intervals
from .record import Recorder
from .registry import import_plugin
from .codecs import Compressor, Serializer
from .settler import Settler
from .stash import StashKey
from .store import Backend, Effect, Store, Watch
