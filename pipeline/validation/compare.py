"""Compares two runs: with labels, which is more accurate, and whether the difference is more than chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from facetally.errors import TruthError
from facetally.quantification.intervals import Floats, bootstrapped, rounded
from facetally.results.ledger import Ledger
from facetally.truth.labels import Truth
from facetally.truth.video_names import matched_names
from facetally.validation.labelling import started
from facetally.validation.metrics import Figures, ratio_figures
from facetally.validation.outcomes import PersonOutcome
from facetally.validation.validate import evaluate_videos

PersonKey = tuple[str, str]
"""Video and person."""


@dataclass(frozen=True)
class Pair:
    """One labelled person in both runs."""

    first: PersonOutcome
    second: PersonOutcome

    @property
    def is_right(self) -> tuple[bool, bool]:
        """In each run; a missed person counts as wrong."""
        return self.first.is_found and self.first.is_right, self.second.is_found and self.second.is_right


def compare_runs(first: Ledger, second: Ledger, truth: Truth) -> Figures:
    """Accuracy of two runs over the same labelled men and women, and the difference. A missed person counts as wrong.

    Args:
        first, second: the runs.
        truth: labels of videos that both hold.

    Returns:
        first, second: ratio figures; difference: second - first in points, with an interval from a bootstrap that draws
        the same sources for both; only_first_right, only_second_right: counts of people; changed: these people.

    Raises:
        OutputError: a folder without a run, or a damaged run.
        TruthError: nobody is labelled yet; no labelled person in both.
    """
    truth = started(truth)
    pairs = _pairs(_people(first, truth), _people(second, truth))
    if not pairs:
        raise TruthError("no labelled man or woman is in both runs", fix="compare runs over the same videos")
    return {
        "people": len(pairs),
        "first": ratio_figures((pair.is_right[0], pair.first.source) for pair in pairs),
        "second": ratio_figures((pair.is_right[1], pair.first.source) for pair in pairs),
        "difference": _difference(pairs),
        "only_first_right": sum(pair.is_right == (True, False) for pair in pairs),
        "only_second_right": sum(pair.is_right == (False, True) for pair in pairs),
        "changed": [_changed(pair) for pair in pairs if pair.is_right[0] != pair.is_right[1]],
    }


def _people(ledger: Ledger, truth: Truth) -> dict[PersonKey, PersonOutcome]:
    """The labelled men and women of a run."""
    by_name = {row.video: row for row in ledger.rows()}
    labelled = {name: by_name[run_name] for name, run_name in matched_names(truth.people, by_name).items()}
    people = evaluate_videos(ledger, truth, labelled).people
    return {(person.label.video, person.label.person): person for person in people if person.label.counts}


def _pairs(first: dict[PersonKey, PersonOutcome], second: dict[PersonKey, PersonOutcome]) -> list[Pair]:
    return [Pair(first[key], second[key]) for key in sorted(first.keys() & second.keys())]


def _difference(pairs: list[Pair]) -> Figures:
    sources = sorted({pair.first.source for pair in pairs})
    gains, counts = np.zeros(len(sources)), np.zeros(len(sources))
    for pair in pairs:
        source = sources.index(pair.first.source)
        gains[source] += pair.is_right[1] - pair.is_right[0]
        counts[source] += 1

    def gain(weights: Floats) -> Floats:
        return np.asarray((weights @ gains) / (weights @ counts))

    interval = bootstrapped(gain, len(sources))
    points = 100 * float(gains.sum() / counts.sum())
    return {"points": rounded(points), "low": rounded(100 * interval.low), "high": rounded(100 * interval.high)}


def _changed(pair: Pair) -> dict[str, Any]:
    label = pair.first.label
    return {
        "video": label.video,
        "person": label.person,
        "true": label.gender,
        "first": pair.first.predicted,
        "second": pair.second.predicted,
        "first_female_prob": rounded(pair.first.female_prob),
        "second_female_prob": rounded(pair.second.female_prob),
    }
