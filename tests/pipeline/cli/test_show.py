"""`facetally show`: a table of appearances, and a contact sheet of their faces."""

from __future__ import annotations

import csv
import json
import os
import shlex
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result
from drawn_world import COLOURS_BGR, engines
from labelled_world import stored, track_row

import facetally
from facetally.batch import prepare
from facetally.cli.main import main
from facetally.errors import OptionError
from facetally.inspection.sheet import GAP_PX, TILE_PX
from facetally.jobs.show import show_run

NAMES = ("man.mp4", "mixed.mp4", "woman.mp4")


def show(*words: str | Path) -> Result:
    return CliRunner(env={"COLUMNS": "120"}).invoke(main, ["show", *map(str, words)])


@pytest.fixture(scope="module")
def finished(films: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in/ with the drawn films, and out/ with a run over them. Do not change it."""
    folder = tmp_path_factory.mktemp("finished")
    shutil.copytree(films, folder / "in")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prepare, "load_engines", lambda *_, **__: engines())
        facetally.run(folder / "in", out=folder / "out")
    return folder


@pytest.fixture
def out(finished: Path, tmp_path: Path) -> Path:
    """A copy of the run that may be changed; its videos are those of `finished`."""
    return Path(shutil.copytree(finished / "out", tmp_path / "out"))


def lines_of(result: Result) -> list[list[str]]:
    """The cells of the table's lines, without its heading."""
    assert result.exit_code == 0, result.output
    return [line.split() for line in result.stdout.splitlines()[3:] if line.strip()]


def image_at(path: Path) -> np.ndarray:
    image = cv2.imread(str(path))
    assert image is not None
    return image


def middles(path: Path) -> list[str]:
    """The colour in the middle of each tile in the first line of a sheet."""
    sheet = image_at(path)
    tops = np.flatnonzero((sheet[:, GAP_PX + 1] != sheet[0, 0]).any(axis=1))
    row = sheet[tops[tops > 20][0] + TILE_PX // 2]
    columns = range(GAP_PX + TILE_PX // 2, sheet.shape[1], TILE_PX + GAP_PX)
    return [_colour(row[column]) for column in columns]


def _colour(pixel: np.ndarray) -> str:
    near = (name for name, colour in COLOURS_BGR.items() if np.abs(pixel.astype(int) - colour).max() < 50)
    return next(near, "none")


def test_everyone_is_listed_with_video_time_track_gender_and_seconds(finished: Path) -> None:
    rows = lines_of(show(finished / "out", "--no-sheet"))
    assert [row[1] for row in rows] == ["man.mp4", *["mixed.mp4"] * 4, "woman.mp4"]
    assert rows[0] == ["1", "man.mp4", "0", "0:00-0:01", "2.0", "male", "97", "%"]
    assert [rows[4][number] for number in (0, 1, 3, 4)] == ["5", "mixed.mp4", "0:02-0:03", "1.6"]
    (unknown,) = [row for row in rows if "unknown," in row]
    assert unknown[-4:] == ["face", "12", "px", "high"]


def test_the_sheet_shows_each_appearance_and_goes_to_the_output_folder(out: Path) -> None:
    result = show(out, "--gender", "female", "--gender", "male")
    assert f"Contact sheet: {out / 'show.png'}" in result.stderr
    assert middles(out / "show.png") == ["blue", "red", "blue", "blue", "red"]
    assert "5 of 6 appearances" in result.stderr


def test_the_picture_is_of_the_time_asked_for(out: Path, tmp_path: Path) -> None:
    assert len(lines_of(show(out, "mixed", "--at", "0:01", "-o", tmp_path / "a.png"))) == 2
    assert middles(tmp_path / "a.png") == ["red", "blue"]
    rows = lines_of(show(out, "mixed", "--at", "1.9", "-o", tmp_path / "a.png"))
    assert [row[2] for row in rows] == ["0"]


def test_a_single_appearance_is_shown_by_several_pictures(out: Path, tmp_path: Path) -> None:
    assert show(out, "woman.mp4", "--track", "0", "-o", tmp_path / "a.png").exit_code == 0
    assert image_at(tmp_path / "a.png").shape[1] == 6 * TILE_PX + 2 * GAP_PX
    show(out, "woman.mp4", "--track", "0", "--pictures", "2", "-o", tmp_path / "b.png")
    assert image_at(tmp_path / "b.png").shape[1] == 2 * TILE_PX + 2 * GAP_PX


def test_a_limit_says_how_many_are_left_out(finished: Path) -> None:
    result = show(finished / "out", "--sort", "longest", "--limit", "2", "--no-sheet")
    assert [row[1:3] for row in lines_of(result)] == [["man.mp4", "0"], ["mixed.mp4", "0"]]
    assert "2 of 6 shown; --limit 0 shows all" in result.stderr
    few = show(finished / "out", "--gender", "male", "--limit", "1", "--no-sheet")
    assert "1 of 3 shown (6 in all)" in few.stderr
    assert len(lines_of(show(finished / "out", "--limit", "0", "--no-sheet"))) == 6


def test_nothing_is_written_unless_a_sheet_is_asked_for(out: Path) -> None:
    before = sorted(out.rglob("*"))
    for words in (["--no-sheet"], ["--format", "csv"], ["--play"], ["--age", "old"]):
        assert show(out, *words).exit_code == 0
    assert sorted(out.rglob("*")) == before


def test_a_file_of_somebody_else_is_not_replaced_but_a_sheet_is(out: Path) -> None:
    (out / "show.png").write_bytes(b"my holidays")
    result = show(out)
    assert result.exit_code == 1
    assert f"{out / 'show.png'} is there already" in result.stderr and "-o sheet.png" in result.stderr
    assert (out / "show.png").read_bytes() == b"my holidays"
    assert [show(out, "-o", out / "faces.png").exit_code for _ in range(2)] == [0, 0]


def test_csv_and_json_hold_every_column(finished: Path) -> None:
    rows = list(csv.DictReader(show(finished / "out", "--format", "csv").stdout.splitlines()))
    objects = json.loads(show(finished / "out", "--format", "json").stdout)
    assert [row["video"] for row in rows] == [item["video"] for item in objects]
    assert (rows[0]["first_time"], rows[0]["female_prob"], rows[0]["age_years"]) == ("0:00", "0.03", "")
    assert (objects[0]["first_time"], objects[0]["female_prob"], objects[0]["age_years"]) == ("0:00", 0.03, None)
    assert rows[0].keys() == objects[0].keys()


def test_play_prints_the_command_for_the_shell(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: name if name == "vlc" else None)
    result = show(finished / "out", "mixed.mp4", "--at", "0:02", "--play")
    words = [shlex.split(line) for line in result.stdout.splitlines()]
    assert words[0] == ["vlc", "--start-time=2", str(finished / "in" / "mixed.mp4")]
    monkeypatch.setattr(shutil, "which", lambda _: None)
    without = show(finished / "out", "mixed.mp4", "--play")
    assert without.stdout.startswith("mpv --start=0 ") and "no player was found" in without.stderr


def test_a_missing_video_leaves_the_table_and_says_so_on_the_sheet(out: Path, finished: Path, tmp_path: Path) -> None:
    moved = Path(shutil.copytree(finished / "in", tmp_path / "moved"))
    away = (finished / "in").rename(finished / "away")
    try:
        lost, found = show(out), show(out, "--videos", moved, "-o", tmp_path / "found.png", "--gender", "female")
    finally:
        away.rename(finished / "in")
    assert len(lines_of(lost)) == 6
    assert f"Note: video not found: {', '.join(NAMES)}" in lost.stderr and "--videos" in lost.stderr
    assert middles(out / "show.png") == ["none"] * 6
    assert "Note" not in found.stderr
    assert middles(tmp_path / "found.png") == ["red", "red"]


def test_a_video_that_changed_is_not_shown(out: Path, finished: Path, tmp_path: Path) -> None:
    folder = tmp_path / "moved"
    shutil.copytree(finished / "in", folder)
    shutil.copy(folder / "man.mp4", folder / "woman.mp4")
    (finished / "in").rename(finished / "away")
    try:
        result = show(out, "--videos", folder, "--gender", "female")
    finally:
        (finished / "away").rename(finished / "in")
    assert "video has changed: woman.mp4" in result.stderr
    assert middles(out / "show.png") == ["red", "none"]


def test_corrections_are_applied_and_marked(out: Path) -> None:
    (out / "corrections.csv").write_text("video,track,gender\nman.mp4,0,female\nwoman.mp4,0,not_a_face\n")
    result = show(out, "--no-sheet", "--gender", "female")
    assert [row[1:3] + row[5:7] for row in lines_of(result)] == [
        ["man.mp4", "0", "female", "*"],
        ["mixed.mp4", "0", "female", "97"],
    ]
    assert "1 appearance corrected by hand and 1 appearance dropped by hand: marked *" in result.stderr


def test_where_appearances_were_only_dropped_nothing_is_called_marked(out: Path) -> None:
    (out / "corrections.csv").write_text("video,track,gender\nwoman.mp4,0,not_a_face\n")
    result = show(out, "--no-sheet")
    assert "1 appearance dropped by hand: left out" in result.stderr


@pytest.mark.parametrize(
    ("terminal", "start"), [("kitty", "\x1b_Ga=T,f=100"), ("iterm2", "\x1b]1337;File="), ("sixel", "\x1bP0;1q")]
)
def test_a_terminal_gets_the_sheet_in_its_protocol_and_no_file(out: Path, terminal: str, start: str) -> None:
    result = show(out, "--terminal", terminal, "--limit", "3")
    assert result.stdout.count(start) == 2  # the title, and a line of cells
    assert not (out / "show.png").exists()


def test_a_folder_that_cannot_be_written_still_gets_its_table(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    result = show(out)
    assert result.exit_code == 1
    assert "woman.mp4" in result.stdout and "cannot write" in result.stderr and "-o" in result.stderr


def test_of_a_folder_that_is_read_only_the_table_is_shown(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, _: path != out)
    result = show(out)
    assert len(lines_of(result)) == 6
    assert "OUT cannot be written" in result.stderr and not (out / "show.png").exists()


def test_nobody_who_fits_is_no_error(finished: Path) -> None:
    result = show(finished / "out", "--age", "old", "--no-sheet")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "0 of 6 appearances" in result.stderr


def test_a_name_in_the_table_is_text_and_no_markup(tmp_path: Path) -> None:
    name = "[bold]it's :red_heart:.mp4"
    stored(tmp_path, {name: [track_row(0, 0.9) | {"video_id": "id-" + name}]})
    assert name in show(tmp_path, "--no-sheet").stdout
    (row,) = csv.DictReader(show(tmp_path, "--format", "csv").stdout.splitlines())
    assert row["video"] == name


def test_the_function_returns_the_table_and_draws_only_if_asked(finished: Path, tmp_path: Path) -> None:
    shown = facetally.show(finished / "out", gender="female")
    assert shown.table[["video", "track_id"]].to_numpy().tolist() == [["mixed.mp4", 0], ["woman.mp4", 0]]
    assert (shown.sheet, shown.path, shown._repr_png_()) == (None, None, None)
    drawn = facetally.show(finished / "out", "woman.mp4", at=0.5, path=tmp_path / "a.png")
    assert drawn.path == tmp_path / "a.png" and drawn._repr_png_() == drawn.path.read_bytes()
    with pytest.raises(OptionError, match="--gender woman is not known"):
        show_run(finished / "out", gender=("female", "woman"))
