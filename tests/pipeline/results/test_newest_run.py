"""OUT/run.json: what the newest run was given, and which videos its patterns exclude."""

from __future__ import annotations

from pathlib import Path

import pytest

from facetally.errors import OutputError
from facetally.results.newest_run import NewestRun, is_excluded


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    newest = NewestRun({"id-a": "a.mp4"}, {"notes.txt": "no video"}, ("b*",), {"id-b": "b.mp4"})
    newest.write(tmp_path)
    assert NewestRun.read(tmp_path) == newest
    assert [file.name for file in newest.files_passed_over()] == ["notes.txt"]


def test_a_folder_without_a_run_has_an_empty_one(tmp_path: Path) -> None:
    assert NewestRun.read(tmp_path) == NewestRun()


def test_a_file_from_before_there_were_patterns_excludes_nothing(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text('{"videos": {"id-a": "a.mp4"}}')
    assert (dict(NewestRun.read(tmp_path).videos), NewestRun.read(tmp_path).exclude) == ({"id-a": "a.mp4"}, ())


@pytest.mark.parametrize(
    "content",
    [
        *("", "[]", "{", '{"videos": []}', '{"videos": {"a": 1}}', '{"exclude": "*"}', '{"exclude": [1]}'),
        *('{"excluded": {"a": null}}', "[" * 100_000, '{"videos": {"a": ' + "9" * 6000 + "}}"),
    ],
    ids=range(10),
)
def test_a_damaged_file_is_an_error_with_a_fix(tmp_path: Path, content: str) -> None:
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(OutputError, match=r"run\.json") as caught:
        NewestRun.read(tmp_path)
    assert "--include-all" in caught.value.fix


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [
        *(("ads", True), ("ads/", True), ("ads/old", True), ("ads/*", True), ("*.mp4", True), ("[a-c].mp4", True)),
        *(("a.mp4", True), ("ads/old/a.mp4", True), ("old", True), ("*/a.*", True)),
        *(("ad", False), ("A.MP4", False), ("news/*", False), ("mp4", False), ("old/a.mp4", False), ("/ads", False)),
    ],
)
def test_a_pattern_fits_a_name_a_file_name_or_a_folder(pattern: str, fits: bool) -> None:
    assert is_excluded([pattern], "ads/old/a.mp4") is fits


def test_a_name_with_brackets_is_its_own_pattern() -> None:
    assert is_excluded(["[red] a.mp4"], "[red] a.mp4")
    assert not is_excluded([], "a.mp4")


def test_a_video_is_excluded_by_its_id_or_its_name() -> None:
    newest = NewestRun(exclude=("ads",), excluded={"id-x": "other/name.mp4"})
    assert newest.excludes("id-x", "x.mp4")  # it keeps the name of an earlier run
    assert newest.excludes("id-y", "ads/y.mp4")
    assert not newest.excludes("id-z", "z.mp4")
