"""What the labels of a random sample say about the whole run.

Everything here is about the run: all of its appearances, or all of its time. Appearances up to the first one without a
label are used, moments too. Accuracy by appearance has the confidence sequence of `progress.standing`, which holds
however often one looks. All other intervals are those of `quantification.sampling_estimates`, for a sample of fixed
size; `reports/labelling_simulation.md` shows their coverage, also where one stopped as soon as the verdict was there.

Recall is the share of the faces in view at the sampled moments that are part of an appearance of the run. A moment is a
draw from the run's time, so recall counts a person for as long as they are in view. The faces of one moment are missed
or found together, so that moments, not faces, are the cases of its interval. Boxes of appearances labelled as no face
do not count as found.

End to end: the share of the time of people in view in which the run has their face and its appearance is classified
correctly; the product of recall and of accuracy by screen time.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import numpy as np
import pandas as pd

from facetally.labelling.design import Design, DrawnMoment, usable_rows
from facetally.labelling.labels import Labels, TrackKey
from facetally.labelling.moments import found_tracks
from facetally.labelling.progress import (
    Standing,
    TrackOutcome,
    is_estimable,
    labelled_prefix,
    sample_of,
    standing,
    track_outcome,
)
from facetally.quantification.intervals import OF_A_SHARE, Floats, Interval, clustered_interval, rounded
from facetally.quantification.run_shares import UNITS, Unit
from facetally.quantification.sampling_estimates import Estimate, Predicted, Sample, product_estimate
from facetally.results.ledger import Ledger
from facetally.results.tables_of_run import TablesOfRun

NO_SAMPLE = Sample(np.zeros(0, np.int64), np.ones(1, np.int64))


@dataclass(frozen=True)
class SampleEstimates:
    """Figures for a whole run."""

    standing: Standing
    """The verdict, and accuracy by appearance."""
    accuracy: Mapping[Unit, Estimate]
    """Of labelled men and women; by appearance with the interval of a fixed sample size."""
    women: Mapping[Unit, Estimate]
    """The share of women among women and men; prediction-powered."""
    false_tracks: Mapping[Unit, Estimate]
    """The share of appearances that show no face."""
    several: Mapping[Unit, Estimate]
    """The share of appearances that show more than one person."""
    recall: Estimate
    """Of people in view at sampled moments; NaN without any."""
    end_to_end: Estimate


@dataclass(frozen=True)
class LabelledSample:
    """The labelled appearances of a design, and what is known of the whole run."""

    outcomes: tuple[TrackOutcome, ...]
    """(n,) up to the first gap, in the order drawn."""
    sample: Sample
    female_prob: Floats
    """(n,) as predicted."""
    screen_time_s: Floats
    """(n,)."""
    run: pd.DataFrame
    """All appearances of the run, as from `run_table`."""


def track_outcomes(run: pd.DataFrame, design: Design, labels: Labels) -> dict[TrackKey, TrackOutcome]:
    """The labels of the drawn appearances against their predictions: what `standing` takes.

    Args:
        run: as from `run_table`.
        design, labels: as for `sample_estimates`.
    """
    probs = run.set_index(["video_id", "track_id"])["female_prob"]
    return {
        track.key: track_outcome(labels.tracks.get(track.key), float(probs.loc[track.key])) for track in design.tracks
    }


def sample_estimates(ledger: Ledger, design: Design, labels: Labels, target: float) -> SampleEstimates:
    """All figures that follow from a sample.

    Args:
        ledger: the run.
        design: the sample that was drawn from it.
        labels: of it, as far as there are any.
        target: accuracy that the verdict is about.

    Raises:
        TruthError: the design is biased, or of another run.
        OutputError: a damaged run.
    """
    design.check_unbiased()
    design.check_run(ledger)
    labelled = _labelled_sample(ledger, design, labels)
    outcomes = track_outcomes(labelled.run, design, labels)
    recall = _recall(ledger, design, labels)
    accuracy = {unit: outcome_share(labelled, unit, ("correct",), ("correct", "incorrect")) for unit in UNITS}
    return SampleEstimates(
        standing=standing(design, outcomes, target),
        accuracy=accuracy,
        women={unit: women_share(labelled, unit) for unit in UNITS},
        false_tracks={unit: outcome_share(labelled, unit, ("not_a_face",)) for unit in UNITS},
        several={unit: outcome_share(labelled, unit, ("several",)) for unit in UNITS},
        recall=recall,
        end_to_end=product_estimate(recall, accuracy["screen_time_s"]),
    )


def sample_figures(estimates: SampleEstimates, design: Design) -> dict[str, Any]:
    """The estimates for report.json."""
    at = estimates.standing
    return {
        "seed": design.seed,
        "appearances": design.appearance_count,
        "drawn": len(design.tracks),
        "labelled": at.labelled,
        "verdict": at.word,
        "further_appearances": at.further,
        "accuracy": {"share": rounded(at.accuracy), "low": rounded(at.low), "high": rounded(at.high)},
        "by": {
            name: {UNITS[unit]: _figures(estimate) for unit, estimate in by_unit.items()}
            for name, by_unit in (
                ("accuracy", estimates.accuracy),
                ("female", estimates.women),
                ("false", estimates.false_tracks),
                ("of_several_people", estimates.several),
            )
        },
        "recall": _figures(estimates.recall),
        "end_to_end": _figures(estimates.end_to_end),
    }


def _labelled_sample(ledger: Ledger, design: Design, labels: Labels) -> LabelledSample:
    run = run_table(ledger)
    outcomes = labelled_prefix(design, track_outcomes(run, design, labels))
    if not is_estimable(design, len(outcomes)):
        outcomes = []
    keys = [track.key for track in design.tracks[: len(outcomes)]]
    own = run.set_index(["video_id", "track_id"]).loc[keys] if keys else run.iloc[:0]
    return LabelledSample(
        tuple(outcomes),
        sample_of(design, len(outcomes)) if outcomes else NO_SAMPLE,
        own["female_prob"].to_numpy(np.float64),
        own["screen_time_s"].to_numpy(np.float64),
        run,
    )


def run_table(ledger: Ledger) -> pd.DataFrame:
    """All appearances of a run: columns video_id, track_id, female_prob and screen_time_s.

    Raises:
        OutputError: a damaged run.
    """
    columns = ["video_id", "track_id", "female_prob", "screen_time_s"]
    parts = [tracks[columns] for tracks in TablesOfRun(ledger, is_corrected=False).tracks(usable_rows(ledger))]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame([], columns=columns)


def _amounts(labelled: LabelledSample, unit: Unit) -> tuple[Floats, Floats]:
    """(n,) and (N,) how much the sampled and all appearances count."""
    if unit == "appearances":
        return np.ones(len(labelled.outcomes)), np.ones(len(labelled.run))
    return labelled.screen_time_s, labelled.run["screen_time_s"].to_numpy(np.float64)


def outcome_share(
    labelled: LabelledSample, unit: Unit, numerator: tuple[str, ...], denominator: tuple[str, ...] | None = None
) -> Estimate:
    """The share of some outcomes among others; by default among all."""
    amount, _ = _amounts(labelled, unit)
    is_in = np.array([outcome.outcome in numerator for outcome in labelled.outcomes], bool)
    counts = np.array([denominator is None or outcome.outcome in denominator for outcome in labelled.outcomes], bool)
    return labelled.sample.ratio(is_in * amount, counts * amount)


def women_share(labelled: LabelledSample, unit: Unit) -> Estimate:
    """The share of women among women and men, prediction-powered.

    Every appearance is predicted to be a woman with its probability, and to count in full.
    """
    amount, of_run = _amounts(labelled, unit)
    is_female = np.array([outcome.gender == "female" for outcome in labelled.outcomes], bool)
    counts = np.array([bool(outcome.gender) for outcome in labelled.outcomes], bool)
    prob = labelled.run["female_prob"].to_numpy(np.float64)
    predicted = Predicted(labelled.female_prob * amount, amount, (float(prob @ of_run), float(of_run.sum())))
    return labelled.sample.ratio(is_female * amount, counts * amount, predicted)


def _recall(ledger: Ledger, design: Design, labels: Labels) -> Estimate:
    searched = list(takewhile(lambda moment: moment.key in labels.moments, design.moments))
    keys = [moment.key for moment in searched]
    no_face = {key for key, label in labels.tracks.items() if label.answer == "not_a_face"}
    by_moment = found_tracks(ledger, keys)
    found = np.array([sum((key[0], track) not in no_face for track in by_moment[key]) for key in keys], np.int64)
    missed = np.array([len(labels.moments[key].missed) for key in keys], np.int64)
    faces, weights = int((found + missed).sum()), _moment_weights(design, searched)
    if not faces or weights is None:
        return Estimate(math.nan, OF_A_SHARE, 0)
    right, count = found * weights, (found + missed) * weights
    return Estimate(float(right.sum() / count.sum()), clustered_interval(right, count), faces)


def _moment_weights(design: Design, searched: Sequence[DrawnMoment]) -> Floats | None:
    """(n,) how much of the run's time each searched moment stands for, 1 on average; None: for a part there is none."""
    number = Counter(moment.phase for moment in searched)
    times_s = {phase: one.decoded_s for phase, one in enumerate(design.phases) if one.decoded_s > 0}
    if len(times_s) < 2:
        return np.ones(len(searched))
    if not times_s.keys() <= number.keys():
        return None
    weights = np.array([times_s[moment.phase] / number[moment.phase] for moment in searched])
    return np.asarray(weights / weights.mean())


def _figures(estimate: Estimate) -> dict[str, Any]:
    interval: Interval = estimate.interval
    return {
        "share": rounded(estimate.share),
        "low": rounded(interval.low),
        "high": rounded(interval.high),
        "cases": estimate.cases,
    }
