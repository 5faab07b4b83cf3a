"""The benchmark's own arithmetic: medians, ratios, verdicts, the table, the chart. What it measures is measured by running it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT))  # benchmarks/ is no part of the distribution

from benchmarks.chart import chart  # noqa: E402
from benchmarks.homes import EXTRAS, PINS, Homes  # noqa: E402
from benchmarks.measures import MEASURES, QUICK  # noqa: E402
from benchmarks.peers import BY_NAME, PEERS  # noqa: E402
from benchmarks.readme import BEGIN, END, replaced  # noqa: E402
from benchmarks.report import Line, Runs, lines, repeated  # noqa: E402
from benchmarks.rows import ROWS, Goal, Row  # noqa: E402
from benchmarks.run import Run  # noqa: E402
from benchmarks.side.marks import Marks  # noqa: E402
from benchmarks.stores import Stores  # noqa: E402
from benchmarks.table import comparison, page, short, summary  # noqa: E402

RATE = Row(
    label="M2", measure="M2", number="rate", title="drain", unit="/s", at_least=Goal(number=5), wanted=Goal(number=8)
)
TIME = Row(
    label="M4",
    measure="M4",
    number="ms",
    title="round trip",
    unit="ms",
    is_cost=True,
    at_least=Goal(number=0.7),
    wanted=Goal(number=0.4),
)
VALUE = Row(label="M7", measure="M7", number="mb", title="growth", unit="MB", is_cost=True, at_least=Goal(number=5, is_value=True), among=lambda peer: False)  # fmt: skip


def runs(measure: str, number: str, **peers: Sequence[float]) -> Runs:
    return {measure: {peer: [{number: value} for value in values] for peer, values in peers.items()}}


def only(measured: Runs, row: Row) -> Line:
    (line,) = lines(measured, [row])
    return line


def test_a_row_compares_the_median_with_that_of_the_fastest_peer() -> None:
    line = only(runs("M2", "rate", kernelq=[70, 60, 10], dramatiq=[9, 12, 10], celery=[1, 100, 1]), RATE)

    assert line.rival == "dramatiq"
    assert line.ratio == 6.0
    assert (line.ours.least, line.ours.most, line.ours.repeats) == (10, 70, 3)


def test_the_fastest_peer_of_a_cost_is_the_one_with_the_least() -> None:
    line = only(runs("M4", "ms", kernelq=[1.0], huey=[2.0], celery=[4.0]), TIME)

    assert (line.rival, line.ratio, line.factor) == ("huey", 0.5, 2.0)


@pytest.mark.parametrize(("ours", "verdict"), [(49, "short"), (50, "reached"), (79, "reached"), (80, "wanted")])
def test_a_rate_is_to_be_so_many_times_the_fastest_at_least(ours: float, verdict: str) -> None:
    assert only(runs("M2", "rate", kernelq=[ours], huey=[10]), RATE).verdict == verdict


@pytest.mark.parametrize(("ours", "verdict"), [(8, "short"), (7, "reached"), (4, "wanted")])
def test_a_cost_is_to_be_so_many_times_the_least_at_most(ours: float, verdict: str) -> None:
    assert only(runs("M4", "ms", kernelq=[ours], huey=[10]), TIME).verdict == verdict


@pytest.mark.parametrize(("ours", "verdict"), [(5.1, "short"), (5, "reached")])
def test_a_goal_may_be_an_own_value(ours: float, verdict: str) -> None:
    line = only(runs("M7", "mb", kernelq=[ours], huey=[1]), VALUE)

    assert (line.verdict, line.rival, line.at_least) == (verdict, None, "≤ 5 MB")


@pytest.mark.parametrize(("ours", "verdict"), [(40, "short"), (20, "reached"), (9, "wanted")])
def test_what_is_wanted_counts_only_where_the_least_is_reached(ours: float, verdict: str) -> None:
    goals = {"at_least": Goal(number=1), "wanted": Goal(number=10, is_value=True)}
    row = Row(label="M11", measure="M11", number="ms", title="wait", unit="ms", is_cost=True, **goals)

    assert only(runs("M11", "ms", kernelq=[ours], huey=[30]), row).verdict == verdict


def test_without_a_peer_beside_it_a_row_has_no_ratio_and_no_verdict() -> None:
    line = only(runs("M2", "rate", kernelq=[50]), RATE)

    assert (line.ratio, line.verdict) == (None, "")


def test_nothing_is_not_better_than_a_peer_that_costs_nothing() -> None:
    costly = only(runs("M4", "ms", kernelq=[1], huey=[0]), TIME)
    free = only(runs("M4", "ms", kernelq=[0], huey=[0]), TIME)

    assert (costly.ratio, costly.verdict) == (None, "short")
    assert (free.ratio, free.verdict) == (None, "wanted")


def test_a_row_that_kernelq_was_not_measured_for_is_left_out() -> None:
    assert lines(runs("M2", "rate", huey=[10]), [RATE]) == []
    assert lines(runs("M2", "other", kernelq=[10]), [RATE]) == []


def test_a_row_is_compared_with_peers_on_the_same_store_only() -> None:
    (row,) = [row for row in ROWS if row.title == "SQLite: drain"]

    line = only(runs("M12", "tasks_s", kernelq_sqlite=[40], huey_sqlite=[10], procrastinate=[99]), row)

    assert (line.rival, line.ratio) == ("huey_sqlite", 4)


def test_tasks_that_ran_twice_are_counted_by_peer() -> None:
    measured = {
        "M2": {"kernelq": [{"repeated": 1.0}, {"repeated": 2.0}], "huey": [{"repeated": 0.0}]},
        "M3": {"kernelq": [{}]},
    }

    assert repeated(measured) == {"kernelq": 3}


def outcome() -> dict[str, Any]:
    measured = {
        "M2": {"kernelq": [{"tasks_s": 50_000.0}, {"tasks_s": 60_000.0}], "dramatiq": [{"tasks_s": 9000.0}]},
        "M4": {"kernelq": [{"p50_ms": 0.5}], "huey": [{"p50_ms": 1.0}]},
        "limit": {"limit": [{"drain": 400_000.0}]},
    }
    told = {"versions": {"kernelq": "kernelq 1", "huey": "huey 3"}, "skipped": ["rq: gone\naway"], "failed": []}
    return {
        "date": "2026-01-02",
        "machine": "2 × <CPU> & more",
        "load": 0.5,
        "settings": "2 repeats",
        "runs": measured,
        **told,
    }


def test_the_table_shows_both_numbers_the_ratio_what_is_wanted_and_the_limit() -> None:
    table = comparison(lines(outcome()["runs"]))

    assert (
        "| M2 | drain | 55,000 /s [50,000–60,000] | 9,000 /s | dramatiq | **6.11 ×** | ≥ 5 × | ≥ 8 × | ✓ | 400,000 |"
        in table
    )
    assert "| M4 | round trip, p50 | 0.5 ms | 1 ms | huey | **0.5 ×** | ≤ 0.7 × | ≤ 0.4 × | ✓ |  |" in table


def test_every_line_of_a_table_has_as_many_cells_as_its_head() -> None:
    tables = [block for block in page(outcome()).split("\n\n") if block.startswith("| ")]

    assert len(tables) >= 4
    for table in tables:
        assert len({line.count("|") for line in table.splitlines()}) == 1


def test_the_page_says_what_was_left_out_and_who_guarantees_what() -> None:
    text = page(outcome())

    assert "- rq: gone away" in text
    assert "| huey | at most once |" in text
    assert "ran more than once: none" in text


def test_the_summary_names_date_machine_and_the_guarantee_beside_each_peer() -> None:
    text = summary(outcome())

    assert text.startswith("2026-01-02, 2 × <CPU> & more")
    assert "| round trip, p50 | 0.5 ms | 1 ms | huey, at most once | 0.5 × |" in text


def test_the_readme_has_its_place_and_what_stands_around_it_stays() -> None:
    text = f"before\n{BEGIN}\nold\n{END}\nafter\n"

    again = replaced(replaced(text, "new"), "newer")

    assert again == f"before\n{BEGIN}\n\nnewer\n\n{END}\nafter\n"
    assert replaced((ROOT / "README.md").read_text(), "table").count("table") >= 1


def test_a_readme_without_the_place_is_refused() -> None:
    with pytest.raises(ValueError, match="bench: begin"):
        replaced(f"{END} {BEGIN}", "table")


def test_the_chart_is_well_formed_and_has_a_bar_for_each_row_with_a_peer() -> None:
    report = lines(outcome()["runs"])

    root = ElementTree.fromstring(chart(report, outcome()["machine"]))

    rectangles = root.findall("{http://www.w3.org/2000/svg}rect")
    assert len(rectangles) == 1 + len(report)  # the first one is the ground
    assert "2 × <CPU> & more" in [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]


def test_a_chart_of_nothing_is_well_formed_too() -> None:
    assert ElementTree.fromstring(chart([], "nothing")).tag == "{http://www.w3.org/2000/svg}svg"


@pytest.mark.parametrize(("number", "text"), [(0.04321, "0.0432"), (99.96, "100"), (12_345.6, "12,346"), (0, "0")])
def test_numbers_have_three_digits_or_are_whole(number: float, text: str) -> None:
    assert short(number) == text


def test_each_peer_has_an_adapter_a_home_and_measures_that_exist() -> None:
    known = {measure.name for measure in MEASURES}
    for peer in PEERS:
        assert (ROOT / "benchmarks" / "adapters" / peer.adapter / "calls.py").exists()
        assert peer.home in PINS or peer.home in EXTRAS
        assert peer.measures <= known, peer.name


def test_each_row_shows_a_measure_that_kernelq_has() -> None:
    for row in ROWS:
        assert row.measure in BY_NAME[row.ours].measures, row.title


def test_a_mark_is_counted_once_and_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    marks = Marks(tmp_path)
    monkeypatch.setenv("BENCH_MARKS", str(marks.path))
    # The side of the tasks opens the file anew in each process; here both sides are one.
    from benchmarks.side import marks as side

    side._own.cache_clear()

    side.mark(3)
    side.mark(3)
    side.mark_start(4)
    side.mark_published(4)

    assert (marks.done(0, 10), marks.repeated(0, 10)) == (2, 1)
    assert marks.began(5)[4] >= 1e9
    assert marks.published(5)[:4] == (0, 0, 0, 0)
    marks.clear()
    assert marks.done(0, 10) == 0
    side._own.cache_clear()


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(Homes(tmp_path), Stores(tmp_path), tmp_path, QUICK)


def worth(run: Run, measure: str) -> list[str]:
    (found,) = [each for each in MEASURES if each.name == measure]
    return [peer for peer in ("kernelq", "huey", "dramatiq", "celery", "rq") if run._is_worth(found, BY_NAME[peer])]


def test_a_peer_far_behind_is_not_measured_again_by_what_takes_long(run: Run) -> None:
    run.outcome["runs"] = runs("M7", "p99", kernelq=[9.0], huey=[1.0], dramatiq=[3.0], celery=[3.1])

    assert worth(run, "M7") == ["kernelq", "huey", "dramatiq", "rq"]


def test_a_rate_far_behind_has_a_second_chance(run: Run) -> None:
    run.outcome["runs"] = runs("M2", "tasks_s", kernelq=[9.0], huey=[30.0, 30.0], dramatiq=[9.0], celery=[9.0, 9.0])

    assert worth(run, "M2") == ["kernelq", "huey", "dramatiq", "rq"]


def test_what_is_quick_is_measured_each_time(run: Run) -> None:
    run.outcome["runs"] = runs("M1", "msgs_s", huey=[30.0] * 3, celery=[1.0] * 3)

    assert worth(run, "M1") == ["kernelq", "huey", "dramatiq", "celery", "rq"]


def test_a_peer_whose_server_is_not_installed_is_left_out_with_the_reason(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda *arguments, **options: None)

    run.repeat(1, ["kernelq"], ["M1"], save=lambda: None)

    assert run.outcome["skipped"] == ["kernelq: redis-server is not installed; on Debian: apt-get install redis-server"]
    assert run.outcome["runs"] == {}
