"""The figures of tracking in report.json: how well tracks keep people apart, over all videos."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from typing import TypeVar

import numpy as np

from facetally.quantification.intervals import OF_A_SHARE, Floats, bootstrapped, rounded
from facetally.validation.identity_metrics import (
    HotaCounts,
    IdentityCounts,
    SwitchCounts,
    b_cubed,
    hota_counts,
    identity_counts,
    switch_counts,
)
from facetally.validation.matching import MIN_IOU
from facetally.validation.metrics import Figures, ratio_figures, share_of
from facetally.validation.tracking import TrackingOutcome

Counts = TypeVar("Counts", IdentityCounts, HotaCounts, SwitchCounts)


def tracking_figures(outcomes: Iterable[TrackingOutcome]) -> Figures:
    """All videos together; None for what is not defined."""
    parts = [outcome for outcome in outcomes if outcome.identity.labelled]
    identity = total([part.identity for part in parts], identity_counts([], MIN_IOU))
    hota = total([part.hota for part in parts], hota_counts([]))
    switching = total([part.switching for part in parts], switch_counts([], MIN_IOU))
    return {
        "boxes": identity.labelled,
        "idf1": _idf1(parts, [part.identity for part in parts]),
        "idp": rounded(identity.precision),
        "idr": rounded(identity.recall),
        "hota": rounded(hota.hota),
        "deta": rounded(hota.detection),
        "assa": _assa(parts, hota.association),
        "switches": switching.switches,
        "fragments": switching.fragments,
        "tracks_per_appearance": share_of(
            sum(part.tracks_on_appearances for part in parts), sum(part.appearance_count for part in parts)
        ),
        "tracks_per_person": share_of(*_track_and_person_counts(parts)),
        "mixed": ratio_figures(((t in part.mixed, part.source) for part in parts for t in part.shown), "share"),
        "mixed_tracks": [
            f"{part.video}: track {track}: {', '.join(people)}"
            for part in parts
            for track, people in part.mixed.items()
        ],
        "people": _people_figures(parts),
    }


def total(counts: Sequence[Counts], nothing: Counts) -> Counts:
    """The sum of the counts of several videos, or `nothing` without any."""
    if not counts:
        return nothing
    return type(nothing)(*(sum(getattr(each, field.name) for each in counts) for field in fields(nothing)))


def _idf1(parts: Sequence[TrackingOutcome], counts: Sequence[IdentityCounts]) -> Figures:
    table = np.array([(each.right, each.tracked + each.labelled) for each in counts], np.float64).reshape(-1, 2)

    def of_sources(weights: Floats) -> Floats:
        return np.asarray(2 * (weights @ table[:, 0]) / (weights @ table[:, 1]))

    return _with_interval(total(counts, identity_counts([], MIN_IOU)).f1, parts, of_sources)


def _assa(parts: Sequence[TrackingOutcome], score: float) -> Figures:
    if not parts:
        return _with_interval(score, parts, lambda weights: weights)
    sums = np.array([part.hota.association_sum for part in parts])
    matched = np.array([part.hota.matched for part in parts])
    return _with_interval(
        score, parts, lambda weights: np.asarray((weights @ sums / np.maximum(weights @ matched, 1)).mean(axis=1))
    )


def _with_interval(score: float, parts: Sequence[TrackingOutcome], statistic: Callable[[Floats], Floats]) -> Figures:
    """A score and its interval, from a bootstrap that draws sources.

    Args:
        score: of all videos.
        parts: the videos.
        statistic: maps weights (R, videos) to the score for each row.
    """
    sources = sorted({part.source for part in parts})
    of_part = np.array([sources.index(part.source) for part in parts], np.int64)
    interval = bootstrapped(lambda weights: statistic(weights[:, of_part]), len(sources), bounds=OF_A_SHARE)
    return {"score": rounded(score), "low": rounded(interval.low), "high": rounded(interval.high)}


def _track_and_person_counts(parts: Sequence[TrackingOutcome]) -> tuple[int, int]:
    """Pairs of a person and a track that shows this person, and people with a track."""
    pairs = [(part.video, person) for part in parts for people in part.shown.values() for person in people]
    return len(pairs), len(set(pairs))


def _people_figures(parts: Sequence[TrackingOutcome]) -> Figures:
    """By person, not by appearance: IDF1, and the clustering of the tracks where the run counted people.

    A track belongs to the person whom it shows most.
    """
    owners, clusters = [], []
    for part in parts:
        for track, person in (part.person_of or {}).items():
            if people := part.shown.get(track):
                owners.append((part.video, min(people, key=lambda name: (-people[name], name))))
                clusters.append((part.video, person))
    quality = b_cubed(owners, clusters)
    return {
        "idf1": _idf1(parts, [part.person_identity for part in parts]),
        "b_cubed": {
            "f1": rounded(quality.f1),
            "precision": rounded(quality.precision),
            "recall": rounded(quality.recall),
        },
        "counted": len(set(clusters)) if clusters else None,
        "labelled": len(set(owners)) if owners else None,
    }
