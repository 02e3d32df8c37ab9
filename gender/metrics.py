"""Metrics of predicted gender against labels: confusion counts, and the ratios and curves computed from them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class GenderEvaluation:
    """The confusion matrix of perceived gender: rows are labels, columns predictions.

    A precision, recall or F1 with a zero denominator is 0, as in scikit-learn.
    """

    male_as_male: int
    male_as_female: int
    female_as_male: int
    female_as_female: int

    @classmethod
    def of(cls, is_female: npt.NDArray[np.bool_], predicted_female: npt.NDArray[np.bool_]) -> GenderEvaluation:
        """Counts (N,) labels against (N,) predictions.

        Raises:
            ValueError: shapes differ.
        """
        if is_female.shape != predicted_female.shape:
            raise ValueError(f"labels {is_female.shape} and predictions {predicted_female.shape} differ in shape")
        return cls(
            male_as_male=int((~is_female & ~predicted_female).sum()),
            male_as_female=int((~is_female & predicted_female).sum()),
            female_as_male=int((is_female & ~predicted_female).sum()),
            female_as_female=int((is_female & predicted_female).sum()),
        )

    @property
    def count(self) -> int:
        return self.male_count + self.female_count

    @property
    def male_count(self) -> int:
        return self.male_as_male + self.male_as_female

    @property
    def female_count(self) -> int:
        return self.female_as_male + self.female_as_female

    @property
    def accuracy(self) -> float:
        return (self.male_as_male + self.female_as_female) / max(self.count, 1)

    @property
    def male_recall(self) -> float:
        return self.male_as_male / max(self.male_count, 1)

    @property
    def female_recall(self) -> float:
        return self.female_as_female / max(self.female_count, 1)

    @property
    def recall_gap(self) -> float:
        """How much more often men are classified correctly than women; NaN if either is absent."""
        return self.male_recall - self.female_recall if self.male_count and self.female_count else math.nan

    @property
    def male_precision(self) -> float:
        return self.male_as_male / max(self.male_as_male + self.female_as_male, 1)

    @property
    def female_precision(self) -> float:
        return self.female_as_female / max(self.female_as_female + self.male_as_female, 1)

    @property
    def male_f1(self) -> float:
        return 2 * self.male_as_male / max(2 * self.male_as_male + self.male_as_female + self.female_as_male, 1)

    @property
    def female_f1(self) -> float:
        return 2 * self.female_as_female / max(2 * self.female_as_female + self.male_as_female + self.female_as_male, 1)

    @property
    def macro_f1(self) -> float:
        return (self.male_f1 + self.female_f1) / 2

    @property
    def balance(self) -> float:
        """The male-to-female ratio of the predictions, divided by that of the labels: 1 is unbiased."""
        predicted_male, predicted_female = (
            self.male_as_male + self.female_as_male,
            self.male_as_female + self.female_as_female,
        )
        return (predicted_male / max(predicted_female, 1)) / (max(self.male_count, 1) / max(self.female_count, 1))

    def as_dict(self) -> dict[str, Any]:
        """Counts and ratios, for JSON."""
        return {**vars(self), "count": self.count} | {name: round(getattr(self, name), 5) for name in RATIOS}


RATIOS = (
    "accuracy",
    "male_recall",
    "female_recall",
    "male_precision",
    "female_precision",
    "male_f1",
    "female_f1",
    "macro_f1",
    "balance",
)
"""The properties of `GenderEvaluation` in its dictionary, rounded to 5 decimals."""


@dataclass(frozen=True)
class Reliability:
    """Accuracy by confidence (a reliability diagram): a row for each bin that has predictions."""

    confidence: Floats
    """(B,) mean probability of the more likely gender, in [0.5, 1], ascending."""
    accuracy: Floats
    """(B,) in [0, 1]."""
    counts: npt.NDArray[np.int64]
    """(B,) predictions."""

    @property
    def calibration_error(self) -> float:
        """The mean distance between confidence and accuracy over all predictions."""
        return float(np.average(np.abs(self.confidence - self.accuracy), weights=self.counts))


@dataclass(frozen=True)
class Roc:
    """The receiver operating characteristic of "female" as the threshold falls."""

    false_positive_rate: Floats
    """(K,) share of the men classified as women, from 0 to 1, never falling."""
    true_positive_rate: Floats
    """(K,) share of the women classified as women."""

    @property
    def area(self) -> float:
        """The chance that a woman has a higher probability than a man, ties counting half."""
        heights = (self.true_positive_rate[1:] + self.true_positive_rate[:-1]) / 2
        return float(np.sum(np.diff(self.false_positive_rate) * heights))


@dataclass(frozen=True)
class CoverageCurve:
    """Accuracy when the least confident predictions become unknown; a point for each confidence that occurs."""

    min_confidence: Floats
    """(K,) descending: less confident predictions are unknown."""
    coverage: Floats
    """(K,) share of the faces whose gender is predicted, rising to 1."""
    accuracy: Floats
    """(K,) accuracy over those faces."""

    def widest(self, accuracy: float) -> tuple[float, float]:
        """The largest coverage with at least this accuracy, and its `min_confidence`; (0, NaN) if there is none."""
        reaching = np.flatnonzero(self.accuracy >= accuracy)
        if not len(reaching):
            return 0.0, math.nan
        return float(self.coverage[reaching[-1]]), float(self.min_confidence[reaching[-1]])


def reliability(is_female: npt.NDArray[np.bool_], female_prob: npt.ArrayLike, bins: int = 15) -> Reliability:
    """Groups predictions by confidence, in bins of equal width over [0.5, 1].

    Args:
        is_female: (N,) labels, N > 0.
        female_prob: (N,) in [0, 1].
        bins: at least 1.

    Raises:
        ValueError: no labels, shapes that differ, or values that are not probabilities.
    """
    confidence, is_correct = _confidence_and_correctness(is_female, female_prob)
    which = np.digitize(confidence, np.linspace(0.5, 1, bins + 1)[1:-1])
    counts = np.bincount(which, minlength=bins)
    used = counts > 0
    sums = (np.bincount(which, weights=values, minlength=bins)[used] for values in (confidence, is_correct))
    mean_confidence, accuracy = (total / counts[used] for total in sums)
    return Reliability(mean_confidence, accuracy, counts[used])


def expected_calibration_error(is_female: npt.NDArray[np.bool_], female_prob: npt.ArrayLike, bins: int = 15) -> float:
    """The mean distance between confidence and accuracy, in [0, 1] (Guo et al., ICML 2017).

    Takes the same arguments as `reliability` and raises the same errors.
    """
    return reliability(is_female, female_prob, bins).calibration_error


def roc(is_female: npt.NDArray[np.bool_], female_prob: npt.ArrayLike) -> Roc:
    """Lowers the threshold for "female" from above all probabilities to below them.

    Args:
        is_female: (N,) labels, of both genders.
        female_prob: (N,) in [0, 1].

    Raises:
        ValueError: only one gender, shapes that differ, or values that are not probabilities.
    """
    probs = _checked_probs(is_female, female_prob)
    if is_female.all() or not is_female.any():
        raise ValueError("a ROC curve needs faces of both genders")
    order, last = _falling(probs)
    women = np.concatenate([[0], np.cumsum(is_female[order])[last]])
    men = np.concatenate([[0], np.cumsum(~is_female[order])[last]])
    return Roc(men / men[-1], women / women[-1])


def accuracy_against_coverage(is_female: npt.NDArray[np.bool_], female_prob: npt.ArrayLike) -> CoverageCurve:
    """Makes the least confident predictions unknown, one confidence after the other.

    Args:
        is_female: (N,) labels, N > 0.
        female_prob: (N,) in [0, 1].

    Raises:
        ValueError: no labels, shapes that differ, or values that are not probabilities.
    """
    confidence, is_correct = _confidence_and_correctness(is_female, female_prob)
    order, last = _falling(confidence)
    given = last + 1
    return CoverageCurve(confidence[order][last], given / len(order), np.cumsum(is_correct[order])[last] / given)


def _confidence_and_correctness(
    is_female: npt.NDArray[np.bool_], female_prob: npt.ArrayLike
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    probs = _checked_probs(is_female, female_prob)
    return np.maximum(probs, 1 - probs), (probs > 0.5) == is_female


def _checked_probs(is_female: npt.NDArray[np.bool_], female_prob: npt.ArrayLike) -> Floats:
    probs = np.asarray(female_prob, np.float64)
    if is_female.ndim != 1 or not len(is_female) or probs.shape != is_female.shape:
        raise ValueError(f"expected (N,) labels and probabilities, N > 0, got {is_female.shape} and {probs.shape}")
    if not np.all((probs >= 0) & (probs <= 1)):
        raise ValueError("female_prob must be in [0, 1]")
    return probs


def _falling(values: Floats) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """The indices that sort values in descending order, and the last position of each distinct value in that order."""
    order = np.argsort(-values, kind="stable")
    return order, np.append(np.flatnonzero(np.diff(values[order])), len(order) - 1)
