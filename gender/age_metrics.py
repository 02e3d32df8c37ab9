"""Errors of predicted ages against labels, and the age bands that results are broken down by."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Bands = Mapping[str, tuple[int, int]]
"""Ages in years by name, [start, stop)."""

ERROR_BANDS: Bands = {"0-17": (0, 18), "18-29": (18, 30), "30-49": (30, 50), "50-69": (50, 70), "70+": (70, 200)}
"""Age errors are broken down by these."""

LIFE_BANDS: Bands = {"0-3": (0, 4), "4-9": (4, 10), "10-17": (10, 18)} | {
    name: band for name, band in ERROR_BANDS.items() if name != "0-17"
}
"""Gender accuracy is broken down by these: the younger a child, the less its face shows of gender."""


@dataclass(frozen=True)
class AgeEvaluation:
    """The errors of N predicted ages, predicted minus true."""

    count: int
    mae_years: float
    """Mean absolute error."""
    median_error_years: float
    """Median absolute error."""
    mse: float
    """Mean squared error, in squared years."""
    r2: float
    """The share of the true ages' variance that is explained; below 0 is worse than predicting the mean age for
    everybody. NaN where all true ages are the same."""
    within_5: float
    """Share predicted within 5 years, both ends included."""
    within_10: float
    bias_years: float
    """Mean error; above 0 the predicted ages are too high."""

    @classmethod
    def of(cls, true_years: npt.ArrayLike, predicted_years: npt.ArrayLike) -> AgeEvaluation:
        """Compares (N,) true with (N,) predicted ages, N > 0.

        Raises:
            ValueError: no ages, shapes that differ, or an age that is not a finite number.
        """
        true, predicted = np.asarray(true_years, np.float64), np.asarray(predicted_years, np.float64)
        if true.ndim != 1 or not len(true) or true.shape != predicted.shape:
            raise ValueError(f"expected (N,) true and predicted ages, N > 0, got {true.shape} and {predicted.shape}")
        if not (np.isfinite(true).all() and np.isfinite(predicted).all()):
            raise ValueError("ages must be finite numbers")
        errors = predicted - true
        mse = float(np.mean(errors**2))
        return cls(
            count=len(errors),
            mae_years=float(np.abs(errors).mean()),
            median_error_years=float(np.median(np.abs(errors))),
            mse=mse,
            r2=1 - mse / float(np.var(true)) if np.ptp(true) else math.nan,
            within_5=float((np.abs(errors) <= 5).mean()),
            within_10=float((np.abs(errors) <= 10).mean()),
            bias_years=float(errors.mean()),
        )

    @property
    def rmse_years(self) -> float:
        """Root of the mean squared error."""
        return math.sqrt(self.mse)

    def as_dict(self) -> dict[str, Any]:
        """All figures, rounded to 5 decimals, for JSON; None where undefined."""
        figures = {**vars(self), "rmse_years": self.rmse_years}
        return {name: None if math.isnan(value) else round(value, 5) for name, value in figures.items()}


def by_age_band(
    true_years: npt.ArrayLike, predicted_years: npt.ArrayLike, bands: Bands = ERROR_BANDS
) -> dict[str, AgeEvaluation]:
    """Evaluates each band of true age that occurs; raises ValueError as `AgeEvaluation.of` does."""
    true, predicted = np.asarray(true_years, np.float64), np.asarray(predicted_years, np.float64)
    if true.shape != predicted.shape:
        raise ValueError(f"true {true.shape} and predicted {predicted.shape} ages differ in shape")
    return {name: AgeEvaluation.of(true[mask], predicted[mask]) for name, mask in band_masks(true, bands).items()}


def band_masks(years: npt.NDArray[np.float64], bands: Bands) -> dict[str, npt.NDArray[np.bool_]]:
    """(N,) masks of the ages in each band that occurs, in the bands' order; NaN is in none."""
    masks = {name: (years >= start) & (years < stop) for name, (start, stop) in bands.items()}
    return {name: mask for name, mask in masks.items() if mask.any()}
