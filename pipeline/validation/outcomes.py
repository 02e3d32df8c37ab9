"""The predictions of a run for each labelled person and each track, with their labels."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Final, Literal

import numpy as np
import pandas as pd

from facetally.options import ClassificationOptions, Sampling
from facetally.quantification.run_shares import LABELLED_COLUMNS
from facetally.results.ledger import VideoRow
from facetally.tracks.appearances import PredictedGender, pooled_female_prob, predicted_gender
from facetally.truth.labels import LabelledGender, LabelledPerson, Truth
from facetally.validation.matching import (
    Intervals,
    Match,
    alone_s,
    match_video,
    more_faces_than_labels,
    sampling_step_s,
    views_s,
)
from facetally.validation.unmatched import Unmatched, end_of, reason_of, unmatched

NOBODY: Final = "nobody"
"""`TrackOutcome.truth` of a track that overlaps no label."""
MISSED: Final = "missed"
"""`PersonOutcome.predicted` of a person without a track."""
PersonPrediction = PredictedGender | Literal["missed"]
TrackTruth = LabelledGender | Literal["nobody"]
PEOPLE: tuple[LabelledGender, ...] = ("female", "male", "unsure")
"""Labels of people; the others are of things and images."""


@dataclass(frozen=True)
class TrackOutcome:
    """A track that begins within the labelled part of a video, and the labelled person it shows."""

    video: str
    source: str
    track_id: int
    person: str
    """The person that it belongs to; empty: nobody."""
    truth: TrackTruth
    """That person's labelled gender; without a person nobody, or unsure where it may show one labelled by time."""
    people_count: int
    """Labelled people that it touches; over 1: it switched between people."""
    female_prob: float
    predicted: PredictedGender
    """As tallied."""
    screen_time_s: float
    """Within the labelled part."""
    face_height_px: float

    @property
    def counts(self) -> bool:
        """Whether it counts in accuracy: of a labelled man or woman."""
        return self.truth in ("female", "male")

    @property
    def is_right(self) -> bool:
        """Whether the likelier gender is the labelled one, even where the prediction is unknown."""
        return likelier(self.female_prob) == self.truth

    @property
    def confidence(self) -> float:
        """The probability of the likelier gender, in [0.5, 1]."""
        return max(self.female_prob, 1 - self.female_prob)


@dataclass(frozen=True)
class PersonOutcome:
    """A labelled person of a video, and the prediction of the run."""

    label: LabelledPerson
    source: str
    labelled_s: float
    """Seconds in view by the labels."""
    people_in_view: Literal["one", "many"]
    """Whether other people are in view most of the time; images of people do not count."""
    box_count: int
    """Labelled boxes at sampled times."""
    found_count: int
    """Of these, the boxes with a face on them."""
    face_height_px: float
    """Median of the labelled boxes; without boxes, mean of the tracks; NaN without either."""
    track_ids: tuple[int, ...]
    """Empty where missed."""
    female_prob: float
    """Of all tracks together, weighted by screen time; NaN where missed."""
    predicted: PersonPrediction
    predicted_age_band: str
    """Of the longest track; unknown where missed."""
    views_s: tuple[tuple[float, float], ...] = ()
    """When the person is in view by the labels: [start, stop) in seconds."""

    @property
    def is_found(self) -> bool:
        return bool(self.track_ids)

    @property
    def is_right(self) -> bool:
        """Whether the likelier gender is the labelled one, even where the prediction is unknown."""
        return likelier(self.female_prob) == self.label.gender


@dataclass(frozen=True)
class Outcomes:
    """The evaluation of one or several videos."""

    people: tuple[PersonOutcome, ...] = ()
    tracks: tuple[TrackOutcome, ...] = ()
    left_out: tuple[LabelledPerson, ...] = ()
    """People labelled by time who are never alone in view, or whose times were not sampled: no track can be theirs."""
    left_out_s: tuple[float, ...] = ()
    """Seconds in view of each of them by the labels."""
    unmatched: tuple[Unmatched, ...] = ()
    """Why: of those left out, and of the people of videos that could not be read, who count as missed."""
    partly_labelled: frozenset[str] = frozenset()
    """Videos in which most of the time more faces are followed than people are labelled."""

    @classmethod
    def joined(cls, parts: Iterable[Outcomes]) -> Outcomes:
        """Of several videos together."""
        parts = list(parts)
        return cls(
            people=tuple(person for part in parts for person in part.people),
            tracks=tuple(track for part in parts for track in part.tracks),
            left_out=tuple(person for part in parts for person in part.left_out),
            left_out_s=tuple(seconds for part in parts for seconds in part.left_out_s),
            unmatched=tuple(found for part in parts for found in part.unmatched),
            partly_labelled=frozenset().union(*(part.partly_labelled for part in parts)),
        )

    def of_videos(self, videos: Collection[str]) -> Outcomes:
        """Those of some videos."""
        kept = [person.video in videos for person in self.left_out]
        return Outcomes(
            people=tuple(person for person in self.people if person.label.video in videos),
            tracks=tuple(track for track in self.tracks if track.video in videos),
            left_out=tuple(compress(self.left_out, kept)),
            left_out_s=tuple(compress(self.left_out_s, kept)),
            unmatched=tuple(found for found in self.unmatched if found.video in videos),
            partly_labelled=self.partly_labelled.intersection(videos),
        )


def likelier(female_prob: float) -> PredictedGender:
    """The likelier gender; unknown at 0.5 and for NaN."""
    if math.isnan(female_prob) or female_prob == 0.5:
        return "unknown"
    return "female" if female_prob > 0.5 else "male"


def evaluate_video(
    truth: Truth,
    video: str,
    *,
    faces: pd.DataFrame,
    tracks: pd.DataFrame,
    sampling: Sampling,
    options: ClassificationOptions,
    row: VideoRow | None = None,
) -> Outcomes:
    """Compares the labels of one video with a run.

    Args:
        truth: the labels.
        video: its name in the labels.
        faces, tracks: its rows of the tables of these names.
        sampling: which frames the run sampled.
        options: when the run predicts a gender.
        row: of the video in the run; None: when it ends is not known.
    """
    end_s = end_of(row) if row else math.inf
    match = match_video(truth, video, faces=faces, sampling=sampling, end_s=end_s)
    views = views_s(truth, video)
    comparable = [person for person in truth.people[video] if person.person in match.comparable]
    left_out = [person for person in truth.people[video] if person.person not in match.comparable]
    return Outcomes(
        people=tuple(_person_outcome(truth, person, views, tracks, match, options) for person in comparable),
        tracks=tuple(_track_outcomes(truth, video, faces, tracks, match)),
        left_out=tuple(left_out),
        left_out_s=tuple(_in_view_s(views[person.person]) for person in left_out),
        unmatched=tuple(_unmatched(truth, row, comparable, left_out, sampling_step_s(faces, sampling), end_s)),
        partly_labelled=frozenset([video] if more_faces_than_labels(truth, video, faces) else ()),
    )


def _unmatched(
    truth: Truth,
    row: VideoRow | None,
    comparable: Sequence[LabelledPerson],
    left_out: Sequence[LabelledPerson],
    step_s: float,
    end_s: float,
) -> Iterable[Unmatched]:
    """Why people cannot be matched; those without a gender do not count yet."""
    if row and row.status == "failed":
        yield from (unmatched(person, "failed") for person in comparable if person.is_labelled)
    for person in left_out:
        if person.is_labelled:
            # of a person labelled both ways the boxes count
            yield unmatched(person, reason_of(truth, person, step_s=step_s, end_s=end_s) or "not_sampled")


def _track_outcomes(
    truth: Truth, video: str, faces: pd.DataFrame, tracks: pd.DataFrame, match: Match
) -> Iterable[TrackOutcome]:
    genders: dict[str, TrackTruth] = {person.person: person.gender for person in truth.people[video]}
    labelled = faces[truth.is_labelled(video, faces["time_s"].to_numpy(np.float64))]
    screen_time_s = labelled.groupby("track_id")["duration_s"].sum().to_dict()
    for track in tracks.itertuples():
        if track.track_id not in screen_time_s:
            continue
        person = match.owners.get(track.track_id, "")
        if truth.sample and not person:
            continue  # not drawn, so nobody labelled it
        without_person: TrackTruth = "unsure" if track.track_id in match.unclear else NOBODY
        yield TrackOutcome(
            video=video,
            source=truth.source(video),
            track_id=track.track_id,
            person=person,
            truth=genders.get(person, without_person),
            people_count=match.people_counts.get(track.track_id, 0),
            female_prob=float(track.female_prob),
            predicted=track.gender,
            screen_time_s=float(screen_time_s[track.track_id]),
            face_height_px=float(track.face_height_px),
        )


def _person_outcome(
    truth: Truth,
    label: LabelledPerson,
    views: dict[str, Intervals],
    tracks: pd.DataFrame,
    match: Match,
    options: ClassificationOptions,
) -> PersonOutcome:
    own = tracks[tracks["track_id"].map(match.owners) == label.person]
    labelled_s = _in_view_s(views[label.person])
    people = {p.person for p in truth.people[label.video] if p.gender in PEOPLE} | {label.person}
    seconds_alone = alone_s(label.person, {name: views[name] for name in people})
    female_prob, tracks_height_px, predicted, age = _prediction(own, options)
    height_px = _labelled_height_px(truth, label)
    return PersonOutcome(
        label=label,
        source=truth.source(label.video),
        labelled_s=labelled_s,
        people_in_view="one" if seconds_alone >= labelled_s / 2 else "many",
        box_count=match.box_counts.get(label.person, 0),
        found_count=match.found_counts.get(label.person, 0),
        face_height_px=tracks_height_px if math.isnan(height_px) else height_px,
        track_ids=tuple(int(track_id) for track_id in own["track_id"]),
        female_prob=female_prob,
        predicted=predicted,
        predicted_age_band=age,
        views_s=tuple(views[label.person]),
    )


def _in_view_s(intervals: Intervals) -> float:
    return sum(stop - start for start, stop in intervals)


def _prediction(own: pd.DataFrame, options: ClassificationOptions) -> tuple[float, float, PersonPrediction, str]:
    """Probability, face height, gender and age band of one person, from all tracks."""
    if own.empty:
        return math.nan, math.nan, MISSED, "unknown"
    seconds = own["screen_time_s"].to_numpy(np.float64)
    female_prob = pooled_female_prob(own["female_prob"].to_numpy(np.float64), seconds)
    height_px = float(np.average(own["face_height_px"], weights=seconds))
    longest = int(seconds.argmax())
    return (
        female_prob,
        height_px,
        predicted_gender(female_prob, height_px, float(own["age_years"].iloc[longest]), options=options),
        str(own["age_band"].iloc[longest]),
    )


def _labelled_height_px(truth: Truth, label: LabelledPerson) -> float:
    """Median height of a person's labelled boxes; NaN without boxes."""
    if label.video not in truth.boxes:
        return math.nan
    boxes = truth.boxes[label.video].boxes[truth.boxes[label.video].of_person(label.person)]
    return float(np.median(boxes[:, 3] - boxes[:, 1])) if len(boxes) else math.nan


def labelled_tracks(tracks: Iterable[TrackOutcome]) -> pd.DataFrame:
    """The tracks of labelled men and women: columns female_prob, is_female, screen_time_s and source."""
    rows = [(t.female_prob, t.truth == "female", t.screen_time_s, t.source) for t in tracks if t.counts]
    return pd.DataFrame(rows, columns=list(LABELLED_COLUMNS))
