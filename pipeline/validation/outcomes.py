"""What a run says of each labelled person and each track, beside what is true."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from facetally.options import PeopleOptions, Sampling
from facetally.quantification.run_shares import LABELLED_COLUMNS
from facetally.tracks.people import pooled_female_prob, predicted_gender
from facetally.truth.labels import LabelledPerson, Truth
from facetally.validation.matching import Intervals, Match, alone_s, match_video, views_s

NOBODY = "nobody"
"""The truth of a track that overlaps no label."""
MISSED = "missed"
"""What is told of a person without a track."""
PEOPLE = ("female", "male", "unsure")
"""Labels of people; the others are of things and pictures."""


@dataclass(frozen=True)
class TrackOutcome:
    """A track that begins within the labelled part of a video, and whom it really shows."""

    video: str
    source: str
    track_id: int
    person: str
    """Whom it belongs to; empty: nobody."""
    truth: str
    """That person's labelled gender; nobody, or unsure where it may be on somebody labelled by time."""
    people_count: int
    """Labelled people that it touches; over 1, it changed hands."""
    female_prob: float
    predicted: str
    """female, male or unknown, as tallied."""
    screen_time_s: float
    """Within the labelled part."""
    face_height_px: float

    @property
    def counts(self) -> bool:
        """Whether the answer can be right or wrong."""
        return self.truth in ("female", "male")

    @property
    def is_right(self) -> bool:
        """Whether the likelier gender is the true one, told or not."""
        return likelier(self.female_prob) == self.truth

    @property
    def confidence(self) -> float:
        """The probability of the likelier gender, in [0.5, 1]."""
        return max(self.female_prob, 1 - self.female_prob)


@dataclass(frozen=True)
class PersonOutcome:
    """A labelled person of a video, and what the run says."""

    label: LabelledPerson
    source: str
    labelled_s: float
    """Seconds in view by the labels."""
    company: str
    """one or many: people in view most of the time, pictures not counted."""
    box_count: int
    """Labelled boxes at sampled times."""
    found_count: int
    """Of those, with a face on them."""
    face_height_px: float
    """Median of the labelled boxes; without, of the tracks; NaN of neither."""
    track_ids: tuple[int, ...]
    """Empty: missed."""
    female_prob: float
    """Of all tracks together, by screen time; NaN where missed."""
    predicted: str
    """female, male, unknown or missed."""
    predicted_age_band: str
    """Of the longest track; unknown where missed."""

    @property
    def is_found(self) -> bool:
        return bool(self.track_ids)

    @property
    def is_right(self) -> bool:
        """Whether the likelier gender is the true one, told or not."""
        return likelier(self.female_prob) == self.label.gender


@dataclass(frozen=True)
class Outcomes:
    """Everything that was compared."""

    people: tuple[PersonOutcome, ...] = ()
    tracks: tuple[TrackOutcome, ...] = ()
    left_out: tuple[LabelledPerson, ...] = ()
    """People labelled by time who are never alone in view, or whose times were not sampled."""

    @classmethod
    def joined(cls, parts: Iterable[Outcomes]) -> Outcomes:
        """Several videos together."""
        parts = list(parts)
        return cls(
            people=tuple(person for part in parts for person in part.people),
            tracks=tuple(track for part in parts for track in part.tracks),
            left_out=tuple(person for part in parts for person in part.left_out),
        )


def likelier(female_prob: float) -> str:
    """female or male; unknown at even odds, or of NaN."""
    if math.isnan(female_prob) or female_prob == 0.5:
        return "unknown"
    return "female" if female_prob > 0.5 else "male"


def evaluate_video(
    truth: Truth, video: str, faces: pd.DataFrame, tracks: pd.DataFrame, sampling: Sampling, options: PeopleOptions
) -> Outcomes:
    """Compares the labels of one video with a run.

    Args:
        truth: the labels.
        video: its name there.
        faces, tracks: its rows of the tables of these names.
        sampling: how the run looked at it.
        options: when the run gave an answer.
    """
    match, views = match_video(truth, video, faces, sampling), views_s(truth, video)
    comparable = [person for person in truth.people[video] if person.person in match.comparable]
    return Outcomes(
        people=tuple(_person_outcome(truth, person, views, tracks, match, options) for person in comparable),
        tracks=tuple(_track_outcomes(truth, video, faces, tracks, match)),
        left_out=tuple(person for person in truth.people[video] if person.person not in match.comparable),
    )


def _track_outcomes(
    truth: Truth, video: str, faces: pd.DataFrame, tracks: pd.DataFrame, match: Match
) -> Iterable[TrackOutcome]:
    genders = {person.person: person.gender for person in truth.people[video]}
    labelled = faces[faces["time_s"] <= truth.until_s(video)]
    screen_time_s = labelled.groupby("track_id")["duration_s"].sum().to_dict()
    for track in tracks.itertuples():
        if track.track_id not in screen_time_s:
            continue
        person = match.owners.get(track.track_id, "")
        stranger = "unsure" if track.track_id in match.unclear else NOBODY
        yield TrackOutcome(
            video=video,
            source=truth.source(video),
            track_id=track.track_id,
            person=person,
            truth=genders.get(person, stranger),
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
    options: PeopleOptions,
) -> PersonOutcome:
    own = tracks[tracks["track_id"].map(match.owners) == label.person]
    labelled_s = sum(stop - start for start, stop in views[label.person])
    people = {p.person for p in truth.people[label.video] if p.gender in PEOPLE} | {label.person}
    unaccompanied_s = alone_s(label.person, {name: views[name] for name in people})
    female_prob, tracks_height_px, predicted, age = _answer(own, options)
    height_px = _labelled_height_px(truth, label)
    return PersonOutcome(
        label=label,
        source=truth.source(label.video),
        labelled_s=labelled_s,
        company="one" if unaccompanied_s >= labelled_s / 2 else "many",
        box_count=match.box_counts.get(label.person, 0),
        found_count=match.found_counts.get(label.person, 0),
        face_height_px=tracks_height_px if math.isnan(height_px) else height_px,
        track_ids=tuple(int(track_id) for track_id in own["track_id"]),
        female_prob=female_prob,
        predicted=predicted,
        predicted_age_band=age,
    )


def _answer(own: pd.DataFrame, options: PeopleOptions) -> tuple[float, float, str, str]:
    """Probability, face height, gender and age band told by all tracks of one person."""
    if own.empty:
        return math.nan, math.nan, MISSED, "unknown"
    seconds = own["screen_time_s"].to_numpy(np.float64)
    female_prob = pooled_female_prob(own["female_prob"].to_numpy(np.float64), seconds)
    height_px = float(np.average(own["face_height_px"], weights=seconds))
    longest = int(seconds.argmax())
    return (
        female_prob,
        height_px,
        predicted_gender(female_prob, height_px, float(own["age_years"].iloc[longest]), options),
        str(own["age_band"].iloc[longest]),
    )


def _labelled_height_px(truth: Truth, label: LabelledPerson) -> float:
    """Median height of a person's labelled boxes; NaN without."""
    if label.video not in truth.boxes:
        return math.nan
    boxes = truth.boxes[label.video].boxes[truth.boxes[label.video].of_person(label.person)]
    return float(np.median(boxes[:, 3] - boxes[:, 1])) if len(boxes) else math.nan


def labelled_tracks(tracks: Iterable[TrackOutcome]) -> pd.DataFrame:
    """The tracks of labelled men and women: columns female_prob, is_female, screen_time_s and source."""
    rows = [(t.female_prob, t.truth == "female", t.screen_time_s, t.source) for t in tracks if t.counts]
    return pd.DataFrame(rows, columns=list(LABELLED_COLUMNS))
