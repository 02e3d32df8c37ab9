"""facetally from Python: one function for each job, with typed results, that does the same as the command."""

from __future__ import annotations

import importlib
import json
import pkgutil
import subprocess
import sys
from pathlib import Path

import cv2
import pytest
from drawn_world import FailingDetector, engines, one_person

import facetally
from facetally.batch import prepare
from facetally.jobs import images, runs
from facetally.results.ledger import Ledger

LABELS = """video,person,gender,start_s,end_s
man.mp4,bob,male,0,2
woman.mp4,ann,female,0,2
"""
SCRIPT = """
import facetally
run = facetally.run({clip!r}, out="out", workers=2)
print("videos:", len(run.videos()))
"""


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs use the networks of the drawn world."""
    monkeypatch.setattr(prepare, "load_engines", lambda *_, **__: engines())
    monkeypatch.setattr(images, "load_engines", lambda *_, **__: engines())


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    """Hand labels of the two films with one person."""
    (tmp_path / "truth").mkdir()
    (tmp_path / "truth" / "people.csv").write_text(LABELS)
    return tmp_path / "truth"


def test_importing_every_submodule_does_not_hide_a_function_of_the_package() -> None:
    for module in pkgutil.walk_packages(facetally.__path__, "facetally."):
        if module.name != "facetally.__main__":
            importlib.import_module(module.name)
    functions = ("run", "validate", "predict", "tally", "report", "compare", "show", "correct", "draw")
    for name in (*functions, "export", "export_truth", "watch"):
        assert callable(getattr(facetally, name)), name
    assert set(facetally.__all__) <= set(dir(facetally))


@pytest.mark.usefixtures("drawn")
def test_every_function_of_the_package_works(films: Path, tmp_path: Path, truth: Path) -> None:
    run = facetally.run(films, out=tmp_path / "out")
    assert run.videos()["video"].tolist() == ["man.mp4", "mixed.mp4", "woman.mp4"]
    assert run.tracks()["gender"].tolist() == ["male", "female", "male", "unknown", "male", "female"]
    assert len(run.faces()) > len(run.tracks())
    assert run.failed == ()
    sums = facetally.tally(tmp_path / "out", bin="1s")
    assert sums.table["appearances"].sum() == len(run.tracks()) == run.tallies()["appearances"].sum()
    assert facetally.report(tmp_path / "out").read_text().startswith("<!doctype html>")
    result = facetally.validate(tmp_path / "out", truth=truth, target=0.85)
    assert (result.verdict, result.exit_code, result.accuracy) == ("not enough labels", 3, 1.0)
    assert result.report_path.exists()
    assert facetally.compare(tmp_path / "out", tmp_path / "out", truth=truth)["people"] == 2
    assert str(facetally.correct(tmp_path / "out", "man.mp4", 0, gender="female")).endswith("-> female, unknown")
    assert facetally.export(tmp_path / "out", "csv").rows["tracks"] == len(run.tracks())


@pytest.mark.usefixtures("drawn")
def test_predictions_are_a_sequence_of_faces_and_list_the_unreadable_images(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), one_person().image(0.0))
    (tmp_path / "b.png").write_bytes(b"no image")
    faces = facetally.predict(tmp_path)
    assert [face.gender for face in faces] == ["female"]
    assert faces[0] is faces.images[0].faces[0]
    assert [unread.path.name for unread in faces.unread] == ["b.png"]
    assert repr(faces) == "<1 faces in 1 images, 1 unread>"


@pytest.mark.usefixtures("drawn")
def test_a_run_is_resumed_and_can_be_read_later(films: Path, tmp_path: Path) -> None:
    first = facetally.run([films / "man.mp4"], out=tmp_path / "out")
    again = facetally.run([films / "man.mp4", films / "woman.mp4"], out=tmp_path / "out")
    assert ([row.video for row in again.new], [row.video for row in again.done]) == (["woman.mp4"], ["man.mp4"])
    read = facetally.Run(tmp_path / "out")
    assert len(read.tracks()) == len(first.tracks()) == len(again.tracks()) == 2


@pytest.mark.usefixtures("drawn")
def test_a_run_from_python_takes_the_lock(films: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with Ledger(tmp_path / "out").locked(), pytest.raises(facetally.OutputError, match="another run is writing"):
        facetally.run(films, out=tmp_path / "out")


@pytest.mark.usefixtures("drawn")
def test_a_folder_without_results_is_an_error_that_states_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(facetally.PipelineError, match="holds no results") as caught:
        facetally.Run(tmp_path).tracks()
    assert caught.value.fix == f"make some first: facetally run VIDEOS -o {tmp_path}"


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'runn'"):
        _ = facetally.runn


def test_a_script_without_a_main_guard_runs_once(clip: Path, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT.format(clip=str(clip)))
    done = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "videos: 1\n"), done.stderr


@pytest.mark.usefixtures("drawn")
def test_the_log_records_the_run_and_every_traceback(
    films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = engines().__class__(**{**vars(engines()), "detector": FailingDetector("raise")})
    monkeypatch.setattr(prepare, "load_engines", lambda *_, **__: broken)
    monkeypatch.setenv("HOME", str(films.parent))
    run = facetally.run(films, out=tmp_path / "out")
    (row,) = run.failed or [row for row in run.new if row.status != "ok"]
    assert "log.txt" in row.fix
    log = (tmp_path / "out" / "log.txt").read_text()
    assert f"facetally {facetally.__version__}, 3 videos, on cpu" in log
    assert "Traceback (most recent call last):" in log
    assert "RuntimeError: too bright" in log
    assert str(films.parent) not in log and "~/" in log
    facetally.run(films / "man.mp4", out=tmp_path / "out")
    assert (tmp_path / "out" / "log.txt").read_text().startswith(log)  # appended to


@pytest.mark.usefixtures("drawn")
def test_an_unexpected_error_that_ends_a_run_is_in_the_log(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object, **__: object) -> None:
        raise ZeroDivisionError("unexpected")

    monkeypatch.setattr(runs, "run_videos", failing)
    with pytest.raises(ZeroDivisionError):
        facetally.run(clip, out=tmp_path / "out")
    assert "ZeroDivisionError: unexpected" in (tmp_path / "out" / "log.txt").read_text()


@pytest.mark.usefixtures("drawn")
def test_bad_packets_are_counted_in_the_log_not_repeated(clip: Path, tmp_path: Path) -> None:
    content = bytearray(clip.read_bytes())
    content[len(content) // 3 : len(content) // 2] = bytes(len(content) // 2 - len(content) // 3)
    (tmp_path / "torn.mp4").write_bytes(bytes(content))
    run = facetally.run(tmp_path / "torn.mp4", out=tmp_path / "out")
    count = int(run.videos()["bad_packet_count"][0])
    lines = [line for line in (tmp_path / "out" / "log.txt").read_text().splitlines() if " times: " in line]
    assert count > 0 and 0 < len(lines) < max(count, 2)


def test_the_log_holds_the_options_as_json(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepare, "load_engines", lambda *_, **__: engines())
    facetally.run(clip, out=tmp_path / "out", every_s=0.5)
    (line,) = [line for line in (tmp_path / "out" / "log.txt").read_text().splitlines() if " options " in line]
    options = json.loads(line.partition(" options ")[2].partition(", models ")[0])
    assert options["sampling"]["every_s"] == 0.5
