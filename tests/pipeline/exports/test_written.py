"""An export replaces its own files, and no other."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_runs import Seen, store

from facetally.errors import OptionError, OutputError
from facetally.exports.formats import chosen_format
from facetally.jobs.export import export_run


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return store(tmp_path / "out", "a.mp4", Seen(0, 0, 10)).out


@pytest.mark.parametrize("name", ["csv", "xlsx", "sqlite"])
def test_an_earlier_export_is_replaced(out: Path, name: str) -> None:
    first = export_run(out, name)
    store(out, "b.mp4", Seen(0, 0, 10))
    assert export_run(out, name).files == first.files
    assert export_run(out, name).rows["tracks"] == 2


@pytest.mark.parametrize(("name", "target"), [("csv", "here"), ("xlsx", "run.xlsx"), ("sqlite", "run.sqlite")])
def test_a_file_of_somebody_else_stays_as_it_is(out: Path, tmp_path: Path, name: str, target: str) -> None:
    path = tmp_path / target / "README.txt" if name == "csv" else tmp_path / target
    path.parent.mkdir(exist_ok=True)
    path.write_text("mine")
    with pytest.raises(OutputError, match="exists and is not from an export of this run") as caught:
        export_run(out, name, tmp_path / target)
    assert "--force" in caught.value.fix
    assert path.read_text() == "mine"
    export_run(out, name, tmp_path / target, force=True)
    assert path.read_bytes() != b"mine"


def test_an_export_that_somebody_worked_on_stays_as_it_is(out: Path) -> None:
    (path,) = export_run(out, "xlsx").files
    path.write_bytes(path.read_bytes() + b"a comment")
    with pytest.raises(OutputError, match="was changed since it was exported"):
        export_run(out, "xlsx")


def test_an_export_of_another_run_stays_as_it_is(out: Path, tmp_path: Path) -> None:
    export_run(out, path=tmp_path / "run.xlsx")
    other = store(tmp_path / "other", "a.mp4", Seen(0, 0, 10)).out
    with pytest.raises(OutputError, match="is not from an export of this run"):
        export_run(other, path=tmp_path / "run.xlsx")


def test_a_link_is_not_written_through(out: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    (tmp_path / "run.sqlite").symlink_to(tmp_path / "mine.txt")
    with pytest.raises(OutputError, match="is not from an export"):
        export_run(out, path=tmp_path / "run.sqlite")
    export_run(out, path=tmp_path / "run.sqlite", force=True)
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_a_run_that_was_moved_still_knows_its_own_export(out: Path, tmp_path: Path) -> None:
    export_run(out)
    out.rename(tmp_path / "moved")
    assert export_run(tmp_path / "moved").rows["tracks"] == 1


@pytest.mark.parametrize("record", ["", "[]", '{"files": 3}', "[" * 10_000])
def test_a_damaged_record_of_exports_counts_as_none(out: Path, record: str) -> None:
    export_run(out)
    (out / "export" / "written.json").write_text(record)
    with pytest.raises(OutputError, match="is not from an export"):
        export_run(out)


def test_an_interrupted_export_leaves_the_older_one(out: Path) -> None:
    (path,) = export_run(out, "sqlite").files
    before = path.read_bytes()
    next((out / "tracks").iterdir()).write_bytes(b"damaged")
    with pytest.raises(OutputError):
        export_run(out, "sqlite", force=True)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir() if file.name.startswith(".")] == []


def test_a_place_that_cannot_be_written_is_named(out: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(OutputError, match="cannot write"):
        export_run(out, "csv", tmp_path / "file")


@pytest.mark.parametrize(
    ("name", "path", "chosen"),
    [
        ("", None, "csv"),
        ("", "a.xlsx", "xlsx"),
        ("", "a.db", "sqlite"),
        ("", "folder", "csv"),
        ("sqlite", "x", "sqlite"),
    ],
)
def test_the_format_follows_from_the_name_of_the_file(name: str, path: str | None, chosen: str) -> None:
    assert chosen_format("run", name, Path(path) if path else None).name == chosen


@pytest.mark.parametrize(
    ("name", "path"), [("pdf", None), ("csv", "a.xlsx"), ("xlsx", "a.sqlite"), ("", "a.csv"), ("", "a.XLS")]
)
def test_a_format_that_the_name_of_the_file_contradicts_is_refused(name: str, path: str | None) -> None:
    with pytest.raises(OptionError):
        chosen_format("run", name, Path(path) if path else None)
