"""One prediction per appearance: the weighted mean of log-odds, and when it is unknown."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from facetally.gender.attributes import Attributes
from facetally.options import ClassificationOptions
from facetally.tracks.appearances import appearance_of, appearances_of, pooled_female_prob, predicted_gender
from facetally.tracks.open_tracks import Track

OPTIONS = ClassificationOptions(min_confidence=0.6)


class GreyClassifier:
    """Reads the probability from a crop's first pixel, 0-255, and the age from its second; records batch sizes."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def predict(self, crops: np.ndarray) -> Attributes:
        self.batches.append(len(crops))
        prob = (crops[:, 0, 0, 0] / 255).astype(np.float32)
        return Attributes(prob, crops[:, 0, 1, 0].astype(np.float32))


def track(qualities: list[float], track_id: int = 0, *, height_px: float = 50.0, seed: int = 0) -> Track:
    """A track with crops of noise."""
    crops = np.random.default_rng(seed).integers(0, 256, (len(qualities), 4, 4, 3)).astype(np.uint8)
    return Track(track_id, 1.0, 2.8, 2.0, 10, height_px, crops, np.array(qualities, np.float32))


def predictions(probs: list[float], age: float = math.nan) -> Attributes:
    return Attributes(np.array(probs, np.float32), np.full(len(probs), age, np.float32))


def test_the_prediction_is_the_mean_of_log_odds_weighted_by_quality() -> None:
    appearance = appearance_of(track([0.6, 0.2]), predictions([0.8, 0.5]), OPTIONS)
    # odds 4 and 1 with weights 3 : 1 give 4 ** 0.75 = 2.8284, and 2.8284 / 3.8284 = 0.7388
    assert appearance.female_prob == 0.7388
    assert appearance.gender == "female"
    assert appearance.quality == pytest.approx(0.6)


def test_opposite_predictions_of_equal_quality_give_unknown() -> None:
    appearance = appearance_of(track([0.5, 0.5]), predictions([0.9, 0.1]), OPTIONS)
    assert (appearance.female_prob, appearance.gender) == (0.5, "unknown")


def test_one_certain_crop_does_not_outvote_all_the_others() -> None:
    # odds of at most 9999: 9999 ** 0.1 * (1 / 9) ** 0.9 = 0.348, a probability of 0.258
    appearance = appearance_of(track([0.5] * 10), predictions([1.0] + [0.1] * 9), OPTIONS)
    assert appearance.female_prob == pytest.approx(0.2580, abs=2e-3)
    assert appearance.gender == "male"


def test_crops_of_quality_zero_have_equal_weight() -> None:
    assert appearance_of(track([0.0, 0.0]), predictions([0.8, 0.8]), OPTIONS).female_prob == 0.8


@pytest.mark.parametrize(
    ("probs", "weights", "pooled"),
    [
        ([0.8, 0.5], [3, 1], 0.7388),  # as above
        ([0.8, 0.5], [6, 2], 0.7388),
        ([0.9, 0.1], [5, 5], 0.5),
        ([1 / 3], [0.2], 0.3333),
        ([1.0], [1], 0.9999),
        ([0.0, 1.0], [1, 3], 0.9901),  # odds of 9999 ** ((3 - 1) / 4) = 99.995
    ],
)
def test_several_probabilities_are_pooled(probs: list[float], weights: list[float], pooled: float) -> None:
    assert pooled_female_prob(np.array(probs, np.float32), np.array(weights, np.float64)) == pooled


@pytest.mark.parametrize(
    ("prob", "height_px", "age_years", "gender"),
    [
        (0.61, 50, 30, "female"),
        (0.6, 50, 30, "female"),
        (0.59, 50, 30, "unknown"),
        (0.5, 50, 30, "unknown"),
        (0.41, 50, 30, "unknown"),
        (0.39, 50, 30, "male"),
        (0.99, 15.9, 30, "unknown"),
        (0.99, 16, 30, "female"),
        (0.01, 16, 30, "male"),
        (0.99, 50, 3.9, "unknown"),
        (0.99, 50, 4.0, "female"),
        (0.01, 50, math.nan, "male"),
    ],
)
def test_an_uncertain_prediction_a_small_face_or_an_infant_is_unknown(
    prob: float, height_px: float, age_years: float, gender: str
) -> None:
    assert predicted_gender(prob, height_px, age_years, options=OPTIONS) == gender


def test_even_odds_are_unknown_even_without_a_minimum_confidence() -> None:
    no_minimum = ClassificationOptions(min_confidence=0.0)
    genders = [predicted_gender(prob, 50, math.nan, options=no_minimum) for prob in (0.49, 0.5, 0.51)]
    assert genders == ["male", "unknown", "female"]


@pytest.mark.parametrize(("age", "band"), [(12.9, "child"), (13, "teen"), (34.9, "young"), (55, "old")])
def test_the_age_falls_into_its_band(age: float, band: str) -> None:
    appearance = appearance_of(track([0.5]), predictions([0.9], age), OPTIONS)
    assert appearance.age_years == pytest.approx(age)
    assert appearance.age_band == band


def test_a_model_without_ages_gives_no_age() -> None:
    appearance = appearance_of(track([0.5]), predictions([0.9]), OPTIONS)
    assert math.isnan(appearance.age_years)
    assert appearance.age_band == "unknown"


def test_batches_across_tracks_give_what_one_by_one_gives() -> None:
    tracks = [track([0.9, 0.5, 0.3][: 1 + seed % 3], seed, seed=seed) for seed in range(7)]
    classifier = GreyClassifier()
    together = appearances_of(tracks, classifier, replace(OPTIONS, batch_crops=4))
    assert classifier.batches == [4, 4, 4, 1]  # 1 + 2 + 3 + 1 + 2 + 3 + 1 crops
    alone = [appearances_of([one], GreyClassifier(), OPTIONS)[0] for one in tracks]
    assert together == alone
    assert len({appearance.female_prob for appearance in together}) == 7


def test_the_classifier_is_not_called_without_tracks() -> None:
    classifier = GreyClassifier()
    assert appearances_of([], classifier, OPTIONS) == []
    assert classifier.batches == []
