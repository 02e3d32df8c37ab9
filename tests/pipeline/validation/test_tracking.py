"""Tracks are compared with labelled men and women only, and by appearance."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from labelled_world import SAMPLING, VIDEO, boxes_of, face_rows, faces_of, person, times, truth_of

from facetally.truth.labels import LabelledBoxes, Truth
from facetally.validation.tracking import TrackingOutcome, appearance_numbers, evaluate_tracking

Rows = list[dict[str, Any]]
SECOND = times(0, 1)
"""0.0, 0.2, 0.4, 0.6, 0.8."""


def compared(truth: Truth, *rows: Rows, person_of: dict[int, int] | None = None) -> TrackingOutcome:
    tracks = pd.DataFrame({"track_id": list(person_of or ())})
    if person_of is not None:
        tracks["person_in_video"] = list(person_of.values())
    return evaluate_tracking(truth, VIDEO, faces=faces_of(*rows), tracks=tracks, sampling=SAMPLING)


def ann(at_s: list[float], gender: str = "female") -> Truth:
    return truth_of(person("ann", gender), boxes=boxes_of("ann", at_s))


def counts(outcome: TrackingOutcome) -> tuple[int, int, int]:
    return outcome.identity.right, outcome.identity.tracked, outcome.identity.labelled


def test_a_track_on_a_person_is_right_and_a_second_one_is_not() -> None:
    outcome = compared(ann(SECOND), face_rows(3, SECOND[:3]), face_rows(4, SECOND[3:]))
    assert counts(outcome) == (3, 5, 5)
    assert outcome.switching.switches == 1
    assert (outcome.appearance_count, outcome.tracks_on_appearances) == (1, 2)


def test_a_face_on_nobody_labelled_is_left_out() -> None:
    assert counts(compared(ann(SECOND), face_rows(3, SECOND), face_rows(4, SECOND, x=300))) == (5, 5, 5)


def test_a_second_face_on_a_person_is_a_false_positive() -> None:
    assert counts(compared(ann(SECOND), face_rows(3, SECOND), face_rows(4, SECOND, x=10))) == (5, 10, 5)


def test_a_face_without_a_track_predicts_nothing() -> None:
    outcome = compared(ann(SECOND), face_rows(-1, SECOND))
    assert counts(outcome) == (0, 0, 5)
    assert outcome.shown == {}


@pytest.mark.parametrize("gender", ["unsure", "not_a_face", "ignore"])
def test_other_labels_are_left_out_with_the_face_on_them(gender: str) -> None:
    boxes = boxes_of("ann", SECOND) + boxes_of("it", SECOND, x=12)
    outcome = compared(
        truth_of(person("ann"), person("it", gender), boxes=boxes), face_rows(3, SECOND), face_rows(4, SECOND, x=12)
    )
    # the second face overlaps Ann's box too; only a region is not paired with it
    assert counts(outcome) == ((5, 10, 5) if gender == "ignore" else (5, 5, 5))
    assert outcome.mixed == {}


def test_a_track_on_two_people_mixes_them() -> None:
    truth = truth_of(
        person("ann"), person("bob", "male"), boxes=boxes_of("ann", SECOND) + boxes_of("bob", times(1, 2), x=90)
    )
    outcome = compared(truth, face_rows(3, SECOND), face_rows(3, times(1, 2), x=90), face_rows(4, [1.8], x=300))
    assert outcome.shown == {3: {"ann": 5, "bob": 5}}
    assert outcome.mixed == {3: ["ann", "bob"]}
    assert counts(outcome) == (5, 10, 10)


def test_who_comes_back_is_a_new_appearance_of_the_same_person() -> None:
    both = SECOND + times(4, 5)
    outcome = compared(ann(both), face_rows(3, SECOND), face_rows(4, times(4, 5)))
    assert counts(outcome) == (10, 10, 10)
    assert (outcome.person_identity.right, outcome.switching.switches) == (5, 0)


def test_tracks_joined_to_a_person_count_as_one_by_person() -> None:
    both = SECOND + times(4, 5)
    rows = face_rows(3, SECOND), face_rows(4, times(4, 5))
    assert compared(ann(both), *rows, person_of={3: 7, 4: 7}).person_identity.right == 10
    assert compared(ann(both), *rows, person_of={3: 7, 4: 8}).person_identity.right == 5
    assert compared(ann(both), *rows, person_of={3: -1, 4: -1}).person_of is None


def test_an_appearance_goes_on_after_a_second_and_one_step_of_the_labels() -> None:
    labels = LabelledBoxes.of(boxes_of("ann", [0.0, 0.5, 1.0, 2.5, 4.1]) + boxes_of("bob", [0.5, 1.0]))
    keys = zip(labels.people, labels.times_s.tolist(), strict=True)
    numbers = dict(zip(keys, appearance_numbers(labels).tolist(), strict=True))
    assert numbers["ann", 0.0] == numbers["ann", 1.0] == numbers["ann", 2.5]
    assert len({numbers["ann", 0.0], numbers["ann", 4.1], numbers["bob", 0.5]}) == 3
    assert numbers["bob", 0.5] == numbers["bob", 1.0]


@pytest.mark.parametrize(("x", "size_px", "is_new"), [(61, 40, True), (59, 40, False), (0, 70, True), (0, 66, False)])
def test_an_appearance_ends_where_the_label_jumps_as_at_a_cut(x: float, size_px: float, is_new: bool) -> None:
    # from a square of 40 px at 0: more than 1.5 sizes away, or more than 1.7 times as large
    labels = LabelledBoxes.of(boxes_of("ann", [0.0]) + boxes_of("ann", [0.5], x=x, size_px=size_px))
    assert len(set(appearance_numbers(labels).tolist())) == 1 + is_new


def test_a_person_may_walk_far_between_distant_labels() -> None:
    labels = LabelledBoxes.of(boxes_of("ann", [0.0, 0.8]) + boxes_of("ann", [1.6], x=500))
    assert set(appearance_numbers(labels).tolist()) == {0}


def test_tracks_on_either_side_of_a_jump_are_both_right() -> None:
    truth = truth_of(person("ann"), boxes=boxes_of("ann", SECOND) + boxes_of("ann", times(1, 2), x=90))
    outcome = compared(truth, face_rows(3, SECOND), face_rows(4, times(1, 2), x=90))
    assert (counts(outcome), outcome.switching.switches) == ((10, 10, 10), 0)


def test_a_label_between_two_samples_is_no_miss() -> None:
    # 25 frames/s: the sample of 0.6 is the frame at 0.64, too far from the label at 0.52 to be compared with it
    truth = ann([0.0, 0.52, 1.0])
    assert counts(compared(truth, face_rows(3, [0.0, 0.24, 0.4, 0.64, 0.8, 1.04]))) == (2, 2, 2)
    assert counts(compared(truth, face_rows(3, [0.0, 0.24, 0.4, 0.8, 1.04]))) == (2, 2, 3)


def test_a_video_without_boxes_has_nothing_to_compare() -> None:
    outcome = compared(truth_of(person("ann", "female", (0, 2))), face_rows(3, SECOND))
    assert counts(outcome) == (0, 0, 0)


def test_frames_are_compared_in_order_of_time() -> None:
    # labels of a missed person come without a frame; fragments depend on their place between the others
    seen = [0.0, 0.2, 0.8]
    assert compared(ann(SECOND), face_rows(3, seen)).switching.fragments == 1
    assert np.isfinite(compared(ann(SECOND), face_rows(3, seen)).hota.association)
