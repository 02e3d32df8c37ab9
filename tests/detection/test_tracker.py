from __future__ import annotations

import numpy as np
import pytest
from drawn_world import with_portraits

from facetally.detection.descriptors import face_views
from facetally.detection.faces import Faces
from facetally.detection.tracker import NO_TRACK, Tracker, TrackerOptions


def faces(*centres: tuple[float, float], size: float = 100.0, scores: float | list[float] = 0.9) -> Faces:
    """Square faces of `size` px at these centres."""
    at = np.array(centres, np.float32).reshape(-1, 2)
    boxes = np.concatenate([at - size / 2, at + size / 2], axis=1).astype(np.float32)
    landmarks = np.repeat(at[:, None], 5, axis=1)
    return Faces(boxes, np.full(len(at), scores, np.float32), landmarks)


def ids(tracker: Tracker, time_s: float, found: Faces, *, is_cut: bool = False) -> list[int]:
    track_ids: list[int] = tracker.update(found, time_s, is_cut=is_cut).track_ids.tolist()
    return track_ids


def test_a_fast_face_whose_boxes_do_not_overlap_is_one_track() -> None:
    tracker = Tracker()
    for sample in range(10):  # moves 1.2 face sizes per sample, at 5 samples a second
        assert ids(tracker, sample / 5, faces((120.0 * sample, 200))) == [0]


def test_two_faces_that_swap_positions_keep_their_ids() -> None:
    tracker = Tracker()
    for sample in range(8):  # after sample 3 each is where the other was: only motion distinguishes them
        rightwards, leftwards = (80.0 * sample, 200.0), (560 - 80.0 * sample, 200.0)
        assert ids(tracker, sample / 5, faces(rightwards, leftwards)) == [0, 1]


def test_an_implausibly_large_jump_starts_a_new_track() -> None:
    tracker = Tracker()
    assert ids(tracker, 0.0, faces((100, 100))) == [0]
    assert ids(tracker, 0.04, faces((200, 100))) == [1]  # a whole face size in 1/25 s


def test_a_cut_ends_all_tracks_and_starts_new_ids() -> None:
    tracker = Tracker()
    assert ids(tracker, 0.0, faces((100, 100), (400, 100))) == [0, 1]
    after = tracker.update(faces((100, 100), (400, 100)), 0.2, is_cut=True)
    assert after.track_ids.tolist() == [2, 3]
    assert after.ended_ids == (0, 1)


def test_a_face_that_returns_within_the_gap_continues_its_track() -> None:
    tracker = Tracker(TrackerOptions(max_gap_s=1.0))
    assert ids(tracker, 0.0, faces((100, 100))) == [0]
    for time_s in (0.25, 0.5, 0.75):
        assert tracker.update(Faces.empty(), time_s).ended_ids == ()
    assert ids(tracker, 1.0, faces((110, 100))) == [0]
    assert ids(tracker, 2.0, faces((110, 100))) == [0]  # the gap counts from the last detection


def test_a_face_that_returns_after_the_gap_starts_a_new_track() -> None:
    tracker = Tracker(TrackerOptions(max_gap_s=1.0))
    assert ids(tracker, 0.0, faces((100, 100))) == [0]
    back = tracker.update(faces((100, 100)), 1.01)
    assert back.track_ids.tolist() == [1]
    assert back.ended_ids == (0,)


def test_the_gap_counts_from_the_end_of_the_last_frame_with_the_face() -> None:
    tracker = Tracker(TrackerOptions(max_gap_s=1.0))
    tracker.update(faces((100, 100)), 0.0, duration_s=0.2)
    assert tracker.update(faces((100, 100)), 1.15, duration_s=0.3).track_ids.tolist() == [0]
    assert ids(tracker, 2.4, faces((100, 100))) == [0]
    assert ids(tracker, 3.41, faces((100, 100))) == [1]


def test_ids_are_never_reused() -> None:
    tracker, seen = Tracker(TrackerOptions(max_gap_s=0.1)), []
    for second in range(5):
        seen += ids(tracker, second, faces((100, 100), (400, 100)))
    assert seen == list(range(10))
    assert tracker.finish() == (8, 9)
    assert ids(tracker, 5.0, faces((100, 100))) == [10]


def test_finish_returns_the_open_tracks_once() -> None:
    tracker = Tracker()
    tracker.update(faces((100, 100), (400, 100), (700, 100)), 0.0)
    tracker.update(faces((100, 100), (700, 100)), 0.9)
    assert tracker.update(faces((700, 100)), 1.2).ended_ids == (1,)
    assert tracker.finish() == (0, 2)
    assert tracker.finish() == ()


def test_two_trackers_are_independent() -> None:
    one, other = Tracker(), Tracker()
    assert ids(one, 0.0, faces((100, 100), (400, 100))) == [0, 1]
    assert ids(other, 0.0, faces((100, 100))) == [0]
    assert ids(one, 0.2, faces((700, 100))) == [2]
    assert other.finish() == (0,)


def test_a_face_with_a_low_score_continues_a_track_but_never_starts_one() -> None:
    tracker = Tracker(TrackerOptions(start_score=0.5))
    assert ids(tracker, 0.0, faces((100, 100), scores=0.49)) == [NO_TRACK]
    assert ids(tracker, 0.2, faces((100, 100), scores=0.5)) == [0]
    assert ids(tracker, 0.4, faces((110, 100), (400, 100), scores=0.3)) == [0, NO_TRACK]
    assert tracker.finish() == (0,)


def test_a_face_with_a_high_score_is_matched_before_a_nearer_one_with_a_low_score() -> None:
    tracker = Tracker()
    assert ids(tracker, 0.0, faces((100, 100))) == [0]
    assert ids(tracker, 0.2, faces((101, 100), (130, 100), scores=[0.4, 0.9])) == [NO_TRACK, 0]


@pytest.mark.parametrize(("size", "expected"), [(169.0, 0), (171.0, 1), (60.0, 0), (58.0, 1)])
def test_a_face_whose_size_changes_too_much_starts_a_new_track(size: float, expected: int) -> None:
    tracker = Tracker(TrackerOptions(max_size_ratio=1.7))
    assert ids(tracker, 0.0, faces((100, 100), size=100)) == [0]
    assert ids(tracker, 0.2, faces((100, 100), size=size)) == [expected]


@pytest.mark.parametrize("time_s", [0.3, 0.2999])
def test_a_frame_that_is_not_later_is_refused(time_s: float) -> None:
    tracker = Tracker()
    tracker.update(faces((100, 100)), 0.3)
    with pytest.raises(ValueError, match=f"order of time: {time_s} after 0.3"):
        tracker.update(faces((100, 100)), time_s)


def test_the_order_of_the_faces_in_a_frame_does_not_matter() -> None:
    rng = np.random.default_rng(0)
    places = rng.uniform(0, 600, (8, 2)) + np.cumsum(rng.normal(0, 25, (12, 8, 2)), axis=0)
    plain, shuffled = Tracker(), Tracker()
    first = faces(*places[0])
    plain.update(first, 0.0)
    shuffled.update(first, 0.0)
    for sample, centres in enumerate(places[1:], start=1):
        found = faces(*centres, scores=rng.choice([0.3, 0.9], 8).tolist())
        found = found[rng.random(8) < 0.8]  # some are missed
        order = rng.permutation(len(found))
        ordered = plain.update(found, sample / 5)
        mixed = shuffled.update(found[order], sample / 5)
        kept = ordered.track_ids[order] != NO_TRACK
        assert kept.mean() > 0.5
        np.testing.assert_array_equal(mixed.track_ids, ordered.track_ids[order])
        assert mixed.ended_ids == ordered.ended_ids


@pytest.mark.parametrize(("shift", "found_ids"), [(40, [0, NO_TRACK]), (70, [0, 1])])
def test_a_face_that_is_detected_twice_is_one_track(shift: float, found_ids: list[int]) -> None:
    tracker = Tracker(TrackerOptions(max_overlap=0.25))  # 60 of 140 px are 0.43, 30 of 170 are 0.18
    for sample in range(4):
        assert ids(tracker, sample / 5, faces((100, 100), (100 + shift, 100), scores=[0.9, 0.8])) == found_ids


def test_of_two_detections_of_one_face_the_surer_one_continues_the_track() -> None:
    tracker = Tracker()
    assert ids(tracker, 0.0, faces((100, 100))) == [0]
    assert ids(tracker, 0.2, faces((100, 100), (130, 100), scores=[0.6, 0.9])) == [NO_TRACK, 0]


def test_with_equal_scores_the_order_of_the_faces_does_not_matter() -> None:
    found = faces((100, 100), (130, 100), (130, 130), (400, 100))
    for order in ([0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2]):
        tracker = Tracker()
        track_ids = tracker.update(found[np.array(order)], 0.0).track_ids
        assert [order[index] for index in np.flatnonzero(track_ids != NO_TRACK)] == [i for i in order if i in (0, 3)]


def seen(tracker: Tracker, time_s: float, *people: tuple[int, float, float], with_views: bool = True) -> list[int]:
    """The ids of people's portraits in a frame of 640 x 240."""
    image, found = with_portraits(np.full((240, 640, 3), 90, np.uint8), people)
    views = face_views(image, found) if with_views else None
    track_ids: list[int] = tracker.update(found, time_s, views=views).track_ids.tolist()
    return track_ids


def test_another_face_in_the_same_place_starts_a_new_track() -> None:
    tracker, blind = Tracker(), Tracker()
    assert [seen(tracker, sample / 5, (person, 200, 120)) for sample, person in enumerate((1, 1, 2, 2))] == [
        *([0], [0], [1], [1])
    ]
    assert [seen(blind, t, (person, 200, 120), with_views=False) for t, person in ((0.0, 1), (0.2, 2))] == [[0], [0]]


def test_a_face_that_another_one_replaced_for_a_moment_continues_its_track() -> None:
    tracker = Tracker()
    assert [seen(tracker, sample / 5, (person, 200, 120)) for sample, person in enumerate((1, 2, 2, 1))] == [
        *([0], [1], [1], [0])
    ]


def test_a_track_keeps_its_own_look_when_another_one_ends() -> None:
    tracker = Tracker()
    assert seen(tracker, 0.0, (1, 200, 120), (2, 440, 120)) == [0, 1]
    assert [seen(tracker, time_s, (2, 440, 120)) for time_s in (0.8, 1.6, 2.4)] == [[1]] * 3


def test_two_faces_that_change_places_between_two_samples_keep_their_ids() -> None:
    for with_views, expected in ((True, [0, 1]), (False, [1, 0])):
        tracker = Tracker()
        for time_s in (0.0, 0.8):
            assert seen(tracker, time_s, (1, 200, 120), (2, 340, 120), with_views=with_views) == [0, 1]
        assert seen(tracker, 1.6, (1, 340, 120), (2, 200, 120), with_views=with_views) == expected


def test_a_track_goes_on_in_frames_of_another_size() -> None:
    tracker, unaware = Tracker(), Tracker()
    for one in (tracker, unaware):
        for sample in range(5):
            assert ids(one, sample / 5, faces((300 + 20.0 * sample, 200))) == [0]
    tracker.rescale(0.5)
    half = faces((200, 100), size=50)
    assert ids(tracker, 1.0, half) == [0]
    assert ids(unaware, 1.0, half) == [1]
    tracker.rescale(2.0)
    assert ids(tracker, 1.2, faces((420, 200))) == [0]


def test_a_track_that_was_ended_is_not_continued() -> None:
    tracker = Tracker()
    assert ids(tracker, 0.0, faces((100, 100), (400, 100))) == [0, 1]
    tracker.end([0])
    after = tracker.update(faces((100, 100), (400, 100)), 0.2)
    assert (after.track_ids.tolist(), after.ended_ids) == ([2, 1], ())


@pytest.mark.parametrize(
    "wrong", [{"start_score": 1.1}, {"max_gap_s": -0.1}, {"max_size_ratio": 0.9}, {"max_overlap": 1.1}]
)
def test_an_option_outside_its_range_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be"):
        TrackerOptions(**wrong)


def test_a_false_box_between_two_faces_hides_neither() -> None:
    found = faces((100, 100), (150, 100), (200, 100), scores=[0.9, 0.7, 0.6])  # the second overlaps both others
    assert ids(Tracker(TrackerOptions(max_overlap=0.25)), 0.0, found) == [0, NO_TRACK, 1]
