"""Estimators of the true share of women from a classifier's predictions.

Counting predictions is biased: with recall 0.75 for women and 0.95 for men, a true share of 50 % is counted as 40 %.
Four estimators correct this, from labelled cases (the calibration) and the predictions for all cases (the run):

- adjusted count (ACC; Forman, DMKD 2008) inverts the confusion rates of the predictions;
- probabilistic adjusted count (PACC; Bella et al., ICDM 2010) does the same with mean probabilities;
- EM (SLD; Saerens, Latinne and Decaestecker, Neural Computation 2002) reweights the probabilities by the share until
  both agree;
- prediction-powered inference (PPI; Angelopoulos et al., Science 2023) adds the mean error measured on labels that were
  sampled from the run itself.

The first three assume label shift: the predictions for women and for men have the same distributions in the run as in
the calibration, and only the proportions differ. Shares are by amount: 1 for each appearance, or its seconds on screen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

from facetally.quantification.intervals import Floats

SMOOTHING = 0.1
"""Pseudo-count of misclassified cases of each gender in `recalibrated`; keeps the odds finite without any error."""
MAX_STEPS, TOLERANCE = 100, 1e-9
"""Of Newton's method."""
TINY = 1e-9
"""A small number that avoids infinite odds and division by zero."""

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Predictions:
    """The classifier's predictions for N cases, or for R resamples of them at once.

    Raises:
        ValueError: arrays of different lengths, probabilities outside [0, 1], or negative amounts.
    """

    female_prob: Floats
    """(N,) or (R, N) in [0, 1]."""
    amount: Floats
    """(N,) or (R, N) how much each case counts, at least 0: 1, or seconds on screen."""
    cluster: Ints
    """(N,) the source of each case."""

    def __post_init__(self) -> None:
        shapes = self.female_prob.shape, self.amount.shape, self.cluster.shape
        if any(shape[-1:] != self.cluster.shape for shape in shapes):
            raise ValueError(f"expected probabilities, amounts and clusters of the same cases, got {shapes}")
        if not np.all((self.female_prob >= 0) & (self.female_prob <= 1)):
            raise ValueError("probabilities must be in [0, 1]")
        if not np.all(self.amount >= 0):
            raise ValueError("amounts must not be negative")

    def mean(self, values: Floats | Bools) -> Floats:
        """() or (R,) the mean of (N,) or (R, N) values weighted by amount; NaN where all amounts are 0."""
        with np.errstate(invalid="ignore"):
            return np.asarray((values * self.amount).sum(axis=-1) / self.amount.sum(axis=-1))

    def drawn(self, times: Floats) -> Predictions:
        """The R resamples in which each case is drawn `times` (R, N) times."""
        return replace(self, amount=self.amount * times)

    def decided(self) -> Predictions:
        """With 1 for a probability over 0.5, else 0."""
        return replace(self, female_prob=(self.female_prob > 0.5).astype(np.float64))


@dataclass(frozen=True)
class Calibration:
    """Labelled cases: their predictions and their labels.

    Raises:
        ValueError: the numbers of labels and predictions differ.
    """

    predictions: Predictions
    is_female: Bools
    """(N,)."""

    def __post_init__(self) -> None:
        if self.is_female.shape != self.predictions.cluster.shape or self.is_female.dtype != np.bool_:
            raise ValueError(f"expected {self.predictions.cluster.shape} booleans, got {self.is_female.shape}")

    def mean_predictions(self) -> tuple[Floats, Floats]:
        """() or (R,) the mean probability of labelled women and of labelled men."""
        women, men = (self.predictions.drawn(np.asarray(of, np.float64)) for of in (self.is_female, ~self.is_female))
        return women.mean(women.female_prob), men.mean(men.female_prob)


def adjusted_count(calibration: Calibration, run: Predictions) -> Floats:
    """ACC: the share of women estimated from the share of predictions over 0.5."""
    decided = replace(calibration, predictions=calibration.predictions.decided())
    return probabilistic_adjusted_count(decided, run.decided())


def probabilistic_adjusted_count(calibration: Calibration, run: Predictions) -> Floats:
    """PACC: the share of women estimated from the mean probability.

    Returns:
        () or (R,); NaN where the mean probability of women is not above that of men.
    """
    women, men = calibration.mean_predictions()
    with np.errstate(divide="ignore", invalid="ignore"):
        share = (run.mean(run.female_prob) - men) / (women - men)
    return np.where(women > men, np.clip(share, 0, 1), np.nan)


def em_share(calibration: Calibration, run: Predictions) -> Floats:
    """SLD: the share of women that equals the mean of the probabilities after these are reweighted by it.

    The probabilities must be calibrated at the labelled share, as they are after `recalibrated`. EM converges to the
    share with the highest likelihood, sum(amount log(share women + (1 - share) men)) where women = prob / labelled
    share and men = (1 - prob) / (1 - labelled share). That function is concave, and Newton's method within a bracket
    converges faster.

    Returns:
        () or (R,); NaN without labels of both genders.
    """
    labelled = calibration.predictions.mean(calibration.is_female)[..., None]
    with np.errstate(divide="ignore", invalid="ignore"):
        women, men = run.female_prob / labelled, (1 - run.female_prob) / (1 - labelled)
        offset = men / (women - men)
    low, high = np.zeros(run.amount.shape[:-1]), np.ones(run.amount.shape[:-1])
    share = np.full(low.shape, 0.5)
    for _ in range(MAX_STEPS):
        terms = 1 / (share[..., None] + offset)
        slope, curvature = (run.amount * terms).sum(axis=-1), (run.amount * terms**2).sum(axis=-1)
        low, high = np.where(slope > 0, share, low), np.where(slope > 0, high, share)
        newton = share + slope / curvature
        last, share = share, np.where((low <= newton) & (newton <= high), newton, (low + high) / 2)
        if not np.any(np.abs(share - last) > TOLERANCE):
            break
    return np.where((labelled[..., 0] > 0) & (labelled[..., 0] < 1), share, np.nan)


def recalibrated(calibration: Calibration, run: Predictions) -> tuple[Calibration, Predictions]:
    """Both with probabilities calibrated at the labelled share: Platt scaling of the log-odds, weighted by amount.

    EM needs it: a classifier's own probabilities are calibrated, if at all, at the share of women in its training data.
    With simulated log-odds 1.6 times too steep, EM estimated 63 % for a run with 70 % women without recalibration, and
    70 % with it. Platt smooths the targets by a whole case of each class, which flattens the odds where labels are few:
    with 120 labels, a quarter of them women, EM was off by 2.3 points for a run with 80 % women, and by 0.2 points with
    `SMOOTHING`.

    Source: J. Platt, "Probabilistic outputs for support vector machines", 1999; before EM: A. Alexandari, A. Kundaje
    and A. Shrikumar, "Maximum likelihood with bias-corrected calibration is hard-to-beat at label shift adaptation",
    ICML 2020.
    """
    log_odds, is_female = _log_odds(calibration.predictions), calibration.is_female
    amount = calibration.predictions.amount / np.maximum(
        calibration.predictions.amount.mean(axis=-1, keepdims=True), TINY
    )
    cases = np.where(is_female, *((amount * of).sum(axis=-1, keepdims=True) for of in (is_female, ~is_female)))
    target = np.where(is_female, cases + SMOOTHING, SMOOTHING) / (cases + 2 * SMOOTHING)
    lowest = np.full((*amount.shape[:-1], 1), np.inf)
    fit = step = np.zeros((2, *lowest.shape))
    for _ in range(MAX_STEPS):
        trial = fit - step
        fitted = trial[0] * log_odds + trial[1]
        loss = (amount * (np.logaddexp(0, fitted) - target * fitted)).sum(axis=-1, keepdims=True)
        is_better = loss <= lowest + TINY
        lowest, fit = np.where(is_better, loss, lowest), np.where(is_better, trial, fit)
        step = np.where(is_better, _newton_step(log_odds, amount, target, expit(fitted)), step / 2)
        if not np.any(np.abs(step) > TOLERANCE):
            break

    def scaled(predictions: Predictions) -> Predictions:
        return replace(predictions, female_prob=expit(fit[0] * _log_odds(predictions) + fit[1]))

    return replace(calibration, predictions=scaled(calibration.predictions)), scaled(run)


def prediction_powered(calibration: Calibration, run: Predictions) -> Floats:
    """PPI: the mean probability plus the mean of label minus probability; only for labels sampled from the run."""
    predictions = calibration.predictions
    return np.clip(run.mean(run.female_prob) + predictions.mean(calibration.is_female - predictions.female_prob), 0, 1)


def _recalibrated_em(calibration: Calibration, run: Predictions) -> Floats:
    women, men = calibration.mean_predictions()
    return np.where(women > men, em_share(*recalibrated(calibration, run)), np.nan)


ESTIMATORS: dict[str, Callable[[Calibration, Predictions], Floats]] = {
    "adjusted_count": adjusted_count,
    "probabilistic_adjusted_count": probabilistic_adjusted_count,
    "em": _recalibrated_em,
    "prediction_powered": prediction_powered,
}
"""Each returns the share of women, () or (R,), and NaN where it is not defined."""


def _newton_step(log_odds: Floats, amount: Floats, target: Floats, probs: Floats) -> Floats:
    """(2, ..., 1) Newton's step for the slope and the intercept of a logistic fit."""
    error, weight = amount * (probs - target), amount * probs * (1 - probs)
    g0, g1 = (np.sum(values, axis=-1, keepdims=True) for values in (error, error * log_odds))
    h0, h1, h2 = (np.sum(weight * odds, axis=-1, keepdims=True) for odds in (1, log_odds, log_odds**2))
    h0, h2 = h0 + TINY, h2 + TINY  # keeps the system solvable where all odds are equal
    return np.asarray(np.array([h0 * g1 - h1 * g0, h2 * g0 - h1 * g1]) / (h0 * h2 - h1**2), np.float64)


def _log_odds(predictions: Predictions) -> Floats:
    return np.asarray(logit(np.clip(predictions.female_prob, TINY, 1 - TINY)), np.float64)
