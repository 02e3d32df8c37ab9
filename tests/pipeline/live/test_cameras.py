"""Frames that come faster than they can be looked at, pauses, and cameras that break off."""

from __future__ import annotations

import gc
import time
from dataclasses import replace
from itertools import islice, pairwise
from pathlib import Path

import psutil
import pytest
from drawn_world import MIXED, engines, one_person
from live_world import DrawnCamera, SlowDetector

from facetally.errors import VideoError
from facetally.jobs.live import live_options
from facetally.live import reader as reading
from facetally.live.captures import opened
from facetally.live.frames import LiveFrames
from facetally.live.reader import Reader
from facetally.live.session import Session
from facetally.live.sources import Source
from facetally.options import RunOptions, Sampling


def session_of(camera: DrawnCamera, every_s: float, seconds: float, slow_s: float = 0.0) -> tuple[Reader, Session]:
    """A session on a camera that is started."""
    reader = Reader(lambda: camera, seconds)
    options = live_options(RunOptions(), every_s)
    drawn = replace(engines(), detector=SlowDetector(slow_s))
    session = Session(LiveFrames(reader, options.sampling, seconds), drawn, options)
    reader.start()
    session.start()
    return reader, session


def test_a_slow_machine_looks_at_the_newest_frame_of_a_fast_camera_and_counts_the_others() -> None:
    reader, session = session_of(DrawnCamera(one_person(), 60), every_s=0.0, seconds=2.5, slow_s=0.1)
    while not session.is_over:
        time.sleep(0.05)
    session.finish()
    frames = session.frames
    assert session.speed.latency.quantile(0.5) < 1.0  # it would be more if frames were queued
    assert 8 <= frames.sampled_count <= 27 and reader.frame_count > 100
    assert 0 <= reader.frame_count - frames.sampled_count - frames.dropped_count <= 12
    assert frames.watched_s == pytest.approx(2.5, abs=0.3)


def test_samples_stand_for_the_whole_time_even_if_some_were_missed() -> None:
    _, session = session_of(DrawnCamera(one_person(), 50), every_s=0.1, seconds=2.0, slow_s=0.15)
    while not session.is_over:
        time.sleep(0.05)
    session.finish()
    assert session.frames.dropped_count >= 5
    assert session.frames.watched_s == pytest.approx(2.0, abs=0.25)
    assert session.scene.genders == {"female": 1}


def test_a_pause_is_a_gap_and_counts_for_nobody() -> None:
    reader, session = session_of(DrawnCamera(one_person(), 50), every_s=0.1, seconds=2.0)
    time.sleep(0.6)
    session.frames.toggle_pause()
    time.sleep(0.7)
    session.frames.toggle_pause()
    while not session.is_over:
        time.sleep(0.05)
    session.finish()
    assert [gap.reason for gap in reader.gaps] == ["paused"]
    assert reader.gaps[0].stop_s - reader.gaps[0].start_s == pytest.approx(0.7, abs=0.2)
    assert session.frames.watched_s == pytest.approx(1.3, abs=0.3)


def test_a_camera_that_breaks_off_is_opened_again_with_longer_and_longer_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "FIRST_WAIT_S", 0.1)
    opened_s: list[float] = []

    def open_camera() -> DrawnCamera:
        opened_s.append(time.monotonic())
        if len(opened_s) in (2, 3, 4):
            raise VideoError("not there", fix="wait")
        return DrawnCamera(one_person(), 50, pictures_left=20)

    reader = Reader(open_camera, 2.2)
    frames = LiveFrames(reader, Sampling(0.1), 2.2)
    reader.start()
    times_s = [frame.time_s for frame in islice(frames, 40)]
    waits_s = [after - before for before, after in pairwise(opened_s[1:5])]
    assert all(wait > asked - 0.02 for wait, asked in zip(waits_s, (0.2, 0.4, 0.8), strict=True))
    assert waits_s == sorted(waits_s)
    assert reader.gaps[0].reason == "connection lost"
    assert reader.gaps[0].stop_s - reader.gaps[0].start_s > 1.3
    assert times_s == sorted(times_s) and times_s[-1] > 1.8
    reader.stop()


def test_memory_stays_the_same_however_long_a_camera_runs() -> None:
    process, sizes_mb = psutil.Process(), []
    reader, session = session_of(DrawnCamera(MIXED, 400), every_s=0.0, seconds=5.0)
    while not session.is_over:
        time.sleep(0.5)
        gc.collect()
        sizes_mb.append(process.memory_info().rss / 2**20)
    session.finish()
    reader.stop()
    assert session.frames.sampled_count > 50
    assert max(sizes_mb[-3:]) - sizes_mb[len(sizes_mb) // 3] < 8


def test_a_camera_that_is_not_there_is_an_error_with_a_fix() -> None:
    with pytest.raises(VideoError, match="no camera 97") as missing:
        opened(Source("camera", "97", "camera 97"))
    assert "connect it" in missing.value.fix


def test_a_file_that_is_no_video_is_the_error_of_a_run(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"no video" * 100)
    with pytest.raises(VideoError, match=r"not a supported video|cannot be opened"):
        opened(Source("file", str(tmp_path / "a.mp4"), "a.mp4"))
