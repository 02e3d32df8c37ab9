"""The figures of tracking add up over videos, and their intervals come from sources."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from labelled_world import SAMPLING, boxes_of, face_rows, faces_of, person, times

from facetally.truth.labels import LabelledBoxes, Truth
from facetally.validation.tracking import TrackingOutcome, evaluate_tracking
from facetally.validation.tracking_figures import tracking_figures

SECONDS = times(0, 2)
"""Ten times."""


def outcome(video: str, *rows: list[dict[str, Any]], person_of: dict[int, int] | None = None) -> TrackingOutcome:
    """Ann at x = 0 and Bob at x = 100, each with ten boxes, and the faces of a run."""
    boxes = LabelledBoxes.of(boxes_of("ann", SECONDS) + boxes_of("bob", SECONDS, x=100))
    people = person("ann", "female", video=video), person("bob", "male", video=video)
    tracks = pd.DataFrame({"track_id": list(person_of or ())})
    if person_of is not None:
        tracks["person_in_video"] = list(person_of.values())
    # a second video gives each video its folder as its source
    truth = Truth({video: people, "else/b.mp4": ()}, {video: boxes})
    return evaluate_tracking(truth, video, faces=faces_of(*rows), tracks=tracks, sampling=SAMPLING)


def perfect(video: str, **options: Any) -> TrackingOutcome:
    return outcome(video, face_rows(0, SECONDS), face_rows(1, SECONDS, x=100), **options)


def mixing(video: str, **options: Any) -> TrackingOutcome:
    """Track 0 goes over from Ann to Bob after six of ten times, track 1 from Bob to Ann."""
    rows = face_rows(0, SECONDS[:6]), face_rows(0, SECONDS[6:], x=100)
    return outcome(video, *rows, face_rows(1, SECONDS[:6], x=100), face_rows(1, SECONDS[6:]), **options)


def test_the_figures_of_two_videos_together() -> None:
    figures = tracking_figures([perfect("one/a.mp4"), mixing("two/a.mp4")])
    assert figures["boxes"] == 40
    assert figures["idf1"]["score"] == figures["idp"] == figures["idr"] == 0.8  # 20 + 12 of 40
    assert (figures["switches"], figures["fragments"]) == (2, 0)
    # 20 boxes with a Jaccard index of 1, 12 with 6/14, 8 with 4/16
    assert figures["assa"]["score"] == pytest.approx((20 + 12 * 6 / 14 + 8 * 4 / 16) / 40, abs=1e-4)
    assert (figures["deta"], figures["tracks_per_person"], figures["tracks_per_appearance"]) == (1, 1.5, 1.5)


def test_tracks_that_mix_people_are_counted_and_named() -> None:
    figures = tracking_figures([perfect("one/a.mp4"), mixing("two/a.mp4")])
    assert (figures["mixed"]["right"], figures["mixed"]["count"]) == (2, 4)
    assert figures["mixed_tracks"] == ["two/a.mp4: track 0: ann, bob", "two/a.mp4: track 1: ann, bob"]


def test_intervals_draw_sources() -> None:
    parts = [perfect(f"{name}/a.mp4") for name in "abcdefgh"]
    alike = tracking_figures(parts)
    mixed = tracking_figures([*parts, mixing("x/a.mp4"), mixing("y/a.mp4")])
    assert alike["idf1"]["low"] < 1 == alike["idf1"]["high"]
    assert mixed["idf1"]["low"] < mixed["idf1"]["score"] < mixed["idf1"]["high"]
    assert mixed["assa"]["low"] < mixed["assa"]["score"] < mixed["assa"]["high"]
    one = tracking_figures([mixing("x/a.mp4"), mixing("x/a.mp4")])
    assert (one["idf1"]["low"], one["idf1"]["high"]) == (0, 1)


def test_people_are_counted_from_the_tracks_joined_to_them() -> None:
    joined = tracking_figures([perfect("one/a.mp4", person_of={0: 5, 1: 5, 9: 7}), perfect("two/a.mp4")])["people"]
    assert (joined["counted"], joined["labelled"]) == (1, 2)
    assert (joined["b_cubed"]["precision"], joined["b_cubed"]["recall"]) == (0.5, 1)
    assert joined["b_cubed"]["f1"] == pytest.approx(2 / 3, abs=1e-4)
    apart = tracking_figures([perfect("one/a.mp4", person_of={0: 5, 1: 6})])["people"]
    assert (apart["counted"], apart["b_cubed"]["f1"], apart["idf1"]["score"]) == (2, 1, 1)


def test_without_people_counted_their_figures_are_not_known() -> None:
    people = tracking_figures([perfect("one/a.mp4")])["people"]
    assert people["b_cubed"] == {"f1": None, "precision": None, "recall": None}
    assert people["counted"] is people["labelled"] is None
    assert people["idf1"]["score"] == 1


def test_without_labelled_boxes_nothing_is_known() -> None:
    figures = tracking_figures([])
    assert figures["boxes"] == figures["switches"] == figures["mixed"]["count"] == 0
    assert figures["idf1"] == {"score": None, "low": 0, "high": 1}
    assert figures["tracks_per_person"] is figures["tracks_per_appearance"] is None
