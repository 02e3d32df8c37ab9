"""Readings of times and boxes computed by hand, and which of them a video's frames allow."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facetally.truth.check.readings import (
    AS_WRITTEN,
    Floats,
    Reading,
    Recording,
    counted_from_one,
    frame_numbers,
    image_readings,
    mirrored,
    plausible_images,
    resized,
    shifted,
    since_container_start,
    stretched,
    time_readings,
    turned,
)

EVEN = Recording(np.arange(100) / 25, end_s=4.0, width_px=120, height_px=160, fps=25.0, start_s=1.5)
UNEVEN = Recording(np.array([0, 0.04, 0.14, 0.64, 0.70]), end_s=0.75, width_px=120, height_px=160, fps=5 / 0.75)


def what(readings: list[Reading]) -> list[str]:
    return [reading.what for reading in readings]


def every(step: int, video: Recording = EVEN, start: int = 0) -> Floats:
    """The numbers of some frames of a video."""
    return np.arange(start, len(video.times_s), step, dtype=np.float64)


@pytest.mark.parametrize(
    ("position", "time_s"), [(-1, -0.15), (0, 0), (1.5, 0.09), (3, 0.64), (4, 0.70), (5, 0.85), (6, 1.0)]
)
def test_frame_numbers_follow_the_real_times_and_continue_at_the_mean_rate(position: float, time_s: float) -> None:
    assert UNEVEN.times_at(np.array([position])) == pytest.approx([time_s])
    assert UNEVEN.positions(np.array([time_s])) == pytest.approx([position])


def test_a_recording_without_frames_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one frame"):
        Recording(np.zeros(0), 0.0, 1, 1)


@pytest.mark.parametrize(("time_s", "is_inside"), [(-0.03, False), (0, True), (3.98, True), (4.0, False)])
def test_a_video_ends_with_its_last_frame(time_s: float, is_inside: bool) -> None:
    assert EVEN.contains(np.array([time_s])).tolist() == [is_inside]


def test_times_belong_to_the_frame_nearest_in_time() -> None:
    times_s = np.array([-9.05, 0.01, 0.03, 0.38, 0.40, 0.645, 9.05])
    assert UNEVEN.frames_near(times_s).tolist() == [0, 0, 1, 2, 3, 3, 4]
    assert UNEVEN.has_frames_at(times_s).tolist() == [False, False, False, False, False, True, False]


@pytest.mark.parametrize(
    ("reading", "written_s", "meant_s"),
    [
        (frame_numbers(EVEN, 24), 2.0, 1.92),  # the 48th frame
        (frame_numbers(UNEVEN, 30), 0.1, 0.64),  # the 3rd
        (counted_from_one(EVEN, AS_WRITTEN), 0.04, 0.0),
        (counted_from_one(UNEVEN, frame_numbers(UNEVEN, 30)), 0.1, 0.14),  # the 3rd of 1, 2, 3
        (since_container_start(EVEN), 2.5, 1.0),
        (shifted(-0.5), 2.5, 2.0),
        (stretched(0.5), 2.5, 1.25),
    ],
    ids=lambda value: value.what if isinstance(value, Reading) else None,
)
def test_times_are_read_as_they_were_meant(reading: Reading, written_s: float, meant_s: float) -> None:
    assert reading.read(np.array([written_s])) == pytest.approx([meant_s])


@pytest.mark.parametrize(
    ("reading", "box"),
    [
        (turned(EVEN, 1), [60, 10, 100, 30]),  # drawn on 160 x 120: what was left is up, what was up is right
        (turned(EVEN, 2), [90, 100, 110, 140]),
        (turned(EVEN, 3), [20, 130, 60, 150]),
        (mirrored(EVEN), [90, 20, 110, 60]),
        (resized(EVEN, 2, 3), [20, 60, 60, 180]),
    ],
    ids=lambda value: value.what if isinstance(value, Reading) else None,
)
def test_boxes_are_read_as_they_were_meant(reading: Reading, box: list[float]) -> None:
    assert reading.read(np.array([[10.0, 20, 30, 60]])).tolist() == [box]


def test_sizes_of_images_fractions_and_percent_are_tried() -> None:
    named = what(image_readings(EVEN))
    for size in ("60 x 80", "1 x 1", "100 x 100", "640 x 853", "240 x 320"):
        assert f"boxes are drawn on an image of {size} px" in named
    assert len(set(named)) == len(named)


def test_times_on_frames_are_read_as_written_first() -> None:
    assert time_readings(every(12) / 25, EVEN)[0] is AS_WRITTEN


@pytest.mark.parametrize("decimals", [2, 3, 4, 9])
@pytest.mark.parametrize("fps", [24, 30])
def test_the_rate_that_a_tool_assumed_is_found_from_times_between_frames(fps: float, decimals: int) -> None:
    written_s = np.round(every(7) / fps, decimals)
    assert what(time_readings(written_s, EVEN)) == [f"times are frame numbers at {fps} frames/s"]


def test_a_variable_rate_taken_for_its_mean_is_found_too() -> None:
    uneven = replace(EVEN, times_s=np.cumsum(np.tile([0.03, 0.05, 0.04, 0.06], 25)) - 0.03, end_s=4.5, fps=100 / 4.5)
    (reading,) = time_readings(every(7) / uneven.fps, uneven)
    assert reading.read(every(7) / uneven.fps) == pytest.approx(uneven.times_s[::7])


def test_times_with_more_decimals_must_fit_a_rate_more_exactly() -> None:
    assert time_readings(every(7) / 24 + 0.0004, EVEN) == []


@pytest.mark.parametrize(("start", "count_from"), [(0, 1), (3, 0), (3, 1)])
def test_frame_times_alone_show_counting_from_1_only_at_the_end(start: int, count_from: int) -> None:
    written_s = (np.append(every(12, start=start), 99) + count_from) / 25
    expected = "times are one frame late: frames were counted from 1" if count_from else "as written"
    assert what(time_readings(written_s, EVEN))[0] == expected


def test_one_label_on_the_first_frame_rules_out_counting_from_1() -> None:
    assert time_readings(np.append(0, (every(12) + 1) / 25)[:9], EVEN)[0] is AS_WRITTEN
    assert time_readings(np.array([0.0, 2.0, 4.0]), EVEN, may_be_counted=False) == []


def test_times_of_the_container_are_found_by_their_end() -> None:
    assert what(time_readings(every(9) / 25 + 1.5, EVEN, may_be_counted=False)) == [
        "times count as the container does, from 1.500 s"
    ]


def test_boxes_drawn_on_the_stored_frame_are_found_where_they_lie_outside_the_displayed_one() -> None:
    phone = replace(EVEN, quarter_turns=1)  # stored 160 x 120
    boxes = np.array([[130.0, 20, 150, 60]])
    assert what(plausible_images(boxes, phone)) == ["boxes are drawn before a turn by 90 degrees, as stored"]
    assert plausible_images(boxes, EVEN) == []
    assert plausible_images(boxes - (100, 0, 100, 0), phone)[0] is AS_WRITTEN
