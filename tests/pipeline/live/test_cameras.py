"""Frames that come faster than they can be looked at, pauses, and cameras that break off."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise, takewhile
from pathlib import Path

import psutil
import pytest
from drawn_world import MIXED, engines, one_person
from live_world import DrawnCamera, SlowDetector, SteppedCamera, wait_for

from facetally.errors import VideoError
from facetally.jobs.live import live_options
from facetally.live import reader as reading
from facetally.live import session as session_module
from facetally.live.captures import Picture, opened, picture_of_array
from facetally.live.frames import FIRST_S, POLL_S, LiveFrames
from facetally.live.reader import Reader
from facetally.live.session import Session
from facetally.live.sources import Source
from facetally.options import RunOptions, Sampling


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[SteppedCamera], None]:
    """Makes the time of a camera the time of the reader and of the session."""

    def set_clock(camera: SteppedCamera) -> None:
        monkeypatch.setattr(reading, "time", camera)
        monkeypatch.setattr(session_module, "time", camera)

    return set_clock


def session_of(camera: DrawnCamera, every_s: float, seconds: float = 0.0, busy: int = 0) -> tuple[Reader, Session]:
    """A session on a camera that is started; while a picture is looked at, `busy` others come."""
    reader = Reader(lambda: camera, seconds)
    options = live_options(RunOptions(), every_s)
    drawn = engines()
    if busy:
        assert isinstance(camera, SteppedCamera)
        detector = SlowDetector(camera, busy)
        detector.reader, drawn = reader, replace(drawn, detector=detector)
    session = Session(LiveFrames(reader, options.sampling, seconds), drawn, options)
    reader.start()
    session.start()
    return reader, session


def test_a_slow_machine_looks_at_the_newest_frame_of_a_fast_camera_and_counts_the_others(
    clock: Callable[[SteppedCamera], None],
) -> None:
    camera = SteppedCamera(one_person(), 60)
    clock(camera)
    reader, session = session_of(camera, every_s=0.0, seconds=2.5, busy=6)
    camera.give(1, reader)
    wait_for(lambda: session.is_over)
    session.finish()
    frames = session.frames
    assert (reader.frame_count, frames.sampled_count, frames.dropped_count) == (151, 26, 125)
    assert session.speed.latency.quantile(0.5) == pytest.approx(6 / 60)  # it would grow if frames were queued
    assert frames.watched_s == pytest.approx(FIRST_S + 2.5)


def test_samples_stand_for_the_whole_time_even_if_some_were_missed(clock: Callable[[SteppedCamera], None]) -> None:
    camera = SteppedCamera(one_person(), 50)
    clock(camera)
    reader, session = session_of(camera, every_s=0.1, seconds=2.0, busy=8)
    camera.give(1, reader)
    wait_for(lambda: session.is_over)
    session.finish()
    assert (session.frames.sampled_count, session.frames.dropped_count) == (14, 7)
    assert session.frames.watched_s == pytest.approx(2.1)  # the first sample stands for 0.1 s
    assert session.scene.genders == {"female": 1}


def test_a_pause_is_a_gap_and_counts_for_nobody(clock: Callable[[SteppedCamera], None]) -> None:
    camera = SteppedCamera(one_person(), 50)
    clock(camera)
    reader, session = session_of(camera, every_s=0.1)

    def wait_for_sample(index: int) -> None:
        wait_for(lambda: session.frames.taken is not None and session.frames.taken.frame.index == index)

    camera.give(1, reader)
    wait_for_sample(0)
    camera.give(30, reader)
    wait_for_sample(30)
    session.frames.toggle_pause()
    camera.give(35, reader)
    time.sleep(3 * POLL_S)  # there was time to look at it
    session.frames.toggle_pause()
    wait_for_sample(65)
    camera.give(5, reader)
    wait_for_sample(70)
    camera.end()
    wait_for(lambda: session.is_over)
    session.finish()
    assert [gap.reason for gap in reader.gaps] == ["paused"]
    assert (reader.gaps[0].start_s, reader.gaps[0].stop_s) == pytest.approx((0.6, 1.3))
    assert session.frames.watched_s == pytest.approx(0.7 + 0.2)  # up to the pause, and from its end


class StoringCamera(DrawnCamera):
    """A stream that sends two seconds at once when it is opened, and then goes on in real time."""

    def pictures(self) -> Iterator[Picture]:
        stored = picture_of_array(self._images[0])
        yield from (Picture(stored, number / self.fps) for number in range(50))
        for number, picture in enumerate(super().pictures()):
            yield Picture(picture.image, (50 + number) / self.fps)


def test_what_a_stream_had_stored_when_it_was_opened_is_looked_at_as_well() -> None:
    reader = Reader(lambda: StoringCamera(one_person()))
    frames = LiveFrames(reader, Sampling(0.2))
    reader.start()
    times_s = []
    for frame in takewhile(lambda frame: frame.time_s < 2.0, frames):
        times_s.append(frame.time_s)
        time.sleep(0.05)  # work on it: 49 pictures would come meanwhile
    reader.stop()
    assert times_s == pytest.approx([n / 5 for n in range(10)])
    assert frames.dropped_count == 0


def test_a_camera_that_breaks_off_is_opened_again_with_longer_and_longer_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "FIRST_WAIT_S", 0.05)
    opened_s: list[float] = []
    states: list[str] = []

    def open_camera() -> DrawnCamera:
        opened_s.append(time.monotonic())
        states.extend([reader.state] if len(opened_s) > 1 else [])
        if len(opened_s) in (2, 3, 4):
            raise VideoError("not there", fix="wait")
        return DrawnCamera(one_person(), 50, pictures_left=20 if len(opened_s) == 1 else 10**9)

    reader = Reader(open_camera)
    frames = LiveFrames(reader, Sampling(0.1))
    reader.start()
    times_s = [frame.time_s for frame in takewhile(lambda _: not reader.connection_count, frames)]
    reader.stop()
    assert states == [f"connection lost, next attempt in {wait_s:g} s" for wait_s in (0.05, 0.1, 0.2, 0.4)]
    waits_s = [after - before for before, after in pairwise(opened_s[1:5])]
    assert all(wait > asked - 0.02 for wait, asked in zip(waits_s, (0.1, 0.2, 0.4), strict=True))
    assert reader.gaps[0].reason == "connection lost"
    assert reader.gaps[0].stop_s - reader.gaps[0].start_s > 0.7
    assert times_s == sorted(times_s)


def test_memory_stays_the_same_however_long_a_camera_runs() -> None:
    process, sizes_mb = psutil.Process(), []
    reader, session = session_of(DrawnCamera(MIXED, 400), every_s=0.0)
    for count in range(100, 601, 100):
        wait_for(lambda count=count: session.frames.sampled_count >= count)  # type: ignore[misc]
        gc.collect()
        sizes_mb.append(process.memory_info().rss / 2**20)
    reader.stop()
    session.finish()
    assert max(sizes_mb[-3:]) - sizes_mb[1] < 8  # 400 pictures are 22 MB


def test_a_camera_that_is_not_there_is_an_error_with_a_fix() -> None:
    with pytest.raises(VideoError, match="no camera 97") as missing:
        opened(Source("camera", "97", "camera 97"))
    assert "connect it" in missing.value.fix


def test_a_file_that_is_no_video_is_the_error_of_a_run(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"no video" * 100)
    with pytest.raises(VideoError, match=r"not a supported video|cannot be opened"):
        opened(Source("file", str(tmp_path / "a.mp4"), "a.mp4"))
