"""The command line: results on stdout, two lines for each error, and exit codes."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
import tomllib
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields
from pathlib import Path

import click
import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result
from drawn_world import encoded, engines, one_person

from facetally.batch import prepare
from facetally.cli.main import main
from facetally.errors import MissingModelError, ModelError
from facetally.models import doctor, weights
from facetally.models.weights import KnownModel, ModelFile
from facetally.results.ledger import Ledger
from facetally.validation.contact_sheet import FACES_SHOWN, TEXT_PX, TILE_PX


def facetally(*words: str | Path, typed: str | None = None) -> Result:
    return CliRunner(env={"COLUMNS": "120"}).invoke(main, [str(word) for word in words], input=typed)


def commands(group: click.Group, before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The names of every command and group of commands, as typed."""
    yield before
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*before, name))
        else:
            yield (*before, name)


def assert_error(result: Result, what: str, fix: str) -> None:
    """Exit code 1 and exactly two lines on stderr."""
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    assert result.stdout == ""
    first, second = result.stderr.splitlines()
    assert first.startswith("Error: ")
    assert what in first
    assert second.startswith("Fix: ")
    assert fix in second


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs use the networks of the drawn world."""
    monkeypatch.setattr(prepare, "load_engines", lambda *_, **__: engines())


@pytest.fixture(scope="module")
def finished(films: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output of a run over the drawn films. Do not change it."""
    out = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prepare, "load_engines", lambda *_, **__: engines())
        assert facetally("run", films, "-o", out).exit_code == 0
    return out


LABELS = """video,person,gender,start_s,end_s
man.mp4,bob,male,0,2
woman.mp4,ann,female,0,2
mixed.mp4,cat,female,0,2
mixed.mp4,dan,male,0.6,1.4
mixed.mp4,fay,female,2,3.6
"""
"""Of the drawn films, by time; Dan is never alone in view, and Fay is drawn in blue."""


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    """A truth folder with `LABELS`."""
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "people.csv").write_text(LABELS)
    return tmp_path / "labels"


@pytest.fixture
def one_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KnownModel:
    """A manifest with two models, one of them in a pack on a file:// URL, and an empty cache."""
    with zipfile.ZipFile(tmp_path / "pack.zip", "w") as archive:
        archive.writestr("inside/drawn.onnx", b"weights")
    url, digest = (tmp_path / "pack.zip").as_uri(), hashlib.sha256((tmp_path / "pack.zip").read_bytes()).hexdigest()
    sha = hashlib.sha256(b"weights").hexdigest()
    model = KnownModel("drawn", "detector", "drawn.onnx", sha, 7, url, digest, "only on Sundays", "a note")
    ours = KnownModel("ours", "classifier", "ours.onnx", sha, 7, "", "", "free", "")
    (tmp_path / "bundled").mkdir()
    with (tmp_path / "bundled" / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(KnownModel)])
        writer.writeheader()
        writer.writerows([asdict(model), asdict(ours)])
    monkeypatch.setattr(weights, "bundled_folder", lambda: tmp_path / "bundled")
    monkeypatch.setattr(weights, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setenv(weights.SHARED_VARIABLE, str(tmp_path / "nothing"))
    monkeypatch.delenv(weights.MODELS_VARIABLE, raising=False)
    return model


@pytest.mark.parametrize("words", list(commands(main)), ids=" ".join)
def test_every_help_has_an_example(words: tuple[str, ...]) -> None:
    result = facetally(*words, "--help")
    assert result.exit_code == 0
    assert "Example: facetally" in result.stdout


def test_all_documented_commands_exist() -> None:
    assert {" ".join(words) for words in commands(main)} >= {
        *("run", "status", "tally", "report", "info", "doctor"),
        *("models list", "models verify", "models pull", "models bundle"),
        *("validate", "compare", "truth template", "truth import", "truth check"),
    }


@pytest.mark.usefixtures("drawn")
def test_a_run_prints_the_tally_and_writes_the_tables(films: Path, tmp_path: Path) -> None:
    result = facetally("run", films, "-o", tmp_path / "out")
    assert result.exit_code == 0
    line = next(line for line in result.stdout.splitlines() if " all " in line)
    # appearances, women, men, unknown, share of women, and the same share by screen time: 4.0 of 8.4 s
    assert line.replace("│", " ").split() == ["all", "6", "2", "3", "1", "40.0", "%", "10.0", "s", "47.6", "%"]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        *(".lock", "log.txt", "run.json"),
        *("faces", "tracks", "videos", "tallies"),
    }
    assert "Next: facetally report" in result.stderr


@pytest.mark.usefixtures("drawn")
def test_status_shows_what_is_done_what_failed_and_what_is_left(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert_error(facetally("status", out), "holds no results", "facetally run")
    (tmp_path / "bad.mp4").write_text("no video")
    facetally("run", clip, tmp_path / "bad.mp4", "-o", out)
    shown = facetally("status", out)
    assert (shown.exit_code, shown.stdout) == (1, "2 videos: 1 ok, 1 failed\n")
    assert "failed: bad.mp4: " in shown.stderr
    next((out / "videos").glob("bad*")).unlink()
    shown = facetally("status", out)
    assert (shown.exit_code, shown.stdout.splitlines()[0]) == (1, "2 videos: 1 ok, 1 to do")
    (tmp_path / "bad.mp4").unlink()
    facetally("run", clip, "-o", out)
    assert facetally("status", out).exit_code == 0


@pytest.mark.usefixtures("drawn")
def test_status_reports_copies_of_the_same_content(clip: Path, tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / name).write_bytes(clip.read_bytes())
    dry = facetally("run", tmp_path / "a.mp4", tmp_path / "b.mp4", "-o", tmp_path / "out", "--dry-run")
    assert dry.stdout == "todo  a.mp4\ncopy  b.mp4\n"
    facetally("run", tmp_path / "a.mp4", tmp_path / "b.mp4", "-o", tmp_path / "out")
    lines = facetally("status", tmp_path / "out").stdout.splitlines()
    assert lines[0] == "2 videos: 2 ok"
    assert lines[1].startswith("1 of them have the same content as others")


@pytest.mark.usefixtures("drawn")
def test_two_runs_into_one_folder_are_refused(clip: Path, tmp_path: Path) -> None:
    facetally("run", clip, "-o", tmp_path)
    with Ledger(tmp_path).locked():
        refused = facetally("run", clip, "-o", tmp_path)
        assert "a run is in progress" in facetally("status", tmp_path).stdout
    assert refused.exit_code == 1
    assert f"Error: another run is writing to {tmp_path}" in refused.stderr
    assert facetally("run", clip, "-o", tmp_path).exit_code == 0


@pytest.mark.usefixtures("drawn")
def test_flags_override_the_settings_file_and_the_file_overrides_defaults(clip: Path, tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text("every = 0.5\nworkers = 2\n[classification]\nmin_confidence = 0.8\n")
    words = ["run", str(clip), "-o", str(tmp_path / "out"), "--config", str(tmp_path / "run.toml")]
    shown = tomllib.loads(facetally(*words, "--show-options", "--workers", "3").stdout)
    assert (shown["workers"], shown["stall"], shown["sampling"]["every_s"]) == (3, 60.0, 0.5)
    assert shown["classification"]["min_confidence"] == 0.8
    assert not (tmp_path / "out").exists()
    assert facetally(*words).exit_code == 0
    (row,) = Ledger(tmp_path / "out").rows()
    assert row.sampled_count == 4
    assert Ledger(tmp_path / "out").provenance()["options"]["classification"]["min_confidence"] == 0.8


def test_an_unknown_setting_is_refused_with_a_suggestion(clip: Path, tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text("worker = 2\n")
    refused = facetally("run", clip, "-o", tmp_path / "out", "--config", tmp_path / "run.toml")
    assert_error(refused, "no option 'worker' is known", "did you mean workers?")


@pytest.mark.usefixtures("drawn")
def test_people_are_counted_and_printed_only_where_asked_for(films: Path, finished: Path, tmp_path: Path) -> None:
    counted = facetally("run", films, "-o", tmp_path / "out", "--people").stdout
    # a woman and a man in mixed.mp4, each of them twice, and one person in either of the other two
    assert cells(counted, "all")[-2:] == ["4", "50.0 %"]
    assert "people" in counted
    assert facetally("tally", tmp_path / "out").stdout.split("\n")[1:] == counted.split("\n")[1:]
    by_video = facetally("tally", tmp_path / "out", "--by", "video").stdout
    assert [cells(by_video, name)[-2] for name in ("man.mp4", "mixed.mp4", "woman.mp4")] == ["1", "2", "1"]
    without = facetally("tally", finished).stdout
    assert cells(without, "all") == cells(counted, "all")[:-2]
    assert "people" not in without


def test_counting_people_is_off_by_default_and_a_setting_that_a_flag_overrides(clip: Path, tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text("[people]\ncount = true\n")

    def is_on(*words: str | Path) -> bool:
        shown = facetally("run", clip, "-o", tmp_path / "out", "--show-options", *words).stdout
        return bool(tomllib.loads(shown)["people"]["count"])

    assert (is_on(), is_on("--people"), is_on("--config", tmp_path / "run.toml")) == (False, True, True)
    assert not is_on("--config", tmp_path / "run.toml", "--no-people")


def test_the_shown_options_are_a_valid_settings_file(clip: Path, tmp_path: Path) -> None:
    words = ["run", str(clip), "-o", str(tmp_path / "out"), "--show-options"]
    (tmp_path / "first.toml").write_text("[sampling]\npatience = 0\n[sparse]\nmax_gap_s = 0\n")
    words += ["--config", str(tmp_path / "first.toml")]
    shown = facetally(*words, "--every", "0.4", "--keyframes", "--detector", "scrfd_500m", "--threads", "1").stdout
    assert tomllib.loads(shown)["sampling"] == {"every_s": 0.4, "keyframes": True, "patience": 0.0, "stream": -1}
    (tmp_path / "run.toml").write_text(shown)
    assert facetally(*words[:-1], tmp_path / "run.toml").stdout == shown


def test_tally_and_report_hide_small_cells_and_state_it(finished: Path, tmp_path: Path) -> None:
    out = Path(shutil.copytree(finished, tmp_path / "out"))
    result = facetally("tally", out, "--by", "video", "--min-cell", "2")
    # one person of unknown gender is a small cell of the total; the two men of mixed.mp4 could be told from the rest
    assert cells(result.stdout, "all")[1:6] == ["hidden", "2", "3", "hidden", "40.0 %"]
    assert cells(result.stdout, "mixed.mp4")[1:6] == ["hidden"] * 5
    assert "Small cells are hidden" in result.stderr
    page = Path(facetally("report", out, "--min-cell", "2").stdout.strip()).read_text()
    assert "Small cells are hidden" in page


@pytest.mark.usefixtures("drawn")
def test_a_broken_video_is_named_at_the_end_and_the_exit_code_is_1(clip: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.mp4").write_text("no video")
    result = facetally("run", clip, tmp_path / "bad.mp4", "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert " all " in result.stdout
    assert "failed: bad.mp4: " in result.stderr
    assert "Traceback" not in result.stderr
    assert (tmp_path / "out" / "tallies" / "tallies.parquet").exists()


@pytest.mark.usefixtures("drawn")
def test_a_run_of_broken_videos_only_ends_normally(tmp_path: Path) -> None:
    (tmp_path / "bad.mp4").write_text("no video")
    result = facetally("run", tmp_path / "bad.mp4", "-o", tmp_path / "out")
    assert (result.exit_code, type(result.exception)) == (1, SystemExit)
    assert facetally("report", tmp_path / "out").exit_code == 0


@pytest.mark.usefixtures("drawn")
def test_a_dry_run_only_lists_what_would_be_done(films: Path, finished: Path, tmp_path: Path) -> None:
    result = facetally("run", films, "-o", tmp_path / "out", "--dry-run")
    assert result.stdout.split() == ["todo", "man.mp4", "todo", "mixed.mp4", "todo", "woman.mp4"]
    assert not (tmp_path / "out").exists()
    assert facetally("run", films, "-o", finished, "--dry-run").stdout.split()[::2] == ["done"] * 3
    other: list[str | Path] = ["run", films, "-o", finished, "--dry-run", "--every", "0.5"]
    assert_error(facetally(*other), "made with other options or weights: --every 0.2 -> 0.5", "--update")
    assert facetally(*other, "--update").stdout.split()[::2] == ["todo"] * 3


@pytest.mark.parametrize(("by", "lines"), [("all", 1), ("video", 4), ("time", 5)])
def test_a_tally_is_printed_by_video_or_by_time(finished: Path, by: str, lines: int) -> None:
    result = facetally("tally", finished, "--bin", "1", "--by", by)
    assert result.exit_code == 0
    assert sum("%" in line or "–" in line for line in result.stdout.splitlines()) == lines


def test_the_report_command_prints_the_path_of_the_page(finished: Path, tmp_path: Path) -> None:
    result = facetally("report", finished, "-o", tmp_path / "page.html")
    assert (result.exit_code, result.stdout.strip()) == (0, str(tmp_path / "page.html"))
    assert "40.0 %" in (tmp_path / "page.html").read_text(encoding="utf-8")


def image_at(path: Path) -> np.ndarray:
    image = cv2.imread(str(path))
    assert image is not None
    return image


def cells(text: str, first: str) -> list[str]:
    """The cells, without blanks, of the line of a printed table that starts with `first`."""
    rows = ([cell.strip() for cell in line.strip("│ ").split("│")] for line in text.splitlines())
    return next(row for row in rows if row[0] == first)


def test_a_validation_prints_its_verdict_and_writes_its_report(finished: Path, labels: Path, tmp_path: Path) -> None:
    result = facetally("validate", finished, "--truth", labels, "-o", tmp_path / "check")
    assert (result.exit_code, type(result.exception)) == (3, SystemExit)
    assert cells(result.stdout, "people found")[:4] == ["people found", "3", "4", "75.0 %"]
    assert cells(result.stdout, "men")[:3] == ["men", "1", "1"]
    shares = "predicted 40.0 %, labelled 60.0 % (people who can be matched: 75.0 %)"  # dan is never alone in view
    assert f"Share of women by appearance: {shares}" in result.stdout
    assert "Target 85.0 %: not enough labels; " in result.stdout
    assert "the run has only 2 appearances without a label: labelling all of it does not settle it" in result.stdout
    assert str(tmp_path / "check" / "report.md") in result.stderr
    assert {path.name for path in (tmp_path / "check").iterdir()} == {"report.json", "report.md", "validation.png"}


@pytest.mark.parametrize(
    ("target", "woman", "man", "code"), [(0.0001, "female", "male", 0), (0.99, "male", "female", 1)]
)
def test_the_verdict_is_the_exit_code(
    finished: Path, labels: Path, tmp_path: Path, target: float, woman: str, man: str, code: int
) -> None:
    header = LABELS.partition("\n")[0]
    (labels / "people.csv").write_text(f"{header}\nwoman.mp4,ann,{woman},0,2\nman.mp4,bob,{man},0,2\n")
    result = facetally("validate", finished, "--truth", labels, "--target", str(target), "-o", tmp_path / "check")
    assert result.exit_code == code
    assert "Traceback" not in result.output
    assert f"Target {100 * target:.1f} %: {'fail' if code else 'pass'}" in result.stdout


def test_the_contact_sheet_of_errors_is_written_on_request(finished: Path, labels: Path, tmp_path: Path) -> None:
    result = facetally("validate", finished, "--truth", labels, "-o", tmp_path / "check", "--with-crops")
    assert result.exit_code == 3
    assert image_at(tmp_path / "check" / "errors.png").shape[2] == 3


def test_a_run_is_compared_with_another(finished: Path, labels: Path, tmp_path: Path) -> None:
    result = facetally("compare", finished, finished, "--truth", labels, "-o", tmp_path / "figures.json")
    assert result.exit_code == 0
    assert cells(result.stdout, str(finished))[1:3] == ["3", "4"]
    assert "Difference +0.0 points" in result.stdout
    assert "The difference may be chance" in result.stdout
    assert json.loads((tmp_path / "figures.json").read_text())["first"]["right"] == 3


def test_a_tally_can_require_more_confidence(finished: Path) -> None:
    result = facetally("tally", finished, "--min-confidence", "0.98")
    assert cells(result.stdout, "all")[1:6] == ["6", "0", "0", "6", "–"]
    assert cells(facetally("tally", finished).stdout, "all")[1:6] == ["6", "2", "3", "1", "40.0 %"]


def test_corrected_shares_are_printed_or_refused_with_a_reason(finished: Path, labels: Path, tmp_path: Path) -> None:
    facetally("validate", finished, "--truth", labels, "-o", tmp_path / "check")
    result = facetally("tally", finished, "--calibration", tmp_path / "check")
    assert result.exit_code == 0
    # Eve, who is too small to be classified by the run, is counted too: 3 of 6
    assert cells(result.stdout, "by appearance")[:3] == ["by appearance", "50.0 %", "–"]
    assert "Refused: adjusted count: needs labels of at least 5 women" in result.stderr
    page = facetally("report", finished, "--calibration", tmp_path / "check", "-o", tmp_path / "page.html")
    assert page.exit_code == 0
    assert "refused: needs labels" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_a_template_can_be_filled_in_and_used(films: Path, finished: Path, tmp_path: Path) -> None:
    result = facetally("truth", "template", films, "-o", tmp_path / "labels")
    people = tmp_path / "labels" / "people.csv"
    assert (result.exit_code, result.stdout.strip()) == (0, str(people))
    assert_error(facetally("validate", finished, "--truth", tmp_path / "labels"), "column gender", "fill it in")
    people.write_text(people.read_text().replace(",p1,,,,,,", ",p1,f,,,,0,2"))
    assert facetally("validate", finished, "--truth", tmp_path / "labels", "-o", tmp_path / "check").exit_code == 3
    assert_error(facetally("truth", "template", films, "-o", tmp_path / "labels"), "already holds", "-o")


def test_labels_are_imported_and_checked(films: Path, finished: Path, labels: Path, tmp_path: Path) -> None:
    imported = facetally("truth", "import", labels / "people.csv", "--format", "csv", "-o", tmp_path / "new")
    assert (imported.exit_code, imported.stdout.strip()) == (0, f"5 people in 3 videos: {tmp_path / 'new'}")
    checked = facetally("truth", "check", tmp_path / "new", "--videos", films, "--run", finished)
    assert (checked.exit_code, checked.stdout) == (0, "")
    assert "5 people in 3 videos, 0 findings" in checked.stderr


def test_findings_in_labels_are_exit_code_1(films: Path, labels: Path) -> None:
    (labels / "people.csv").write_text(LABELS + "gone.mp4,hal,male,0,2\n")
    result = facetally("truth", "check", labels, "--videos", films)
    assert (result.exit_code, type(result.exception)) == (1, SystemExit)
    assert "gone.mp4" in result.stdout
    assert "\n  Fix: " in result.stdout


def test_a_note_about_a_video_is_shown_by_run_status_and_info(tmp_path: Path) -> None:
    path = tmp_path / "joined.ts"
    path.write_bytes(encoded(tmp_path / "part.ts", one_person().images()).read_bytes() * 2)
    note = "the clock of the video jumps once"
    assert f"note: joined.ts: {note}" in facetally("run", path, "-o", tmp_path / "out").stderr
    assert f"note: joined.ts: {note}" in facetally("status", tmp_path / "out").stderr
    assert f"note         {note}" in facetally("info", path).stdout


def test_info_shows_the_stored_and_the_displayed_size_of_wide_pixels(tmp_path: Path) -> None:
    images = [np.full((576, 720, 3), 90, np.uint8)] * 5
    path = encoded(tmp_path / "tape.mpg", images, codec="mpeg2video", options={"aspect": "64:45"})
    shown = dict(line.split(maxsplit=1) for line in facetally("info", path).stdout.splitlines())
    assert (shown["stored"], shown["displayed"]) == ("720x576", "1024x576")


def test_info_shows_what_a_video_is(clip: Path) -> None:
    shown = dict(line.split(maxsplit=1) for line in facetally("info", clip).stdout.splitlines())
    assert (shown["displayed"], shown["frames"]) == ("160x120", "50")
    assert shown["rate"] == "25.000 frames/s by the container"
    assert shown["coverage"] == "100.0 %, 0 bad packets"


@pytest.mark.parametrize(
    ("words", "what", "fix"),
    [
        (["run", "no-such.mp4", "-o", "out"], "no-such.mp4", "check the path"),
        (["run", "empty", "-o", "out"], "no video found in empty", "give a video file"),
        (["run", "a.mp4", "-o", "out", "--every", "-1"], "--every -1", "--every 0.2"),
        (["run", "a.mp4", "-o", "out", "--every", "nan"], "--every nan", "--every 0.2"),
        (["run", "a.mp4", "-o", "out", "--detector", "scrfd_99g"], "'scrfd_99g'", "choose one of: ours, scrfd_2.5g"),
        (["run", "a.mp4", "-o", "out", "--detector", "gone.onnx"], "gone.onnx", "facetally models list"),
        (["run", "a.mp4", "-o", "out", "--detector", "bad.onnx"], "bad.onnx", "facetally models list"),
        (["run", "a.mp4", "-o", "out", "--models-dir", "bad"], "500m.onnx is damaged", "git checkout models/"),
        (["run", "a.mp4", "-o", "out", "--models-dir", "bad", "--detector", "scrfd_2.5g"], "damaged", "models pull"),
        (["tally", "empty"], "empty holds no results", "facetally run VIDEOS -o empty"),
        (["tally", "empty", "--bin", "soon"], "--bin soon", "90s, 15m or 1h"),
        (["report", "empty"], "empty holds no results", "facetally run VIDEOS -o empty"),
        (["report", "no-such"], "no-such holds no results", "facetally run VIDEOS -o no-such"),
        (["info", "no-such.mp4"], "no-such.mp4 does not exist", "check the path"),
        (["info", "bad.onnx"], "cannot be opened as a video", "ffmpeg"),
        (["validate", "empty", "--truth", "empty"], "empty is no truth folder", "facetally truth template"),
        (["validate", "empty", "--truth", "labels"], "empty holds no results", "facetally run VIDEOS -o empty"),
        (["validate", "empty", "--truth", "labels", "--target", "85"], "--target 85", "--target 0.85"),
        (["validate", "empty", "--truth", "labels", "--min-accuracy", "nan"], "--min-accuracy nan", "give a ratio"),
        (["compare", "empty", "empty", "--truth", "labels"], "empty holds no results", "facetally run"),
        (["compare", "empty", "empty", "--truth", "no-such"], "no-such is no truth folder", "truth template"),
        (["truth", "template", "no-such", "-o", "out"], "no-such", "check the path"),
        (["truth", "import", "gone.xml", "--format", "cvat", "-o", "out"], "gone.xml", "check the path"),
        (["truth", "import", "labels/people.csv", "--format", "cvat", "-o", "out"], "people.csv", "export the file"),
        (["truth", "check", "labels", "--videos", "no-such"], "no-such", "check the path"),
        (["models", "pull", "no-such"], "'no-such' cannot be fetched", "choose one of: "),
    ],
)
def test_an_error_that_a_user_can_fix_is_two_lines_and_exit_code_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: Sequence[str], what: str, fix: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("empty", "bad"):
        (tmp_path / folder).mkdir()
    for file in ("a.mp4", "bad.onnx", "bad/det_2.5g.onnx", "bad/facetally_scrfd_500m.onnx"):
        (tmp_path / file).write_text("neither a video nor a network")
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "people.csv").write_text(LABELS)
    assert_error(facetally(*words), what, fix)
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("drawn")
def test_an_output_folder_that_cannot_be_created_is_an_error(clip: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert_error(facetally("run", clip, "-o", tmp_path / "file" / "out"), "cannot write to", "-o")


@pytest.mark.parametrize(
    "words",
    [
        ["nonsense"],
        ["run"],
        ["run", "a.mp4"],
        ["run", "a.mp4", "-o", "out", "--every", "often"],
        ["run", "a.mp4", "-o", "out", "--workers", "-1"],
        ["run", "a.mp4", "-o", "out", "--device", "abacus"],
        ["run", "a.mp4", "-o", "out", "--no-such-option"],
        ["tally", "out", "--by", "nose"],
        ["tally", "out", "--min-confidence", "0.4"],
        ["validate", "out"],
        ["compare", "out", "--truth", "labels"],
        ["truth", "template", "videos"],
        ["truth", "import", "a.xml", "-o", "labels"],
        ["truth", "import", "a.xml", "--format", "paper", "-o", "labels"],
        ["truth", "check", "labels"],
        ["models", "pull"],
    ],
    ids=" ".join,
)
def test_an_invalid_command_is_exit_code_2(words: Sequence[str]) -> None:
    result = facetally(*words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Usage" in result.stderr


def test_models_list_shows_all_known_models() -> None:
    result = facetally("models", "list")
    assert result.exit_code == 0
    assert all(model.name in result.stdout for model in weights.manifest())


@pytest.mark.usefixtures("one_model")
def test_models_list_offers_only_available_downloads() -> None:
    text = facetally("models", "list").stdout
    assert "facetally models pull drawn" in text
    assert "facetally models pull ours" not in text


def test_models_are_downloaded_listed_verified_and_bundled(one_model: KnownModel, tmp_path: Path) -> None:
    path = tmp_path / "cache" / "drawn.onnx"
    result = facetally("models", "pull", "drawn", "--yes")
    assert (result.exit_code, result.stdout.strip()) == (0, str(path))
    assert one_model.licence in result.stderr
    assert facetally("models", "verify").stdout.split() == ["ok", "drawn", str(path)]
    assert facetally("models", "bundle", "-o", tmp_path / "all.zip").exit_code == 0
    assert zipfile.ZipFile(tmp_path / "all.zip").namelist() == ["drawn.onnx"]
    path.write_bytes(b"weightS")
    assert_error(facetally("models", "verify"), "is damaged", "facetally models pull drawn")


@pytest.mark.usefixtures("one_model")
def test_nothing_is_downloaded_before_the_licence_is_accepted(tmp_path: Path) -> None:
    refused = facetally("models", "pull", "drawn", typed="n\n")
    assert refused.exit_code == 1
    assert "only on Sundays" in refused.stderr
    assert not (tmp_path / "cache").exists()
    assert facetally("models", "pull", "drawn", typed="y\n").exit_code == 0


def test_doctor_reports_ok_for_a_complete_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "find_model", lambda name, *_: ModelFile(name, Path("x.onnx"), "0" * 64, "free"))
    monkeypatch.setattr(doctor, "RIVALS", ())
    result = facetally("doctor")
    assert result.exit_code == 0
    assert "ok       detector ours: x.onnx (verified; licence: free)" in result.stdout
    assert "MISSING" not in result.stdout and "FAILED" not in result.stdout


def test_doctor_lists_what_is_missing_and_how_to_fix_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str, *_: object) -> ModelFile:
        raise ModelError(f"{name} is missing", fix=f"facetally models pull {name}")

    monkeypatch.setattr(doctor, "find_model", missing)
    monkeypatch.setattr(doctor, "_version", lambda name: None if name == "av" else "1.0")
    result = facetally("doctor")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[lines.index("MISSING  av is not installed") + 1] == "         Fix: pip install av"
    assert lines[lines.index("FAILED   ours is missing") + 1] == "         Fix: facetally models pull ours"
    assert any("onnxruntime and onnxruntime-gpu overwrite each other" in line for line in lines)


def test_doctor_tells_missing_weights_from_damaged_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str, *_: object) -> ModelFile:
        raise MissingModelError(f"{name} is gone", fix=f"facetally models pull {name}")

    monkeypatch.setattr(doctor, "find_model", missing)
    assert "MISSING  ours is gone" in facetally("doctor").stdout.splitlines()


def test_the_contact_sheet_shows_the_misclassified_person(finished: Path, labels: Path, tmp_path: Path) -> None:
    facetally("validate", finished, "--truth", labels, "-o", tmp_path / "check", "--with-crops")
    sheet = image_at(tmp_path / "check" / "errors.png")
    assert sheet.shape == (TILE_PX, TEXT_PX + FACES_SHOWN * TILE_PX, 3)  # Fay alone
    tile = sheet[:, TEXT_PX : TEXT_PX + TILE_PX]
    blue, green, red = (int(value) for value in tile[TILE_PX // 2, TILE_PX // 2])
    assert blue > max(green, red) + 100
    assert (tile[TILE_PX // 2, 2] < 230).all()  # the margin shows the background around her
    assert abs(int(tile[TILE_PX // 2, 2][0]) - int(tile[TILE_PX // 2, 2][2])) < 30


def test_labels_of_another_tool_are_imported_checked_and_fixed(films: Path, tmp_path: Path) -> None:
    intervals = tmp_path / "intervals.csv"
    intervals.write_text("video,person,gender,start_s,end_s\nman.mp4,bob,male,0,3.4\n")
    words = ("truth", "import", intervals, "--format", "csv", "--videos", films, "-o", tmp_path / "labels")
    assert facetally(*words).exit_code == 0
    check = ("truth", "check", tmp_path / "labels", "--videos", films)
    found = facetally(*check)
    assert found.exit_code == 1
    assert "people.csv, line 2, column end_s: '3.4'" in found.stdout
    assert facetally(*check, "--fix", tmp_path / "fixed").exit_code == 0
    assert facetally("truth", "check", tmp_path / "fixed", "--videos", films).exit_code == 0


def test_existing_labels_are_not_overwritten(films: Path, labels: Path) -> None:
    result = facetally("truth", "template", films, "-o", labels)
    assert result.exit_code == 1
    assert "already" in result.stderr
    assert (labels / "people.csv").read_text() == LABELS


def test_a_tally_without_labels_states_the_accuracy_to_expect(finished: Path) -> None:
    shown = facetally("tally", finished).stderr  # five faces of 40 px at 0.933 and one of 12 px at 0.69
    text = "17 % of the appearances have faces under 30 px: expect about 89 % of all to be classified correctly"
    assert text in shown
