from __future__ import annotations

import math

import numpy as np
import pytest

from facetally.gender.attributes import AGE_BANDS, GENDERS, Attributes, age_band


@pytest.mark.parametrize(
    ("first", "last", "band"),
    [(0, 12.99, "child"), (13, 17.99, "teen"), (18, 34.99, "young"), (35, 54.99, "mid"), (55, 116, "old")],
)
def test_bands_include_their_first_year_and_exclude_their_stop(first: float, last: float, band: str) -> None:
    assert age_band(first) == age_band(last) == band


def test_bands_have_no_gaps() -> None:
    spans = list(AGE_BANDS.values())
    assert [stop for _, stop in spans[:-1]] == [start for start, _ in spans[1:]]


@pytest.mark.parametrize("age_years", [math.nan, -1, 200])
def test_an_age_in_no_band_is_unknown(age_years: float) -> None:
    assert age_band(age_years) == "unknown"


def test_attributes_of_three_crops_have_length_three() -> None:
    predictions = Attributes(np.array([0, 0.5, 1], np.float32), np.full(3, np.nan, np.float32))
    assert len(predictions) == 3
    assert GENDERS == ("female", "male")


@pytest.mark.parametrize(("prob_shape", "age_shape"), [((2,), (3,)), ((2, 1), (2, 1)), ((), ())])
def test_arrays_without_one_value_per_crop_are_refused(prob_shape: tuple[int, ...], age_shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected two \(N,\) arrays"):
        Attributes(np.full(prob_shape, 0.5, np.float32), np.zeros(age_shape, np.float32))


@pytest.mark.parametrize("prob", [-0.01, 1.01, math.nan])
def test_probabilities_outside_0_to_1_are_refused(prob: float) -> None:
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        Attributes(np.array([0.5, prob], np.float32), np.zeros(2, np.float32))
