"""Frame numbers and ticks against frames of the video, at any rate."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from drawn_world import encoded, filmed, one_person

from facetally.csv_rows import CsvRow
from facetally.errors import VideoError
from facetally.truth.formats.annotations import Keyframe, LabelledTrack, LabelledVideo
from facetally.truth.formats.timeline import Timeline, timeline_by_fps, timeline_of

UNEVEN_MS = [0, 40, 140, 640, 700]


def labels_up_to(
    frame: int, fps: float | None = None, frame_count: int | None = None, is_by_player: bool = False
) -> LabelledVideo:
    track = LabelledTrack(CsvRow(Path("x"), 1, {}), (Keyframe(0, (0, 0, 9, 9)), Keyframe(frame, (0, 0, 9, 9))))
    return LabelledVideo(Path("labels"), "v", (track,), fps=fps, frame_count=frame_count, is_by_player=is_by_player)


def uneven(folder: Path) -> Path:
    """Five frames at uneven times, all within the first second."""
    images = one_person().images()[:5]
    return encoded(folder / "uneven.mp4", images, pts=UNEVEN_MS, time_base=Fraction(1, 1000))


def test_frames_are_numbered_and_have_their_own_times(tmp_path: Path) -> None:
    timeline, notes = timeline_of(uneven(tmp_path), labels_up_to(9))
    assert timeline.times_s.tolist() == pytest.approx([0, 0.04, 0.14, 0.64, 0.7])
    assert [timeline.index(frame) for frame in (0, 3, 4, 5, 9)] == [0, 3, 4, 5, 5]
    assert (timeline.end_tick, timeline.size_px, notes) == (5, (160, 120), [])


def test_a_video_is_read_no_further_than_its_labels(clip: Path) -> None:
    timeline, _ = timeline_of(clip, labels_up_to(7))
    assert len(timeline.times_s) == 8
    assert timeline.end_tick == np.inf


def test_a_tick_of_a_player_is_the_frame_displayed_then(tmp_path: Path) -> None:
    timeline, _ = timeline_of(uneven(tmp_path), labels_up_to(7, fps=10, is_by_player=True))
    assert timeline.ticks.tolist() == pytest.approx([0, 0.4, 1.4, 6.4, 7.0])
    assert [timeline.index(tick) for tick in range(8)] == [0, 1, 2, 2, 2, 2, 2, 4]


def test_a_player_at_the_videos_own_rate_counts_its_frames(clip: Path) -> None:
    timeline, notes = timeline_of(clip, labels_up_to(49, fps=25, frame_count=50, is_by_player=True))
    assert [timeline.index(tick) for tick in range(50)] == list(range(50))
    assert notes == []


def test_rounded_times_in_files_still_give_one_frame_for_each_tick(tmp_path: Path) -> None:
    path = encoded(tmp_path / "clip.mkv", one_person(seconds=4).images(), fps=Fraction(30000, 1001))
    timeline, _ = timeline_of(path, labels_up_to(90, fps=29.97, is_by_player=True))
    assert [timeline.index(tick) for tick in range(91)] == list(range(91))


def test_a_player_at_another_rate_is_noted(clip: Path) -> None:
    timeline, (note,) = timeline_of(clip, labels_up_to(24, fps=12, frame_count=24, is_by_player=True))
    assert [timeline.index(tick) for tick in (0, 1, 12)] == [0, 2, 25]
    assert "24 frames were counted where red.mp4 has about 50 (25 a second)" in note


def test_an_unknown_rate_of_a_player_follows_from_the_videos_length(clip: Path) -> None:
    timeline, _ = timeline_of(clip, labels_up_to(24, frame_count=100, is_by_player=True))
    assert timeline.index(24) == 12


def test_a_player_without_rate_or_frame_count_is_taken_to_count_frames(clip: Path) -> None:
    timeline, _ = timeline_of(clip, labels_up_to(24, is_by_player=True))
    assert timeline.index(24) == 24


@pytest.mark.parametrize(("fps", "count"), [(25.1, 0), (5, 1)])
def test_labels_of_another_rate_than_the_videos_are_noted(clip: Path, fps: float, count: int) -> None:
    timeline, notes = timeline_of(clip, labels_up_to(4, fps=fps))
    assert timeline.index(4) == 4
    assert len(notes) == count
    assert all("use --fps 5 instead of --videos" in note for note in notes)


def test_the_size_is_as_displayed(tmp_path: Path) -> None:
    content = bytearray(filmed(tmp_path / "clip.mp4", one_person()).read_bytes())
    at = content.index(b"tkhd") + 44  # the display matrix of the track header: a quarter turn
    content[at : at + 36] = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30)
    (tmp_path / "turned.mp4").write_bytes(content)
    assert timeline_of(tmp_path / "turned.mp4", labels_up_to(1))[0].size_px == (120, 160)


def test_without_the_video_the_rate_is_constant() -> None:
    timeline = timeline_by_fps(labels_up_to(3), 2.0)
    assert timeline.times_s.tolist() == [0, 0.5, 1, 1.5]
    assert [timeline.index(frame) for frame in range(4)] == [0, 1, 2, 3]
    assert (timeline.end_tick, timeline.size_px) == (np.inf, None)


def evenly(count: int, fps: float) -> Timeline:
    frames = np.arange(count, dtype=np.float64)
    return Timeline(frames / fps, frames, np.inf, None)


@pytest.mark.parametrize(
    ("first", "stop", "between"),
    [
        (0, 10, []),  # a second
        (0, 12, [6]),  # 1.2 s in two
        (5, 20, [10, 15]),  # 1.5 s in three
        (0, 20, [5, 10, 15]),
        (0, 99, [5, 10, 15, 20]),  # up to the last frame, 2.5 s in five
    ],
)
def test_long_gaps_are_filled_about_every_half_second(first: int, stop: int, between: list[int]) -> None:
    assert evenly(26, 10).between(first, stop) == between


def test_a_gap_is_filled_with_the_frames_that_exist() -> None:
    times = np.array([0, 0.1, 1.9, 2.0, 4.0])
    timeline = Timeline(times, np.arange(5.0), np.inf, None)
    assert timeline.between(0, 3) == [1, 2]
    assert timeline.between(3, 4) == []


def test_a_file_without_a_frame_is_an_error_with_a_fix(tmp_path: Path, clip: Path) -> None:
    (tmp_path / "half.mp4").write_bytes(clip.read_bytes()[:200])
    with pytest.raises(VideoError) as caught:
        timeline_of(tmp_path / "half.mp4", labels_up_to(1))
    assert caught.value.fix


def test_arrays_of_a_timeline_have_one_length() -> None:
    with pytest.raises(ValueError, match="expected two"):
        Timeline(np.zeros(2), np.zeros(3), np.inf, None)
