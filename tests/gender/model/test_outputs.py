from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from facetally.gender.model.outputs import OutputLayout


@pytest.mark.parametrize(
    ("layout", "gender_count", "column_count"),
    [
        (OutputLayout("two_logits", "none"), 2, 2),
        (OutputLayout("two_logits", "per_100"), 2, 3),
        (OutputLayout("two_logits", "distribution"), 2, 103),
        (OutputLayout("female_logit", "per_100"), 1, 2),
        (OutputLayout("none", "distribution"), 0, 101),
    ],
)
def test_columns_are_those_of_gender_and_of_age(layout: OutputLayout, gender_count: int, column_count: int) -> None:
    assert (layout.gender_count, layout.column_count) == (gender_count, column_count)


@pytest.mark.parametrize("forms", [("logits", "none"), ("two_logits", "years"), ("none", "none")])
def test_unknown_forms_and_layouts_without_columns_are_refused(forms: tuple[Any, Any]) -> None:
    with pytest.raises(ValueError, match="unknown output layout"):
        OutputLayout(*forms)


@pytest.mark.parametrize(("female_index", "log_odds"), [(1, [2, -3]), (0, [-2, 3])])
def test_log_odds_of_two_logits_are_their_difference(female_index: int, log_odds: list[float]) -> None:
    output = np.array([[1, 3, 0.5], [1, -2, 0.5]], np.float32)
    assert OutputLayout("two_logits", "per_100").female_log_odds(output, female_index).tolist() == log_odds


@pytest.mark.parametrize("female_index", [0, 1])
def test_one_logit_is_the_log_odds_of_female_whatever_the_class_order(female_index: int) -> None:
    output = np.array([[4, 0.5], [-1, 0.5]], np.float32)
    assert OutputLayout("female_logit", "per_100").female_log_odds(output, female_index).tolist() == [4, -1]


def test_without_the_columns_odds_are_even_and_ages_are_nan() -> None:
    output = np.ones((3, 1), np.float32)
    assert OutputLayout("none", "per_100").female_log_odds(output, 1).tolist() == [0, 0, 0]
    assert np.isnan(OutputLayout("female_logit", "none").age_years(output)).tolist() == [True] * 3


def test_ages_divided_by_100_come_after_the_columns_of_gender() -> None:
    output = np.array([[0.75, 9, 0.25], [8, 7, 0.5]], np.float32)
    assert OutputLayout("two_logits", "per_100").age_years(output).tolist() == [25, 50]
    assert OutputLayout("none", "per_100").age_years(output[:, :1]).tolist() == [75, 800]


def test_the_age_of_a_distribution_is_its_expectation() -> None:
    output = np.full((3, 103), -1000, np.float32)
    output[0, 2 + 30] = 1000  # all at 30, with a logit that overflows exp()
    output[1, [2, 2 + 100]] = 5, 5  # half at 0, half at 100
    output[2, [2 + 20, 2 + 40]] = np.log(3), 0  # three quarters at 20
    ages = OutputLayout("two_logits", "distribution").age_years(output)
    assert ages == pytest.approx([30, 50, 25])
    assert ages.dtype == np.float32


def test_no_faces_have_no_predictions() -> None:
    layout = OutputLayout("two_logits", "distribution")
    output = np.zeros((0, 103), np.float32)
    assert layout.age_years(output).shape == layout.female_log_odds(output, 1).shape == (0,)
