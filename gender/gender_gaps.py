"""How much more often women than men are classified correctly, by age band, and what a training stage does to that."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facetally.gender.age_metrics import Bands, band_masks
from facetally.gender.metrics import GenderEvaluation

GAP_BANDS: Bands = {"0-9": (0, 10), "10-17": (10, 18), "18-39": (18, 40), "40-59": (40, 60), "60+": (60, 200)}
"""Ages in years by name, [start, stop). An accuracy over all ages hides that a model makes old women men."""
MIN_FACES = 50
"""Bands with fewer women or fewer men than this are not compared: one face would be more than two points."""
MAX_LOSS = 0.01
"""How much a gap may widen, or the accuracy of women or of men in a band fall, without counting as a loss."""


@dataclass(frozen=True)
class GenderGap:
    """The accuracy of women and of men in a band of age."""

    female_count: int
    male_count: int
    female_accuracy: float
    """In [0, 1]; NaN without women."""
    male_accuracy: float
    """In [0, 1]; NaN without men."""

    @property
    def gap(self) -> float:
        """Accuracy of women less that of men, in [-1, 1]: below 0 women are made men more often than men women."""
        return self.female_accuracy - self.male_accuracy

    @property
    def is_comparable(self) -> bool:
        """Whether the band has enough faces of both genders."""
        return min(self.female_count, self.male_count) >= MIN_FACES

    def loses_against(self, before: GenderGap) -> bool:
        """Whether the gap is wider than before, or fewer women or men are classified correctly, by over `MAX_LOSS`."""
        falls = (before.female_accuracy - self.female_accuracy, before.male_accuracy - self.male_accuracy)
        return max(abs(self.gap) - abs(before.gap), *falls) > MAX_LOSS + 1e-9  # a loss of exactly that much is none


def gender_gaps(
    is_female: npt.NDArray[np.bool_],
    predicted_female: npt.NDArray[np.bool_],
    age_years: npt.NDArray[np.float64],
    bands: Bands = GAP_BANDS,
) -> dict[str, GenderGap]:
    """The gap in each band that occurs; faces without an age (NaN) are left out.

    Args:
        is_female: (N,) labels.
        predicted_female: (N,) predictions.
        age_years: (N,) labelled ages.
        bands: by name.

    Raises:
        ValueError: shapes differ.
    """
    if not is_female.shape == predicted_female.shape == age_years.shape:
        shapes = f"{is_female.shape}, {predicted_female.shape} and {age_years.shape}"
        raise ValueError(f"labels, predictions and ages differ in shape: {shapes}")
    gaps = {}
    for name, mask in band_masks(age_years, bands).items():
        found = GenderEvaluation.of(is_female[mask], predicted_female[mask])
        gaps[name] = GenderGap(
            found.female_count,
            found.male_count,
            found.female_recall if found.female_count else math.nan,
            found.male_recall if found.male_count else math.nan,
        )
    return gaps


def lost_bands(before: Mapping[str, GenderGap], after: Mapping[str, GenderGap]) -> list[str]:
    """The bands in which a model loses against an earlier one on the same faces.

    A training stage that gains on average and loses in one of these bands is not to be taken.

    Raises:
        ValueError: the bands are of other faces.
    """
    counts = [{name: (gap.female_count, gap.male_count) for name, gap in gaps.items()} for gaps in (before, after)]
    if counts[0] != counts[1]:
        raise ValueError("both models must be measured on the same faces")
    return [name for name, gap in after.items() if gap.is_comparable and gap.loses_against(before[name])]
