"""The layout of a network's output columns, and how to read gender and age from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from facetally.gender.attributes import FloatArray

GenderForm = Literal["two_logits", "female_logit", "none"]
AgeForm = Literal["per_100", "distribution", "none"]

OLDEST_YEARS = 100
"""The age distribution has one column per year, from 0 to this one."""


@dataclass(frozen=True)
class OutputLayout:
    """The columns of a network's (N, C) output: those of gender first, then those of age.

    Raises:
        ValueError: an unknown form.
    """

    gender: GenderForm = "two_logits"
    """"two_logits" in the order of the card's class names, "female_logit" for one, or "none"."""
    age: AgeForm = "none"
    """"per_100" for years / 100, "distribution" for one logit per year from 0 to 100, or "none"."""

    def __post_init__(self) -> None:
        if self.gender not in GENDER_COLUMNS or self.age not in AGE_COLUMNS or self.column_count == 0:
            raise ValueError(f"unknown output layout {self}")

    @property
    def gender_count(self) -> int:
        return GENDER_COLUMNS[self.gender]

    @property
    def column_count(self) -> int:
        return self.gender_count + AGE_COLUMNS[self.age]

    def female_log_odds(self, output: FloatArray, female_index: int) -> FloatArray:
        """(N,) log-odds of "female"; 0, even odds, where the network does not predict gender."""
        if self.gender == "none":
            return np.zeros(len(output), np.float32)
        if self.gender == "female_logit":
            return output[:, 0]
        return output[:, female_index] - output[:, 1 - female_index]

    def age_years(self, output: FloatArray) -> FloatArray:
        """(N,) years, of a distribution the expectation; NaN where the network does not predict age."""
        if self.age == "none":
            return np.full(len(output), np.nan, np.float32)
        if self.age == "per_100":
            return np.maximum(output[:, self.gender_count], 0) * np.float32(100)
        return np.asarray(self.year_probs(output) @ np.arange(OLDEST_YEARS + 1), np.float32)

    def year_probs(self, output: FloatArray) -> FloatArray:
        """(N, 101) probability of each year, for the layout "distribution"."""
        columns = output[:, self.gender_count :]
        weights = np.exp(columns - columns.max(axis=1, keepdims=True))
        return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float32)


GENDER_COLUMNS: dict[GenderForm, int] = {"two_logits": 2, "female_logit": 1, "none": 0}
AGE_COLUMNS: dict[AgeForm, int] = {"per_100": 1, "distribution": OLDEST_YEARS + 1, "none": 0}
