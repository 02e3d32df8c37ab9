"""The threshold is chosen on one half of the sources and evaluated on the other."""

from __future__ import annotations

import pytest
from labelled_world import track_outcome

from facetally.validation.abstention import (
    MIN_TRACKS,
    THRESHOLDS,
    abstention_figures,
    chosen_threshold,
    coverage_figures,
)
from facetally.validation.metrics import halves
from facetally.validation.outcomes import TrackOutcome

FIRST, SECOND = (sorted(half)[0] for half in halves(["a", "b"]))
"""A source of each half."""


def tracks(*groups: tuple[int, float, bool], source: str = FIRST) -> list[TrackOutcome]:
    """Tracks from (count, confidence, is_right); half of them predicted female."""
    return [
        track_outcome("female" if (number % 2 == 0) == is_right else "male", prob, source)
        for count, confidence, is_right in groups
        for number in range(count)
        for prob in [confidence if number % 2 == 0 else 1 - confidence]
    ]


def test_the_thresholds_are_multiples_of_a_hundredth_from_0_5_to_1() -> None:
    assert tuple(number / 100 for number in range(50, 100)) == THRESHOLDS


def test_the_lowest_sufficient_threshold_is_chosen() -> None:
    # 90 of 100 correct in total; 90 of 95 = 94.7 % over 0.65; 90 of 94 = 95.7 % over 0.75
    some = tracks((90, 0.955, True), (5, 0.605, False), (1, 0.705, False), (4, 0.955, False))
    assert chosen_threshold(some, 0.90) == 0.5
    assert chosen_threshold(some, 0.945) == 0.61
    assert chosen_threshold(some, 0.95) == 0.71
    assert chosen_threshold(some, 0.96) is None


def test_exactly_the_required_accuracy_is_enough() -> None:
    assert chosen_threshold(tracks((19, 0.905, True), (1, 0.905, False)), 0.95) == 0.5


def test_a_confidence_at_the_threshold_counts() -> None:
    some = tracks((1, 0.75, True), (1, 0.74, True))
    assert [coverage_figures(some, threshold)["count"] for threshold in (0.74, 0.75, 0.76)] == [2, 1, 0]
    assert chosen_threshold(tracks((20, 0.75, True), (20, 0.74, False)), 0.95) == 0.75


@pytest.mark.parametrize(("count", "chosen"), [(MIN_TRACKS, 0.5), (MIN_TRACKS - 1, None)])
def test_a_threshold_must_leave_enough_predictions(count: int, chosen: float | None) -> None:
    assert chosen_threshold(tracks((count, 0.905, True)), 0.95) == chosen


def test_a_threshold_chosen_on_one_half_is_reported_on_the_other() -> None:
    first = tracks((30, 0.905, True), (10, 0.605, False))
    second = tracks((5, 0.905, True), (3, 0.905, False), (2, 0.605, True), source=SECOND)
    figures = abstention_figures([*first, *second], 0.95)
    assert (figures["min_accuracy"], figures["min_confidence"]) == (0.95, 0.61)
    assert [figures["chosen_on"][name] for name in ("right", "count", "coverage")] == [30, 30, 0.75]
    assert [figures["reported_on"][name] for name in ("right", "count", "coverage")] == [5, 8, 0.8]


def test_the_curve_is_of_all_tracks_that_count() -> None:
    some = [*tracks((6, 0.925, True), (2, 0.625, False), source=SECOND), track_outcome("nobody", 0.99)]
    points = {point["min_confidence"]: point for point in abstention_figures(some, 0.9)["curve"]}
    assert list(points) == [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95]
    assert points[0.6] == {"min_confidence": 0.6, "accuracy": 0.75, "coverage": 1.0}
    assert points[0.65] == {"min_confidence": 0.65, "accuracy": 1.0, "coverage": 0.75}
    assert points[0.95] == {"min_confidence": 0.95, "accuracy": None, "coverage": 0.0}


def test_all_predictions_are_reported_where_no_threshold_is_sufficient() -> None:
    figures = abstention_figures(tracks((30, 0.905, False)) + tracks((4, 0.505, True), source=SECOND), 0.95)
    assert figures["min_confidence"] is None
    assert (figures["chosen_on"]["coverage"], figures["reported_on"]["coverage"]) == (1.0, 1.0)


@pytest.mark.parametrize("some", [[], tracks((30, 0.905, True)), [track_outcome("unsure", 0.9)]])
def test_one_source_or_none_leaves_the_other_half_empty(some: list[TrackOutcome]) -> None:
    figures = abstention_figures(some, 0.95)
    nothing = {"accuracy": None, "low": 0, "high": 1, "right": 0, "count": 0, "coverage": None}
    assert figures["reported_on"] == nothing
    assert figures["chosen_on"]["low"] == 0  # a single source allows no conclusion about others
