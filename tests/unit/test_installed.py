"""Reading entry points: the same as `importlib.metadata` finds, without it."""

from __future__ import annotations

import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from kernelq import installed


def distribution(folder: Path, name: str, *lines: str) -> Path:
    """Put the metadata of a distribution into `folder`, with these lines as its entry points."""
    info = folder / f"{name}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name.partition('-')[0]}\nVersion: 1\n", "utf-8")
    (info / "entry_points.txt").write_text("\n".join(lines), "utf-8")
    return folder


@pytest.mark.parametrize(
    "group", ["kernelq.plugins", "kernelq.api", "kernelq.brokers", "console_scripts", "kernelq.no"]
)
def test_a_group_is_what_the_standard_library_finds(group: str) -> None:
    found = sorted((point.name, point.value) for point in metadata.entry_points(group=group))

    assert sorted(set(installed.offers(group))) == sorted(set(found))
    assert sorted(installed.entry_points(group)) == sorted(set(metadata.entry_points(group=group)))


def test_comments_and_spaces_are_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = (
        "# of us",
        "[kernelq.brokers]",
        "",
        "  kafka=kafka_for_us.broker:Kafka [fast]  ",
        "#old = gone",
        "[other]",
        "x = y",
    )
    monkeypatch.syspath_prepend(distribution(tmp_path, "kafka_for_us-1", *lines))

    assert ("kafka", "kafka_for_us.broker:Kafka [fast]") in installed.offers("kernelq.brokers")
    assert "old" not in dict(installed.offers("kernelq.brokers"))


def test_of_two_versions_the_first_on_the_path_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(distribution(tmp_path / "old", "dogs-1", "[kernelq.dogs]", "rex = old"))
    monkeypatch.syspath_prepend(distribution(tmp_path / "new", "Dogs-2", "[kernelq.dogs]", "rex = new"))

    assert installed.offers("kernelq.dogs") == [("rex", "new")]


def test_what_lies_in_a_zip_file_is_found_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = tmp_path / "dogs.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("dogs-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: dogs\nVersion: 1\n")
        file.writestr("dogs-1.dist-info/entry_points.txt", "[kernelq.dogs]\nrex = zipped\n")
    monkeypatch.syspath_prepend(archive)

    assert installed.offers("kernelq.dogs") == [("rex", "zipped")]


def test_what_a_finder_of_distributions_knows_is_found_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = metadata.PathDistribution(
        distribution(tmp_path, "dogs-1", "[kernelq.dogs]", "rex = found") / "dogs-1.dist-info"
    )

    class Finder(metadata.DistributionFinder):
        def find_distributions(self, context: object = None) -> list[metadata.Distribution]:
            return [known]

        def find_spec(self, *args: object) -> None:
            return None

    monkeypatch.syspath_prepend(tmp_path / "elsewhere")  # a path that was not read yet
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Finder()])

    assert installed.offers("kernelq.dogs") == [("rex", "found")]
