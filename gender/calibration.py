"""Calibrates probabilities: of the predictions with 90 % confidence, 90 % are correct."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

PENALTY = 1e-3
"""Weight of the L2 penalty that pulls the slope to 1 and the offset to 0: keeps the fit finite on separable data."""
LEAST_ERROR = 1e-3
"""Error probability that remains for the most confident predictions: labels contain errors, and label smoothing cannot
be inverted beyond its range."""


@dataclass(frozen=True)
class Calibration:
    """A straight line through log-odds (Platt, 1999): calibrated = slope * predicted + offset.

    Label smoothing during training (Szegedy et al., CVPR 2016) is inverted first. With smoothing 0.05 a network
    predicts 0.975, not 1, for clear faces; a line steep enough for these would make other predictions overconfident.

    Raises:
        ValueError: slope or offset is not finite, or smoothing is not in [0, 1).
    """

    slope: float = 1.0
    """Below 1 where a network is overconfident."""
    offset: float = 0.0
    """Above 0 where the predicted probability of "female" is too low."""
    smoothing: float = 0.0
    """The share of each training label that was spread evenly over both classes."""

    def __post_init__(self) -> None:
        if not math.isfinite(self.slope) or not math.isfinite(self.offset):
            raise ValueError(f"slope and offset must be finite, got {self}")
        if not 0 <= self.smoothing < 1:
            raise ValueError(f"smoothing must be in [0, 1), got {self}")

    def apply(self, log_odds: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """Calibrates (N,) predicted log-odds.

        A line commutes with a weighted mean: a further line gives the same result on the mean of calibrated crops as
        on each of them.
        """
        return self.slope * _unsmoothed(log_odds.astype(np.float64), self.smoothing) + self.offset


def _unsmoothed(log_odds: npt.NDArray[np.float64], smoothing: float) -> npt.NDArray[np.float64]:
    """The log-odds of p where a network was trained to predict (1 - smoothing) * p + smoothing / 2."""
    if not smoothing:
        return log_odds
    # not by scipy.special, which takes 0.15 s and 28 MB to import, in every run
    predicted = np.exp(-np.logaddexp(0, -log_odds))
    prob = np.clip((predicted - smoothing / 2) / (1 - smoothing), LEAST_ERROR, 1 - LEAST_ERROR)
    return np.asarray(np.log(prob) - np.log1p(-prob))


def fit_calibration(
    is_female: npt.NDArray[np.bool_],
    log_odds: npt.NDArray[np.floating],
    spread: float = math.inf,
    *,
    weight: npt.NDArray[np.floating] | None = None,
    smoothing: float = 0.0,
) -> Calibration:
    """Fits the line by penalised maximum likelihood.

    Args:
        is_female: (N,) labels.
        log_odds: (N,) predicted.
        spread: prior standard deviation of the slope around 1 and of the offset around 0; with few labels the line
            stays near the prior.
        weight: (N,) weight of each label; None: all equal.
        smoothing: label smoothing of the training, inverted first.

    Raises:
        ValueError: the labels are all of one gender.
    """
    from scipy.optimize import minimize

    if is_female.all() or not is_female.any():
        raise ValueError("a calibration needs faces of both genders")
    inputs = np.column_stack([_unsmoothed(log_odds.astype(np.float64), smoothing), np.ones(len(log_odds))])
    start = np.array([1.0, 0.0])
    pull = PENALTY + 1 / (len(log_odds) * spread**2)
    share = np.ones(len(log_odds)) if weight is None else weight
    share = share / share.sum()

    def cost(line: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        """The mean cross-entropy plus the penalty, and its gradient."""
        odds = inputs @ line
        log_total = np.logaddexp(0, odds)
        entropy = share @ (log_total - is_female * odds)
        gradient = inputs.T @ (share * (np.exp(odds - log_total) - is_female))
        return float(entropy + pull * np.sum((line - start) ** 2) / 2), gradient + pull * (line - start)

    slope, offset = minimize(cost, start, jac=True, method="BFGS").x
    return Calibration(float(slope), float(offset), smoothing)


def best_threshold(is_female: npt.NDArray[np.bool_], log_odds: npt.NDArray[np.floating]) -> float:
    """The threshold on the log-odds of "female" with the highest macro F1, halfway between two predictions."""
    order = np.argsort(log_odds)
    predicted, labels = log_odds[order].astype(np.float64), is_female[order]
    women, men = labels.sum(), (~labels).sum()
    women_below = np.concatenate([[0], np.cumsum(labels)])  # classified as male at each of N + 1 cuts
    men_below = np.concatenate([[0], np.cumsum(~labels)])
    women_f1 = 2 * (women - women_below) / (women + (women - women_below) + (men - men_below)).clip(1)
    men_f1 = 2 * men_below / (men + men_below + women_below).clip(1)
    edges = np.concatenate([[predicted[0] - 1], predicted, [predicted[-1] + 1]])
    possible = np.concatenate([[True], predicted[1:] > predicted[:-1], [True]])
    scores = np.where(possible, women_f1 + men_f1, -1)
    cut = int(np.argmax(scores))
    return float((edges[cut] + edges[cut + 1]) / 2)
