"""The commands: what they print, what they do, and their exit codes."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from types import ModuleType
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from kernelq import KernelQ, KernelQError, hookimpl
from kernelq.contracts import DeadLetter, Message, Outcome, PluginConflict, Transition, Verdict
from kernelq_plugins import commands
from kernelq_plugins.commands import check, output, payload
from kernelq_plugins.commands.command_line import Session, kernelq, merged

COMMANDS = {command.name: command for command in commands.commands(None)}


@pytest.fixture
def app() -> Iterator[KernelQ]:
    with KernelQ("proj", broker="memory://", backend="memory://", set_as_current=False) as app:
        yield app


def run(app: KernelQ, *line: str, stdin: str = "") -> Result:
    command = COMMANDS[line[0]]
    return CliRunner().invoke(command, line[1:], obj=Session(app), input=stdin)


def done(app: KernelQ, *line: str) -> str:
    """What a command printed that had to succeed."""
    result = run(app, *line)
    assert result.exit_code == 0, result.output
    return result.stdout


def waiting(app: KernelQ, queue: str = "default") -> Message:
    """The one message that waits; it is taken."""
    consumer = app.broker.consumer([queue], id="c1", lease=15.0)
    (delivery,) = consumer.fetch(10, 30)
    assert isinstance(delivery.message, Message)
    consumer.settle([Transition(delivery=delivery)])
    consumer.close()
    return delivery.message


def body(app: KernelQ, message: Message) -> tuple[Any, Any]:
    args, kwargs, _ = app.serializer(message.content_type).loads(message.body)
    return args, kwargs


def store(app: KernelQ, id: str, state: str, value: Any, **fields: Any) -> None:
    app.backend.apply([Outcome(id=id, state=state, value=app.serializer("json").dumps(value), **fields)])


def bury(app: KernelQ, *ids: str, queue: str = "mail", reason: str = "failed") -> list[str]:
    """Dead letters of these ids; their refs in that order."""
    for id in ids:
        app.send_task("proj.add", (1, "two"), {"z": 3}, task_id=id, queue=queue)
    consumer = app.broker.consumer([queue], id="c1", lease=15.0)
    found = consumer.fetch(len(ids), 5.0)
    consumer.settle([Transition(delivery=delivery, verdict=Verdict.DEAD, reason=reason) for delivery in found])
    consumer.close()
    refs = {letter.message.id: letter.ref for letter in app.broker.dead() if letter.message is not None}
    return [refs[id] for id in ids]


ERROR = {"exc_type": "ValueError", "exc_module": "builtins", "exc_message": ["no", 3]}


# --- every command


def each(prefix: tuple[str, ...], command: click.Command) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    if isinstance(command, click.Group):
        for name, child in command.commands.items():
            yield from each((*prefix, name), child)
    else:
        yield prefix, command


EVERY = [found for name, command in COMMANDS.items() for found in each((str(name),), command)]


@pytest.mark.parametrize(("line", "command"), EVERY, ids=[" ".join(line) for line, _ in EVERY])
def test_the_help_of_every_command_shows_an_example_of_itself(line: tuple[str, ...], command: click.Command) -> None:
    result = CliRunner().invoke(COMMANDS[line[0]], [*line[1:], "--help"])

    assert result.exit_code == 0
    assert "Example" in result.output
    assert " ".join(line) in result.output.partition("Example")[2]


@pytest.mark.parametrize(("line", "command"), EVERY, ids=[" ".join(line) for line, _ in EVERY])
def test_the_manual_names_every_command(line: tuple[str, ...], command: click.Command) -> None:
    assert f"    {line[0]} " in str(commands.__doc__)


# --- call


def test_call_prints_the_id_of_what_it_sent(app: KernelQ) -> None:
    id = done(app, "call", "proj.add", "2", '"3"', "three", "[4]", "--kwargs", '{"z": null}').strip()

    message = waiting(app)
    assert (message.id, message.task) == (id, "proj.add")
    assert body(app, message) == ([2, "3", "three", [4]], {"z": None})


def test_call_passes_its_options_on(app: KernelQ) -> None:
    done(app, "call", "proj.add", "--queue", "mail", "--priority", "7", "--expires", "60")

    message = waiting(app, "mail")
    assert (message.priority, message.expires is not None) == (7, True)


def test_call_delays_by_countdown_and_by_eta(app: KernelQ) -> None:
    done(app, "call", "proj.add", "--countdown", "600")
    done(app, "call", "proj.add", "--eta", "2100-01-01T00:00:00+00:00")

    assert [stats.delayed for stats in app.broker.queues()] == [2]


def test_call_takes_negative_numbers_behind_two_dashes(app: KernelQ) -> None:
    done(app, "call", "--queue", "mail", "proj.add", "--", "-1", "-2.5")

    assert body(app, waiting(app, "mail"))[0] == [-1, -2.5]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (("--kwargs", "[1]"), "expected a JSON object"),
        (("--kwargs", "{"), "expected a JSON object"),
        (("--countdown", "1", "--eta", "2100-01-01"), "not both"),
        (("--timeout", "1"), "--timeout needs --wait"),
        (("--priority", "10"), "10 is not in the range"),
    ],
)
def test_call_refuses_a_wrong_line(line: tuple[str, ...], says: str, app: KernelQ) -> None:
    result = run(app, "call", "proj.add", *line)

    assert result.exit_code == 2
    assert says in result.stderr
    assert app.broker.queues() == []


def test_call_says_in_one_line_that_arguments_do_not_fit(app: KernelQ) -> None:
    @app.task(name="proj.add")
    def add(x: int, y: int) -> int:
        return x + y

    result = run(app, "call", "proj.add", "1")

    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert result.stderr.endswith("add() missing 1 required positional argument: 'y'\n")
    assert result.stderr.count("\n") == 1


class Answering(threading.Thread):
    """Takes one message and stores an outcome of it, as a worker would."""

    def __init__(self, app: KernelQ, state: str, value: Any, **fields: Any) -> None:
        super().__init__()
        self.work = (app, state, value, fields)

    def run(self) -> None:
        app, state, value, fields = self.work
        store(app, waiting(app).id, state, value, **fields)


def test_call_waits_and_prints_the_result_as_json(app: KernelQ) -> None:
    worker = Answering(app, "SUCCESS", {"sum": 5})
    worker.start()

    result = run(app, "call", "proj.add", "2", "3", "--wait", "--timeout", "10")

    worker.join(10)
    assert (result.exit_code, result.stdout) == (0, '{"sum":5}\n')


def test_call_shows_the_traceback_of_a_failed_task(app: KernelQ) -> None:
    worker = Answering(app, "FAILURE", ERROR, traceback="Traceback …\nValueError: no\n")
    worker.start()

    result = run(app, "call", "proj.add", "--wait", "--timeout", "10")

    worker.join(10)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "Traceback …\nValueError: no" in result.stderr


def test_call_sends_nothing_when_it_could_not_wait(app: KernelQ) -> None:
    without = KernelQ("proj", broker="memory://", set_as_current=False)

    result = run(without, "call", "proj.add", "--wait")

    assert isinstance(result.exception, KernelQError)
    assert without.broker.queues() == []


# --- result


def test_result_shows_state_and_value(app: KernelQ) -> None:
    store(app, "i1", "SUCCESS", {"sum": 5}, task="proj.add", done_at=0.0)

    assert done(app, "result", "i1").splitlines() == [
        "state    SUCCESS",
        "task     proj.add",
        'value    {"sum":5}',
        "done at  1970-01-01T00:00:00+00:00",
    ]


def test_result_shows_error_reason_and_traceback(app: KernelQ) -> None:
    store(app, "i1", "FAILURE", ERROR, reason="crashed", traceback="Traceback …\nValueError: no\n")

    assert done(app, "result", "i1").splitlines() == [
        "state   FAILURE",
        "reason  crashed",
        "error   ValueError: no, 3",
        "",
        "Traceback …",
        "ValueError: no",
    ]


def test_result_gives_json(app: KernelQ) -> None:
    store(app, "i1", "FAILURE", ERROR, retries=2)

    found = json.loads(done(app, "result", "i1", "--json"))

    assert (found["state"], found["value"], found["error"], found["retries"]) == ("FAILURE", None, ERROR, 2)


def test_result_of_an_unknown_task_says_so(app: KernelQ) -> None:
    result = run(app, "result", "i9")

    assert (result.exit_code, result.stdout) == (1, "")
    assert "nothing is stored of the task 'i9'" in result.stderr


def test_a_pickled_result_is_not_read_unless_accepted(app: KernelQ) -> None:
    pickle = app.serializer("pickle")
    app.backend.apply([Outcome(id="i1", state="SUCCESS", value=pickle.dumps({1: 2}), content_type=pickle.content_type)])

    assert "is not in accept_content, so it was not read: " in done(app, "result", "i1")
    app.conf.accept_content = ("json", "pickle")
    assert "value  {1: 2}" not in done(app, "result", "i1")
    assert payload.read(app, pickle.content_type, pickle.dumps({1: 2})).value == {1: 2}


def test_a_damaged_value_is_shown_as_bytes(app: KernelQ) -> None:
    app.backend.apply([Outcome(id="i1", state="SUCCESS", value=b"{\x00")])

    assert "2 bytes 7b 00 b'{\\x00'" in done(app, "result", "i1")
    assert json.loads(done(app, "result", "i1", "--json"))["value"]["hex"] == "7b00"


def test_a_state_without_a_value_has_none(app: KernelQ) -> None:
    app.backend.apply([Outcome(id="i1", state="REVOKED", reason="expired")])

    assert done(app, "result", "i1") == "state   REVOKED\nreason  expired\n"


def test_an_error_stored_by_somebody_else_is_shown_as_it_is(app: KernelQ) -> None:
    store(app, "i1", "FAILURE", "it broke")
    store(app, "i2", "FAILURE", {"exc_type": "KeyError", "exc_message": None})

    assert 'error  "it broke"' in done(app, "result", "i1")
    assert "error  KeyError\n" in done(app, "result", "i2")


# --- queues and purge


def test_queues_shows_counts_and_the_age_of_the_oldest(app: KernelQ) -> None:
    bury(app, "i1", queue="default")
    app.send_task("proj.add", queue="mail", countdown=600)
    app.send_task("proj.add", queue="mail")

    lines = [line.split() for line in done(app, "queues").splitlines()]

    assert lines == [
        ["queue", "ready", "delayed", "running", "dead", "oldest"],
        ["default", "0", "0", "0", "1", "-"],
        ["mail", "1", "1", "0", "0", "0", "s"],
    ]


def test_queues_gives_json(app: KernelQ) -> None:
    app.send_task("proj.add", queue="mail")

    (stats,) = json.loads(done(app, "queues", "--json"))

    assert (stats["name"], stats["ready"]) == ("mail", 1)
    assert 0 <= stats["oldest_ready_age"] < 60


def test_no_queues_is_said_on_standard_error(app: KernelQ) -> None:
    result = run(app, "queues")

    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "no queues yet\n")


def test_purge_drops_what_waits_in_the_named_queue(app: KernelQ) -> None:
    app.send_task("proj.add", queue="mail")
    app.send_task("proj.add", queue="mail", countdown=600)
    app.send_task("proj.add", queue="other")

    assert done(app, "purge", "mail", "--yes") == "2 dropped\n"
    assert {stats.name: stats.ready for stats in app.broker.queues() if stats.ready} == {"other": 1}


def test_purge_without_a_name_drops_what_waits_everywhere(app: KernelQ) -> None:
    app.send_task("proj.add", queue="mail")
    app.send_task("proj.add", queue="other")

    assert done(app, "purge", "-y") == "2 dropped\n"


def test_purge_asks_first(app: KernelQ) -> None:
    app.send_task("proj.add", queue="mail")

    refused = run(app, "purge", stdin="n\n")
    agreed = run(app, "purge", stdin="y\n")

    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "Drop about 1 messages from mail?" in refused.stderr
    assert (agreed.exit_code, agreed.stdout) == (0, "1 dropped\n")


def test_purge_of_an_unknown_queue_drops_nothing(app: KernelQ) -> None:
    app.send_task("proj.add", queue="mail")

    result = run(app, "purge", "mail", "mial", "--yes")

    assert result.exit_code == 1
    assert "no queue 'mial' (there are: mail)" in result.stderr
    assert [stats.ready for stats in app.broker.queues()] == [1]


# --- dead letters


def test_dead_list_shows_one_line_each_however_long(app: KernelQ) -> None:
    (ref,) = bury(app, "i1", reason="x" * 300)

    header, line = done(app, "dead", "list").splitlines()

    assert header.split() == ["ref", "died", "at", "queue", "task", "id", "reason"]
    assert line.split()[0] == ref
    assert line.endswith("x" * 300)


def test_dead_list_keeps_to_a_queue_and_a_number(app: KernelQ) -> None:
    bury(app, "i1", "i2", queue="mail")
    bury(app, "i3", queue="other")

    of_mail = json.loads(done(app, "dead", "list", "--queue", "mail", "--json"))
    newest = json.loads(done(app, "dead", "list", "--limit", "1", "--json"))

    assert {letter["id"] for letter in of_mail} == {"i1", "i2"}
    assert [letter["id"] for letter in newest] == ["i3"]


def test_control_characters_in_dead_letters_are_shown_not_obeyed(app: KernelQ) -> None:
    bury(app, "i1", reason="red \x1b[31m\nnext")

    assert "red \\x1b[31m\\nnext" in done(app, "dead", "list")


def test_dead_show_reads_the_arguments(app: KernelQ) -> None:
    (ref,) = bury(app, "i1")

    lines = done(app, "dead", "show", ref).splitlines()
    found = json.loads(done(app, "dead", "show", ref, "--json"))

    fields = {line.split("  ")[0]: line.split("  ")[-1] for line in lines}
    assert (fields["args"], fields["kwargs"], fields["reason"]) == (' [1,"two"]'.strip(), '{"z":3}', "failed")
    assert (found["args"], found["kwargs"], found["task"]) == ([1, "two"], {"z": 3}, "proj.add")


def test_dead_show_gives_the_bytes_of_what_cannot_be_read(app: KernelQ) -> None:
    message = Message(id="i1", task="proj.add", body=b"\xff{", content_type="application/x-none")
    app.broker.publish([message])
    consumer = app.broker.consumer(["default"], id="c1", lease=15.0)
    (delivery,) = consumer.fetch(1, 30)
    consumer.settle([Transition(delivery=delivery, verdict=Verdict.DEAD, reason="undecodable")])

    (letter,) = app.broker.dead()
    shown = done(app, "dead", "show", letter.ref)

    assert "no serializer driver for 'application/x-none'" in shown
    assert "2 bytes ff 7b b'\\xff{'" in shown


def test_dead_show_gives_the_bytes_of_what_is_no_message(app: KernelQ, monkeypatch: pytest.MonkeyPatch) -> None:
    letter = DeadLetter(ref="7", queue="mail", reason="undecodable", died_at=0.0, raw=b"\x1b[31m")
    monkeypatch.setattr(app.broker, "dead", lambda **_: [letter])

    assert "raw      5 bytes 1b 5b 33 31 6d b'\\x1b[31m'" in done(app, "dead", "show", "7")


def test_dead_show_of_an_unknown_ref_says_so(app: KernelQ) -> None:
    result = run(app, "dead", "show", "99")

    assert result.exit_code == 1
    assert "no dead letter '99'" in result.stderr


def test_dead_retry_puts_the_named_ones_back(app: KernelQ) -> None:
    first, _ = bury(app, "i1", "i2")

    assert done(app, "dead", "retry", first) == "1 put back\n"
    assert waiting(app, "mail").id == "i1"
    assert len(app.broker.dead()) == 1


def test_dead_retry_all_puts_every_one_back(app: KernelQ) -> None:
    bury(app, "i1", "i2")

    assert done(app, "dead", "retry", "--all") == "2 put back\n"
    assert app.broker.dead() == []


def test_dead_retry_says_which_part_was_not_there(app: KernelQ) -> None:
    (ref,) = bury(app, "i1")

    result = run(app, "dead", "retry", ref, "gone")

    assert (result.exit_code, result.stdout) == (1, "1 put back\n")
    assert "1 of 2 were not in the dead letters any more" in result.stderr


def test_dead_purge_forgets_the_named_ones(app: KernelQ) -> None:
    first, _ = bury(app, "i1", "i2")

    assert done(app, "dead", "purge", first, "--yes") == "1 forgotten\n"
    assert len(app.broker.dead()) == 1


def test_dead_purge_all_asks_first(app: KernelQ) -> None:
    bury(app, "i1", "i2")

    refused = run(app, "dead", "purge", "--all", stdin="n\n")
    agreed = run(app, "dead", "purge", "--all", stdin="y\n")

    assert refused.exit_code == 1
    assert (agreed.exit_code, agreed.stdout) == (0, "2 forgotten\n")
    assert app.broker.dead() == []


@pytest.mark.parametrize("line", [("retry",), ("purge",), ("retry", "1", "--all"), ("purge", "1", "--all")])
def test_dead_letters_are_named_or_all(line: tuple[str, ...], app: KernelQ) -> None:
    result = run(app, "dead", *line)

    assert result.exit_code == 2
    assert "or give --all" in result.stderr


# --- plugins


def test_plugins_list_shows_what_each_one_brings(app: KernelQ) -> None:
    rows = {row["name"]: row for row in json.loads(done(app, "plugins", "list", "--json"))}

    assert rows["broker_memory"]["drivers"] == ["engine memory", "broker memory"]
    assert rows["commands"]["hooks"] == 1
    assert rows["commands"]["state"] == "on"
    assert rows["commands"]["about"].startswith("Commands: the command line")


def test_plugins_list_shows_disabled_ones_as_such() -> None:
    without = KernelQ("proj", broker="memory://", disable_plugins=("testkit",), set_as_current=False)

    (line,) = [line for line in done(without, "plugins", "list").splitlines() if line.startswith("testkit")]

    assert "disabled" in line


def test_plugins_show_tells_hooks_drivers_and_capabilities(app: KernelQ) -> None:
    shown = done(app, "plugins", "show", "broker_memory")

    assert "Broker in memory" in shown
    assert "drivers  engine memory, broker memory" in shown
    assert "transactions  yes" in shown


def test_plugins_show_tells_settings(app: KernelQ) -> None:
    shown = done(app, "plugins", "show", "worker_log")

    assert "worker_log_color" in shown.partition("settings")[2]


def test_plugins_show_of_an_unknown_one_names_the_nearest(app: KernelQ) -> None:
    result = run(app, "plugins", "show", "signal")

    assert result.exit_code == 1
    assert "no plugin 'signal'; did you mean 'signals'?" in result.stderr


def test_plugins_check_finds_nothing_wrong_here(app: KernelQ) -> None:
    assert done(app, "plugins", "check").endswith(" 0 skipped\n")


def points(monkeypatch: pytest.MonkeyPatch, *planted: EntryPoint) -> None:
    """Let these be all that is installed."""

    def entry_points(*, group: str) -> list[EntryPoint]:
        return [point for point in planted if point.group == group]

    monkeypatch.setattr("kernelq_plugins.commands.check.entry_points", entry_points)
    monkeypatch.setattr("kernelq_plugins.commands.installed.entry_points", entry_points)


HERE = __name__


@pytest.mark.parametrize(
    ("value", "group", "says"),
    [
        ("kernelq_plugins.gone", "kernelq.brokers", "cannot be imported: No module named"),
        ("kernelq_plugins.commands:gone", "kernelq.brokers", "cannot be imported: AttributeError"),
        ("kernelq_plugins.commands:commands", "kernelq.brokers", "expected a subclass of kernelq.contracts.Broker"),
        ("kernelq.contracts:Broker", "kernelq.brokers", "lacks close, consumer, dead"),
    ],
)
def test_plugins_check_says_what_is_broken(
    value: str, group: str, says: str, app: KernelQ, monkeypatch: pytest.MonkeyPatch
) -> None:
    points(monkeypatch, EntryPoint("bad", value, group))

    result = run(app, "plugins", "check")

    assert result.exit_code == 1
    assert f"broken: broker bad ({value}): {says}" in result.stdout
    assert result.stdout.endswith("1 checked, 1 broken, 0 skipped\n")


def test_plugins_check_skips_what_wants_a_library(app: KernelQ, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(point: EntryPoint) -> Any:
        raise ModuleNotFoundError("No module named 'kafka'", name="kafka.client")

    monkeypatch.setattr(EntryPoint, "load", load)
    points(monkeypatch, EntryPoint("kafka", "kernelq_plugins.broker_kafka", "kernelq.brokers"))

    assert done(app, "plugins", "check").splitlines() == [
        "skipped: broker kafka (kernelq_plugins.broker_kafka): needs kafka.client, which is not installed",
        "1 checked, 0 broken, 1 skipped",
    ]


def test_plugins_check_finds_what_is_offered_twice(app: KernelQ, monkeypatch: pytest.MonkeyPatch) -> None:
    one = EntryPoint("memory", "kernelq_plugins.broker_memory.broker:MemoryBroker", "kernelq.brokers")
    other = EntryPoint("memory", "elsewhere:Broker", "kernelq.brokers")
    points(monkeypatch, one, one, other)

    result = run(app, "plugins", "check")

    assert result.exit_code == 1
    assert result.stdout.count("is offered twice; uninstall one of the two") == 2


def test_plugins_check_finds_a_misspelt_hook(monkeypatch: pytest.MonkeyPatch) -> None:
    from kernelq import hookimpl

    class Misspelt:
        @hookimpl
        def task_prern(self) -> None: ...

    class Planted(EntryPoint):
        def load(self) -> Any:
            return Misspelt()

    points(monkeypatch, Planted("signals", "x", "kernelq.plugins"))

    (finding,) = check.findings()

    assert "unknown hook 'task_prern'; did you mean 'task_prerun'?" in str(finding.problem)


# --- graph, config, report


def test_graph_worker_draws_the_bootsteps(app: KernelQ) -> None:
    app.conf.worker_pool = "solo"

    assert "Pool" in done(app, "graph", "worker")
    assert done(app, "graph", "worker", "--dot").startswith("digraph ")


def test_config_shows_what_differs_and_where_it_comes_from(app: KernelQ) -> None:
    lines = done(app, "config").splitlines()

    assert lines[0].split() == ["setting", "value", "from"]
    assert any(line.startswith("broker_url") and "'memory://'" in line for line in lines)
    assert not any(line.startswith("task_default_queue") for line in lines)


def test_config_all_shows_defaults_too(app: KernelQ) -> None:
    found = json.loads(done(app, "config", "--all", "--json"))

    assert found["task_default_queue"] == {"value": "default", "source": "default"}


@pytest.mark.parametrize("line", [("config",), ("config", "--json"), ("report",)])
def test_passwords_are_masked(line: tuple[str, ...]) -> None:
    app = KernelQ("proj", broker="redis://ada:s3cret@here/0", set_as_current=False)

    shown = done(app, *line)

    assert "s3cret" not in shown
    assert "redis://ada:**@here/0" in shown


def test_report_tells_versions_plugins_and_settings(app: KernelQ) -> None:
    shown = done(app, "report")

    for part in ("kernelq", "python", "platform", "click", "commands", "broker_url"):
        assert f"  {part} " in shown


# --- output


def test_on_a_terminal_a_table_keeps_to_its_width(app: KernelQ, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "60")
    bury(app, "i1", reason="word " * 60)

    lines = [click.unstyle(line) for line in done(app, "dead", "list").splitlines()]

    assert len(lines) > 10
    assert max(map(len, lines)) <= 60


@pytest.mark.parametrize(
    ("seconds", "said"), [(None, None), (-3, "0 s"), (59.9, "59 s"), (60, "1 min"), (7200, "2 h"), (200_000, "2 d")]
)
def test_durations_are_said_in_their_largest_unit(seconds: float | None, said: str | None) -> None:
    assert output.duration(seconds) == said


def test_json_takes_what_json_lacks() -> None:
    assert output.json_text({"a": {1}, "b": b"x", "c": object}) == '{"a":[1],"b":"eA==","c":"<class \'object\'>"}'
    assert output.json_text({(1, 2): 3}) == '{"(1, 2)":3}'
    assert output.json_text("\ud800") == "\"'\\\\ud800'\""


def test_a_misspelt_command_names_the_nearest() -> None:
    said = CliRunner().invoke(kernelq, ["wroker"], obj=Session())

    assert said.exit_code == 2
    assert "no command 'wroker'; did you mean 'worker'?" in said.output


def test_calling_a_task_the_app_does_not_have_says_so_and_sends_it_all_the_same(app: KernelQ) -> None:
    app.task(name="proj.mail")(lambda: None)

    said = run(app, "call", "proj.mial")

    assert "this app has no task proj.mial; did you mean proj.mail?" in said.stderr
    assert [stats.ready for stats in app.broker.queues()] == [1]


# --- commands of several plugins


def group_of(name: str, *children: str) -> click.Group:
    return click.Group(name, {child: click.Command(child) for child in children}, help=f"{name} of {children}")


def test_groups_of_one_name_are_one() -> None:
    dogs, cats = group_of("pets", "dogs"), group_of("pets", "cats")

    both = merged(dogs, cats)

    assert isinstance(both, click.Group)
    assert list(both.commands) == ["dogs", "cats"]
    assert (list(dogs.commands), list(cats.commands), merged(dogs, dogs)) == (["dogs"], ["cats"], dogs)


@pytest.mark.parametrize(
    ("one", "other", "name"),
    [
        (group_of("pets", "dogs"), group_of("pets", "cats", "dogs"), "pets dogs"),
        (group_of("pets", "dogs"), click.Command("pets"), "pets"),
        (click.Command("pets"), click.Command("pets"), "pets"),
    ],
)
def test_a_command_that_is_offered_twice_is_refused(one: click.Command, other: click.Command, name: str) -> None:
    with pytest.raises(PluginConflict, match=f"the command '{name}' is offered twice"):
        merged(one, other)


def test_a_plugin_may_add_to_a_group_of_another(app: KernelQ) -> None:
    @hookimpl
    def commands() -> list[click.Command]:
        return [group_of("dead", "list2")]

    plugin = ModuleType("undead")
    plugin.commands = commands  # type: ignore[attr-defined]  # as a module of its own would have it
    app.register_plugin(plugin)

    said = CliRunner().invoke(kernelq, ["dead", "--help"], obj=Session(app)).output
    assert "list2" in said
    assert "purge" in said
