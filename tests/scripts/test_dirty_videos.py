from __future__ import annotations

from pathlib import Path

import pytest
from drawn_world import engines

from facetally.batch.plan import plan_run
from facetally.batch.run import run_videos
from facetally.inputs import InputVideo
from facetally.jobs.runs import NoProgress
from facetally.options import RunOptions, Sampling, WorkerOptions
from facetally.results.ledger import Ledger, VideoRow
from facetally.video.reader import VideoReader
from scripts.dirty_videos.__main__ import DIRTY, write_all
from scripts.dirty_videos.expected import Expected

NAMES = [video.expected.file for video in DIRTY]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Expected]]:
    folder = tmp_path_factory.mktemp("dirty")
    return {expected.file: (folder / expected.file, expected) for expected in write_all(folder)}


@pytest.fixture(scope="module")
def rows(written: dict[str, tuple[Path, Expected]], tmp_path_factory: pytest.TempPathFactory) -> dict[str, VideoRow]:
    """One run over all files."""
    ledger = Ledger(tmp_path_factory.mktemp("out"))
    options = RunOptions()
    videos = [InputVideo(path, name) for name, (path, _) in written.items()]
    plan = plan_run(videos, ledger, options.digest(engines().model_hashes))
    workers = WorkerOptions(stall_s=30)
    run = run_videos(plan, ledger, engines(), options=options, progress=NoProgress(), workers=workers)
    assert len(run) == len(written)
    return {row.video: row for row in run}


@pytest.mark.parametrize("name", NAMES)
def test_each_file_has_its_expected_status_and_length(
    written: dict[str, tuple[Path, Expected]], rows: dict[str, VideoRow], name: str
) -> None:
    if name not in written:
        pytest.skip("this FFmpeg cannot write it")
    expected, row = written[name][1], rows[name]
    assert row.status in expected.status.split("/"), row
    assert bool(row.reason) == bool(row.fix) == (row.status != "ok")
    if row.status == "ok":
        assert row.decoded_s == pytest.approx(expected.seconds, abs=0.1)
        assert row.coverage == pytest.approx(1, abs=0.03)
    else:
        assert row.decoded_s <= expected.seconds + 0.1


@pytest.mark.parametrize("name", [video.expected.file for video in DIRTY if video.expected.status == "ok"])
def test_each_intact_file_is_decoded_in_its_displayed_size(
    written: dict[str, tuple[Path, Expected]], name: str
) -> None:
    if name not in written:
        pytest.skip("this FFmpeg cannot write it")
    path, expected = written[name]
    with VideoReader(path, Sampling(every_s=0)) as reader:
        sizes = {frame.image.hw[::-1] for frame in reader}
    assert (expected.width_px, expected.height_px) in sizes
    assert len(sizes) == (2 if name == "grows.h264" else 1)
