"""Validates a run with hand labels: all figures, and a verdict on the target accuracy."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from facetally import __version__
from facetally.errors import OptionError, TruthError
from facetally.options import ClassificationOptions, Sampling
from facetally.quantification.correction import Correction
from facetally.quantification.intervals import Interval, rounded
from facetally.quantification.run_shares import (
    REPORT_SCHEMA_VERSION,
    UNITS,
    Unit,
    as_figures,
    corrections,
    run_tracks,
    sources_by_content,
)
from facetally.results.ledger import Ledger, VideoRow, option_sets
from facetally.results.tables import FACES, TRACKS, read_table
from facetally.results.video_lookup import VideoLookup
from facetally.truth.labels import Truth
from facetally.truth.video_names import matched_names
from facetally.validation.abstention import abstention_figures
from facetally.validation.labelling import compared_shares, labelling_figures, quoted, started
from facetally.validation.metrics import (
    Figures,
    age_figures,
    breakdowns,
    clustered_ratio,
    detection_figures,
    error_figures,
    halves,
    matchable_shares,
    people_figures,
    track_figures,
)
from facetally.validation.outcomes import Outcomes, TrackOutcome, evaluate_video, labelled_tracks
from facetally.validation.tracking import TrackingOutcome, evaluate_tracking
from facetally.validation.tracking_figures import tracking_figures
from facetally.validation.unmatched import Reason, unmatched_figures
from facetally.validation.verdict import verdict

MIN_HALF_TRACKS = 20
"""Labelled tracks that each half of the sources needs for a trial of the corrections."""


@dataclass(frozen=True)
class ValidateOptions:
    """Requirements on a run.

    Raises:
        OptionError: a ratio outside (0, 1).
    """

    target: float = 0.85
    """Accuracy over people that the verdict is about."""
    min_accuracy: float = 0.95
    """Of the predictions that remain above the confidence threshold to be chosen."""
    labels_sampled: bool = False
    """Whether the labelled videos are a random sample of the run's."""

    def __post_init__(self) -> None:
        for flag, value in (("--target", self.target), ("--min-accuracy", self.min_accuracy)):
            if not 0 < value < 1:
                raise OptionError(f"{flag} {value:g} is not between 0 and 1", fix=f"give a ratio: {flag} 0.85")


@dataclass(frozen=True)
class Validation:
    """The comparison of a run with labels."""

    outcomes: Outcomes
    video_ids: dict[str, str]
    """The run's id of each labelled video, by its name in the labels."""
    figures: Figures
    """The content of report.json."""


def validate_run(ledger: Ledger, truth: Truth, options: ValidateOptions) -> Validation:
    """Compares a run with labels.

    Raises:
        OutputError: no run, or a damaged one.
        TruthError: nobody is labelled yet; no video in common, or a name that matches two.
    """
    rows = list(ledger.rows())
    every, truth = truth, started(truth)
    by_name = {row.video: row for row in rows}
    names = matched_names(truth.people, by_name)
    labelled = {name: by_name[run_name] for name, run_name in names.items()}
    outcomes = evaluate_videos(ledger, truth, labelled)
    provenance = ledger.provenance()
    tracks = labelled_tracks(outcomes.tracks)
    sources = {row.video: truth.source(name) for name, row in labelled.items()}
    every_track = run_tracks(ledger, rows, sources)
    labelling = labelling_figures(every, outcomes, labelled, len(every_track), every.people.keys() & by_name.keys())
    labelling["appearances_left"] = max(len(every_track) - len(tracks), 0)
    people = people_figures(outcomes.people)
    is_sample = options.labels_sampled or labelling["is_sample"]
    return Validation(
        outcomes,
        {name: row.video_id for name, row in labelled.items()},
        {
            "schema_version": REPORT_SCHEMA_VERSION,
            "version": __version__,
            **_verdict_figures(outcomes, options.target),
            "labelling": labelling,
            "unmatched": unmatched_figures(truth, labelled, outcomes.unmatched, _excluded(ledger, truth, labelled)),
            "people": people,
            "tracks": track_figures(outcomes),
            # a sample was drawn from the tracks, so it says nothing about how they were cut
            "tracking": tracking_figures([] if truth.sample else evaluate_tracks(ledger, truth, labelled)),
            "detection": detection_figures(outcomes.people),
            **_shares(outcomes, truth, tracks, every_track, is_sample),
            "age": age_figures(outcomes.people),
            "by": breakdowns(outcomes.people),
            "abstention": abstention_figures(outcomes.tracks, options.min_accuracy),
            "errors": error_figures(outcomes.people),
            "truth": _truth_figures(truth, labelled, outcomes),
            "run": {"option_sets": option_sets(rows), **provenance},
            "calibration": as_figures(tracks, provenance.get("models", {})),
            "sources": sources_by_content(
                tracks, {row.content_sha256: sources[row.video] for row in labelled.values() if row.content_sha256}
            ),
        },
    )


def unmatched_people(ledger: Ledger, truth: Truth) -> dict[Reason, list[str]]:
    """The labelled people to whom no track of a run can be given, by reason; those without a gender do not count yet.

    Raises:
        OutputError: no run, or a damaged one.
        TruthError: no video in common, or a name that matches two.
    """
    by_name = {row.video: row for row in ledger.rows()}
    labelled = {name: by_name[run_name] for name, run_name in matched_names(truth.people, by_name).items()}
    found = evaluate_videos(ledger, truth, labelled).unmatched
    return unmatched_figures(truth, labelled, found, _excluded(ledger, truth, labelled))


def _excluded(ledger: Ledger, truth: Truth, labelled: Collection[str]) -> frozenset[str]:
    """The videos of the labels that the run excludes.

    Args:
        ledger: the run.
        truth: the labels.
        labelled: the videos of the labels that count in the run.
    """
    newest = ledger.newest_run()
    if not newest.exclude:
        return frozenset()
    names = {i: name for i, name in VideoLookup(ledger).names.items() if newest.excludes(i, name)}
    try:
        return frozenset(matched_names(set(truth.people) - set(labelled), {*names.values(), *newest.excluded.values()}))
    except TruthError:  # none, or it cannot be said which
        return frozenset()


def evaluate_videos(ledger: Ledger, truth: Truth, labelled: dict[str, VideoRow]) -> Outcomes:
    """Evaluates the people and tracks of all labelled videos. In a video that could not be read, everyone is missed.

    Args:
        ledger: the run.
        truth: the labels.
        labelled: the run's row of each labelled video, by its name in the labels.
    """
    truth = on_frames_of(truth, labelled)
    return Outcomes.joined(_video_outcomes(ledger, truth, name, row) for name, row in sorted(labelled.items()))


def on_frames_of(truth: Truth, labelled: Mapping[str, VideoRow]) -> Truth:
    """The labels with boxes in the pixels of the run's faces; runs of facetally 0.1 did not state the size.

    Args:
        truth: the labels.
        labelled: the run's row of each labelled video, by its name in the labels.
    """
    sizes_px = {name: (row.displayed_width_px, row.displayed_height_px) for name, row in labelled.items()}
    return truth.on_frames({name: size for name, size in sizes_px.items() if all(size)})


def _video_outcomes(ledger: Ledger, truth: Truth, name: str, row: VideoRow) -> Outcomes:
    faces, tracks, stored = _results(ledger, row)
    sampling, options = Sampling(**stored.get("sampling", {})), ClassificationOptions.of_run(stored)
    return evaluate_video(truth, name, faces=faces, tracks=tracks, sampling=sampling, options=options, row=row)


def evaluate_tracks(ledger: Ledger, truth: Truth, labelled: dict[str, VideoRow]) -> Iterator[TrackingOutcome]:
    """Compares the tracks of all labelled videos with the labelled boxes; arguments as for `evaluate_videos`."""
    truth = on_frames_of(truth, labelled)
    for name, row in sorted(labelled.items()):
        faces, tracks, stored = _results(ledger, row)
        sampling = Sampling(**stored.get("sampling", {}))
        yield evaluate_tracking(truth, name, faces=faces, tracks=tracks, sampling=sampling)


def _results(ledger: Ledger, row: VideoRow) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """Faces, tracks and stored options of a video; nothing of one that could not be read."""
    if row.status == "failed":
        return FACES.empty_table().to_pandas(), TRACKS.empty_table().to_pandas(), {}
    faces = read_table(ledger.path("faces", row.video_id), FACES).to_pandas()
    tracks = read_table(ledger.path("tracks", row.video_id), TRACKS).to_pandas()
    return faces, tracks, ledger.provenance(row.video_id).get("options", {})


def _verdict_figures(outcomes: Outcomes, target: float) -> Figures:
    found = [person for person in outcomes.people if person.label.counts and person.is_found]
    result = verdict(*clustered_ratio((person.is_right, person.source) for person in found), target)
    return {
        "verdict": result.word,
        "target": target,
        "further_people": result.further_people,
        "exit_code": result.exit_code,
    }


def _shares(
    outcomes: Outcomes, truth: Truth, labelled: pd.DataFrame, run: pd.DataFrame, labels_sampled: bool
) -> Figures:
    """share.female and screen_time.female: predicted and labelled, the whole run corrected, and a trial of this."""
    by_unit = dict(zip(UNITS, compared_shares(outcomes, truth), strict=True))
    matchable = dict(zip(UNITS, matchable_shares(outcomes.people), strict=True))
    people = people_figures(outcomes.people)
    figures: Figures = {}
    for unit, name in UNITS.items():
        corrected = _correction_figures(corrections(labelled, run, unit, labels_sampled))
        figures[name] = {
            "female": {
                **by_unit[unit],
                "matchable": matchable[unit],
                "quote": quoted(corrected, people),
                "run": corrected,
                "trial": _trial_figures(outcomes.tracks, unit),
            }
        }
    return figures


def _trial_figures(tracks: Sequence[TrackOutcome], unit: Unit) -> Figures | None:
    """The corrections estimated on one half of the sources and applied to the other, where the labels are known."""
    first, second = halves(track.source for track in tracks if track.counts)
    estimated_on = labelled_tracks(track for track in tracks if track.source in first)
    applied_to = labelled_tracks(track for track in tracks if track.source in second)
    if min(len(estimated_on), len(applied_to)) < MIN_HALF_TRACKS:
        return None
    amount = applied_to["screen_time_s"] if unit == "screen_time_s" else applied_to["screen_time_s"] ** 0
    true = float(amount[applied_to["is_female"]].sum() / amount.sum())
    return {"true": rounded(true), **_correction_figures(corrections(estimated_on, applied_to, unit))}


def _correction_figures(corrected: dict[str, Correction]) -> Figures:
    """Each method's share and interval, or why it was refused."""
    return {name: _correction(correction) for name, correction in corrected.items()}


def _correction(correction: Correction) -> Figures:
    if correction.refusal:
        return {"share": None, "low": None, "high": None, "refusal": correction.refusal}
    interval = correction.interval or Interval(0.0, 1.0)
    return {"share": rounded(correction.share), "low": rounded(interval.low), "high": rounded(interval.high)}


def _truth_figures(truth: Truth, labelled: dict[str, VideoRow], outcomes: Outcomes) -> Figures:
    """What was compared."""
    return {
        "videos": len(labelled),
        "videos_not_in_run": sorted(truth.people.keys() - labelled.keys()),
        "videos_failed": sorted(name for name, row in labelled.items() if row.status == "failed"),
        "people": sum(len(truth.people[name]) for name in labelled),
        "left_out": [f"{person.video}: {person.person}" for person in outcomes.left_out],
    }
