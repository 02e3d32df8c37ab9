"""The commands tally and report: groups, forms, notes, and what they write."""

from __future__ import annotations

import json
from pathlib import Path

import labelled_world
import pytest
from click.testing import CliRunner, Result
from labelled_world import stored, track_row

from facetally.cli import reading_progress as module
from facetally.cli.main import main
from facetally.cli.reading_progress import reading_progress
from facetally.results.ledger import VideoRow
from facetally.tallies.shares import Amounts, Shares
from facetally.tallies.summary import longer_than_videos

CLOCK = ["--clock", "%Y-%m-%d %H%M"]


def facetally(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Two films with a woman and a man each, and two with two men."""
    rows = {
        name: [track_row(0, female_prob), track_row(1, 0.1)]
        for name, female_prob in (
            *(("a/2026-03-01 1950.mp4", 0.9), ("a/2026-03-02 1950.mp4", 0.9)),
            *(("b/2026-03-01 2010.mp4", 0.1), ("b/2026-03-02 2010.mp4", 0.1)),
        )
    }
    faces = {
        name: [*labelled_world.face_rows(0, labelled_world.times(0, 2)), *labelled_world.face_rows(1, [0.0])]
        for name in rows
    }
    stored(tmp_path / "out", rows, faces)
    return tmp_path / "out"


def files_in(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_hours_are_shown_with_their_difference(out: Path) -> None:
    result = facetally("tally", out, "--by", "hour", *CLOCK)
    assert result.exit_code == 0, result.output
    assert "19:00 − 20:00" in result.stdout
    assert "+50.0 (" in result.stdout
    assert "jackknife over videos" in result.stderr


def test_an_hour_without_a_clock_is_an_error_with_its_fix(out: Path) -> None:
    result = facetally("tally", out, "--by", "hour")
    assert result.exit_code == 1
    assert "Error: --by hour needs the time at which the videos were on air" in result.stderr
    assert "--clock '%Y-%m-%d %H%M'" in result.stderr


def test_a_column_without_a_table_is_wrong_usage(out: Path) -> None:
    result = facetally("tally", out, "--by", "channel")
    assert result.exit_code == 2
    assert "--videos-table" in result.stderr


def test_a_column_of_the_table_may_stand_before_or_after_it(out: Path, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("video,channel\na/2026-03-01 1950.mp4,One\n")
    for words in (["--by", "channel", "--videos-table"], ["--videos-table"]):
        more = [] if words[0] == "--by" else ["--by", "channel"]
        result = facetally("tally", out, *words, tmp_path / "t.csv", *more)
        assert result.exit_code == 0, result.output
        assert "One" in result.stdout
        assert "has no line for 3 videos" in result.stderr


def test_a_note_that_begins_with_the_name_of_a_file_keeps_its_small_letter(
    out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("groups.csv").write_text("video,channel\na/2026-03-01 1950.mp4,One\n")
    result = facetally("tally", out, "--by", "channel", "--videos-table", "groups.csv")
    assert any(line.startswith("groups.csv has no line for 3 videos") for line in result.stderr.splitlines())


@pytest.mark.parametrize("form", ["csv", "json"])
def test_only_the_form_goes_to_stdout(out: Path, form: str) -> None:
    result = facetally("tally", out, "--by", "folder", "--format", form)
    if form == "csv":
        assert [line.split(",")[:2] for line in result.stdout.splitlines()[1:]] == [
            ["a", "4"],
            ["b", "4"],
            ["all", "8"],
        ]
    else:
        assert json.loads(result.stdout)["total"]["appearances"] == 8
    assert "expect about" in result.stderr


def test_printing_changes_nothing_in_the_folder(out: Path) -> None:
    before = files_in(out)
    for words in (["--bin", "1s"], ["--min-cell", "3"], ["--by", "video"], ["--min-confidence", "0.95"]):
        assert facetally("tally", out, *words).exit_code == 0
    assert files_in(out) == before
    assert "tallies.parquet" in facetally("tally", out, "--bin", "1s", "--write").stderr
    assert files_in(out) - before == {"tallies", "tallies/tallies.parquet"}


def test_screen_time_longer_than_the_videos_is_explained() -> None:
    total = Shares("all", Amounts(1, 1, 0), Amounts(0, 0, 0), Amounts(60.0, 61.0, 0))
    short, long = (VideoRow("v", "v.mp4", "/v.mp4", "ok", decoded_s=seconds) for seconds in (120.0, 121.0))
    assert longer_than_videos(total, [short]) == (
        "screen time (2:01) is longer than the videos (2:00), because several faces in view at once count each"
    )
    assert longer_than_videos(total, [long]) == ""


def test_the_report_has_groups_and_says_how_it_was_made(out: Path, tmp_path: Path) -> None:
    result = facetally("report", out, "--by", "folder", "-o", tmp_path / "a page.html")
    assert result.exit_code == 0, result.output
    page = (tmp_path / "a page.html").read_text(encoding="utf-8")
    assert "<h2>By folder</h2>" in page
    assert "a − b" in page
    assert f"facetally report {out} -o &#39;{tmp_path}/a page.html&#39; --by folder" in page
    assert f'<td>folder</td><td class="text">{out}</td>' in page


def test_a_report_of_several_folders_needs_a_place(out: Path, tmp_path: Path) -> None:
    stored(tmp_path / "new", {"c.mp4": [track_row(0, 0.9)]})
    refused = facetally("report", out, tmp_path / "new")
    assert refused.exit_code == 1
    assert "-o report.html" in refused.stderr
    both = facetally("report", out, tmp_path / "new", "-o", tmp_path / "both.html")
    assert both.exit_code == 0, both.output
    assert "counted automatically in 5 of 5 videos" in (tmp_path / "both.html").read_text(encoding="utf-8")


def test_what_lasts_is_announced(
    out: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with reading_progress([out]) as advanced:
        advanced(1)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(module, "PATIENCE_S", -1.0)
    with reading_progress([out]) as advanced:
        for _ in range(9):
            advanced(1)
    advanced(1)
    assert capsys.readouterr().err == "reading 8 files ...\n"


@pytest.mark.parametrize("name", ["tally", "report"])
def test_a_second_grouping_is_an_error_and_not_silently_the_last(out: Path, name: str) -> None:
    result = facetally(name, out, "--by", "folder", "--by", "hour")
    assert result.exit_code == 2
    assert "is given 2 times: folder, hour" in " ".join(result.stderr.replace("│", " ").split())
    assert result.stdout == ""


def test_a_wrong_calibration_fails_before_anything_is_printed_or_written(out: Path) -> None:
    before = files_in(out)
    result = facetally("tally", out, "--calibration", out / "missing", "--write")
    assert (result.exit_code, result.stdout) == (1, "")
    assert files_in(out) == before
