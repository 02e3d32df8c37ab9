"""Labelling by hand at the command line: what is drawn, who cannot be matched and why, and comparisons of runs."""

from __future__ import annotations

import csv
import json
import re
import shutil
from pathlib import Path

import cv2
import pytest
from click.testing import CliRunner, Result
from drawn_world import engines

from facetally.batch import prepare
from facetally.cli.main import main
from facetally.validation.sample_sheet import FACES_SHOWN, NUMBER_WIDTH_PX, TEXT_WIDTH_PX, TILE_PX


def facetally(*words: str | Path) -> Result:
    return CliRunner(env={"COLUMNS": "160"}).invoke(main, list(map(str, words)))


@pytest.fixture(scope="module")
def finished(films: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output of a run over the drawn films. Do not change it."""
    out = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prepare, "load_engines", lambda *_, **__: engines())
        assert facetally("run", films, "-o", out).exit_code == 0
    return out


def labels(folder: Path, *rows: str) -> Path:
    """A truth folder of people labelled by time."""
    folder.mkdir()
    (folder / "people.csv").write_text("\n".join(["video,person,gender,start_s,end_s", *rows]) + "\n")
    return folder


def type_genders(people: Path, *genders: str) -> None:
    """Fills in the first lines of a template, as somebody does in a spreadsheet."""
    rows = list(csv.reader(people.read_text().splitlines()))
    for row, gender in zip(rows[2:], genders, strict=False):
        row[2] = gender
    with people.open("w", newline="") as file:
        csv.writer(file).writerows(rows)


def test_of_a_draw_only_the_genders_are_left_to_type(finished: Path, tmp_path: Path) -> None:
    template = facetally("truth", "template", "--run", finished, "--appearances", "4", "-o", tmp_path / "truth")
    assert (template.exit_code, template.stdout.strip()) == (0, str(tmp_path / "truth" / "people.csv"))
    assert "4 of 6 appearances, drawn at random" in template.stderr
    type_genders(tmp_path / "truth" / "people.csv", "female", "male", "unsure")
    result = facetally("validate", finished, "--truth", tmp_path / "truth", "-o", tmp_path / "report")
    assert result.exit_code == 3
    assert "3 of 4 appearances labelled so far" in result.stdout
    figures = json.loads((tmp_path / "report" / "report.json").read_text())
    assert (figures["labelling"]["is_sample"], figures["people"]["count"]) == (True, 2)


def test_the_sheet_shows_the_faces_in_the_order_of_the_lines(finished: Path, tmp_path: Path) -> None:
    facetally("truth", "template", "--run", finished, "--appearances", "6", "--seed", "2", "-o", tmp_path / "truth")
    sheet = cv2.imread(str(tmp_path / "truth" / "sheet_1.png"))
    assert sheet is not None
    start = NUMBER_WIDTH_PX + TEXT_WIDTH_PX
    assert sheet.shape == (6 * TILE_PX, start + FACES_SHOWN * TILE_PX, 3)
    rows = list(csv.reader((tmp_path / "truth" / "people.csv").read_text().splitlines()))[2:]
    for line, row in enumerate(rows):
        blue, _, red = sheet[line * TILE_PX + TILE_PX // 2, start + TILE_PX // 2].astype(int)
        if row[0] != "mixed.mp4":
            assert (blue > red) == (row[0] == "man.mp4")


def test_a_video_that_is_gone_has_no_pictures_and_that_is_said(films: Path, tmp_path: Path) -> None:
    moved = Path(shutil.copytree(films, tmp_path / "moved"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prepare, "load_engines", lambda *_, **__: engines())
        assert facetally("run", moved, "-o", tmp_path / "out").exit_code == 0
    (moved / "mixed.mp4").unlink()
    result = facetally("truth", "template", "--run", tmp_path / "out", "-o", tmp_path / "truth")
    assert result.exit_code == 0
    assert "4 appearances without a picture: the video is not where it was" in result.stderr


def test_a_seed_gives_the_same_draw_again(finished: Path, tmp_path: Path) -> None:
    for name, seed in (("a", "1"), ("b", "1"), ("c", "3")):
        words = ("--run", finished, "--appearances", "3", "--seed", seed, "-o", tmp_path / name)
        assert facetally("truth", "template", *words).exit_code == 0
    drawn = [(tmp_path / name / "people.csv").read_text() for name in "abc"]
    assert drawn[0] == drawn[1] != drawn[2]


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["--run", "OUT", "videos"], "both VIDEOS and --run are given"),
        ([], "neither VIDEOS nor --run is given"),
        (["videos", "--seed", "2"], "--appearances and --seed need a run"),
    ],
)
def test_a_template_is_of_videos_or_of_a_run(tmp_path: Path, words: list[str], what: str) -> None:
    result = facetally("truth", "template", *words, "-o", tmp_path / "truth")
    assert (result.exit_code, f"Error: {what}" in result.stderr) == (1, True)


def test_an_empty_template_is_checked_and_not_yet_evaluated(films: Path, finished: Path, tmp_path: Path) -> None:
    facetally("truth", "template", films, "-o", tmp_path / "truth")
    checked = facetally("truth", "check", tmp_path / "truth", "--videos", films, "--run", finished)
    assert (checked.exit_code, checked.stdout) == (0, "")
    assert "0 of 3 people labelled so far" in checked.stderr
    refused = facetally("validate", finished, "--truth", tmp_path / "truth")
    assert refused.exit_code == 1
    assert "Error: nobody is labelled yet" in refused.stderr


def test_all_errors_are_printed_with_their_fixes(films: Path, finished: Path, tmp_path: Path) -> None:
    folder = labels(tmp_path / "truth", "man.mp4,bob,mann,0:00,0:61", "woman.mp4,,female,0,2")
    for words in (("validate", finished, "--truth", folder), ("truth", "check", folder, "--videos", films)):
        result = facetally(*words)
        assert result.exit_code == 1
        assert re.findall(r"Error: .*, (line \d, column \w+)", result.stderr) == [
            *("line 2, column gender", "line 2, column end_s", "line 3, column person")
        ]
        assert result.stderr.count("Fix: ") == 3


def test_two_people_who_are_never_alone_are_named_and_it_is_said_what_to_do(
    films: Path, finished: Path, tmp_path: Path
) -> None:
    folder = labels(tmp_path / "truth", "mixed.mp4,cat,female,0,1", "mixed.mp4,dan,male,0,1")
    for words in (("--videos", films), ("--videos", films, "--run", finished)):
        checked = facetally("truth", "check", folder, *words)
        assert "2 labelled people cannot be matched to a track: never alone in view" in checked.stderr
        assert "(cat in mixed.mp4, dan in mixed.mp4)\n  Fix: draw boxes around their faces" in checked.stderr
        assert "2 people in 1 video, 0 findings, 2 people who cannot be matched" in checked.stderr
    shown = facetally("validate", finished, "--truth", folder, "-o", tmp_path / "report").stdout
    assert "2 labelled people are not in the table above: never alone in view" in shown
    assert "facetally truth template --run" in shown
    assert "not enough labels; no labelled man or woman has a track that could be right or wrong" in shown
    assert "more people" not in shown


def test_people_in_other_videos_are_counted_as_people(finished: Path, tmp_path: Path) -> None:
    folder = labels(tmp_path / "truth", "man.mp4,bob,male,0,2", "gone.mp4,ann,female,0,2", "gone.mp4,eve,female,3,4")
    shown = facetally("validate", finished, "--truth", folder, "-o", tmp_path / "report").stdout
    assert "2 labelled people are not in the table above: their video is not in the run (ann in gone.mp4" in shown
    assert f"facetally run VIDEOS -o {finished}" in shown


def test_runs_are_compared_without_labels(finished: Path, films: Path, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prepare, "load_engines", lambda *_, **__: engines())
        strict = tmp_path / "strict.toml"
        strict.write_text("[classification]\nmin_confidence = 0.98\n")
        assert facetally("run", films, "-o", tmp_path / "other", "--config", strict).exit_code == 0
    result = facetally("compare", finished, tmp_path / "other", "-o", tmp_path / "figures.json")
    assert result.exit_code == 0
    assert "6 appearances in both runs, 5 of them with another gender; only in the first 0" in result.stdout
    assert "Difference" not in result.stdout
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["shares"]["second"]["unknown"] == 6
    assert re.search(r"woman\.mp4 +│ 0:00 +│ 0:01 +│ female \(97\.0 % female\) +│ unknown", result.stdout)


def test_a_comparison_says_that_it_ignores_corrections(finished: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(finished, tmp_path / "other"))
    assert "corrected by hand" not in facetally("compare", finished, other).stderr
    assert facetally("correct", other, "woman.mp4", "0", "--gender", "male").exit_code == 0
    result = facetally("compare", finished, other)
    assert f"Compared as predicted: 1 appearance corrected by hand in {other}, ignored here" in result.stderr
    assert "0 of them with another gender" in result.stdout
