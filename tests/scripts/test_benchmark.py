from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import labelled_world
import numpy as np
import pytest
from click.testing import CliRunner
from drawn_world import SquareDetector

pytest.importorskip("insightface")

from facetally.errors import OptionError
from facetally.reporting.pdf import find_browser
from facetally.results.run_tables import Run
from facetally.results.tables import FACES, TRACKS, VIDEOS
from scripts.benchmark.__main__ import main
from scripts.benchmark.finished_runs import multiplied
from scripts.no_detector import NoDetector

ROOT = Path(__file__).resolve().parents[2]


def figures(folder: Path, *words: str) -> dict[str, Any]:
    """The JSON that a command writes."""
    done = CliRunner().invoke(main, [*words, "--reports", str(folder)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    (path,) = folder.glob("*.json")
    written: dict[str, Any] = json.loads(path.read_text())
    return written


@pytest.mark.real
def test_three_jobs_over_the_same_frames_are_compared(shared: Path, tmp_path: Path) -> None:
    clip = shared / "videos" / "open-mmlab__mmaction2" / "tests__data__test.avi"
    result = figures(tmp_path, "whole-job", str(clip), "--repeats", "1", "--detector", "scrfd_500m")
    counts = result["counts"]
    assert counts["decoding alone"]["frames"] == counts["facetally"]["frames"] > 0
    assert counts["facetally"]["sampled"] == counts["insightface loop"]["sampled"] > 0
    assert result["times_first"]["decoding alone"] == 1


def test_films_are_decoded_and_sampled(films: Path, tmp_path: Path) -> None:
    words = ["--minutes", "0.1", "--repeats", "1", "--film", "360p", "--every", "1", "--floor"]
    counts = figures(tmp_path, "films", str(films), *words)["films"]["360p"]["counts"]
    assert counts["decoding alone"]["frames"] == counts["every 1 s"]["frames"] == 150
    assert counts["every 1 s"]["sampled"] == counts["every 1 s, no network"]["sampled"] == 6
    assert counts["every 1 s, no network"]["faces"] == 0


def test_the_times_of_the_stages_add_up_to_less_than_the_total(films: Path, tmp_path: Path) -> None:
    result = figures(tmp_path, "stages", str(films), "--minutes", "0.1", "--film", "360p")
    decoding = {"decode", "convert"}  # in a separate thread
    detecting = {stage: seconds for stage, seconds in result["stage_s"].items() if stage not in decoding}
    assert decoding | {"detect", "find cuts", "track", "waits"} <= result["stage_s"].keys()
    assert 0 < sum(detecting.values()) < result["whole_s"]


def test_time_is_measured_over_the_number_of_clips(films: Path, tmp_path: Path) -> None:
    words = ["--clips", "1", "--clips", "3", "--workers", "1", "--minutes", "0.1"]
    result = figures(tmp_path, "scaling", str(films), *words)["workers"]["1"]
    assert result["counts"]["3"]["frames"] == 3 * result["counts"]["1"]["frames"] > 0
    assert isinstance(result["exponent"], float)


def test_models_are_timed_by_size_and_batch(tmp_path: Path) -> None:
    result = figures(tmp_path, "models", "--repeats", "1")
    assert {"detector, 640 px, 8 frames", "classifier, 32 faces"} <= result["median_s"].keys()
    rates = result["per_second"]
    assert rates.keys() == result["median_s"].keys()
    assert rates["classifier, 8 faces"] == pytest.approx(40 / result["median_s"]["classifier, 8 faces"], rel=0.02)
    assert result["live_streams"]["detector, 640 px, 8 frames"] == pytest.approx(
        rates["detector, 640 px, 8 frames"] / 5, abs=1
    )


def test_tally_and_report_are_timed_against_themselves_at_an_earlier_commit(tmp_path: Path) -> None:
    ledger = labelled_world.stored(tmp_path / "out", {"a.mp4": [labelled_world.track_row(0, 0.9)], "b.mp4": []})
    words = ["sums", str(ledger.out), "--videos", "5", "--repeats", "1", "--before", "HEAD"]
    results = figures(tmp_path, *words)["results"]
    assert results.keys() == {"tally, 5 videos", "report, 5 videos"}
    for name, result in results.items():
        job = name.partition(",")[0]
        assert {f"{job} at HEAD", f"{job} now"} <= result["median_s"].keys()
        assert all(counts["core_s"] > 0 for counts in result["counts"].values())


def test_a_page_is_timed_in_a_browser(tmp_path: Path) -> None:
    pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
    try:
        find_browser()
    except OptionError:
        pytest.skip("needs a browser")
    ledger = labelled_world.stored(tmp_path / "out", {"a.mp4": [labelled_world.track_row(0, 0.9)], "b.mp4": []})
    words = ["report-page", str(ledger.out), "--videos", "40", "--repeats", "1", "--reports", str(tmp_path)]
    # a process of its own, as there can be only one driver of browsers in each
    subprocess.run([sys.executable, "-m", "scripts.benchmark", *words], cwd=ROOT, check=True)
    (path,) = tmp_path.glob("*.json")
    medians = json.loads(path.read_text())["40 videos"]["median_s"]
    assert medians.keys() == {"open", "unfold", "sort by appearances", "sort by name", "filter"}
    assert all(seconds > 0 for seconds in medians.values())


def test_a_run_is_multiplied_with_names_of_its_own_for_each_video(tmp_path: Path) -> None:
    ledger = labelled_world.stored(tmp_path / "out", {"a.mp4": [labelled_world.track_row(0, 0.9)], "b.mp4": []})
    columns = {"faces": FACES.names, "tracks": TRACKS.names, "videos": VIDEOS.names}
    run = Run(multiplied(ledger.out, tmp_path / "many", 5, columns))
    assert run.videos()["video"].tolist() == ["0/a.mp4", "0/b.mp4", "1/a.mp4", "1/b.mp4", "2/a.mp4"]
    assert run.tracks()["video_id"].nunique() == 3


def test_a_detector_that_finds_nobody_wants_the_same_frames() -> None:
    none = NoDetector(SquareDetector())
    images = [np.zeros((90, 160, 3), np.uint8)] * 2
    assert none.input_wh((90, 160)) == SquareDetector().input_wh((90, 160))
    assert [len(faces) for faces in (*none.detect(images), *none.detect_parts(images))] == [0, 0, 0, 0]
