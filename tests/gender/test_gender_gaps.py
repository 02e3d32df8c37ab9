from __future__ import annotations

import math

import numpy as np
import pytest

from facetally.gender.gender_gaps import GAP_BANDS, GenderGap, gender_gaps, lost_bands


def gaps_of(women: float, men: float, count: int = 200, band: str = "60+") -> dict[str, GenderGap]:
    return {band: GenderGap(count, count, women, men)}


def test_the_gap_of_each_band_is_the_accuracy_of_women_less_that_of_men() -> None:
    is_female = np.array([True, True, False, False, True, False])
    predicted = np.array([True, False, False, False, True, True])
    gaps = gender_gaps(is_female, predicted, np.array([70.0, 60, 61, 99, 9, 9.5]))
    assert gaps == {"0-9": GenderGap(1, 1, 1.0, 0.0), "60+": GenderGap(2, 2, 0.5, 1.0)}
    assert {name: gap.gap for name, gap in gaps.items()} == {"0-9": 1.0, "60+": -0.5}


def test_every_age_is_in_exactly_one_band_and_faces_without_an_age_are_in_none() -> None:
    years = np.append(np.arange(0.0, 120), np.nan)
    everyone = np.ones(len(years), bool)
    gaps = gender_gaps(everyone, everyone, years)
    assert list(gaps) == list(GAP_BANDS)
    assert [gap.female_count for gap in gaps.values()] == [10, 8, 22, 20, 60]


def test_a_band_without_men_has_no_gap_and_is_not_compared() -> None:
    gap = gender_gaps(np.ones(80, bool), np.ones(80, bool), np.full(80, 30.0))["18-39"]
    assert math.isnan(gap.gap)
    assert not gap.is_comparable


@pytest.mark.parametrize(
    ("women", "men", "is_lost"),
    [
        (0.84, 0.98, False),  # as before
        (0.92, 0.98, False),  # women gain
        (0.83, 0.98, False),  # a point less is allowed
        (0.82, 0.98, True),  # the gap widens
        (0.84, 0.995, True),  # it widens although nobody loses
        (0.80, 0.90, True),  # it narrows because all lose
        (0.92, 0.965, True),  # men pay for it
    ],
)
def test_a_stage_loses_where_a_gap_widens_or_a_gender_is_recognized_less(
    women: float, men: float, is_lost: bool
) -> None:
    assert lost_bands(gaps_of(0.84, 0.98), gaps_of(women, men)) == (["60+"] if is_lost else [])


def test_the_sign_of_a_gap_does_not_matter() -> None:
    assert lost_bands(gaps_of(0.9, 0.95), gaps_of(0.95, 0.945)) == []
    assert lost_bands(gaps_of(0.9, 0.9), gaps_of(0.93, 0.9)) == ["60+"]


def test_bands_with_few_faces_are_not_compared() -> None:
    assert lost_bands(gaps_of(0.9, 0.9, count=49), gaps_of(0.5, 0.9, count=49)) == []
    assert lost_bands(gaps_of(0.9, 0.9, count=50), gaps_of(0.5, 0.9, count=50)) == ["60+"]


def test_models_measured_on_other_faces_are_not_compared() -> None:
    with pytest.raises(ValueError, match="same faces"):
        lost_bands(gaps_of(0.9, 0.9, count=100), gaps_of(0.9, 0.9, count=101))


def test_labels_predictions_and_ages_must_match() -> None:
    with pytest.raises(ValueError, match="differ in shape"):
        gender_gaps(np.ones(3, bool), np.ones(3, bool), np.ones(2))
