"""The tables of a live source: those of a run, whatever ends it."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from drawn_world import MIXED, engines, filmed, one_person
from live_world import PatientReader

import facetally
from facetally.batch import prepare
from facetally.errors import OptionError, OutputError
from facetally.jobs import live as job
from facetally.live.recording import FOLDER
from facetally.options import RunOptions, Sampling
from facetally.results.ledger import Ledger

COLUMNS = ["track_id", "first_s", "last_s", "screen_time_s", "face_count", "gender"]
SCRIPT = """
import sys
from drawn_world import MIXED, engines
from live_world import DrawnCamera
from facetally.errors import PipelineError
from facetally.jobs import live as job
from facetally.live import recording
job.live_engines = lambda *_, **__: engines()
job.opened = lambda source: DrawnCamera(MIXED)
recording.FLUSH_S = 0.4
try:
    job.watch("rtsp://ann:s3cret@cam/a", sys.argv[1], every_s=0.1)
except PipelineError as error:
    print(error.what, "|", error.fix)
"""


@pytest.fixture(autouse=True)
def drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """The networks of the drawn world."""
    monkeypatch.setattr(job, "live_engines", lambda *_, **__: engines())
    monkeypatch.setattr(prepare, "load_engines", lambda *_, **__: engines())


@pytest.fixture
def camera(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A recording of a drawn camera, to out/, in a process of its own, which ends with the test."""
    tests = Path(__file__).resolve().parents[2]
    words = [sys.executable, "-c", SCRIPT, str(tmp_path / "out")]
    environment = os.environ | {"PYTHONPATH": str(tests)}
    pipe = subprocess.PIPE
    with subprocess.Popen(words, env=environment, stdout=pipe, stderr=pipe, text=True) as process:
        yield process
        process.kill()


def wait_for_files(out: Path, count: int) -> None:
    """Waits until so many files of a recording are there."""
    for _ in range(1200):
        if len(list((out / FOLDER).glob("*.parquet"))) >= count:
            return
        time.sleep(0.05)
    raise AssertionError("nothing was stored")


def test_a_film_has_the_tables_of_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job, "Reader", PatientReader)
    film = filmed(tmp_path / "mixed.mp4", MIXED)
    every_frame = RunOptions(sampling=Sampling(patience=0))  # no frame is taken for one beside it
    run = facetally.run(film, out=tmp_path / "run", options=every_frame)
    watched = facetally.watch(str(film), tmp_path / "live")
    assert watched.run
    assert watched.run.tracks()[COLUMNS].round(6).equals(run.tracks()[COLUMNS].round(6))
    same = ["frame_index", "time_s", "track_id", "x1"]
    assert watched.run.faces()[same].round(6).equals(run.faces()[same].round(6))
    assert watched.run.tallies()[["gender", "appearances"]].equals(run.tallies()[["gender", "appearances"]])
    assert dict(watched.genders) == run.tracks()["gender"].value_counts().to_dict()
    assert Ledger(tmp_path / "live").names() == {watched.run.new[0].video_id: "mixed.mp4"}


def test_the_ledger_says_when_it_began_and_nothing_is_left_of_the_recording(tmp_path: Path) -> None:
    watched = job.watch(str(filmed(tmp_path / "a.mp4", one_person(seconds=0.6))), tmp_path / "live")
    assert watched.run
    row = watched.run.new[0]
    assert re.fullmatch(r"live, started_at 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", row.note)
    assert row.status == "ok"
    assert Ledger(tmp_path / "live").provenance()["live"]["gaps"] == []
    assert not (tmp_path / "live" / FOLDER).exists()


def test_a_recording_that_was_killed_is_joined_later(camera: subprocess.Popen[str], tmp_path: Path) -> None:
    wait_for_files(tmp_path / "out", 6)
    camera.send_signal(signal.SIGKILL)
    camera.communicate()
    with pytest.raises(OutputError, match="ended by force") as refused:
        job.check_new(tmp_path / "out")
    assert "facetally live --join -o" in refused.value.fix
    run = job.join_recording(tmp_path / "out")
    row = run.videos().iloc[0]
    assert row["status"] == "partial" and "ended by force" in row["reason"]
    assert run.faces()["time_s"].max() > 1.5
    assert set(run.tracks()["gender"]) >= {"female"}
    stored = b"".join(path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert b"s3cret" not in stored and b"cam/a" in stored


def test_a_full_disk_is_an_error_and_what_was_stored_can_be_joined(
    camera: subprocess.Popen[str], tmp_path: Path
) -> None:
    wait_for_files(tmp_path / "out", 2)
    resource.prlimit(camera.pid, resource.RLIMIT_FSIZE, (1000, 1000))
    printed, errors = camera.communicate(timeout=60)
    assert "cannot write" in printed and "facetally live --join -o" in printed, errors
    assert "Traceback" not in errors
    assert len(job.join_recording(tmp_path / "out").faces()) > 0


def test_a_recording_ends_well_at_ctrl_c(camera: subprocess.Popen[str], tmp_path: Path) -> None:
    wait_for_files(tmp_path / "out", 2)
    camera.send_signal(signal.SIGINT)
    _, errors = camera.communicate(timeout=60)
    assert camera.returncode == 0, errors
    assert facetally.Run(tmp_path / "out").videos()["status"].tolist() == ["ok"]


@pytest.mark.parametrize("name", ["videos/a.parquet", "notes.txt", "run.json"])
def test_a_folder_with_something_in_it_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(json.dumps({}))
    with pytest.raises(OutputError, match="not empty") as refused:
        job.check_new(tmp_path)
    assert "new folder" in refused.value.fix


def test_there_must_be_something_to_join(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="no recording"):
        job.join_recording(tmp_path / "missing")


def test_seconds_must_be_a_length_of_time() -> None:
    with pytest.raises(OptionError, match="--seconds"):
        job.watch("0", seconds=float("nan"))


def test_saving_before_the_first_results_saves_nothing_and_is_no_error(tmp_path: Path) -> None:
    assert not job._saved(Ledger(tmp_path))
    assert not list(tmp_path.iterdir())
