"""The verdict while one labels."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sampled_world import store_films

from facetally.errors import TruthError
from facetally.labelling.design import Design
from facetally.labelling.draw import draw_design
from facetally.labelling.labels import TrackKey, TrackLabel
from facetally.labelling.progress import Outcome, TrackOutcome, standing, track_outcome
from facetally.quantification.sampling_sequence import Rounds, accuracy_interval

RIGHT: list[Outcome] = ["correct"]
WRONG: list[Outcome] = ["incorrect"]


@pytest.fixture(scope="module")
def design(tmp_path_factory: pytest.TempPathFactory) -> Design:
    """400 appearances in eight strata."""
    return draw_design(store_films(tmp_path_factory.mktemp("run"), films=8, tracks=50), seed=4)


def labels(design: Design, outcomes: Iterable[Outcome]) -> Mapping[TrackKey, TrackOutcome]:
    """Of the first appearances drawn."""
    return {track.key: TrackOutcome(outcome) for track, outcome in zip(design.tracks, outcomes, strict=False)}


def test_before_the_first_label_nothing_is_known(design: Design) -> None:
    at = standing(design, {}, 0.85)
    assert (at.word, at.low, at.high, at.labelled, at.used) == ("not enough labels", 0, 1, 0, 0)
    assert math.isnan(at.accuracy)
    assert at.further is not None
    assert 50 < at.further < 250


def test_the_interval_rests_on_complete_rounds(design: Design) -> None:
    at = standing(design, labels(design, RIGHT * 31), 0.85)
    expected = accuracy_interval(Rounds(np.full(3, 8), np.zeros(3), 8, 50), 0.85)
    assert (at.labelled, at.counted, at.used, at.accuracy) == (31, 31, 24, 1)
    assert (at.low, at.high) == (expected.low, expected.high)


def test_a_gap_ends_what_is_used(design: Design) -> None:
    given = labels(design, [*RIGHT * 20, "unlabelled", *RIGHT * 20])
    at = standing(design, given, 0.85)
    assert (at.labelled, at.used) == (20, 16)


def test_what_has_no_right_answer_does_not_count(design: Design) -> None:
    outcomes: list[Outcome] = ["correct", "incorrect", "unsure", "not_a_face", "several", *RIGHT * 3]
    at = standing(design, labels(design, outcomes), 0.85)
    assert (at.labelled, at.counted) == (8, 5)
    assert at.accuracy == pytest.approx(4 / 5)


def test_many_correct_labels_pass_and_many_incorrect_ones_fail(design: Design) -> None:
    passed = standing(design, labels(design, RIGHT * 64), 0.85)
    assert (passed.word, passed.further) == ("pass", 0)
    assert passed.low >= 0.85
    failed = standing(design, labels(design, ["incorrect", "correct"] * 32), 0.85)
    assert (failed.word, failed.further) == ("fail", 0)
    assert failed.high < 0.85


def test_a_verdict_stays_while_the_rest_is_near_the_target(design: Design) -> None:
    outcomes = RIGHT * 40 + (RIGHT * 7 + WRONG) * 45
    for count in range(40, 400, 40):
        at = standing(design, labels(design, outcomes[:count]), 0.85)
        assert at.word == "pass"


def test_labels_that_contradict_a_verdict_take_it_back(design: Design) -> None:
    outcomes = RIGHT * 40 + WRONG * 320
    assert standing(design, labels(design, outcomes[:40]), 0.85).word == "pass"
    at = standing(design, labels(design, outcomes), 0.85)
    assert at.word == "not enough labels"
    assert at.low < 0.2 < 0.85 <= at.high


def test_the_forecast_is_about_what_it_takes(design: Design) -> None:
    outcomes: list[Outcome] = (RIGHT * 9 + WRONG) * 40
    early = standing(design, labels(design, outcomes[:80]), 0.8)
    assert early.word == "not enough labels"
    assert early.further is not None
    settled = next(n for n in range(80, 400, 8) if standing(design, labels(design, outcomes[:n]), 0.8).word == "pass")
    assert abs(80 + early.further - settled) <= 24


def test_at_the_target_itself_nearly_everything_must_be_labelled(design: Design) -> None:
    further = standing(design, labels(design, ["correct", "correct", "correct", "incorrect"] * 10), 0.75).further
    assert further is not None
    assert further > 300


def test_no_forecast_where_all_that_was_drawn_is_too_little(design: Design) -> None:
    few = replace(design, tracks=design.tracks[:48])
    assert standing(few, labels(few, ["correct", "correct", "correct", "incorrect"] * 10), 0.75).further is None


def test_when_everything_is_labelled_the_accuracy_is_known(design: Design) -> None:
    at = standing(design, labels(design, ["correct", "correct", "correct", "incorrect"] * 100), 0.75)
    assert (at.word, at.accuracy, at.low, at.high, at.further) == ("pass", 0.75, 0.75, 0.75, 0)


def test_a_run_smaller_than_one_round_can_be_labelled_in_full(tmp_path: Path) -> None:
    design = draw_design(store_films(tmp_path, films=1, tracks=3), seed=0)
    assert standing(design, labels(design, ["correct", "correct"]), 0.85).word == "not enough labels"
    assert standing(design, labels(design, RIGHT * 3), 0.85).word == "pass"


def test_labels_of_uncertain_predictions_give_no_verdict(design: Design) -> None:
    with pytest.raises(TruthError, match="whole run"):
        standing(replace(design, mode="uncertain"), {}, 0.85)


def test_a_target_outside_0_and_1_is_a_mistake(design: Design) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        standing(design, {}, 1.0)


@pytest.mark.parametrize(
    ("label", "female_prob", "expected"),
    [
        (None, 0.9, TrackOutcome("unlabelled")),
        (TrackLabel("female"), 0.9, TrackOutcome("correct", "female")),
        (TrackLabel("male"), 0.9, TrackOutcome("incorrect", "male")),
        (TrackLabel("male"), 0.4, TrackOutcome("correct", "male")),
        (TrackLabel("several"), 0.9, TrackOutcome("several")),
        (TrackLabel("not_a_face"), 0.1, TrackOutcome("not_a_face")),
    ],
)
def test_a_label_is_compared_with_the_likelier_gender(
    label: TrackLabel | None, female_prob: float, expected: TrackOutcome
) -> None:
    assert track_outcome(label, female_prob) == expected
