"""The names around results: states, exceptions, what rebuilt failures are, and what is asked of ``app.backend`` by hand."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from typing import Any

import kernelq
import pytest
from kernelq import Context, KernelQ, exceptions, result, states
from kernelq.contracts import BackendUnavailable
from kernelq.errors import TaskRevokedError
from kernelq_plugins.results.backend_methods import BackendMethods
from kernelq_plugins.results.rebuild import rebuild


def described(name: str, module: str | None, *arguments: Any) -> dict[str, Any]:
    return {"exc_type": name, "exc_module": module, "exc_message": list(arguments)}


# --- states --------------------------------------------------------------------------------------


def test_states_compare_by_how_much_they_say() -> None:
    ranked = ["SUCCESS", "FAILURE", "PROGRESS", "REVOKED", "STARTED", "RECEIVED", "REJECTED", "RETRY", "PENDING"]

    assert sorted(map(states.state, ranked), reverse=True) == ranked
    assert [states.precedence(name) for name in ranked] == list(range(9))
    assert states.state("PENDING") < states.state("SUCCESS")
    assert states.state("SUCCESS") >= states.state("SUCCESS") == "SUCCESS"
    assert states.state("RETRY") <= states.state("STARTED")


def test_the_sets_of_states_are_those_users_know() -> None:
    assert {"SUCCESS", "FAILURE", "REVOKED"} == states.READY_STATES
    assert {"PENDING", "RECEIVED", "STARTED", "REJECTED", "RETRY"} == states.UNREADY_STATES
    assert {"RETRY", "FAILURE", "REVOKED"} == states.EXCEPTION_STATES
    assert {"FAILURE", "REVOKED"} == states.PROPAGATE_STATES
    assert states.ALL_STATES.isdisjoint({"REJECTED", "IGNORED"})


# --- exceptions ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("CeleryError", Exception), ("ImproperlyConfigured", exceptions.CeleryError), ("SecurityError", exceptions.CeleryError),
        ("Ignore", exceptions.TaskPredicate), ("Reject", exceptions.TaskPredicate), ("Retry", exceptions.TaskPredicate),
        ("RetryTaskError", exceptions.TaskPredicate), ("TaskError", exceptions.CeleryError), ("IncompleteStream", exceptions.TaskError),
        ("NotRegistered", KeyError), ("AlreadyRegistered", exceptions.TaskError), ("TimeoutError", TimeoutError),
        ("MaxRetriesExceededError", exceptions.TaskError), ("TaskRevokedError", exceptions.TaskError), ("InvalidTaskError", exceptions.TaskError),
        ("ChordError", exceptions.TaskError), ("BackendGetMetaError", exceptions.BackendError), ("BackendStoreError", exceptions.BackendError),
        ("OperationalError", exceptions.CeleryError), ("EncodeError", Exception), ("DecodeError", Exception), ("ContentDisallowed", Exception),
        ("SoftTimeLimitExceeded", Exception), ("TimeLimitExceeded", Exception), ("WorkerLostError", Exception), ("Terminated", Exception),
        ("WorkerTerminate", SystemExit), ("WorkerShutdown", SystemExit), ("CeleryCommandException", Exception), ("CeleryWarning", UserWarning),
        ("AlwaysEagerIgnored", exceptions.CeleryWarning), ("DuplicateNodenameWarning", UserWarning), ("DuplicateTaskNameWarning", UserWarning),
        ("FixupWarning", UserWarning), ("NotConfigured", UserWarning), ("SecurityWarning", UserWarning),
        ("CDeprecationWarning", DeprecationWarning), ("CPendingDeprecationWarning", PendingDeprecationWarning),
    ],
)  # fmt: skip
def test_every_exception_users_know_is_there(name: str, base: type[BaseException]) -> None:
    assert issubclass(getattr(exceptions, name), base)
    assert name in exceptions.__all__


def test_an_exception_of_another_plugin_is_asked_for_there(monkeypatch: pytest.MonkeyPatch) -> None:
    other = types.ModuleType("kernelq.routing")
    other.QueueNotFound = KeyError  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "kernelq.routing", other)

    assert exceptions.QueueNotFound is KeyError
    monkeypatch.setitem(sys.modules, "kernelq.routing", None)
    with pytest.raises(AttributeError, match="QueueNotFound lives in a plugin that is not here"):
        exceptions.QueueNotFound  # noqa: B018
    with pytest.raises(AttributeError, match="has no attribute 'Nonsense'"):
        exceptions.Nonsense  # noqa: B018


def test_exceptions_carry_what_they_know() -> None:
    stored = exceptions.BackendStoreError("full", state="SUCCESS", task_id="i1")
    command = exceptions.CommandException("no such worker", 69)

    assert (str(stored), stored.state, stored.task_id) == ("full", "SUCCESS", "i1")
    assert (command.message, command.exit_code) == ("no such worker", 69)


def test_the_module_of_results_and_the_package_have_the_same_names() -> None:
    for name in ("AsyncResult", "GroupResult", "ResultSet", "EagerResult", "allow_join_result", "result_from_tuple"):
        assert getattr(kernelq, name) is getattr(result, name)


# --- rebuilt failures ----------------------------------------------------------------------------


def test_a_class_is_looked_for_in_its_own_module_alone() -> None:
    error = rebuild(described("ValueError", "no.such.module", "x"))

    assert not isinstance(error, ValueError)
    assert (type(error).__name__, type(error).__module__, error.args) == ("ValueError", "no.such.module", ("x",))


def test_nothing_is_imported_and_no_module_is_asked_for_what_it_has_not(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("lazy")
    module.__getattr__ = lambda name: 1 / 0  # type: ignore[method-assign]
    monkeypatch.setitem(sys.modules, "lazy", module)
    monkeypatch.delitem(sys.modules, "antigravity", raising=False)

    assert isinstance(rebuild(described("Boom", "lazy")), exceptions.UnknownStoredError)
    assert isinstance(rebuild(described("Boom", "antigravity")), exceptions.UnknownStoredError)
    assert "antigravity" not in sys.modules


def test_a_class_inside_a_class_is_found() -> None:
    module = types.ModuleType("models")
    inner = type("DoesNotExist", (Exception,), {})
    module.Dog = type("Dog", (), {"DoesNotExist": inner})  # type: ignore[attr-defined]
    sys.modules["models"] = module
    try:
        assert type(rebuild(described("Dog.DoesNotExist", "models", 1))) is inner
        with pytest.raises(exceptions.SecurityError):
            rebuild(described("Dog", "models"))
    finally:
        del sys.modules["models"]


def test_exceptions_of_a_celery_worker_are_ours_of_the_same_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "celery.exceptions", raising=False)

    assert type(rebuild(described("TaskRevokedError", "celery.exceptions", "expired"))) is TaskRevokedError


# --- the backend by hand -------------------------------------------------------------------------


@pytest.fixture
def backend(app: KernelQ, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The app's backend with its methods, whether or not the kernel grafts them."""
    kind = type(
        "Backend", (type(app.backend),), {name: value for name, value in vars(BackendMethods).items() if name[0] != "_"}
    )
    made = kind(app, "memory://")
    made.app = app
    return made


def test_a_state_stored_by_hand_is_read_by_hand(app: KernelQ, backend: Any) -> None:
    assert backend.store_result("i1", 7, "SUCCESS") == 7

    assert (backend.get_state("i1"), backend.get_status("i1"), backend.get_result("i1")) == ("SUCCESS", "SUCCESS", 7)
    assert app.AsyncResult("i1").get(timeout=0) == 7
    assert backend.get_task_meta("i1")["task_id"] == "i1"
    assert backend.get_task_meta("i2") == {
        "task_id": "i2", "status": "PENDING", "result": None, "traceback": None, "children": [],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("mark", "state", "value"),
    [
        (lambda backend: backend.mark_as_started("i1", pid=3), "STARTED", {"pid": 3}),
        (lambda backend: backend.mark_as_done("i1", 7), "SUCCESS", 7),
        (lambda backend: backend.mark_as_failure("i1", KeyError("boom"), "Traceback …"), "FAILURE", KeyError),
        (lambda backend: backend.mark_as_retry("i1", KeyError("boom")), "RETRY", KeyError),
        (lambda backend: backend.mark_as_revoked("i1", "expired"), "REVOKED", TaskRevokedError),
    ],
)
def test_ends_can_be_marked_by_hand(backend: Any, mark: Callable[[Any], Any], state: str, value: Any) -> None:
    mark(backend)

    assert backend.get_state("i1") == state
    found = backend.get_result("i1")
    assert isinstance(found, value) if isinstance(value, type) else found == value
    assert backend.get_traceback("i1") == ("Traceback …" if state == "FAILURE" else None)


def test_marking_can_leave_the_result_alone(backend: Any) -> None:
    backend.mark_as_done("i1", 7, store_result=False)
    backend.mark_as_failure("i1", KeyError("boom"), store_result=False)
    backend.mark_as_retry("i1", KeyError("boom"), store_result=False)
    backend.mark_as_revoked("i1", store_result=False)

    assert backend.get_state("i1") == "PENDING"


def test_a_state_by_hand_takes_the_place_of_a_worker_s_but_never_of_a_success(app: KernelQ, backend: Any) -> None:
    store = backend.store_result
    app.backend.apply([states_outcome("i1", "STARTED", fence=5, task="add")])

    store("i1", KeyError("by hand"), "FAILURE")
    assert app.AsyncResult("i1").state == "FAILURE"
    assert app.AsyncResult("i1").name == "add"

    store("i1", 7, "SUCCESS")
    store("i1", KeyError("too late"), "FAILURE")
    assert app.AsyncResult("i1").get(timeout=0) == 7


def test_a_state_for_another_task_takes_the_place_of_its_worker_s(app: KernelQ) -> None:
    app.backend.apply([states_outcome("i9", "STARTED", fence=5)])

    app.task(name="t")(lambda: None).update_state("i9", "HALF", 1)

    assert app.AsyncResult("i9").state == "HALF"


def states_outcome(id: str, state: str, **fields: Any) -> Any:
    from kernelq.contracts import Outcome

    return Outcome(id=id, state=state, **fields)


def test_a_running_task_s_state_is_stored_as_its_own(app: KernelQ, backend: Any, lane: Any) -> None:
    @app.task(bind=True, name="t")
    def work(self: Any) -> int:
        self.request.children.append(app.AsyncResult("child"))
        backend.store_result(self.request.id, {"done": 5}, "PROGRESS", request=self.request)
        seen.append((backend.get_state(self.request.id), backend.get_children(self.request.id)))
        return 7

    seen: list[Any] = []
    called = work.delay()
    lane.run_all()

    assert seen == [("PROGRESS", ["child"])]
    assert called.get(timeout=0) == 7
    assert Context().children == []


def test_groups_are_kept_by_hand(app: KernelQ, backend: Any) -> None:
    group = app.GroupResult("g", [app.AsyncResult("a")])

    backend.save_group("g", group)
    assert backend.restore_group("g") == group
    backend.delete_group("g")
    assert backend.restore_group("g") is None


def test_chords_need_a_backend_that_keeps(backend: Any) -> None:
    backend.ensure_chords_allowed()
    backend.reply_to = "somewhere"

    with pytest.raises(NotImplementedError, match="chords need a result backend that keeps results"):
        backend.ensure_chords_allowed()


def test_storing_by_hand_is_tried_again_as_the_settings_say(
    app: KernelQ, backend: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[int] = []

    def apply(ops: Any) -> Any:
        tries.append(1)
        raise BackendUnavailable("gone fishing")

    monkeypatch.setattr(backend, "apply", apply)
    with pytest.raises(BackendUnavailable):
        backend.store_result("i1", 7, "SUCCESS")
    assert len(tries) == 1

    app.conf.update(result_backend_always_retry=True, result_backend_max_retries=2)
    app.conf.result_backend_base_sleep_between_retries_ms = 1
    with pytest.raises(exceptions.BackendStoreError, match="could not be stored: gone fishing") as error:
        backend.store_result("i1", 7, "SUCCESS")
    assert (len(tries), error.value.state, error.value.task_id) == (4, "SUCCESS", "i1")
