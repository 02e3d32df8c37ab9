"""How well vectors of faces tell persons apart: figures over pairs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facetally.detection.faces import FloatArray

Similarities = npt.NDArray[np.floating]


@dataclass(frozen=True)
class PairFigures:
    """Figures of pairs of faces by their similarity."""

    same_count: int
    different_count: int
    area: float
    """Area under the ROC curve: the probability that a pair of one person is more similar than one of two."""
    accuracy: float
    """Share of right decisions at the best threshold, with pairs of one person and of two weighted alike."""
    accepted: float
    """Share of pairs of one person that are accepted at the threshold at which 1 % of pairs of two are."""
    threshold: float
    """That threshold."""


def pair_figures(same: Similarities, different: Similarities, false_accepts: float = 0.01) -> PairFigures:
    """The figures of the similarities of pairs of one person, and of pairs of two.

    Raises:
        ValueError: there are none of either.
    """
    if not len(same) or not len(different):
        raise ValueError(f"expected pairs of both kinds, got {len(same)} of one person and {len(different)} of two")
    same, different = np.sort(same), np.sort(different)
    below = np.searchsorted(different, same, side="left") + np.searchsorted(different, same, side="right")
    thresholds = np.concatenate([same, different])
    kept = 1 - np.searchsorted(same, thresholds, side="left") / len(same)
    refused = np.searchsorted(different, thresholds, side="left") / len(different)
    threshold = float(np.quantile(different, 1 - false_accepts))
    return PairFigures(
        same_count=len(same),
        different_count=len(different),
        area=float(below.mean() / (2 * len(different))),
        accuracy=float(((kept + refused) / 2).max()),
        accepted=float((same > threshold).mean()),
        threshold=threshold,
    )


def person_pairs(persons: npt.NDArray[np.object_], vectors: FloatArray) -> PairFigures:
    """The figures over all pairs of faces, by the cosine of their unit vectors; O(N^2) memory."""
    cosines = vectors @ vectors.T
    _, label = np.unique(persons.astype(str), return_inverse=True)
    first, second = np.triu_indices(len(persons), 1)
    is_same = label[first] == label[second]
    similarities = cosines[first, second]
    return pair_figures(similarities[is_same], similarities[~is_same])
