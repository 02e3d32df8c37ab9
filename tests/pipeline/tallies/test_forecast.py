"""What face sizes let one hope for."""

from __future__ import annotations

import math

import numpy as np
import pytest

from facetally.tallies.forecast import ACCURACIES, HEIGHTS_PX, forecast


@pytest.mark.parametrize(("height_px", "accuracy"), list(zip(HEIGHTS_PX, ACCURACIES, strict=True)))
def test_a_published_height_gives_its_published_accuracy(height_px: float, accuracy: float) -> None:
    assert forecast(np.array([height_px])).accuracy == pytest.approx(accuracy)


@pytest.mark.parametrize(
    ("height_px", "accuracy"),
    [(12.5, 0.703), (35, 0.921), (87.5, 0.952), (3, 0.637), (0, 0.637), (2000, 0.954)],
)
def test_between_them_it_is_interpolated_and_beyond_them_it_stays(height_px: float, accuracy: float) -> None:
    assert forecast(np.array([height_px])).accuracy == pytest.approx(accuracy)


def test_every_appearance_counts_alike() -> None:
    found = forecast(np.array([10, 29.9, 30, 100], np.float32))
    # the third and the second nearly the same: (0.637 + 0.9085 + 0.909 + 0.954) / 4
    assert found.accuracy == pytest.approx(0.8521, abs=1e-4)
    assert found.small_share == 0.5


def test_the_sentence_is_in_plain_words() -> None:
    found = forecast(np.array([20.0] * 62 + [100.0] * 38))  # 0.62 * 0.835 + 0.38 * 0.954 = 0.880
    assert found.sentence == (
        "62 % of the appearances have faces under 30 px: expect about 88 % of all to be told right"
    )


def test_without_faces_nothing_can_be_expected() -> None:
    found = forecast(np.zeros(0))
    assert math.isnan(found.accuracy)
    assert math.isnan(found.small_share)
    assert found.sentence == ""


def test_accuracies_rise_with_the_height() -> None:
    heights_px = np.arange(0, 150)
    assert (np.diff([forecast(heights_px[[i]]).accuracy for i in heights_px]) >= 0).all()
