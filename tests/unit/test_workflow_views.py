"""Workflows read by any id, and drawn: as a tree, for Graphviz, as a picture."""

from __future__ import annotations

import io
import sys
import textwrap
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner
from kernelq import KernelQ, canvas
from kernelq.workflow_views import Drawing, Node, UnknownWorkflow, Workflow, draw, find
from kernelq.workflows import Keep, WorkflowStore
from kernelq_plugins.commands.command_line import Session, kernelq
from plans import chain, chord, end, group, keep, task, workflow

PHOTOS = chain(
    task("load"), chord("j1", task("small"), task("large"), body=chain(task("zip"), group("g1", task("a"), task("b"))))
)
STATES = {"load": "SUCCESS", "small": "SUCCESS", "large": "FAILURE timed_out", "zip": "FAILURE upstream"}


@pytest.fixture
def store(app: KernelQ) -> WorkflowStore:
    store = canvas.store_of(app)
    assert store is not None
    return store


class Calls:
    """Counts the calls of a method."""

    def __init__(self, owner: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.arguments: list[Any] = []
        method = getattr(owner, name)

        def counted(argument: Any) -> Any:
            self.arguments.append(argument)
            return method(argument)

        monkeypatch.setattr(owner, name, counted)


# --- reading -------------------------------------------------------------------------------------


def test_a_workflow_tells_each_task_s_name_state_and_reason(app: KernelQ, store: WorkflowStore) -> None:
    keep(store, PHOTOS)
    end(app, "load")
    end(app, "large", "FAILURE", reason="timed_out")

    found = find(app, "end")

    assert [(id, task.name) for id, task in found.tasks.items()][:2] == [("load", "proj.load"), ("small", "proj.small")]
    assert (found["load"].state, found["zip"].state) == ("SUCCESS", "PENDING")
    assert (found["large"].state, found["large"].reason) == ("FAILURE", "timed_out")
    assert (found.completed, found.total, found.failed) == (1, 6, ["large"])


@pytest.mark.parametrize(
    ("id", "fields"),
    [
        ("end", {}),
        ("root", {}),
        ("load", {"root_id": "root"}),
        ("small", {"root_id": "other", "group_id": "end"}),
        ("zip", {"parent_id": "root"}),
    ],
)
def test_a_workflow_is_found_from_any_id_of_it(
    app: KernelQ, store: WorkflowStore, id: str, fields: dict[str, str]
) -> None:
    keep(store, PHOTOS, aliases=("root",))
    end(app, id, **fields)

    assert find(app, id).id == "end"


def test_the_workflow_that_has_the_id_in_it_comes_before_the_one_it_was_called_from(
    app: KernelQ, store: WorkflowStore
) -> None:
    keep(store, task("outer"), "outer")
    keep(store, group("g", task("inner")), "g")
    end(app, "inner", root_id="outer", group_id="g")
    end(app, "called", root_id="outer")

    assert (find(app, "inner").id, find(app, "called").id) == ("g", "outer")


def test_an_id_that_belongs_to_no_workflow_is_said(app: KernelQ, store: WorkflowStore) -> None:
    end(app, "alone", root_id="alone")
    store.apply([Keep(key="plan:lost", value=b">nowhere")])

    for id in ("alone", "never", "lost"):
        with pytest.raises(UnknownWorkflow, match=f"no workflow is known of the id '{id}'"):
            find(app, id)


def test_without_a_store_no_workflow_is_known() -> None:
    with KernelQ(
        "proj", broker="memory://", backend="memory://", disable_plugins=["workflows_memory"], set_as_current=False
    ) as app:
        with pytest.raises(UnknownWorkflow, match="there is no workflow store"):
            find(app, "end")
        assert app.AsyncResult("end").total_count() == 1


def test_a_damaged_plan_is_said(app: KernelQ, store: WorkflowStore) -> None:
    store.apply([Keep(key="plan:end", value=b"plan")])

    with pytest.raises(ValueError, match="the plan of a workflow cannot be read"):
        find(app, "end")


def test_a_large_workflow_is_read_in_a_few_round_trips(
    app: KernelQ, store: WorkflowStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(store, group("end", *(task(f"t{i}") for i in range(2500))), aliases=("root",))
    questions = Calls(app.backend, "get_many", monkeypatch)
    looks = Calls(store, "kept", monkeypatch)

    assert find(app, "root").total == 2500
    assert ([len(ids) for ids in questions.arguments], len(looks.arguments)) == ([1000, 1000, 500], 2)


@pytest.mark.parametrize(
    ("root", "states", "completed"),
    [
        (chain(task("a"), task("b")), {"b": "STARTED"}, 1),
        (chain(task("a"), task("b")), {"b": "FAILURE"}, 1),
        (chain(task("a"), task("b")), {"b": "FAILURE upstream"}, 0),
        (chord("j", task("a"), task("b"), body=task("c")), {"c": "SUCCESS"}, 3),
        (chord("j", task("a"), task("b"), body=task("c")), {"b": "SUCCESS", "c": "FAILURE upstream"}, 1),
        (chord("j", task("a"), task("b"), body=task("c")), {"b": "SUCCESS", "c": "FAILURE"}, 2),
        (chain(task("a"), chord("j", task("b"), body=task("c")), task("d")), {"b": "SUCCESS"}, 2),
    ],
)
def test_a_task_whose_outcome_is_not_kept_has_succeeded_when_one_behind_it_has_begun(
    root: Node, states: dict[str, str], completed: int
) -> None:
    assert workflow(root, **states).completed == completed


# --- as a tree -----------------------------------------------------------------------------------

TREES = {
    "a task": (task("a"), {"a": "STARTED"}, "proj.a  STARTED  a"),
    "a chain": (
        chain(task("a"), task("b")),
        {"a": "SUCCESS"},
        """
        chain of 2
        ├─ proj.a  SUCCESS  a
        └─ proj.b  PENDING  b
        """,
    ),
    "a chord within a chain": (
        PHOTOS,
        STATES,
        """
        chain of 3
        ├─ proj.load  SUCCESS  load
        ├─ chord of 2
        │  ├─ proj.small  SUCCESS  small
        │  ├─ proj.large  FAILURE (timed_out)  large
        │  └─ then proj.zip  FAILURE (upstream)  zip
        └─ group of 2
           ├─ proj.a  PENDING  a
           └─ proj.b  PENDING  b
        """,
    ),
    "chords one after the other": (
        chord("j", task("a"), body=chain(task("b"), chord("k", task("c"), body=chain(task("d"), chain(task("e")))))),
        {},
        """
        chain of 3
        ├─ chord of 1
        │  ├─ proj.a  PENDING  a
        │  └─ then proj.b  PENDING  b
        ├─ chord of 1
        │  ├─ proj.c  PENDING  c
        │  └─ then proj.d  PENDING  d
        └─ proj.e  PENDING  e
        """,
    ),
    "chords within a chord": (
        chord("j", chord("k", task("a"), body=task("b")), group("g", task("c")), body=group("h", task("d"))),
        {},
        """
        chord of 2
        ├─ chord of 1
        │  ├─ proj.a  PENDING  a
        │  └─ then proj.b  PENDING  b
        ├─ group of 1
        │  └─ proj.c  PENDING  c
        └─ then group of 1
           └─ proj.d  PENDING  d
        """,
    ),
    "twenty alike": (
        group("g", *(task(f"t{i}", "proj.t") for i in range(3)), *(task(f"u{i}", "proj.u") for i in range(21))),
        {},
        """
        group of 24
        ├─ proj.t  PENDING  t0
        ├─ proj.t  PENDING  t1
        ├─ proj.t  PENDING  t2
        └─ … 21 × proj.u  PENDING
        """,
    ),
    "many with some that differ": (
        group("g", *(task(f"t{i}", "resize") for i in range(10_000))),
        {f"t{i}": "SUCCESS" for i in range(10_000)} | {"t7": "FAILURE"},
        """
        group of 10,000
        ├─ … 9,999 × resize  SUCCESS
        └─ resize  FAILURE  t7
        """,
    ),
    "many chains": (
        chord("j", *(chain(task(f"a{i}", "get"), task(f"b{i}", "put")) for i in range(30)), body=task("c")),
        {f"a{i}": "SUCCESS" for i in range(30)},
        """
        chord of 30
        ├─ … 30 × (get SUCCESS → put PENDING)
        └─ then proj.c  PENDING  c
        """,
    ),
    "many chords": (
        group("g", *(chord(f"j{i}", task(f"a{i}", "get"), body=group(f"h{i}")) for i in range(21))),
        {},
        """
        group of 21
        └─ … 21 × (get PENDING → ())
        """,
    ),
    "nothing": (group("g"), {}, "group of 0"),
}


@pytest.mark.parametrize(("root", "states", "tree"), TREES.values(), ids=TREES)
def test_the_text_is_a_tree_with_states(root: Node, states: dict[str, str], tree: str) -> None:
    head, _, text = Drawing(workflow(root, **states)).text().partition("\n")

    assert text == textwrap.dedent(tree).strip()
    assert head.startswith("workflow end: ")


def test_the_head_counts() -> None:
    assert str(Drawing(workflow(PHOTOS, **STATES))).splitlines()[0] == "workflow end: 2 of 6 done, 2 failed"


def test_where_the_encoding_lacks_our_signs_plain_ones_stand_for_them() -> None:
    members = (task(f"t{i}", "größe") for i in range(21))

    text = Drawing(workflow(chain(group("g", *members), task("b", "\x1b[31m")))).text("ascii")

    assert text.splitlines()[1:] == [
        "chain of 2",
        "|- group of 21",
        r"|  `- ... 21 x gr\xf6\xdfe  PENDING",
        r"`- \x1b[31m  PENDING  b",
    ]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_only_a_terminal_is_shown_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    drawing = Drawing(workflow(PHOTOS, **STATES))
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    shown = []
    for stream in (Terminal(), io.StringIO()):
        monkeypatch.setattr(sys, "stdout", stream)
        drawing.show()
        shown.append(stream.getvalue())

    assert "\x1b[32mSUCCESS\x1b[0m" in shown[0]
    assert shown[1] == f"{drawing}\n"


# --- the other forms -----------------------------------------------------------------------------


def test_the_dot_form_has_an_arrow_to_all_that_waits_for_a_task() -> None:
    lines = Drawing(workflow(PHOTOS, **STATES)).dot().splitlines()

    assert lines[0] == 'digraph "end" {'
    assert '  "large" [label="proj.large\\nFAILURE (timed_out)", fillcolor="#fbd5d5"];' in lines
    assert sorted(line.strip() for line in lines if "->" in line) == [
        '"join j1" -> "zip";',
        '"large" -> "join j1";',
        '"load" -> "large";',
        '"load" -> "small";',
        '"small" -> "join j1";',
        '"zip" -> "a";',
        '"zip" -> "b";',
    ]


def test_many_alike_are_one_box_of_the_dot_form() -> None:
    many: list[Node] = [task(f"t{i}", "get") for i in range(21)]
    many += (chain(task(f"u{i}"), task(f"v{i}")) for i in range(2))

    lines = Drawing(workflow(chord("j", *many, body=task("b")))).dot().splitlines()

    assert '  "fold 1" [label="… 21 × get\\nPENDING", fillcolor="#f6f6f6"];' in lines
    assert '  "fold 1" -> "join j";' in lines


def test_many_chains_alike_are_one_box_without_a_colour() -> None:
    many = (chain(task(f"t{i}", "get"), task(f"u{i}", "put")) for i in range(21))
    drawing = Drawing(workflow(group("g", *many)))

    assert '  "fold 1" [label="… 21 × (get PENDING → put PENDING)", fillcolor="#f6f6f6"];' in drawing.dot().splitlines()
    assert texts(drawing.workflow)[2:] == ["… 21 × (get PENDING → put PENDING)"]


def test_between_two_groups_the_arrows_meet_in_a_point() -> None:
    pairs = chain(group("g", task("a"), task("b")), group("h"), group("i", task("c"), task("d")))

    arrows = [line.strip() for line in Drawing(workflow(pairs)).dot().splitlines() if "->" in line]

    assert arrows == ['"a" -> "step 1";', '"b" -> "step 1";', '"step 1" -> "c";', '"step 1" -> "d";']


def texts(workflow: Workflow) -> list[str]:
    tree = ElementTree.fromstring(Drawing(workflow).svg())
    return [str(element.text) for element in tree.iter("{http://www.w3.org/2000/svg}text")]


def test_the_picture_shows_every_task_with_its_state() -> None:
    shown = texts(workflow(PHOTOS, **STATES))

    assert shown[:3] == ["workflow end: 2 of 6 done, 2 failed", "chord of 2", "group of 2"]
    assert shown[3:9] == ["proj.load", "SUCCESS", "proj.small", "SUCCESS", "proj.large", "FAILURE (timed_out)"]


def test_the_picture_folds_as_the_tree_does() -> None:
    members = (task(f"t{i}", "resize") for i in range(500))

    assert texts(workflow(group("g", *members)))[2:] == ["… 500 × resize", "PENDING"]


def test_names_of_any_kind_leave_the_picture_whole() -> None:
    assert texts(workflow(chain(task("a", "<b>&\x00\x1b\""), task("b", "n" * 99))))[1:] == [
        '<b>&\\x00\\x1b"', "PENDING", "n" * 35 + "…", "PENDING",
    ]  # fmt: skip


def test_nothing_in_the_picture_overlaps() -> None:
    from kernelq_plugins.workflow_views.layout import HEIGHT, scene_of

    scene = scene_of(workflow(chain(PHOTOS, chord("j2", PHOTOS, task("x"), body=PHOTOS))))

    spaces = [(box.x, box.y, box.x + box.width, box.y + HEIGHT) for box in scene.boxes]
    for place, (left, top, right, bottom) in enumerate(spaces):
        assert left >= 0
        assert right <= scene.width
        assert bottom <= scene.height
        for other in spaces[place + 1 :]:
            assert right <= other[0] or other[2] <= left or bottom <= other[1] or other[3] <= top


@pytest.mark.parametrize(
    ("name", "begins"),
    [("album.svg", "<svg "), ("album.dot", "digraph"), ("album.GV", "digraph"), ("album.txt", "workflow end")],
)
def test_a_drawing_is_saved_in_the_form_of_its_name(name: str, begins: str, tmp_path: Path) -> None:
    Drawing(workflow(PHOTOS)).save(tmp_path / name)

    assert (tmp_path / name).read_text(encoding="utf-8").startswith(begins)


def test_a_name_that_says_no_form_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"expected a file that ends in \.svg, \.dot, \.gv, \.txt, got .*album\.png"):
        Drawing(workflow(PHOTOS)).save(tmp_path / "album.png")


# --- from results and the command line -----------------------------------------------------------


def test_a_result_s_graph_is_called_for_the_drawing(app: KernelQ, store: WorkflowStore) -> None:
    keep(store, PHOTOS)
    result = app.AsyncResult("end")

    assert str(result.graph()) == str(draw(app, "end"))
    assert repr(result.graph()) == "<Drawing: workflow end>"
    with pytest.raises(UnknownWorkflow):
        app.AsyncResult("other").graph()


def invoke(app: KernelQ, *line: str) -> tuple[int, str]:
    result = CliRunner().invoke(kernelq, line, obj=Session(app))
    return result.exit_code, result.output + str(result.exception or "")


def test_the_commands_print_the_tree(app: KernelQ, store: WorkflowStore) -> None:
    keep(store, PHOTOS)

    tree = (0, f"{draw(app, 'end')}\n")
    assert invoke(app, "graph", "result", "end") == tree
    assert invoke(app, "result", "--tree", "end") == tree


def test_the_command_writes_the_other_forms(app: KernelQ, store: WorkflowStore, tmp_path: Path) -> None:
    keep(store, PHOTOS)
    drawing = draw(app, "end")

    assert invoke(app, "graph", "result", "end", "--dot") == (0, f"{drawing.dot()}\n")
    for options, form in ((("--svg",), drawing.svg()), (("--dot", "-o"), drawing.dot()), (("-o",), str(drawing))):
        assert invoke(app, "graph", "result", "end", *options, str(tmp_path / "album.txt")) == (0, "")
        assert (tmp_path / "album.txt").read_text(encoding="utf-8").strip() == form.strip()
    code, said = invoke(app, "graph", "result", "end", "-o", "album.png")
    assert (code, "expected a file that ends in" in said) == (2, True)
    code, said = invoke(app, "graph", "result", "end", "--svg", str(tmp_path / "no" / "album.svg"))
    assert (code, "cannot write" in said) == (1, True)


@pytest.mark.parametrize("line", [("graph", "result", "never"), ("result", "--tree", "never")])
def test_the_commands_say_when_no_workflow_is_known(app: KernelQ, store: WorkflowStore, line: tuple[str, ...]) -> None:
    code, said = invoke(app, *line)

    assert (code, "no workflow is known of the id 'never'" in said) == (1, True)


def test_json_and_tree_are_not_both_had(app: KernelQ) -> None:
    assert invoke(app, "result", "--tree", "--json", "end")[0] == 2
