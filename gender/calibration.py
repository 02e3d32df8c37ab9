"""Makes probabilities mean what they say: of the answers given with 90 % confidence, 90 % are right."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

PENALTY = 1e-3
"""Pull of the slope towards 1 and of the offset towards 0, beside the mean cross-entropy: keeps separable answers
finite."""
LEAST_ERROR = 1e-3
"""Probability that the surest answers are wrong all the same: labels are, and what smoothing took is found again no
further."""


@dataclass(frozen=True)
class Calibration:
    """A straight line through log-odds (Platt, 1999): calibrated = slope * told + offset.

    Where a network has learnt from smoothed labels (Szegedy et al., CVPR 2016), this is undone before. Such a network
    says 0.975, not 1, of faces that leave no doubt, and a line steep enough for these makes too much of the others.

    Raises:
        ValueError: slope and offset that are not finite, or a smoothing that is not in [0, 1).
    """

    slope: float = 1.0
    """Below 1 where a network is surer than it should be."""
    offset: float = 0.0
    """Above 0 where women are taken for men."""
    smoothing: float = 0.0
    """The share of each label that was given to both classes evenly."""

    def __post_init__(self) -> None:
        if not math.isfinite(self.slope) or not math.isfinite(self.offset):
            raise ValueError(f"slope and offset must be finite, got {self}")
        if not 0 <= self.smoothing < 1:
            raise ValueError(f"smoothing must be in [0, 1), got {self}")

    def apply(self, log_odds: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """(N,) calibrated log-odds of (N,) as told.

        A further line through a weighted mean of calibrated crops is the same as one through each of them.
        """
        return self.slope * _unsmoothed(log_odds.astype(np.float64), self.smoothing) + self.offset


def _unsmoothed(log_odds: npt.NDArray[np.float64], smoothing: float) -> npt.NDArray[np.float64]:
    """The log-odds of p where a network learnt to say (1 - smoothing) * p + smoothing / 2."""
    if not smoothing:
        return log_odds
    from scipy.special import expit, logit

    prob = (expit(log_odds) - smoothing / 2) / (1 - smoothing)
    return np.asarray(logit(np.clip(prob, LEAST_ERROR, 1 - LEAST_ERROR)))


def fit_calibration(
    is_female: npt.NDArray[np.bool_],
    log_odds: npt.NDArray[np.floating],
    spread: float = math.inf,
    weight: npt.NDArray[np.floating] | None = None,
    smoothing: float = 0.0,
) -> Calibration:
    """The likeliest line.

    Args:
        is_female: (N,) truths.
        log_odds: (N,) as told.
        spread: standard deviation of the slope around 1 and of the offset around 0 that is expected before the truths
            are seen; where these are few, the line stays near.
        weight: (N,) of each truth; None: all alike.
        smoothing: of the labels that were learnt from, undone first.

    Raises:
        ValueError: only one gender is among the truths.
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
        """The mean of the cross-entropy and the pull, and its gradient."""
        odds = inputs @ line
        log_total = np.logaddexp(0, odds)
        entropy = share @ (log_total - is_female * odds)
        gradient = inputs.T @ (share * (np.exp(odds - log_total) - is_female))
        return float(entropy + pull * np.sum((line - start) ** 2) / 2), gradient + pull * (line - start)

    slope, offset = minimize(cost, start, jac=True, method="BFGS").x
    return Calibration(float(slope), float(offset), smoothing)


def best_threshold(is_female: npt.NDArray[np.bool_], log_odds: npt.NDArray[np.floating]) -> float:
    """The log-odds above which "female" is to be said for the highest macro F1, halfway between two answers."""
    order = np.argsort(log_odds)
    predicted, truth = log_odds[order].astype(np.float64), is_female[order]
    women, men = truth.sum(), (~truth).sum()
    women_below = np.concatenate([[0], np.cumsum(truth)])  # said male at each of the N + 1 cuts
    men_below = np.concatenate([[0], np.cumsum(~truth)])
    women_f1 = 2 * (women - women_below) / (women + (women - women_below) + (men - men_below)).clip(1)
    men_f1 = 2 * men_below / (men + men_below + women_below).clip(1)
    edges = np.concatenate([[predicted[0] - 1], predicted, [predicted[-1] + 1]])
    possible = np.concatenate([[True], predicted[1:] > predicted[:-1], [True]])
    scores = np.where(possible, women_f1 + men_f1, -1)
    cut = int(np.argmax(scores))
    return float((edges[cut] + edges[cut + 1]) / 2)
