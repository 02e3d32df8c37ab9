"""When to say "unknown": the threshold that reaches an accuracy, and what it costs in answers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from facetally.validation.metrics import Figures, halves, ratio_figures, share_of
from facetally.validation.outcomes import TrackOutcome

THRESHOLDS = tuple(round(float(t), 2) for t in np.arange(0.5, 1.0, 0.01))
MIN_TRACKS = 20
"""Answers that a threshold must leave; the accuracy of fewer says nothing."""


def abstention_figures(tracks: Sequence[TrackOutcome], min_accuracy: float) -> Figures:
    """The threshold found on one half of the sources, and what it does on the other; the curve of all.

    Args:
        tracks: judged; only those of labelled men and women count.
        min_accuracy: wanted of the answers that are given, in [0, 1].
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
    """The lowest confidence at which the answers given are right often enough; None where none is."""
    for threshold in THRESHOLDS:
        given = [track.is_right for track in tracks if track.confidence >= threshold]
        if len(given) >= MIN_TRACKS and sum(given) >= min_accuracy * len(given):
            return threshold
    return None


def coverage_figures(tracks: Sequence[TrackOutcome], min_confidence: float) -> Figures:
    """Accuracy of the answers at least this confident, and the share of tracks that get one."""
    given = [track for track in tracks if track.confidence >= min_confidence]
    return {
        **ratio_figures((track.is_right, track.source) for track in given),
        "coverage": share_of(len(given), len(tracks)),
    }
