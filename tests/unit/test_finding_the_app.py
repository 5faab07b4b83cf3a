"""Finding the app for ``-A``: what may be named, where it is looked for, and what is said when it is not there."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from kernelq import KernelQ
from kernelq.contracts import ImproperlyConfigured
from kernelq.signals import user_preload_options
from kernelq_plugins.commands.command_line import Session, kernelq
from kernelq_plugins.commands.loading import find_app

APP = "from kernelq import KernelQ\n{} = KernelQ({!r}, broker='memory://', set_as_current=False)\n"

Write = Callable[..., None]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Writes modules of a project, by dotted name; the project's folder is the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    known = set(sys.modules)

    def write(**sources: str) -> None:
        for name, source in sources.items():
            path = tmp_path.joinpath(*name.split("__"))
            path.parent.mkdir(exist_ok=True)
            if path.parent != tmp_path:
                (path.parent / "__init__.py").touch()
            (path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).write_text(source)

    yield write
    for name in set(sys.modules) - known:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


def app_in(name: str, main: str | None = None) -> str:
    """The source of a module that holds an app under `name`."""
    return APP.format(name, main or name)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("shop:second", "second"),
        ("shop.second", "second"),
        ("shop", "app"),
        ("shop:holder.inner", "inner"),
    ],
)  # fmt: skip
def test_a_name_says_which_app_of_a_module(given: str, found: str, write: Write) -> None:
    write(shop=app_in("first") + app_in("second") + app_in("app") + "class holder:\n  inner = KernelQ('inner')\n")

    assert find_app(given).main == found


@pytest.mark.parametrize("name", ["app", "celery", "kernelq"])
def test_an_app_under_a_known_name_comes_before_any_other(name: str, write: Write) -> None:
    write(shop=app_in("early") + app_in(name))

    assert find_app("shop").main == name


def test_without_a_known_name_the_first_app_of_the_module_is_it(write: Write) -> None:
    write(shop="x = 1\n" + app_in("first") + app_in("second"))

    assert find_app("shop").main == "first"


@pytest.mark.parametrize("submodule", ["celery", "kernelq"])
def test_a_package_may_keep_its_app_in_a_submodule(submodule: str, write: Write) -> None:
    write(**{f"shop__{submodule}": app_in("app")})

    assert find_app("shop").main == "app"


def test_a_module_under_a_known_name_is_not_taken_for_the_app(write: Write) -> None:
    write(shop__celery=app_in("application"))
    write(shop="from . import celery\n")

    assert find_app("shop").main == "application"


def test_a_submodule_of_a_package_may_be_named(write: Write) -> None:
    write(shop__work=app_in("anything"))

    assert find_app("shop.work").main == "anything"


def test_a_module_imported_in_the_named_place_is_searched(write: Write) -> None:
    write(work=app_in("app"), shop="import work\n")

    assert find_app("shop:work").main == "app"


def test_a_proxy_stands_for_its_app(write: Write) -> None:
    write(shop="from kernelq import KernelQ, current_app as app\nmine = KernelQ('mine', broker='memory://')\n")

    found = find_app("shop:app")

    assert type(found) is KernelQ
    assert found.main == "mine"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("absent", "no module 'absent' (from -A absent); run the command in the folder that holds it"),
        ("shop.absent.more", "no module 'shop.absent' (from -A shop.absent.more)"),
        ("shop:nope", "module 'shop' has no 'nope' (from -A shop:nope); there is: shop:first, shop:second"),
        ("shop:make", "expected a KernelQ app at 'shop:make', got the function"),
        ("shop:number", "expected a KernelQ app at 'shop:number', got 3; there is: shop:first, shop:second"),
        ("empty", "module 'empty' holds no KernelQ app; name it: -A empty:app (from -A empty; tried empty:app, "
                  "empty:celery, empty:kernelq, and every other name in it)"),
        ("pack", "tried pack:app, pack:celery, pack:kernelq, pack.celery, pack.kernelq"),
        ("needy", "the module 'needy' (from -A needy) needs 'absent_library', which is missing"),
        ("broken", "the module 'broken' (from -A broken) failed to import: ZeroDivisionError: division by zero"),
    ],
)  # fmt: skip
def test_what_cannot_be_found_is_said_with_what_was_tried(given: str, says: str, write: Write) -> None:
    write(
        shop__x="",
        pack__x="",
        empty="x = 1",
        needy="import absent_library",
        broken="1 / 0",
    )  # fmt: skip
    write(shop=app_in("first") + app_in("second") + "number = 3\ndef make(): ...\n")

    with pytest.raises(ImproperlyConfigured) as caught:
        find_app(given)

    assert says in str(caught.value)


# --- on the command line


def run(*line: str) -> Any:
    return CliRunner().invoke(kernelq, line, obj=Session())


@pytest.mark.parametrize("line", [("-A", "shop", "queues"), ("queues", "-A", "shop"), ("queues", "--app=shop")])
def test_the_app_is_named_before_or_after_the_command(line: tuple[str, ...], write: Write) -> None:
    write(shop=app_in("app"))

    done = run(*line)

    assert (done.exit_code, done.stderr) == (0, "no queues yet\n")


@pytest.mark.parametrize("order", [0, 1])
def test_the_project_may_be_in_another_folder(order: int, write: Write, tmp_path: Path) -> None:
    write(there__shop=app_in("app"))
    where, line = ["--workdir", str(tmp_path / "there")], ["queues", "-A", "shop"]

    done = run(*((where, line) if order else (line, where))[0], *((where, line) if order else (line, where))[1])

    assert (done.exit_code, done.stderr) == (0, "no queues yet\n")


def test_an_option_in_the_wrong_place_is_told_where_it_belongs() -> None:
    done = run("-c", "4", "-A", "shop", "worker")

    assert done.exit_code == 2
    assert (
        "the option -c belongs to the command 'worker': write it behind that, kernelq -A MODULE worker -c"
        in done.stderr
    )


def test_an_option_nobody_has_is_unknown() -> None:
    done = run("--nonsense", "worker")

    assert done.exit_code == 2
    assert "belongs" not in done.stderr


def test_options_an_app_adds_are_told_by_the_signal(write: Write) -> None:
    write(
        shop="import click\n"
        + app_in("app")
        + "app.user_options['preload'].add(click.Option(['-Z', '--template'], default='plain'))\n"
        + "app.user_options['queues'].add(click.Option(['--rich'], is_flag=True))\n"
    )
    told: list[dict[str, Any]] = []

    @user_preload_options.connect
    def keep(options: dict[str, Any], **kwargs: Any) -> None:
        told.append(options)

    assert run("-A", "shop", "queues", "-Z", "gold", "--rich").exit_code == 0
    assert run("-A", "shop", "dead", "list").exit_code == 0
    assert "--template" in run("-A", "shop", "queues", "--help").stdout

    assert [(options["template"], options.get("rich")) for options in told] == [("gold", True), ("plain", None)]


def test_options_of_one_app_are_not_those_of_another(write: Write) -> None:
    write(
        shop=app_in("app"),
        other=app_in("app") + "import click\napp.user_options['queues'].add(click.Option(['--rich']))\n",
    )

    assert run("-A", "other", "queues", "--rich", "x").exit_code == 0
    assert "No such option '--rich'" in run("-A", "shop", "queues", "--rich", "x").stderr
    assert isinstance(kernelq, click.Group)
