"""Tracks are matched to people: by boxes at the labelled times, or by time where one person is in view."""

from __future__ import annotations

from typing import Any

import pytest
from labelled_world import SAMPLING, VIDEO, boxes_of, face_rows, faces_of, person, times, truth_of

from facetally.options import Sampling
from facetally.truth.labels import Truth
from facetally.validation.matching import Match, alone_s, covered_s, match_video, views_s

Rows = list[dict[str, Any]]
ONE_SECOND = times(0, 1)
"""0.0, 0.2, 0.4, 0.6, 0.8."""


def matched(truth: Truth, *rows: Rows, sampling: Sampling = SAMPLING) -> Match:
    return match_video(truth, VIDEO, faces=faces_of(*rows), sampling=sampling)


def ann_boxed(at_s: list[float]) -> Truth:
    return truth_of(person("ann"), boxes=boxes_of("ann", at_s))


def ann_and_bob_boxed(at_s: list[float]) -> Truth:
    """Ann at x = 0, Bob at x = 100."""
    return truth_of(person("ann"), person("bob"), boxes=boxes_of("ann", at_s) + boxes_of("bob", at_s, x=100))


def flat_face(track_id: int, x1: float, x2: float) -> dict[str, Any]:
    """10 px high, at time 0: overlaps follow from the widths."""
    return {**face_rows(track_id, [0.0])[0], "x1": x1, "y1": 0.0, "x2": x2, "y2": 10.0}


def test_a_track_belongs_to_the_person_it_overlaps() -> None:
    rows = face_rows(7, ONE_SECOND, x=104), face_rows(8, ONE_SECOND, x=4), face_rows(9, ONE_SECOND, x=300)
    match = matched(ann_and_bob_boxed(ONE_SECOND), *rows)
    assert match.owners == {7: "bob", 8: "ann"}
    assert match.people_counts == {7: 1, 8: 1}
    assert match.box_counts == match.found_counts == {"ann": 5, "bob": 5}


@pytest.mark.parametrize(("width_px", "owners"), [(30, {0: "ann"}), (29, {})])
def test_a_face_needs_three_tenths_of_the_union(width_px: float, owners: dict[int, str]) -> None:
    truth = truth_of(person("ann"), boxes=[("ann", 0.0, (0, 0, 100, 10), 0)])
    assert matched(truth, [flat_face(0, 0, width_px)]).owners == owners


def test_two_poor_overlaps_do_not_replace_a_good_one() -> None:
    boxes = [("ann", 0.0, (0.0, 0.0, 100.0, 10.0), 0), ("bob", 0.0, (10.0, 0.0, 19.8, 10.0), 0)]
    # ann has 35 % with face 0 and 29 % with face 1, bob 28 % with face 0: together the poor ones are more than 35 %
    match = matched(truth_of(person("ann"), person("bob"), boxes=boxes), [flat_face(0, 0, 35), flat_face(1, 71, 100)])
    assert match.owners == {0: "ann"}
    assert match.found_counts == {"ann": 1, "bob": 0}


def test_a_face_matches_one_person_only() -> None:
    boxes = [("ann", 0.0, (0.0, 0.0, 100.0, 10.0), 0), ("bob", 0.0, (0.0, 0.0, 90.0, 10.0), 0)]
    match = matched(truth_of(person("ann"), person("bob"), boxes=boxes), [flat_face(0, 0, 92)])
    assert (match.owners, match.found_counts) == ({0: "bob"}, {"ann": 0, "bob": 1})


def test_a_track_on_two_people_belongs_to_the_one_it_is_on_longest() -> None:
    truth = ann_and_bob_boxed(ONE_SECOND)
    match = matched(truth, face_rows(0, ONE_SECOND[:2]), face_rows(0, ONE_SECOND[2:], x=100))
    assert (match.owners, match.people_counts) == ({0: "bob"}, {0: 2})


def test_a_tie_goes_to_the_first_name() -> None:
    truth = ann_and_bob_boxed(times(0, 0.4))
    assert matched(truth, face_rows(0, [0.0], x=100), face_rows(0, [0.2])).owners == {0: "ann"}


def test_a_person_may_have_several_tracks() -> None:
    match = matched(ann_boxed(ONE_SECOND), face_rows(0, [0.0, 0.2]), face_rows(3, [0.6, 0.8]))
    assert match.owners == {0: "ann", 3: "ann"}
    assert (match.box_counts, match.found_counts) == ({"ann": 5}, {"ann": 4})


def test_a_face_without_a_track_is_found_but_has_no_owner() -> None:
    match = matched(ann_boxed([0.0]), face_rows(-1, [0.0]))
    assert (match.owners, match.found_counts) == ({}, {"ann": 1})
    assert match.comparable == {"ann"}


def test_without_any_face_every_label_is_missed() -> None:
    match = matched(ann_boxed(ONE_SECOND))
    assert (match.owners, match.box_counts, match.found_counts) == ({}, {"ann": 5}, {"ann": 0})
    assert match.comparable == {"ann"}


def test_rows_may_come_with_any_index() -> None:
    faces = faces_of(face_rows(0, ONE_SECOND, x=300), face_rows(1, ONE_SECOND))
    match = match_video(ann_boxed(ONE_SECOND), VIDEO, faces=faces[faces["track_id"] == 1], sampling=SAMPLING)
    assert match.owners == {1: "ann"}


@pytest.mark.parametrize("seen", [ONE_SECOND, ONE_SECOND[::2], []])
def test_labels_denser_than_samples_count_once_for_each_sample(seen: list[float]) -> None:
    match = matched(ann_boxed(times(0, 1, every_s=0.1)), face_rows(0, seen))
    assert (match.box_counts, match.found_counts) == ({"ann": 5}, {"ann": len(seen)})


def test_of_denser_labels_the_nearest_is_compared() -> None:
    boxes = boxes_of("ann", [0.1], x=300) + boxes_of("ann", [0.22]) + boxes_of("ann", [0.3], x=300)
    assert matched(truth_of(person("ann"), boxes=boxes), face_rows(0, [0.2])).owners == {0: "ann"}


def test_labels_sparser_than_samples_are_compared_with_the_nearest_sample() -> None:
    rows = face_rows(0, [0.4]), face_rows(1, [0.6], x=300)
    boxes = boxes_of("ann", [0.0]) + boxes_of("ann", [0.49]) + boxes_of("ann", [1.0])
    match = matched(truth_of(person("ann"), boxes=boxes), *rows)
    assert (match.owners, match.box_counts, match.found_counts) == ({0: "ann"}, {"ann": 3}, {"ann": 1})


def test_frames_may_come_a_little_after_the_grid() -> None:
    lagging = [0.0, 5 / 24, 10 / 24, 15 / 24, 20 / 24]  # the frames at 24 frames/s for every 0.2 s
    match = matched(ann_boxed(times(0, 1, every_s=0.1)), face_rows(0, lagging))
    assert (match.box_counts, match.found_counts) == ({"ann": 5}, {"ann": 5})


@pytest.mark.parametrize(("offset_s", "is_compared"), [(-0.27, True), (0.27, True), (-0.28, False), (0.28, False)])
@pytest.mark.parametrize("seen", [[2.0], []])
def test_labels_far_from_any_sample_are_left_out(offset_s: float, is_compared: bool, seen: list[float]) -> None:
    match = matched(ann_boxed([2.0 + offset_s]), face_rows(0, seen), sampling=Sampling(every_s=2.0))
    assert match.comparable == ({"ann"} if is_compared else set())
    assert match.box_counts == ({"ann": 1} if is_compared else {})


@pytest.mark.parametrize("fps", [10, 25, 50])
def test_a_missed_face_counts_where_every_frame_is_sampled(fps: int) -> None:
    at_s = times(0, 2, every_s=1 / fps)
    seen = at_s[:5] + at_s[6:]
    match = matched(ann_boxed(at_s), face_rows(0, seen, duration_s=1 / fps), sampling=Sampling(every_s=0))
    assert (match.box_counts, match.found_counts) == ({"ann": 2 * fps}, {"ann": 2 * fps - 1})


def test_all_are_missed_where_every_frame_is_sampled_and_none_has_a_face() -> None:
    match = matched(ann_boxed(times(0, 2, every_s=0.04)), sampling=Sampling(every_s=0))
    assert (match.box_counts, match.found_counts) == ({"ann": 50}, {"ann": 0})


def test_keyframes_without_a_face_are_not_compared() -> None:
    boxes = boxes_of("ann", times(0, 10, every_s=0.5)) + boxes_of("bob", [5.0, 6.0], x=100) + boxes_of("cy", [2.0])
    truth = truth_of(person("ann"), person("bob"), person("cy"), boxes=boxes)
    rows = face_rows(0, [0.0, 5.0], duration_s=5.0)
    match = matched(truth, rows, sampling=Sampling(keyframes=True))
    assert (match.box_counts, match.found_counts) == ({"ann": 2, "bob": 1}, {"ann": 2, "bob": 0})
    assert match.comparable == {"ann", "bob"}


def test_by_time_the_largest_face_is_the_one_person_in_view() -> None:
    truth = truth_of(person("ann", "female", (1, 2)))
    smaller = [row | {"y1": 300.0, "y2": 330.0} for row in face_rows(0, times(1, 2), x=300, size_px=30)]
    match = matched(truth, face_rows(1, times(1, 2), size_px=31), smaller)
    assert (match.owners, match.comparable) == ({1: "ann"}, frozenset({"ann"}))
    assert (match.box_counts, match.found_counts) == ({}, {})
    assert match.unclear == frozenset()


@pytest.mark.parametrize(("time_s", "owners"), [(0.8, {}), (1.0, {0: "ann"}), (1.8, {0: "ann"}), (2.0, {})])
def test_an_interval_ends_before_its_stop(time_s: float, owners: dict[int, str]) -> None:
    assert matched(truth_of(person("ann", "female", (1, 2))), face_rows(0, [time_s])).owners == owners


def test_by_time_the_owner_is_the_person_alone_in_view_longest() -> None:
    truth = truth_of(person("ann", "female", (0, 2), (8, 9)), person("bob", "male", (2, 4)))
    rows = face_rows(0, [0.0], duration_s=2.0), face_rows(0, [2.0, 3.0], duration_s=1.0), face_rows(0, [8.0])
    match = matched(truth, *rows)
    assert (match.owners, match.people_counts) == ({0: "ann"}, {0: 2})


def test_a_largest_face_without_a_track_gives_no_owner() -> None:
    rows = face_rows(-1, ONE_SECOND, size_px=50), face_rows(0, ONE_SECOND)
    assert matched(truth_of(person("ann", "female", (0, 1))), *rows).owners == {}


def test_tracks_stay_unmatched_while_several_people_are_in_view() -> None:
    truth = truth_of(person("ann", "female", (0, 4)), person("bob", "male", (2, 4)), person("cy", "male", (6, 7)))
    rows = face_rows(0, times(1, 4)), face_rows(1, times(2, 4), x=100), face_rows(2, times(4, 5))
    match = matched(truth, *rows)
    assert match.owners == {0: "ann"}
    assert match.comparable == {"ann", "cy"}
    assert match.unclear == {1}


def test_a_person_in_view_throughout_others_parts_is_never_alone() -> None:
    people = person("ann", "female", (1.9, 25.7)), person("bob", "male", (1.9, 3.6), (3.6, 13.6), (13.6, 25.7))
    assert matched(truth_of(*people)).comparable == set()  # in floats the three parts are shorter than the whole


@pytest.mark.parametrize(("until_s", "comparable"), [(3.85, {"ann", "bob"}), (3.75, {"ann"})])
def test_alone_for_less_than_a_sampling_step_is_not_alone(until_s: float, comparable: set[str]) -> None:
    truth = truth_of(person("ann", "female", (0, 3.6)), person("bob", "male", (1, until_s)))
    assert matched(truth).comparable == comparable


def test_people_with_boxes_are_matched_by_boxes_only() -> None:
    truth = truth_of(person("ann", "female", (0, 1)), boxes=boxes_of("ann", ONE_SECOND))
    match = matched(truth, face_rows(0, ONE_SECOND), face_rows(1, ONE_SECOND, x=100, size_px=50))
    assert (match.owners, match.unclear) == ({0: "ann"}, frozenset())


def test_people_with_boxes_count_as_in_view_beside_people_labelled_by_time() -> None:
    truth = truth_of(person("ann", "female", (0, 2)), person("bob", "male"), boxes=boxes_of("bob", ONE_SECOND, x=100))
    rows = face_rows(0, times(0, 2)), face_rows(1, ONE_SECOND, x=100, size_px=50), face_rows(2, ONE_SECOND, x=300)
    match = matched(truth, *rows)
    assert match.owners == {0: "ann", 1: "bob"}
    assert match.unclear == {2}


def test_a_box_counts_until_the_next() -> None:
    assert views_s(ann_boxed([0.0, 0.5, 1.0]), VIDEO) == {"ann": [(0.0, 1.5)]}


def test_a_box_before_a_gap_counts_for_the_median_time() -> None:
    no_gap = ann_boxed([0.0, 0.5, 1.0, 1.75])  # 1.5 times the median
    assert views_s(no_gap, VIDEO) == {"ann": [(0.0, 2.25)]}
    gap = ann_boxed([0.0, 0.5, 1.0, 1.75, 2.75])  # 1.0 s, where the median is 0.625 s
    assert views_s(gap, VIDEO) == {"ann": [(0.0, 2.375), (2.75, 3.375)]}


def test_a_single_box_counts_for_half_a_second() -> None:
    assert views_s(ann_boxed([3.0]), VIDEO) == {"ann": [(3.0, 3.5)]}


def test_people_without_boxes_are_in_view_at_their_labelled_times() -> None:
    truth = truth_of(person("ann"), person("bob", "male", (4, 5)), person("cy"), boxes=boxes_of("ann", [0.0]))
    assert views_s(truth, VIDEO) == {"ann": [(0.0, 0.5)], "bob": [(4, 5)], "cy": []}


def test_time_labelled_twice_counts_once() -> None:
    both = truth_of(person("ann", "female", (0.3, 2.0)), boxes=boxes_of("ann", [0.0, 0.5]))
    assert views_s(both, VIDEO) == {"ann": [(0.0, 2.0)]}
    overlapping = truth_of(person("ann", "female", (4, 9), (0, 3), (2, 3.5), (5, 6)))
    assert views_s(overlapping, VIDEO) == {"ann": [(0, 3.5), (4, 9)]}


@pytest.mark.parametrize(
    ("others_s", "covered"),
    [
        ([], 0),
        ([(0, 10)], 10),
        ([(-5, 2), (8, 20)], 4),
        ([(6, 7), (1, 4), (2, 3)], 4),
        ([(1, 4), (3, 6)], 5),
        ([(10, 12), (-3, 0)], 0),
    ],
)
def test_covered_seconds_count_once(others_s: list[tuple[float, float]], covered: float) -> None:
    assert covered_s((0, 10), others_s) == covered


def test_alone_means_that_nobody_else_is_in_view() -> None:
    views = {"ann": [(0.0, 2.0), (5.0, 6.0)], "bob": [(1.0, 3.0)], "cy": [(1.5, 5.25)]}
    assert [alone_s(name, views) for name in views] == [1.75, 0, 2.0]


def test_a_face_in_an_ignored_region_belongs_to_it_whatever_its_size() -> None:
    region = [("screen", t, (0.0, 0.0, 400.0, 300.0), 0) for t in times(0, 2, 0.5)]
    labels = truth_of(
        person("screen", "ignore"), person("ann"), boxes=[*region, *boxes_of("ann", times(0, 2, 0.5), x=300)]
    )
    faces = faces_of(
        face_rows(1, times(0, 2), x=20), face_rows(2, times(0, 2), x=300), face_rows(3, times(0, 2), x=385)
    )
    match = match_video(labels, VIDEO, faces=faces, sampling=SAMPLING)
    assert match.owners == {1: "screen", 2: "ann"}  # three eighths of 3 are in
