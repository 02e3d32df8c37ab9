"""How good answers about gender are, against labels: counts and curves first, ratios from them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class GenderEvaluation:
    """The confusion counts of perceived gender: rows truth, columns answer.

    A precision, recall or F1 with nothing to divide by is 0, as in scikit-learn.
    """

    male_as_male: int
    male_as_female: int
    female_as_male: int
    female_as_female: int

    @classmethod
    def of(cls, is_female: npt.NDArray[np.bool_], predicted_female: npt.NDArray[np.bool_]) -> GenderEvaluation:
        """Counts (N,) truths against (N,) answers.

        Raises:
            ValueError: shapes differ.
        """
        if is_female.shape != predicted_female.shape:
            raise ValueError(f"truth {is_female.shape} and answers {predicted_female.shape} differ in shape")
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
        """How much more often men are told right than women; NaN without one of them."""
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
        """The M:F ratio of the answers, divided by that of the truth: 1 is unbiased."""
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
"""The properties of `GenderEvaluation` that stand in its dictionary, where they are rounded to 5 places."""


@dataclass(frozen=True)
class Reliability:
    """How often the answers of each confidence are right: a row for each bin that has answers."""

    confidence: Floats
    """(B,) mean probability of the likelier gender, in [0.5, 1], rising."""
    accuracy: Floats
    """(B,) in [0, 1]."""
    counts: npt.NDArray[np.int64]
    """(B,) answers."""

    @property
    def calibration_error(self) -> float:
        """The mean distance of confidence from accuracy over all answers."""
        return float(np.average(np.abs(self.confidence - self.accuracy), weights=self.counts))


@dataclass(frozen=True)
class Roc:
    """The receiver operating characteristic: what calling more faces female costs and gives."""

    false_positive_rate: Floats
    """(K,) share of the men called women, from 0 to 1, never falling."""
    true_positive_rate: Floats
    """(K,) share of the women called women."""

    @property
    def area(self) -> float:
        """The chance that a woman has a higher probability than a man, ties counting half."""
        heights = (self.true_positive_rate[1:] + self.true_positive_rate[:-1]) / 2
        return float(np.sum(np.diff(self.false_positive_rate) * heights))


@dataclass(frozen=True)
class CoverageCurve:
    """What is gained by leaving the least confident answers unknown; a point for each confidence that occurs."""

    min_confidence: Floats
    """(K,) falling: less confident answers are unknown."""
    coverage: Floats
    """(K,) share of the faces that are given an answer, rising to 1."""
    accuracy: Floats
    """(K,) of the answers given."""

    def widest(self, accuracy: float) -> tuple[float, float]:
        """The most coverage that has at least this accuracy, and its `min_confidence`; (0, NaN) if none has."""
        reaching = np.flatnonzero(self.accuracy >= accuracy)
        if not len(reaching):
            return 0.0, math.nan
        return float(self.coverage[reaching[-1]]), float(self.min_confidence[reaching[-1]])


def reliability(is_female: npt.NDArray[np.bool_], female_prob: npt.ArrayLike, bins: int = 15) -> Reliability:
    """Groups answers by confidence, in bins of equal width over [0.5, 1].

    Args:
        is_female: (N,) truths, N > 0.
        female_prob: (N,) in [0, 1].
        bins: at least 1.

    Raises:
        ValueError: no answers, shapes that differ, or something that is no probability.
    """
    confidence, is_right = _confidence_and_hits(is_female, female_prob)
    which = np.digitize(confidence, np.linspace(0.5, 1, bins + 1)[1:-1])
    counts = np.bincount(which, minlength=bins)
    used = counts > 0
    sums = (np.bincount(which, weights=values, minlength=bins)[used] for values in (confidence, is_right))
    mean_confidence, accuracy = (total / counts[used] for total in sums)
    return Reliability(mean_confidence, accuracy, counts[used])


def expected_calibration_error(is_female: npt.NDArray[np.bool_], female_prob: npt.ArrayLike, bins: int = 15) -> float:
    """The mean distance of confidence from accuracy, in [0, 1] (Guo et al., ICML 2017); as `reliability`."""
    return reliability(is_female, female_prob, bins).calibration_error


def roc(is_female: npt.NDArray[np.bool_], female_prob: npt.ArrayLike) -> Roc:
    """Lowers the probability from which faces are called female, from above all of them to below.

    Args:
        is_female: (N,) truths, of both genders.
        female_prob: (N,) in [0, 1].

    Raises:
        ValueError: only one gender, shapes that differ, or something that is no probability.
    """
    probs = _checked_probs(is_female, female_prob)
    if is_female.all() or not is_female.any():
        raise ValueError("a ROC curve needs faces of both genders")
    order, last = _falling(probs)
    women = np.concatenate([[0], np.cumsum(is_female[order])[last]])
    men = np.concatenate([[0], np.cumsum(~is_female[order])[last]])
    return Roc(men / men[-1], women / women[-1])


def accuracy_against_coverage(is_female: npt.NDArray[np.bool_], female_prob: npt.ArrayLike) -> CoverageCurve:
    """Makes the least confident answers unknown, one confidence after the other.

    Args:
        is_female: (N,) truths, N > 0.
        female_prob: (N,) in [0, 1].

    Raises:
        ValueError: no answers, shapes that differ, or something that is no probability.
    """
    confidence, is_right = _confidence_and_hits(is_female, female_prob)
    order, last = _falling(confidence)
    given = last + 1
    return CoverageCurve(confidence[order][last], given / len(order), np.cumsum(is_right[order])[last] / given)


def _confidence_and_hits(
    is_female: npt.NDArray[np.bool_], female_prob: npt.ArrayLike
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    probs = _checked_probs(is_female, female_prob)
    return np.maximum(probs, 1 - probs), (probs > 0.5) == is_female


def _checked_probs(is_female: npt.NDArray[np.bool_], female_prob: npt.ArrayLike) -> Floats:
    probs = np.asarray(female_prob, np.float64)
    if is_female.ndim != 1 or not len(is_female) or probs.shape != is_female.shape:
        raise ValueError(f"expected (N,) truths and probabilities, N > 0, got {is_female.shape} and {probs.shape}")
    if not np.all((probs >= 0) & (probs <= 1)):
        raise ValueError("female_prob must be in [0, 1]")
    return probs


def _falling(values: Floats) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """The order of falling values, and the last place in it of each value that occurs."""
    order = np.argsort(-values, kind="stable")
    return order, np.append(np.flatnonzero(np.diff(values[order])), len(order) - 1)
