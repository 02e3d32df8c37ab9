"""Predictions for each labelled person and each track, compared with the labels."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from labelled_world import (
    SAMPLING,
    VIDEO,
    boxes_of,
    face_rows,
    faces_of,
    person,
    person_outcome,
    times,
    track_outcome,
    track_row,
    tracks_of,
    truth_of,
)

from facetally.options import ClassificationOptions
from facetally.truth.labels import Truth
from facetally.validation.outcomes import Outcomes, PersonOutcome, evaluate_video, likelier

Rows = list[dict[str, Any]]
ONE_SECOND = times(0, 1)
OPTIONS = ClassificationOptions(min_confidence=0.6, min_face_height_px=16)


def outcomes(truth: Truth, faces: list[Rows], tracks: Rows, options: ClassificationOptions = OPTIONS) -> Outcomes:
    return evaluate_video(
        truth, VIDEO, faces=faces_of(*faces), tracks=tracks_of(*tracks), sampling=SAMPLING, options=options
    )


def outcome_of_ann(*tracks: dict[str, Any], options: ClassificationOptions = OPTIONS) -> PersonOutcome:
    """Ann, boxed every second at 40 px, with these tracks one after the other."""
    at_s = times(0, len(tracks) + 1, every_s=1)
    truth = truth_of(person("ann"), boxes=boxes_of("ann", at_s))
    faces = [face_rows(row["track_id"], [time_s]) for row, time_s in zip(tracks, at_s)]
    (ann,) = outcomes(truth, faces, list(tracks), options).people
    return ann


def test_all_tracks_of_a_person_give_one_prediction_weighted_by_screen_time() -> None:
    ann = outcome_of_ann(track_row(0, 0.8, seconds=3), track_row(4, 0.5, seconds=1))
    # odds 4 and 1 with weights 3 : 1 give 4 ** 0.75 = 2.8284, and 2.8284 / 3.8284 = 0.7388
    assert (ann.female_prob, ann.predicted, ann.is_found, ann.is_right) == (0.7388, "female", True, True)
    assert ann.track_ids == (0, 4)


def test_the_likelier_gender_may_be_correct_where_the_prediction_is_unknown() -> None:
    ann = outcome_of_ann(track_row(0, 0.58))
    assert (ann.predicted, ann.is_right) == ("unknown", True)
    assert outcome_of_ann(track_row(0, 0.58), options=ClassificationOptions(min_confidence=0.55)).predicted == "female"


def test_too_small_a_face_is_unknown_by_the_mean_of_the_tracks() -> None:
    # 16 px would be needed: (3 * 10 + 1 * 32) / 4 = 15.5
    ann = outcome_of_ann(track_row(0, 0.9, seconds=3, height_px=10), track_row(1, 0.9, seconds=1, height_px=32))
    assert (ann.predicted, ann.is_right, ann.face_height_px) == ("unknown", True, 40)


def test_a_person_without_a_track_is_missed() -> None:
    ann = outcome_of_ann()
    assert (ann.predicted, ann.predicted_age_band, ann.track_ids) == ("missed", "unknown", ())
    assert math.isnan(ann.female_prob)
    assert not ann.is_found
    assert not ann.is_right


def test_in_a_video_that_could_not_be_read_everyone_is_missed() -> None:
    people = person("ann"), person("bob", "male"), person("cy", "male", (8, 9))
    truth = truth_of(*people, boxes=boxes_of("ann", ONE_SECOND) + boxes_of("bob", [4.0]))
    found = outcomes(truth, [], [])
    assert [(p.label.person, p.predicted, p.box_count, p.found_count) for p in found.people] == [
        ("ann", "missed", 5, 0),
        ("bob", "missed", 1, 0),
        ("cy", "missed", 0, 0),
    ]
    assert (found.tracks, found.left_out) == ((), ())
    assert math.isnan(found.people[2].face_height_px)


def test_the_age_is_that_of_the_longest_track() -> None:
    assert (
        outcome_of_ann(track_row(0, 0.9, 1, age_band="mid"), track_row(1, 0.9, 2, age_band="old")).predicted_age_band
        == "old"
    )


def test_the_face_height_is_the_median_of_the_labelled_boxes() -> None:
    boxes = boxes_of("ann", [0.0], size_px=20) + boxes_of("ann", [1.0], size_px=30) + boxes_of("ann", [2.0], size_px=90)
    (ann,) = outcomes(truth_of(person("ann"), boxes=boxes), [face_rows(0, [0.0])], [track_row(0, 0.9)]).people
    assert ann.face_height_px == 30


def test_without_boxes_the_face_height_is_that_of_the_tracks() -> None:
    rows = [track_row(0, 0.9, seconds=3, height_px=20), track_row(1, 0.9, seconds=1, height_px=40)]
    truth = truth_of(person("ann", "female", (0, 4)), person("bob"), boxes=boxes_of("bob", [8.0]))
    ann = outcomes(truth, [face_rows(0, [0.0]), face_rows(1, [2.0])], rows).people[0]
    assert (ann.label.person, ann.face_height_px) == ("ann", 25)


def test_seconds_in_view_come_from_the_labels() -> None:
    truth = truth_of(person("ann"), person("bob", "male", (5, 7), (8, 9)), boxes=boxes_of("ann", times(0, 4, 0.5)))
    seconds = {p.label.person: (p.labelled_s, p.box_count, p.found_count) for p in outcomes(truth, [], []).people}
    assert seconds == {"ann": (4, 8, 0), "bob": (3, 0, 0)}


@pytest.mark.parametrize(
    ("gender", "until_s", "people_in_view"),
    [
        *(("male", 5, "one"), ("male", 5.1, "many"), ("female", 9, "many"), ("unsure", 9, "many")),
        *(("ignore", 9, "one"), ("not_a_face", 9, "one")),
    ],
)
def test_many_are_in_view_where_others_are_most_of_the_time(gender: str, until_s: float, people_in_view: str) -> None:
    truth = truth_of(person("ann", "female", (0, 10)), person("x", gender, (0, until_s), (10, 19)))
    ann, _ = outcomes(truth, [], []).people
    assert ann.people_in_view == people_in_view


def test_an_image_of_a_person_is_alone_in_view() -> None:
    (poster,) = outcomes(truth_of(person("poster", "ignore", (0, 10))), [], []).people
    assert (poster.people_in_view, poster.labelled_s) == ("one", 10)


def test_people_who_are_never_alone_or_sampled_are_left_out() -> None:
    truth = truth_of(person("ann", "female", (0, 4)), person("bob", "male", (1, 4)), person("cy"))
    found = outcomes(truth, [], [])
    assert [p.label.person for p in found.people] == ["ann"]
    assert [label.person for label in found.left_out] == ["bob", "cy"]


@pytest.mark.parametrize("gender", ["female", "male", "unsure", "not_a_face", "ignore"])
def test_a_track_has_the_label_of_its_owner(gender: str) -> None:
    truth = replace(truth_of(person("p", gender), boxes=boxes_of("p", ONE_SECOND)), sources={VIDEO: "tv"})
    (track,) = outcomes(truth, [face_rows(3, ONE_SECOND)], [track_row(3, 0.75, height_px=33)]).tracks
    assert (track.video, track.source, track.track_id, track.person) == (VIDEO, "tv", 3, "p")
    assert (track.truth, track.counts, track.is_right) == (gender, gender in ("female", "male"), gender == "female")
    assert (track.female_prob, track.predicted, track.face_height_px, track.people_count) == (0.75, "female", 33, 1)


def test_a_track_on_nobody_has_no_person() -> None:
    truth = truth_of(person("ann"), boxes=boxes_of("ann", ONE_SECOND))
    (track,) = outcomes(truth, [face_rows(0, ONE_SECOND, x=300)], [track_row(0, 0.1)]).tracks
    assert (track.person, track.truth, track.counts, track.people_count) == ("", "nobody", False, 0)


def test_a_track_beside_people_labelled_by_time_is_not_false() -> None:
    truth = truth_of(person("ann", "female", (0, 2)), person("bob", "male", (1, 2)), until_s=9)
    faces = [face_rows(0, times(1, 2)), face_rows(1, times(5, 6))]
    truths = [track.truth for track in outcomes(truth, faces, [track_row(0, 0.9), track_row(1, 0.9)]).tracks]
    assert truths == ["unsure", "nobody"]


def test_a_track_that_switches_between_people_counts_both() -> None:
    boxes = boxes_of("ann", ONE_SECOND) + boxes_of("bob", ONE_SECOND, x=100)
    faces = [face_rows(0, ONE_SECOND[:3]), face_rows(0, ONE_SECOND[3:], x=100)]
    found = outcomes(truth_of(person("ann"), person("bob", "male"), boxes=boxes), faces, [track_row(0, 0.9)])
    assert [(track.person, track.people_count) for track in found.tracks] == [("ann", 2)]
    assert [p.predicted for p in found.people] == ["female", "missed"]


def test_only_the_labelled_part_is_evaluated() -> None:
    truth = truth_of(person("ann"), boxes=boxes_of("ann", ONE_SECOND), until_s=2.0)
    faces = [face_rows(0, times(0, 3)), face_rows(1, times(2, 3), x=100), face_rows(2, times(2.2, 3), x=200)]
    found = outcomes(truth, faces, [track_row(i, 0.9, seconds=3) for i in range(3)])
    # the frame at 2.0 s is within the labelled part, with all of its 0.2 s
    assert [(track.track_id, round(track.screen_time_s, 6)) for track in found.tracks] == [(0, 2.2), (1, 0.2)]


def test_labels_without_a_stated_end_stop_with_the_last() -> None:
    truth = truth_of(person("ann"), boxes=boxes_of("ann", [0.0, 0.5]))
    (track,) = outcomes(truth, [face_rows(0, times(0, 3))], [track_row(0, 0.9)]).tracks
    assert track.screen_time_s == pytest.approx(0.6)  # 0.0, 0.2, 0.4


@pytest.mark.parametrize(
    ("female_prob", "gender", "confidence"),
    [(0.5001, "female", 0.5001), (0.4999, "male", 0.5001), (0.5, "unknown", 0.5), (1, "female", 1), (0, "male", 1)],
)
def test_the_likelier_gender_and_its_confidence(female_prob: float, gender: str, confidence: float) -> None:
    assert likelier(female_prob) == gender
    assert track_outcome("female", female_prob).confidence == pytest.approx(confidence)
    assert person_outcome("male", female_prob).is_right == (gender == "male")


def test_without_a_probability_the_likelier_gender_is_unknown() -> None:
    assert likelier(math.nan) == "unknown"


def test_videos_are_joined_in_their_order() -> None:
    first = Outcomes((person_outcome("female", name="a"),), (track_outcome("female", 0.9),), (person("x"),))
    second = Outcomes((person_outcome("male", name="b"),), (track_outcome("male", 0.1),), (person("y"),))
    assert Outcomes.joined(iter([first, second])) == Outcomes(
        people=first.people + second.people,
        tracks=first.tracks + second.tracks,
        left_out=first.left_out + second.left_out,
    )
