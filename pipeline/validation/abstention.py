"""When to predict "unknown": the confidence threshold that reaches an accuracy, and how many predictions remain."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from facetally.validation.metrics import Figures, halves, ratio_figures, share_of
from facetally.validation.outcomes import TrackOutcome

THRESHOLDS = tuple(round(float(t), 2) for t in np.arange(0.5, 1.0, 0.01))
MIN_TRACKS = 20
"""Predictions that a threshold must leave; the accuracy over fewer means nothing."""


def abstention_figures(tracks: Sequence[TrackOutcome], min_accuracy: float) -> Figures:
    """The threshold chosen on one half of the sources, its results on both halves, and the curve over all sources.

    Args:
        tracks: evaluated; only those of labelled men and women count.
        min_accuracy: required of the predictions that remain, in [0, 1].
    """
    counted = [track for track in tracks if track.counts]
    first, second = halves(track.source for track in counted)
    chosen = chosen_threshold([track for track in counted if track.source in first], min_accuracy)
    threshold = THRESHOLDS[0] if chosen is None else chosen
    return {
        "min_accuracy": min_accuracy,
        "min_confidence": chosen,
        "chosen_on": coverage_figures([track for track in counted if track.source in first], threshold),
        "reported_on": coverage_figures([track for track in counted if track.source in second], threshold),
        "curve": [
            {"min_confidence": t, "accuracy": figures["accuracy"], "coverage": figures["coverage"]}
            for t in THRESHOLDS[::5]
            for figures in [coverage_figures(counted, t)]
        ],
    }


def chosen_threshold(tracks: Sequence[TrackOutcome], min_accuracy: float) -> float | None:
    """The lowest threshold at which the remaining predictions reach the accuracy; None where none does."""
    for threshold in THRESHOLDS:
        outcomes = [track.is_right for track in tracks if track.confidence >= threshold]
        if len(outcomes) >= MIN_TRACKS and sum(outcomes) >= min_accuracy * len(outcomes):
            return threshold
    return None


def coverage_figures(tracks: Sequence[TrackOutcome], min_confidence: float) -> Figures:
    """Accuracy of the predictions with at least this confidence, and the share of tracks that have one."""
    predicted = [track for track in tracks if track.confidence >= min_confidence]
    return {
        **ratio_figures((track.is_right, track.source) for track in predicted),
        "coverage": share_of(len(predicted), len(tracks)),
    }
