"""Two moving faces: their labels are read correctly, however they were distorted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest

from facetally.truth.check.alignment import (
    Alignment,
    Fit,
    Sightings,
    centred_overlaps,
    certainty,
    late_by_a_frame,
    overlaps,
)
from facetally.truth.check.readings import (
    AS_WRITTEN,
    PIXEL_ASPECTS,
    Floats,
    Recording,
    counted_from_one,
    frame_numbers,
    resized,
)

STEPS_S = np.tile([0.02, 0.06, 0.05, 0.03], 75)
EVEN = Recording(np.arange(300) / 25, 12.0, 1280, 720, fps=25.0)
UNEVEN = Recording(np.cumsum(STEPS_S) - 0.02, 12.0, 1280, 720, fps=25.0)
NOWHERE = np.full(4, np.nan)


def faces_at(times_s: Floats, pace: float = 1.0) -> Floats:
    """(2, N, 4) the boxes of two faces: one moves from side to side, one moves down."""
    swing = 500 + 300 * np.sin(0.8 * pace * times_s)
    one = np.stack((swing, 80 + 5 * times_s, swing + 90, 200 + 5 * times_s), axis=1)
    drift = 300 + 25 * pace * times_s
    other = np.stack((900 + 0 * drift, drift, 980 + 0 * drift, drift + 100), axis=1)
    return np.stack((one, other))


def sightings_of(video: Recording, pace: float = 1.0) -> Sightings:
    """The detections of a run that samples five frames a second."""
    samples_s = video.times_s[np.searchsorted(video.times_s, np.arange(0, video.end_s, 0.2) - 1e-9)]
    boxes = faces_at(samples_s, pace)
    return Sightings(np.tile(samples_s, 2), 0.2, np.repeat([3, 7], len(samples_s)), boxes.reshape(-1, 4))


class Labels(NamedTuple):
    """Labels of both faces, by frame."""

    numbers: Floats
    times_s: Floats
    boxes: Floats


def labels_of(video: Recording, pace: float = 1.0) -> Labels:
    """Accurate labels every twelfth frame."""
    numbers = np.tile(np.arange(15, 296, 12), 2)
    times_s = video.times_s[numbers]
    boxes = faces_at(times_s[: len(numbers) // 2], pace).reshape(-1, 4)
    return Labels(numbers.astype(float), times_s, boxes + np.random.default_rng(0).normal(0, 2, boxes.shape))


def found_fit(
    video: Recording,
    distort_times: Callable[[Labels], Floats] = lambda labels: labels.times_s,
    distort_boxes: Callable[[Floats], Floats] = lambda boxes: boxes,
) -> Fit:
    """The best fit of distorted labels; it must restore them to within a frame and a few pixels."""
    labels = labels_of(video)
    written_s, drawn = distort_times(labels), distort_boxes(labels.boxes)
    fit = Alignment(written_s, drawn, video, sightings_of(video)).best_fit()
    assert fit.time.read(written_s) == pytest.approx(labels.times_s, abs=0.015)
    assert fit.image.read(drawn) == pytest.approx(labels.boxes, abs=4)
    return fit


def grown(boxes: Floats, part: float) -> Floats:
    """Boxes drawn wide around faces, mostly upwards."""
    return boxes + np.tile(boxes[:, 2:] - boxes[:, :2], 2) * part * (-0.5, -1.0, 0.5, 0.2)


def test_a_face_moves_in_a_straight_line_between_sampled_frames() -> None:
    seen = Sightings(np.array([0.4, 0.0, 0.2]), 0.2, np.array([5, 5, 5]), np.array([[4.0], [0], [2]]) + np.arange(4.0))
    assert np.nanmax(seen.at(np.array([0.0, 0.05, 0.3]))[:, :, 0], axis=1) == pytest.approx([0, 0.5, 3])


@pytest.mark.parametrize(
    ("time_s", "x1"), [(0.85, None), (0.92, 10), (1.0, 10), (1.1, 10), (1.12, None), (1.92, 30), (2.1, 30), (2.2, None)]
)
def test_a_face_stays_for_half_a_step_around_its_first_and_last_detection(time_s: float, x1: float | None) -> None:
    boxes = np.array([[10.0, 0, 20, 10], [30, 0, 40, 10]])
    (faces,) = Sightings(np.array([1.0, 2.0]), 0.2, np.array([5, 5]), boxes).at(np.array([time_s]))
    assert [face[0] for face in faces if not np.isnan(face[0])] == ([] if x1 is None else [x1])


@pytest.mark.parametrize("track_ids", [[1, 2], [-1, -1]])
def test_faces_without_a_track_or_of_different_tracks_are_not_joined(track_ids: list[int]) -> None:
    seen = Sightings(np.array([0.0, 0.2]), 0.2, np.array(track_ids), np.array([[0.0, 0, 1, 1], [8, 0, 9, 1]]))
    (faces,) = seen.at(np.array([0.05]))
    assert [face.tolist() for face in faces if not np.isnan(face[0])] == [[0, 0, 1, 1]]


def test_no_face_is_in_view_before_the_first() -> None:
    faces = sightings_of(EVEN).at(np.array([-0.5, 5.0]))
    assert np.isnan(faces[0]).all()
    assert not np.isnan(faces[1]).all()


def test_all_faces_in_view_are_returned() -> None:
    (faces,) = sightings_of(EVEN).at(np.array([5.0]))
    seen = faces[~np.isnan(faces[:, 0])]
    assert seen[np.argsort(seen[:, 0])] == pytest.approx(faces_at(np.array([5.0]))[:, 0], abs=0.01)


def test_overlap_is_intersection_over_union_and_0_without_a_face() -> None:
    faces = np.array([[[0.0, 0, 10, 10], [5, 0, 15, 10], [50, 50, 60, 60], NOWHERE]])
    assert overlaps(np.array([[0.0, 0, 10, 10]]), faces).tolist() == [[1, pytest.approx(1 / 3), 0, 0]]


@pytest.mark.parametrize(
    ("gains", "is_certain"),
    [
        ([0.5] * 3, False),  # few
        ([0.5] * 4, True),
        ([0.9] + [0.0] * 30, False),  # one missed face
        ([0.03] * 20, True),
        ([0.03, -0.03] * 20, False),
        ([-0.5] * 20, False),
    ],
)
def test_neither_few_labels_nor_one_large_gain_give_certainty(gains: list[float], is_certain: bool) -> None:
    assert (certainty(np.array(gains)) >= 4) is is_certain


def test_certainty_is_in_standard_errors() -> None:
    gains = np.array([0.01, 0.03] * 8)  # mean 0.02, squares of deviations 16 * 0.01^2, and the cap's 0.05^2
    assert certainty(gains) == pytest.approx(0.32 / np.sqrt(0.0016 + 0.0025))


@pytest.mark.parametrize(
    ("gains", "min_gain", "is_clear"),
    [([0.05] * 4, 0.02, True), ([0.05] * 3, 0.02, False), ([0.015] * 400, 0.02, False), ([0.15] * 400, 0.2, False)],
)
def test_a_reading_must_gain_enough_and_with_certainty(gains: list[float], min_gain: float, is_clear: bool) -> None:
    reading = replace(frame_numbers(EVEN, 24), min_gain=min_gain)
    old, new = np.full(len(gains), 0.5), 0.5 + np.array(gains)
    for fit in (Fit(reading, AS_WRITTEN, new), Fit(AS_WRITTEN, reading, new)):
        assert fit.is_clearly_better(Fit(AS_WRITTEN, AS_WRITTEN, old)) is is_clear


@pytest.mark.parametrize("video", [EVEN, UNEVEN], ids=["even", "uneven"])
def test_correct_labels_are_read_as_written(video: Recording) -> None:
    fit = found_fit(video)
    assert (fit.time, fit.image) == (AS_WRITTEN, AS_WRITTEN)
    assert fit.overlap > 0.9


@pytest.mark.parametrize("grow", [-0.1, 0.2, 0.5])
def test_boxes_drawn_wide_or_tight_are_read_as_written(grow: float) -> None:
    labels = labels_of(EVEN)
    fit = Alignment(labels.times_s, grown(labels.boxes, grow), EVEN, sightings_of(EVEN)).best_fit()
    assert (fit.time, fit.image) == (AS_WRITTEN, AS_WRITTEN)


def test_boxes_drawn_wide_around_one_large_face_are_read_as_written() -> None:
    times_s = np.arange(1, 11, 0.4)
    face = np.array([460.0, 260, 820, 680]) + 4 * np.sin(times_s)[:, None]
    seen = Sightings(times_s, 0.4, np.zeros(len(times_s), np.int64), face)
    alignment = Alignment(times_s, face + np.array([-36, -42, 144, 168]), EVEN, seen)
    fit, smaller = alignment.best_fit(), alignment.fit(image=resized(EVEN, 0.87, 0.87))
    assert 0.1 < smaller.overlap - fit.overlap < 0.2
    assert (fit.time, fit.image) == (AS_WRITTEN, AS_WRITTEN)


def test_a_rate_is_found_with_boxes_drawn_wide() -> None:
    labels = labels_of(EVEN)
    fit = Alignment(labels.numbers / 24, grown(labels.boxes, 0.4), EVEN, sightings_of(EVEN)).best_fit()
    assert fit.time.what == "times are frame numbers at 24 frames/s"
    assert fit.image is AS_WRITTEN


def test_of_two_changes_only_the_one_that_explains_the_faces_is_kept() -> None:
    samples_s = np.setdiff1d(np.round(np.arange(0, 12, 0.2), 1), [5.4, 5.6])
    seen = Sightings(
        samples_s, 0.2, np.zeros(len(samples_s), np.int64), np.tile([200.0, 100, 300, 220], (len(samples_s), 1))
    )
    times_s = np.array(
        [0.5, 1.5, 2.5, 3.5, 5.5]
    )  # at 24 frames/s the last would be at 5.28 s, where a face was detected
    fit = Alignment(times_s, np.tile([100.0, 50, 150, 110], (5, 1)), EVEN, seen).best_fit()
    assert fit.image.what == "boxes are drawn on an image of 640 x 360 px"
    assert fit.time is AS_WRITTEN


@pytest.mark.parametrize("video", [EVEN, UNEVEN], ids=["even", "uneven"])
@pytest.mark.parametrize(
    ("distort", "what"),
    [
        (lambda labels: labels.numbers / 24, "times are frame numbers at 24 frames/s"),
        (lambda labels: labels.numbers / 30, "times are frame numbers at 30 frames/s"),
        (lambda labels: labels.times_s + 1.02, "times are 1.0* s late"),
        (lambda labels: labels.times_s - 0.42, "times are 0.4* s early"),
        (lambda labels: labels.times_s * 1.3, "times run 1.3 times as fast"),
        (lambda labels: labels.times_s * 2.5, "times run 2.5 times as fast"),
    ],
    ids=["24", "30", "1 s late", "0.4 s early", "faster", "much faster"],
)
def test_distorted_times_are_read_correctly(video: Recording, distort: Callable[[Labels], Floats], what: str) -> None:
    fit = found_fit(video, distort_times=distort)
    assert fit.time.what.startswith(what.split("*")[0])
    assert fit.image is AS_WRITTEN


@pytest.mark.parametrize(
    ("distort", "what"),
    [
        (lambda b: b / 2, "boxes are drawn on an image of 640 x 360 px"),
        (lambda b: b / (12.8, 7.2, 12.8, 7.2), "boxes are drawn on an image of 100 x 100 px"),
        (lambda b: b / 1.37, "boxes are drawn on an image of 93"),
        (lambda b: b * (0.75, 1, 0.75, 1), "boxes are drawn on an image of 9"),
        (
            lambda b: np.stack((b[:, 1], 1280 - b[:, 2], b[:, 3], 1280 - b[:, 0]), axis=1),
            "boxes are drawn before a turn by 90",
        ),
        (lambda b: (1280, 720, 1280, 720) - b[:, [2, 3, 0, 1]], "boxes are drawn before a turn by 180"),
        (lambda b: (1280, 0, 1280, 0) + (-1, 1, -1, 1) * b[:, [2, 1, 0, 3]], "boxes are drawn on the mirror image"),
    ],
    ids=["half", "percent", "any size", "narrow", "quarter turn", "upside down", "mirror"],
)
def test_distorted_boxes_are_read_correctly(distort: Callable[[Floats], Floats], what: str) -> None:
    fit = found_fit(EVEN, distort_boxes=distort)
    assert fit.image.what.startswith(what)
    assert fit.time is AS_WRITTEN


@pytest.mark.parametrize("aspect", ["64:45", "32:27", "4:3", "16:15", "16:11", "8:9"])
@pytest.mark.parametrize("is_squeezed", [True, False])
@pytest.mark.parametrize("is_own", [True, False])
def test_boxes_on_pixels_of_another_shape_are_read_as_such(aspect: str, is_squeezed: bool, is_own: bool) -> None:
    factor = PIXEL_ASPECTS[aspect] if is_squeezed else 1 / PIXEL_ASPECTS[aspect]
    video = replace(EVEN, pixel_aspect=PIXEL_ASPECTS[aspect]) if is_own else EVEN
    fit = found_fit(video, distort_boxes=lambda boxes: boxes / (factor, 1, factor, 1))
    assert fit.image.what.endswith(f"by a pixel aspect of {aspect}")
    assert fit.time is AS_WRITTEN


@pytest.mark.parametrize("aspect", ["8:9", "10:11"])
def test_pixels_higher_than_wide_are_stretched_along_y(aspect: str) -> None:
    factor = PIXEL_ASPECTS[aspect]
    video = replace(EVEN, pixel_aspect=factor)
    fit = found_fit(video, distort_boxes=lambda boxes: boxes * (1, factor, 1, factor))
    assert fit.image.what.endswith(f"by a pixel aspect of {aspect}")


def test_a_video_of_unusual_pixels_is_read_by_its_own_aspect() -> None:
    fit = found_fit(replace(EVEN, pixel_aspect=1.7), distort_boxes=lambda boxes: boxes / (1.7, 1, 1.7, 1))
    assert fit.image.what.endswith("squeezed, as pixels are stored by a pixel aspect of 1.700:1")


def test_pixels_of_another_shape_and_a_wrong_rate_are_told_apart() -> None:
    fit = found_fit(EVEN, lambda labels: labels.numbers / 24, lambda boxes: boxes * (45 / 64, 1, 45 / 64, 1))
    assert fit.time.what == "times are frame numbers at 24 frames/s"
    assert fit.image.what.endswith("by a pixel aspect of 64:45")


@pytest.mark.parametrize("aspect", [1.0, 64 / 45])
@pytest.mark.parametrize("widths", [(1.5, 1.5), (1.5, 1.0), (0.8, 0.8)])
def test_wide_boxes_are_not_taken_for_squeezed_ones(aspect: float, widths: tuple[float, float]) -> None:
    labels, half = labels_of(EVEN), np.array(widths) / 2
    middles, sizes = (labels.boxes[:, :2] + labels.boxes[:, 2:]) / 2, labels.boxes[:, 2:] - labels.boxes[:, :2]
    boxes = np.hstack((middles - half * sizes, middles + half * sizes))
    video = replace(EVEN, pixel_aspect=aspect)
    assert Alignment(labels.times_s, boxes, video, sightings_of(video)).best_fit().image is AS_WRITTEN


def test_overlaps_about_the_middle_depend_on_the_place_only() -> None:
    faces = np.array([[[10.0, 10, 30, 30], NOWHERE]] * 3)
    boxes = np.array([[10.0, 10, 30, 30], [0, 15, 40, 25], [20, 10, 40, 30]])
    np.testing.assert_allclose(centred_overlaps(boxes, faces), [1, 1, 1 / 3])
    assert centred_overlaps(boxes, faces[:, :0]).tolist() == [0, 0, 0]


def test_frames_that_continue_from_other_videos_are_read_as_such() -> None:
    labels = labels_of(EVEN)
    late = Alignment(labels.times_s + 4, labels.boxes, EVEN, sightings_of(EVEN), frames_before=100)
    assert "frame numbers continue from other videos, 100 frames" in late.best_fit().time.what
    right = Alignment(labels.times_s, labels.boxes, EVEN, sightings_of(EVEN), frames_before=15)
    assert right.best_fit().time is AS_WRITTEN


def test_distorted_times_and_boxes_are_read_correctly_together() -> None:
    fit = found_fit(EVEN, lambda labels: labels.numbers / 24, lambda boxes: boxes / 2)
    assert fit.time.what == "times are frame numbers at 24 frames/s"
    assert fit.image.what == "boxes are drawn on an image of 640 x 360 px"


def test_without_a_run_frames_show_the_rate_but_not_the_size() -> None:
    numbers, _, boxes = labels_of(EVEN)
    fit = Alignment(numbers / 24, boxes / 2, EVEN, Sightings.none()).best_fit()
    assert fit.time.what == "times are frame numbers at 24 frames/s"
    assert (fit.image, fit.overlap) == (AS_WRITTEN, 0)


def test_without_a_run_a_rate_is_left_open_where_two_fit() -> None:
    times_s = np.array([1.5, 2.5, 3.5])  # frames 37 and a half, ...; at 24, 30, 50 or 60 frames/s whole numbers
    assert Alignment(times_s, labels_of(EVEN)[2][:3], EVEN, Sightings.none()).best_fit().time is AS_WRITTEN


def test_without_a_run_boxes_outside_the_displayed_frame_show_that_it_was_turned() -> None:
    phone = replace(EVEN, width_px=720, height_px=1280, quarter_turns=1)
    _, times_s, boxes = labels_of(phone)
    fit = Alignment(times_s, boxes, phone, Sightings.none()).best_fit()
    assert fit.image.what == "boxes are drawn before a turn by 90 degrees, as stored"


def gains_of(pace: float, first_number: int, fps: float = 25) -> Floats:
    """The gains in overlap of labels of slow or fast faces one frame earlier."""
    labels = labels_of(EVEN, pace)
    alignment = Alignment((labels.numbers + first_number) / fps, labels.boxes, EVEN, sightings_of(EVEN, pace))
    return alignment.gains_a_frame_earlier(alignment.best_fit())


def test_counting_from_1_shows_in_one_video_where_faces_move_fast() -> None:
    gains = {"late": gains_of(2, 1), "late at 24": gains_of(2, 1, fps=24), "right": gains_of(2, 0)}
    assert late_by_a_frame(gains) == {"late", "late at 24"}


def test_counting_from_1_shows_for_slow_faces_by_the_other_videos() -> None:
    slow = gains_of(0.05, 1)
    assert late_by_a_frame({"slow": slow}) == set()
    assert late_by_a_frame({"slow": slow, "fast": gains_of(2, 1)}) == {"slow", "fast"}
    assert late_by_a_frame({"slow": gains_of(0.05, 0), "right": gains_of(2, 0)}) == set()


def test_a_clearly_correct_video_is_kept_among_late_ones() -> None:
    late = {name: gains_of(2, 1) for name in ("a", "b", "c", "d")}
    assert late_by_a_frame({"right": gains_of(2, 0), **late}) == late.keys()


def test_labels_read_as_counted_from_1_are_not_moved_by_another_frame() -> None:
    labels = labels_of(EVEN)
    alignment = Alignment((labels.numbers + 1) / 24, labels.boxes, EVEN, sightings_of(EVEN))
    by_one = alignment.fit(counted_from_one(EVEN, frame_numbers(EVEN, 24)))
    assert by_one.overlap > 0.9
    assert len(alignment.gains_a_frame_earlier(by_one)) == 0


def test_a_label_on_the_first_frame_was_not_counted_from_1() -> None:
    _, times_s, boxes = labels_of(EVEN)
    alignment = Alignment(np.append(0, times_s[1:]), boxes, EVEN, sightings_of(EVEN))
    assert len(alignment.gains_a_frame_earlier(alignment.fit())) == 0
    assert late_by_a_frame({"none": np.zeros(0)}) == set()
