"""Whether each appearance of a labelled person has one track, and each track shows one person.

Labels are not complete: somebody in view may have no label, or none at this moment. A face on nobody labelled is
therefore not an error here, and is left out. What is compared are, at each labelled time, the boxes of labelled men and
women with the faces that overlap one of them by `MIN_IOU`. A second face on such a person is a false positive, and so
is a face whose track belongs to somebody else. Boxes labelled unsure, not_a_face or ignore are left out together with
the face on them, since an unsure box may show two people in turn. A face without a track predicts nothing: the person
is missed.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from facetally.detection import boxes as geometry
from facetally.detection.tracker import NO_TRACK, TrackerOptions
from facetally.options import Sampling
from facetally.truth.labels import Floats, Ints, LabelledBoxes, Truth
from facetally.validation.identity_metrics import (
    Frame,
    HotaCounts,
    IdentityCounts,
    SwitchCounts,
    hota_counts,
    identity_counts,
    switch_counts,
)
from facetally.validation.matching import (
    DEFAULT_LABEL_STEP_S,
    MIN_IOU,
    ComparedFrame,
    compared_frames,
    paired,
    sampling_step_s,
)

PERSON_COLUMN = "person_in_video"
"""Of tracks/, in runs that count people: tracks of one video with the same value show the same person. A negative value
means that people were not counted."""
GENDERS = ("female", "male")
"""Labels of the people who are compared."""
MAX_AWAY_S = 1.0
"""Whoever is out of view for longer begins a new appearance, as by the default of `TrackerOptions.max_gap_s`."""
MAX_JUMP_S = 0.6
"""Between two labels that are further apart, a person may walk as far as a cut moves a box."""
TIME_TOLERANCE_S = 1e-6


@dataclass(frozen=True)
class TrackingOutcome:
    """The tracks of one video compared with its labelled people."""

    video: str
    source: str
    identity: IdentityCounts
    hota: HotaCounts
    switching: SwitchCounts
    """All three by appearance: a person who was away and comes back counts as somebody else."""
    person_identity: IdentityCounts
    """By person, with `PERSON_COLUMN` in place of the tracks where the run has it."""
    shown: dict[int, Counter[str]]
    """For each track on somebody, the number of labelled boxes of each person that it covers."""
    appearance_count: int
    """Of labelled people, with a track on them."""
    tracks_on_appearances: int
    """Pairs of an appearance and a track that covers it."""
    person_of: dict[int, int] | None
    """The value of `PERSON_COLUMN` for each track; None: the run did not count people."""

    @property
    def mixed(self) -> dict[int, list[str]]:
        """The tracks that show several people, and these people."""
        return {track: sorted(people) for track, people in self.shown.items() if len(people) > 1}


def evaluate_tracking(
    truth: Truth, video: str, *, faces: pd.DataFrame, tracks: pd.DataFrame, sampling: Sampling
) -> TrackingOutcome:
    """Compares the tracks of one video with its labelled boxes.

    Args:
        truth: the labels.
        video: its name in the labels.
        faces, tracks: its rows of the tables of these names.
        sampling: which frames the run sampled.
    """
    labels = truth.boxes.get(video, LabelledBoxes.of([]))
    compared = _compared(truth, video, labels, faces, sampling)
    numbers, appearances = np.unique(labels.people, return_inverse=True)[1], appearance_numbers(labels)
    by_appearance = [one.frame(appearances) for one in compared]
    by_person = [one.frame(numbers) for one in compared]
    person_of = None
    if PERSON_COLUMN in tracks.columns and (tracks[PERSON_COLUMN] >= 0).all():
        person_of = {int(t): int(p) for t, p in zip(tracks["track_id"], tracks[PERSON_COLUMN], strict=True)}
        by_person = [replace(f, tracks=np.array([person_of[t] for t in f.tracks.tolist()], int)) for f in by_person]
    shown: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for label, track in (pair for one in compared for pair in one.pairs):
        shown[track][labels.people[label]] += 1
    on_appearances = {(int(appearances[label]), track) for one in compared for label, track in one.pairs}
    return TrackingOutcome(
        video=video,
        source=truth.source(video),
        identity=identity_counts(by_appearance, MIN_IOU),
        hota=hota_counts(by_appearance),
        switching=switch_counts(by_appearance, MIN_IOU),
        person_identity=identity_counts(by_person, MIN_IOU),
        shown=dict(shown),
        appearance_count=len({appearance for appearance, _ in on_appearances}),
        tracks_on_appearances=len(on_appearances),
        person_of=person_of,
    )


@dataclass(frozen=True)
class _Compared:
    """One labelled time."""

    time_s: float
    labels: Ints
    """(G,) indices of the boxes of men and women."""
    tracks: Ints
    """(P,) of the faces on them."""
    overlaps: Floats
    """(G, P)"""
    pairs: list[tuple[int, int]]
    """Each label with a track on it, and this track."""

    def frame(self, numbers: Ints) -> Frame:
        """For the measures of identity, with a number for each label of the video."""
        return Frame(numbers[self.labels], self.tracks, self.overlaps)


def _compared(
    truth: Truth, video: str, labels: LabelledBoxes, faces: pd.DataFrame, sampling: Sampling
) -> list[_Compared]:
    """The labelled times of one video, in order."""
    gender_of = {person.person: person.gender for person in truth.people[video]}
    genders, tracks = np.array([gender_of[name] for name in labels.people]), faces["track_id"].to_numpy(np.int64)
    step_s = sampling_step_s(faces, sampling)
    steps_with_faces = set(np.floor(faces["time_s"].to_numpy() / step_s + 0.01).astype(int).tolist())
    frames = compared_frames(labels, faces, step_s, sampling.keyframes)
    # a label is no miss where its step was sampled too late to be compared with it, and that frame shows faces
    kept = [frame for frame in frames if len(frame.rows) or round(frame.time_s / step_s) not in steps_with_faces]
    return sorted((_of_frame(frame, genders, tracks) for frame in kept), key=lambda one: one.time_s)


def _of_frame(frame: ComparedFrame, genders: npt.NDArray[np.str_], track_ids: Ints) -> _Compared:
    """Leaves out the labels that are not of men and women, and the faces that are not on one of these."""
    labels, tracks = np.array(frame.labels), track_ids[frame.rows]
    is_region, is_counted = genders[labels] == "ignore", np.isin(genders[labels], GENDERS)
    faces_of = {labels[~is_region][i]: j for i, j in paired(frame.overlaps[~is_region])}
    is_compared = (frame.overlaps[is_counted] >= MIN_IOU).any(axis=0) & (tracks != NO_TRACK)
    is_compared[[face for label, face in faces_of.items() if genders[label] not in GENDERS]] = False
    return _Compared(
        time_s=frame.time_s,
        labels=labels[is_counted],
        tracks=tracks[is_compared],
        overlaps=frame.overlaps[np.ix_(is_counted, is_compared)].astype(np.float64),
        pairs=[(int(label), int(tracks[face])) for label, face in faces_of.items() if is_compared[face]],
    )


def appearance_numbers(labels: LabelledBoxes) -> Ints:
    """(N,) a number for each box, the same for boxes of one person who was not away or cut away in between."""
    names = np.array(labels.people)
    order = np.lexsort((labels.times_s, names))
    is_same, gaps_s = names[order][1:] == names[order][:-1], np.diff(labels.times_s[order])
    step_s = float(np.median(gaps_s[is_same])) if is_same.any() else DEFAULT_LABEL_STEP_S
    is_jump = (gaps_s <= MAX_JUMP_S + TIME_TOLERANCE_S) & _jumps(labels.boxes[order])
    numbers = np.zeros(len(names), np.int64)
    numbers[order[1:]] = np.cumsum(~is_same | (gaps_s > step_s + MAX_AWAY_S) | is_jump)
    return numbers


def _jumps(boxes: Floats) -> npt.NDArray[np.bool_]:
    """(N - 1,) whether a box is too far from the one before, or too different in size, by the tracker's defaults."""
    limits = TrackerOptions()
    float_boxes = boxes.astype(np.float32)
    centres, sizes = geometry.centres(float_boxes), np.maximum(geometry.sizes(float_boxes), 1.0)
    moved = np.linalg.norm(np.diff(centres, axis=0), axis=1) / np.sqrt(sizes[1:] * sizes[:-1])
    grown = np.abs(np.diff(np.log(sizes)))
    return np.asarray((moved > limits.max_distance) | (grown > np.log(limits.max_size_ratio)))
