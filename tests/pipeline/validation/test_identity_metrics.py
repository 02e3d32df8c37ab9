"""Measures of identity on cases that are counted by hand. Two people A and B are 0 and 1; tracks count from 10."""

from __future__ import annotations

import math

import numpy as np
import pytest

from facetally.validation.identity_metrics import (
    Frame,
    b_cubed,
    hota_counts,
    identity_counts,
    switch_counts,
)


def frame(on: dict[int, int | None], *others: int, overlap: float = 1.0) -> Frame:
    """The track on each person, None where there is none, and tracks on nobody."""
    tracks = [track for track in on.values() if track is not None] + list(others)
    overlaps = np.array([[overlap * (on[person] == track) for track in tracks] for person in on])
    return Frame(np.array(list(on), int), np.array(tracks, int), overlaps.reshape(len(on), len(tracks)))


def idf1(frames: list[Frame]) -> float:
    return identity_counts(frames, 0.5).f1


def test_one_track_on_each_person_is_perfect() -> None:
    frames = [frame({0: 10, 1: 11})] * 5
    assert (idf1(frames), hota_counts(frames).association, hota_counts(frames).hota) == (1, 1, 1)
    assert (switch_counts(frames, 0.5).switches, switch_counts(frames, 0.5).fragments) == (0, 0)


def test_the_longer_of_two_tracks_is_the_right_one() -> None:
    counts = identity_counts([frame({0: 10})] * 6 + [frame({0: 11})] * 4, 0.5)
    assert (counts.right, counts.tracked, counts.labelled) == (6, 10, 10)
    assert (counts.precision, counts.recall, counts.f1) == (0.6, 0.6, 0.6)


def test_a_track_on_two_people_is_right_for_one_of_them() -> None:
    counts = identity_counts([frame({0: 10})] * 3 + [frame({1: 10})] * 7, 0.5)
    assert (counts.right, counts.tracked, counts.labelled) == (7, 10, 10)


def test_the_assignment_is_the_best_for_all_together() -> None:
    # track 10 is on A for 5 and on B for 4 frames, track 11 on A for 4: A-11 and B-10 give 8, A-10 alone 5
    frames = [frame({0: 10})] * 5 + [frame({1: 10})] * 4 + [frame({0: 11})] * 4
    assert identity_counts(frames, 0.5).right == 8


def test_misses_and_faces_on_nobody_lower_recall_and_precision() -> None:
    counts = identity_counts([frame({0: 10}), frame({0: None}), frame({0: 10}, 11), frame({}, 11)], 0.5)
    assert counts.recall == pytest.approx(2 / 3)
    assert counts.precision == 0.5


@pytest.mark.parametrize(("overlap", "right"), [(0.5, 1), (0.49, 0)])
def test_an_overlap_counts_from_its_threshold(overlap: float, right: int) -> None:
    assert identity_counts([frame({0: 10}, overlap=overlap)], 0.5).right == right


def test_without_boxes_ratios_are_not_defined() -> None:
    assert math.isnan(idf1([]))
    assert math.isnan(identity_counts([frame({}, 10)], 0.5).recall)


def test_association_is_the_mean_over_matched_boxes() -> None:
    # A has 10 boxes: 6 on track 10 (Jaccard 6/10), 4 on track 11 (4/10)
    hota = hota_counts([frame({0: 10})] * 6 + [frame({0: 11})] * 4)
    assert hota.association == pytest.approx((6 * 0.6 + 4 * 0.4) / 10)
    assert hota.detection == 1
    assert hota.hota == pytest.approx(math.sqrt(0.52))


def test_hota_matches_boxes_up_to_their_overlap() -> None:
    hota = hota_counts([frame({0: 10}, overlap=0.7)])
    assert hota.matched.tolist() == [1] * 14 + [0] * 5  # 0.05 to 0.7
    assert hota.detection == pytest.approx(14 / 19)


def test_hota_prefers_the_track_that_belongs_to_the_person() -> None:
    both = Frame(np.array([0]), np.array([10, 11]), np.array([[0.8, 0.9]]))
    hota = hota_counts([frame({0: 10})] * 5 + [both])
    assert hota.association_sum[0] == pytest.approx(6)  # track 10 in all six, though 11 overlaps more in the last


def test_every_change_of_track_is_a_switch() -> None:
    frames = [frame({0: track}) for track in (10, 10, 11, 11, 10)]
    assert (switch_counts(frames, 0.5).switches, switch_counts(frames, 0.5).fragments) == (2, 0)


def test_an_exchange_of_tracks_is_a_switch_for_both() -> None:
    assert switch_counts([frame({0: 10, 1: 11}), frame({0: 11, 1: 10})], 0.5).switches == 2


def test_a_switch_is_seen_across_a_gap() -> None:
    counts = switch_counts([frame({0: 10}), frame({0: None}), frame({0: None}), frame({0: 11})], 0.5)
    assert (counts.switches, counts.fragments) == (1, 1)


def test_misses_at_the_ends_and_times_out_of_view_interrupt_nothing() -> None:
    missed, away, found = frame({0: None}), frame({1: 11}), frame({0: 10, 1: 11})
    assert switch_counts([missed, found, away, found, missed], 0.5).fragments == 0


def test_a_track_is_kept_while_it_covers_the_person() -> None:
    better = Frame(np.array([0]), np.array([10, 11]), np.array([[0.6, 0.9]]))
    assert switch_counts([frame({0: 10}), better, frame({0: 10})], 0.5).switches == 0


def test_two_matches_are_better_than_one_of_a_larger_overlap() -> None:
    # A could have either track, B only track 10: A gets 11 although 10 overlaps more
    first = Frame(np.array([0, 1]), np.array([10, 11]), np.array([[1.0, 0.5], [0.5, 0.0]]))
    assert switch_counts([first, frame({0: 11, 1: 10})], 0.5).switches == 0


def test_overlaps_have_a_row_for_each_person_and_a_column_for_each_track() -> None:
    with pytest.raises(ValueError, match=r"expected overlaps of shape \(1, 2\), got \(2, 1\)"):
        Frame(np.array([0]), np.array([10, 11]), np.zeros((2, 1)))


def test_b_cubed_is_the_mean_over_items() -> None:
    # clusters 1: a a b, 2: b; precision (2/3 + 2/3 + 1/3 + 1) / 4, recall (1 + 1 + 1/2 + 1/2) / 4
    quality = b_cubed(["a", "a", "b", "b"], [1, 1, 1, 2])
    assert quality.precision == pytest.approx(2 / 3)
    assert quality.recall == 0.75
    assert quality.f1 == pytest.approx(12 / 17)


def test_b_cubed_of_one_cluster_and_of_clusters_of_one() -> None:
    assert (b_cubed("aabb", "1111").precision, b_cubed("aabb", "1111").recall) == (0.5, 1)
    assert (b_cubed("aabb", "1234").precision, b_cubed("aabb", "1234").recall) == (1, 0.5)
    assert math.isnan(b_cubed([], []).f1)
