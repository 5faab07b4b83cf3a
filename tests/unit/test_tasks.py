"""Task names and the task registry."""

from __future__ import annotations

import sys
import warnings
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import pytest
from kernelq import KernelQ, Task
from kernelq.errors import DuplicateTaskNameWarning, NotRegistered


def add(x: int, y: int) -> int:
    return x + y


def other(x: int) -> int:
    return x


# --- names ---------------------------------------------------------------------------------------


def test_a_task_is_named_after_its_module_and_function(app: KernelQ) -> None:
    assert app.task(add).name == f"{__name__}.add"


def test_a_task_may_have_a_name_of_its_own(app: KernelQ) -> None:
    assert app.task(name="sums.add")(add).name == "sums.add"


def test_in_the_main_module_the_app_s_name_stands_for_it() -> None:
    app = KernelQ("proj", set_as_current=False)

    assert app.gen_task_name("add", "__main__") == "proj.add"


@pytest.mark.parametrize(("run_as", "name"), [("sums.__main__", "sums.add"), (None, "__main__.add")])
def test_a_module_run_by_python_m_names_tasks_like_a_worker_that_imports_it(
    run_as: str | None, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    main = ModuleType("__main__")
    main.__spec__ = ModuleSpec(run_as, None) if run_as else None
    monkeypatch.setitem(sys.modules, "__main__", main)

    assert KernelQ(set_as_current=False).gen_task_name("add", "__main__") == name


def test_an_app_may_name_its_tasks_differently() -> None:
    class Short(KernelQ):
        def gen_task_name(self, name: str, module: str) -> str:
            return name

    assert Short("proj", set_as_current=False).task(add).name == "add"


def test_a_class_based_task_is_named_after_its_class(app: KernelQ) -> None:
    class Sum(Task[..., int]):
        def run(self, x: int, y: int) -> int:
            return x + y

    assert app.register_task(Sum).name == f"{__name__}.Sum"
    assert app.register_task(Sum, name="sums.sum").name == "sums.sum"


# --- the registry --------------------------------------------------------------------------------


def test_a_task_is_found_by_its_name(app: KernelQ) -> None:
    task = app.task(name="sums.add")(add)

    assert app.tasks["sums.add"] is task
    assert app.tasks.get("sums.sub") is None


def test_a_missing_task_is_a_key_error_that_names_the_nearest(app: KernelQ) -> None:
    app.task(name="sums.add")(add)

    with pytest.raises(NotRegistered, match=r"no task 'sums.ad' is registered; did you mean 'sums.add'\?"):
        app.tasks["sums.ad"]


def test_a_missing_task_near_to_none_asks_for_its_module(app: KernelQ) -> None:
    with pytest.raises(KeyError, match="no task 'zzz' is registered; is its module imported"):
        app.tasks["zzz"]


def test_of_two_functions_under_one_name_the_first_stays_with_a_warning(app: KernelQ) -> None:
    first = app.task(name="sums.add")(add)

    with pytest.warns(DuplicateTaskNameWarning) as caught:
        second = app.task(name="sums.add")(other)

    assert second is first is app.tasks["sums.add"]
    said = str(caught[0].message)
    assert said.startswith("the task name 'sums.add' is taken by ")
    assert str(add.__code__.co_firstlineno) in said
    assert str(other.__code__.co_firstlineno) in said


def test_one_function_imported_twice_is_no_duplicate(app: KernelQ) -> None:
    first = app.task(name="sums.add")(add)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert app.task(name="sums.add")(add) is first


def test_a_class_based_task_takes_the_place_of_another(app: KernelQ) -> None:
    class Sum(Task[..., int]):
        name = "sums.add"

        def run(self, x: int) -> int:
            return x

    app.task(name="sums.add")(add)

    with pytest.warns(DuplicateTaskNameWarning, match="replaces it"):
        registered = app.register_task(Sum())

    assert app.tasks["sums.add"] is registered


@pytest.mark.parametrize("by", ["name", "task"])
def test_a_task_may_be_taken_out(app: KernelQ, by: str) -> None:
    task = app.task(name="sums.add")(add)

    app.tasks.unregister(task if by == "task" else task.name)

    assert "sums.add" not in app.tasks
    with pytest.raises(NotRegistered, match=r"no task 'sums.add' is registered"):
        app.tasks.unregister("sums.add")


# --- modules -------------------------------------------------------------------------------------


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the path with two packages, of which one has tasks."""
    for package in ("kq_sums", "kq_texts"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
    (tmp_path / "kq_sums" / "tasks.py").write_text("LOADED = True\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("kq_")]:
        del sys.modules[name]


def test_tasks_are_discovered_when_modules_are_imported_and_not_before(app: KernelQ, project: Path) -> None:
    app.autodiscover_tasks(lambda: ["kq_sums", "kq_texts"])
    assert "kq_sums" not in sys.modules

    app.import_modules()

    assert "kq_sums.tasks" in sys.modules


def test_tasks_may_be_discovered_at_once(app: KernelQ, project: Path) -> None:
    app.autodiscover_tasks(["kq_sums"], force=True)

    assert "kq_sums.tasks" in sys.modules


def test_modules_of_the_settings_are_imported(app: KernelQ, project: Path) -> None:
    app.conf.update(imports=["kq_texts"], include=["kq_sums.tasks"])

    app.import_modules()

    assert {"kq_texts", "kq_sums.tasks"} <= sys.modules.keys()


def test_an_error_inside_a_module_of_tasks_is_seen(app: KernelQ, project: Path) -> None:
    (project / "kq_texts" / "tasks.py").write_text("import kq_no_such_thing\n")
    app.autodiscover_tasks(["kq_texts"])

    with pytest.raises(ModuleNotFoundError, match="kq_no_such_thing"):
        app.import_modules()
