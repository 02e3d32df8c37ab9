from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import click
import numpy as np
import pytest
from drawn_faces import face_set

from facetally.gender.data.face_sets import all_faces
from facetally.gender.data.splits import DIGEST_BYTES, HeldOut
from facetally.gender.gender_gaps import GenderGap
from scripts.choose_stage import Candidate, as_json, chosen, gap_cell, labelled, selection_of, table

IS_FEMALE = np.tile([True, False], 200)
YEARS = np.repeat([30.0, 70.0], 200)
OLD_WOMEN = IS_FEMALE & (YEARS == 70)


def candidate(name: str, wrong: Any, certainty: float) -> Candidate:
    """Predicts every face with this certainty, the first of each mask in `wrong` wrongly."""
    probs = np.where(IS_FEMALE, certainty, 1 - certainty)
    for mask, count in wrong:
        rows = np.flatnonzero(mask)[:count]
        probs[rows] = 1 - probs[rows]
    return Candidate.of(name, IS_FEMALE, probs, YEARS)


BEFORE = candidate("before", [(OLD_WOMEN, 10), (~IS_FEMALE, 20)], 0.9)


def test_the_loss_is_the_mean_negative_logarithm_of_the_right_probability() -> None:
    one = Candidate.of("one", np.array([True, False]), np.array([0.8, 0.4]), np.array([30.0, 30]))
    assert one.log_loss == pytest.approx(-(math.log(0.8) + math.log(0.6)) / 2)
    assert one.accuracy == 1


def test_a_certain_mistake_does_not_make_the_loss_infinite() -> None:
    assert Candidate.of("sure", np.array([True]), np.array([0.0]), np.array([30.0])).log_loss < 14


def test_a_stage_that_gains_in_all_bands_is_taken() -> None:
    better = candidate("better", [(OLD_WOMEN, 5), (~IS_FEMALE, 12)], 0.9)
    assert chosen([BEFORE, better]) is better


def test_a_stage_that_gains_on_average_and_loses_among_old_women_is_not_taken() -> None:
    unfair = candidate("unfair", [(OLD_WOMEN, 15)], 0.9)
    assert unfair.log_loss < BEFORE.log_loss
    assert chosen([BEFORE, unfair]) is BEFORE
    row = table([BEFORE, unfair]).splitlines()[3]
    assert row.startswith("| unfair | ") and row.endswith("| 60+ |")


def test_of_two_stages_that_lose_nowhere_the_lower_loss_decides() -> None:
    sure = candidate("sure", [(OLD_WOMEN, 5), (~IS_FEMALE, 12)], 0.95)
    unsure = candidate("unsure", [(OLD_WOMEN, 5), (~IS_FEMALE, 12)], 0.7)
    assert chosen([BEFORE, unsure, sure]) is sure
    assert "Chosen: sure." in table([BEFORE, unsure, sure])


def test_a_stage_with_a_higher_loss_is_not_taken() -> None:
    assert chosen([BEFORE, candidate("worse", [(OLD_WOMEN, 10), (~IS_FEMALE, 20)], 0.7)]) is BEFORE


def test_a_band_without_men_is_a_dash_in_the_table_and_null_in_the_report() -> None:
    women = Candidate.of("women", np.array([True, True]), np.array([0.9, 0.9]), np.array([30.0, 70.0]))
    assert "| 100.00% | - | - |  |" in table([women])
    assert as_json(women)["gaps"]["60+"]["male_accuracy"] is None


def test_a_band_with_few_faces_is_marked_as_not_compared() -> None:
    assert gap_cell(GenderGap(49, 80, 0.5, 0.75)) == "-25.0 (50.0%, too few to compare)"
    assert gap_cell(GenderGap(50, 80, 0.5, 0.75)) == "-25.0 (50.0%)"


def test_only_faces_with_a_gender_and_an_age_count() -> None:
    nan = float("nan")
    faces = all_faces([face_set([1, 0, nan, 1], [30, nan, 30, 60])])
    assert labelled(faces).faces["age_years"].tolist() == [30, 60]


def model_with(selection: list[str]) -> Any:
    held_out = HeldOut(selection=frozenset(selection), test=frozenset(("f" * 2 * DIGEST_BYTES,)))
    card = SimpleNamespace(name="drawn", data={"ages": [0, 200]}, training={"seed": 0}, images_held_out=held_out)
    return SimpleNamespace(card=card)


def test_only_images_that_no_candidate_was_trained_on_count() -> None:
    """A later training may have more data, and hold out more; what it was trained on is no measure of it."""
    faces = face_set([1, 0, 1, 0], [30, 40, 50, 60])
    starts = [digest[: 2 * DIGEST_BYTES] for digest in faces.labels["digest"]]
    shared = selection_of([model_with(starts[:3]), model_with(starts[1:])], [faces])
    assert shared.faces["age_years"].tolist() == [40, 50]


def test_weights_without_a_shared_selection_are_not_compared() -> None:
    faces = face_set([1, 0], [30, 40])
    first, second = (digest[: 2 * DIGEST_BYTES] for digest in faces.labels["digest"])
    with pytest.raises(click.UsageError, match="share no image"):
        selection_of([model_with([first]), model_with([second])], [faces])
