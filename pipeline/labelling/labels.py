"""The labels given so far, as types: what somebody saw in an appearance, and whom the run missed at a moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from facetally.gender.attributes import AGE_BANDS
from facetally.truth.labels import FaceQuality, LabelledGender

TrackAnswer = Literal["female", "male", "unsure", "not_a_face", "several"]
"""Several: the track shows more than one person."""
TRACK_ANSWERS: tuple[TrackAnswer, ...] = get_args(TrackAnswer)
MissedGender = Literal["female", "male", "unsure"]
MISSED_GENDERS: tuple[MissedGender, ...] = get_args(MissedGender)
TrackKey = tuple[str, int]
"""A track: its video's id and its own."""
MomentKey = tuple[str, float]
"""A sampled frame: its video's id, and its time in seconds."""
Box = tuple[float, float, float, float]
"""x1, y1, x2, y2 in pixels of the frame as displayed."""
AGES = (*AGE_BANDS, "unsure")


@dataclass(frozen=True)
class TrackLabel:
    """What was labelled in one appearance."""

    answer: TrackAnswer
    age_band: str = "unsure"
    """As in people.csv; "a/b" where annotators differ."""
    face_quality: FaceQuality = ""
    person: TrackKey | None = None
    """The first track of the same person, where several tracks of a video were labelled as one; None: only this one."""
    note: str = ""
    """For people.csv."""

    @property
    def gender(self) -> LabelledGender:
        """As in people.csv, which has no word for several people in one track."""
        return "unsure" if self.answer == "several" else self.answer


@dataclass(frozen=True)
class MissedFace:
    """A face that the run did not find."""

    box: Box
    gender: MissedGender = "unsure"


@dataclass(frozen=True)
class MomentLabel:
    """A frame that was searched for faces that the run did not find; none: it found all."""

    missed: tuple[MissedFace, ...] = ()


@dataclass(frozen=True)
class Labels:
    """The labels of a sample: one for each appearance and each moment that was labelled."""

    tracks: Mapping[TrackKey, TrackLabel] = field(default_factory=dict)
    moments: Mapping[MomentKey, MomentLabel] = field(default_factory=dict)
