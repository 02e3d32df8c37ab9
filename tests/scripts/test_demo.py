from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("skimage")
pytest.importorskip("matplotlib")

from facetally.batch.plan import plan_run
from facetally.batch.run import run_videos
from facetally.cli.progress import LineProgress
from facetally.inputs import find_videos
from facetally.models.engines import load_engines
from facetally.options import RunOptions, Sampling
from facetally.results.ledger import Ledger
from facetally.results.tables import TRACKS, read_table
from facetally.video.reader import VideoReader
from scripts.demo import rendered_clip


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rendered_clip(tmp_path_factory.mktemp("demo") / "photographs.mp4")


def test_the_rendered_clip_shows_two_photographs_for_four_seconds_each(photographs: Path) -> None:
    with VideoReader(photographs, Sampling(every_s=1.0)) as reader:
        images = [frame.image.bgr() for frame in reader]
    assert [image.shape for image in images] == [(360, 640, 3)] * 8
    assert reader.stats.decoded_s == pytest.approx(8.0)
    assert abs(images[3].astype(int) - images[4]).mean() > 30  # the cut


@pytest.fixture(scope="module")
def people(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    options, ledger = RunOptions(), Ledger(tmp_path_factory.mktemp("out"))
    engines = load_engines(options, device="cpu")
    plan = plan_run(find_videos([str(photographs)]), ledger, options.digest(engines.model_hashes))
    (row,) = run_videos(plan, ledger, engines, options=options, progress=LineProgress())
    tracks: list[dict[str, Any]] = read_table(ledger.path("tracks", row.video_id), TRACKS).to_pylist()
    return tracks


def test_each_photograph_is_one_appearance(people: list[dict[str, Any]]) -> None:
    assert [round(person["screen_time_s"]) for person in people] == [4, 4]
    assert people[0]["gender"] != "male"


def test_the_first_photograph_is_predicted_female(people: list[dict[str, Any]]) -> None:
    # the second, of an old woman in a uniform cap, is misclassified by these weights
    assert people[0]["female_prob"] > 0.5
