"""Matches tracks to labelled people: the faces of a run with hand labels, one video at a time.

A track belongs to the person whose boxes it overlaps at most of the labelled times. Of people labelled by time instead
of boxes, the largest face in the frame belongs to the one person in view; while several are in view, it is undecided.
People with boxes are matched by their boxes only.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import linear_sum_assignment

from facetally.detection.boxes import areas, iou_matrix, shared_areas
from facetally.detection.tracker import NO_TRACK
from facetally.options import Sampling
from facetally.truth.labels import Floats, Ints, LabelledBoxes, Truth

MIN_IOU = 0.3
"""Of a face with a labelled box of the same person: reached across annotation styles, not reached by a neighbour."""
MIN_IGNORED = 0.5
"""Part of a face's area within a region labelled ignore, for the face to be in it: regions are larger than faces."""
MAX_OFFSET_S = 0.25
"""Between a label and the sampled frame that it is compared with; half the sampling step where that is less."""
TIE_S = 0.002
"""Times in label files are rounded: of two frames or labels that are nearest to within this, the earlier counts."""
EVERY_FRAME_S = 0.04
"""The sampling step of a run over every frame, where no face shows the duration of a frame."""
DEFAULT_LABEL_STEP_S = 0.5
"""How long a person with a single box is in view."""

Intervals = list[tuple[float, float]]
"""[start, stop) in seconds."""


@dataclass(frozen=True)
class Match:
    """The tracks and the people of one video."""

    owners: dict[int, str]
    """The person that each track belongs to; without tracks on nobody."""
    people_counts: dict[int, int]
    """How many labelled people each track touches; over 1: it switched between people."""
    box_counts: dict[str, int]
    """Labelled boxes of each person at sampled times."""
    found_counts: dict[str, int]
    """Of these, the boxes with a face on them."""
    comparable: frozenset[str]
    """People whom the run could have found: boxed at sampled times, or labelled by time and once alone in view."""
    unclear: frozenset[int]
    """Tracks without an owner that may show a person labelled by time who was not alone in view."""


@dataclass(frozen=True)
class ComparedFrame:
    """A sampled frame and the labelled boxes that it is compared with."""

    time_s: float
    """Of the frame; of its first label where it shows no face."""
    labels: list[int]
    """Indices of L labelled boxes."""
    rows: Ints
    """(F,) positions of its faces in the table of faces."""
    overlaps: npt.NDArray[np.float32]
    """(L, F) intersection over union of each labelled box with each face."""


def match_video(truth: Truth, video: str, *, faces: pd.DataFrame, sampling: Sampling, end_s: float = math.inf) -> Match:
    """Compares the labels of one video with the faces that a run found in it.

    Args:
        truth: the labels.
        video: its name in the labels.
        faces: its rows of `tables.FACES`.
        sampling: which frames the run sampled.
        end_s: when the video ends; labels after that are of no frame.
    """
    votes: dict[int, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    box_counts: Counter[str] = Counter()
    found_counts: Counter[str] = Counter()
    step_s = sampling_step_s(faces, sampling)
    views = views_within(views_s(truth, video), end_s)
    boxed = set(truth.boxes[video].people) if video in truth.boxes else set()
    timed = {person.person for person in truth.people[video] if person.intervals_s} - boxed
    comparable = {name for name in timed if alone_s(name, views) >= step_s}
    for name, owner_id, seconds in _alone_in_view(timed, views, faces):
        votes[owner_id][name] += seconds
    if boxed:
        ignored = frozenset(person.person for person in truth.people[video] if person.gender == "ignore")
        for name, track_id in _overlaps(truth.boxes[video].until(end_s), ignored, faces, step_s, sampling.keyframes):
            comparable.add(name)
            box_counts[name] += 1
            found_counts[name] += track_id is not None
            if track_id is not None and track_id != NO_TRACK:
                votes[track_id][name] += 1
    return Match(
        owners={track_id: min(counts, key=lambda name: (-counts[name], name)) for track_id, counts in votes.items()},
        people_counts={track_id: len(counts) for track_id, counts in votes.items()},
        box_counts=dict(box_counts),
        found_counts=dict(found_counts),
        comparable=frozenset(comparable),
        unclear=_seen_among_several(timed, views, faces) - votes.keys(),
    )


def views_s(truth: Truth, video: str) -> dict[str, Intervals]:
    """When each person of a video is in view: intervals in order, without overlaps.

    The times at which people come and go count as stated. A box outside of them counts until the person's next box;
    where that is far, for the median time between two boxes.
    """
    views = {person.person: list(person.intervals_s) for person in truth.people[video]}
    if video not in truth.boxes:
        return {name: _united(intervals) for name, intervals in views.items()}
    labels = truth.boxes[video]
    times_s = {name: labels.times_s[labels.of_person(name)] for name in views}
    gaps_s = np.concatenate([np.diff(times) for times in times_s.values()])
    step_s = float(np.median(gaps_s)) if len(gaps_s) else DEFAULT_LABEL_STEP_S
    for name, times in times_s.items():
        until_next_s = np.append(np.diff(times), step_s)[: len(times)]
        lengths_s = np.where(until_next_s <= 1.5 * step_s, until_next_s, step_s)
        stays = views[name]
        is_in_stay = [any(start <= t < stop for start, stop in stays) for t in times]
        views[name] = stays + [
            (float(t), float(t + length))
            for t, length, is_in in zip(times, lengths_s, is_in_stay, strict=True)
            if not is_in
        ]
    return {name: _united(intervals) for name, intervals in views.items()}


def views_within(views: Mapping[str, Intervals], end_s: float) -> dict[str, Intervals]:
    """The parts of times in view that are before the end of the video."""
    return {
        name: [(start, min(stop, end_s)) for start, stop in intervals if start < end_s]
        for name, intervals in views.items()
    }


def alone_s(name: str, views: dict[str, Intervals]) -> float:
    """How many seconds a person is in view alone; `views` as from `views_s`."""
    others_s = [interval for other, intervals in views.items() if other != name for interval in intervals]
    return sum(stop - start - covered_s((start, stop), others_s) for start, stop in views[name])


def covered_s(interval_s: tuple[float, float], others_s: Iterable[tuple[float, float]]) -> float:
    """How many seconds of an interval at least one of the others covers."""
    start_s, stop_s = interval_s
    covered, at_s = 0.0, start_s
    for other_start_s, other_stop_s in sorted(others_s):
        from_s, to_s = max(other_start_s, at_s), min(other_stop_s, stop_s)
        covered += max(to_s - from_s, 0.0)
        at_s = max(at_s, to_s)
    return covered


def more_faces_than_labels(truth: Truth, video: str, faces: pd.DataFrame) -> bool:
    """Whether in most of the labelled time more faces are followed than people are labelled: somebody is not labelled.

    This is asked only where nobody has boxes. Boxes say which face is on nobody, and such a face counts as an error of
    the run.

    Args:
        truth: the labels; regions to ignore may hold any number of faces.
        video: its name in the labels.
        faces: its rows of `tables.FACES`.
    """
    if video in truth.boxes or any(person.gender == "ignore" for person in truth.people[video]):
        return False
    is_counted = truth.is_labelled(video, faces["time_s"].to_numpy(np.float64)) & (faces["track_id"] != NO_TRACK)
    views = views_s(truth, video)
    counts = faces[is_counted].groupby("time_s").size()
    more_s = [count > len(_in_view(views, time_s)) for time_s, count in counts.items()]
    return bool(2 * sum(more_s) > len(more_s))


def _united(intervals_s: Intervals) -> Intervals:
    """The same times without overlaps."""
    united: Intervals = []
    for start_s, stop_s in sorted(intervals_s):
        if united and start_s <= united[-1][1]:
            start_s, last_stop_s = united.pop()
            stop_s = max(stop_s, last_stop_s)
        united.append((start_s, stop_s))
    return united


def sampling_step_s(faces: pd.DataFrame, sampling: Sampling) -> float:
    """Seconds between two sampled frames."""
    return sampling.every_s or (float(faces["duration_s"].median()) if len(faces) else EVERY_FRAME_S)


def compared_frames(
    labels: LabelledBoxes, faces: pd.DataFrame, step_s: float, keyframes: bool
) -> Iterable[ComparedFrame]:
    """The sampled frames at labelled times, with the overlaps of labels and faces.

    Args:
        labels: of one video.
        faces: its rows of `tables.FACES`.
        step_s: seconds between two sampled frames.
        keyframes: whether only keyframes were sampled.
    """
    rows_at = faces.groupby("time_s").indices
    frame_times_s = np.array(sorted(rows_at), np.float64)
    face_boxes = faces[["x1", "y1", "x2", "y2"]].to_numpy(np.float32)
    for time_s, members in _compared_labels(labels, frame_times_s, step_s, keyframes):
        rows = rows_at.get(time_s, np.zeros(0, np.int64))
        overlaps = iou_matrix(labels.boxes[members].astype(np.float32), face_boxes[rows])
        at_s = float(labels.times_s[members[0]]) if time_s is None else time_s
        yield ComparedFrame(at_s, members, rows, overlaps)


def paired(overlaps: npt.NDArray[np.float32]) -> list[tuple[int, int]]:
    """Pairs (label, face) of the largest total overlap, each of at least `MIN_IOU`; overlaps (L, F)."""
    gated = np.where(overlaps >= MIN_IOU, overlaps, 0)
    return [(int(i), int(j)) for i, j in zip(*linear_sum_assignment(-gated), strict=True) if gated[i, j]]


def _overlaps(
    labels: LabelledBoxes, ignored: frozenset[str], faces: pd.DataFrame, step_s: float, keyframes: bool
) -> Iterable[tuple[str, int | None]]:
    """For each labelled box at a sampled time its person and the track of the face on it; None: no face there.

    A region to ignore comes with each face in it that is on nobody.
    """
    face_boxes = faces[["x1", "y1", "x2", "y2"]].to_numpy(np.float32)
    track_ids = faces["track_id"].to_numpy()
    for frame in compared_frames(labels, faces, step_s, keyframes):
        is_region = np.array([labels.people[label] in ignored for label in frame.labels])
        people = [label for label in frame.labels if labels.people[label] not in ignored]
        regions = [label for label in frame.labels if labels.people[label] in ignored]
        found = {people[i]: j for i, j in paired(frame.overlaps[~is_region])}
        for label in people:
            yield labels.people[label], int(track_ids[frame.rows[found[label]]]) if label in found else None
        free = np.setdiff1d(np.arange(len(frame.rows)), list(found.values())).astype(np.int64)
        shared = shared_areas(labels.boxes[regions].astype(np.float32), face_boxes[frame.rows[free]])
        is_inside = shared >= MIN_IGNORED * areas(face_boxes[frame.rows[free]])
        for label, inside in zip(regions, is_inside, strict=True):
            yield labels.people[label], None
            yield from ((labels.people[label], int(track_id)) for track_id in track_ids[frame.rows[free[inside]]])


def _compared_labels(
    labels: LabelledBoxes, frame_times_s: Floats, step_s: float, keyframes: bool
) -> Iterable[tuple[float | None, list[int]]]:
    """Sampled frames and the labels they are compared with: each person's nearest, where labels are denser than frames.

    Yields:
        The time of the frame, None for one without a face, and indices of labels. Labels too far from any sampled
        frame are left out.
    """
    reach_s = 1.1 * min(step_s / 2, MAX_OFFSET_S)  # sampled frames come a little after the sampling grid
    # the sample of a cell with faces is known, and lies too far from a label that it does not reach
    cells_with_faces = set(np.floor(frame_times_s / step_s + 0.01).astype(int).tolist())
    nearest: dict[tuple[float | None, int, str], tuple[float, int]] = {}
    for label, time_s in enumerate(labels.times_s):
        cell = round(time_s / step_s)
        key: tuple[float | None, int, str] = (None, cell, labels.people[label])
        offset_s = np.inf if keyframes or cell in cells_with_faces else abs(cell * step_s - time_s)
        if len(frame_times_s):
            offsets_s = np.abs(frame_times_s - time_s)
            frame_s = float(frame_times_s[np.argmax(offsets_s <= offsets_s.min() + TIE_S)])
            if abs(frame_s - time_s) <= reach_s:
                key, offset_s = (frame_s, 0, labels.people[label]), abs(frame_s - time_s)
        if offset_s <= reach_s and offset_s < nearest.get(key, (np.inf, label))[0] - TIE_S:
            nearest[key] = offset_s, label
    members: dict[tuple[float | None, int], list[int]] = defaultdict(list)
    for (time_or_none, cell, _), (_, label) in nearest.items():
        members[time_or_none, cell].append(label)
    for (time_or_none, _), indices in members.items():
        yield time_or_none, indices


def _alone_in_view(
    timed: set[str], views: dict[str, Intervals], faces: pd.DataFrame
) -> Iterable[tuple[str, int, float]]:
    """At times with one person in view: the person, the track of the largest face, and the frame's seconds."""
    if not timed:
        return
    areas = (faces["x2"] - faces["x1"]) * (faces["y2"] - faces["y1"])
    largest = faces.assign(area=areas).sort_values("area", kind="stable").drop_duplicates("time_s", keep="last")
    for time_s, duration_s, track_id in largest[["time_s", "duration_s", "track_id"]].itertuples(index=False):
        names = _in_view(views, time_s)
        if len(names) == 1 and names <= timed and track_id != NO_TRACK:
            yield names.pop(), int(track_id), float(duration_s)


def _seen_among_several(timed: set[str], views: dict[str, Intervals], faces: pd.DataFrame) -> frozenset[int]:
    """Tracks with a face at a time with several people in view, one of `timed` among them."""
    if not timed:
        return frozenset()
    in_view = {time_s: _in_view(views, time_s) for time_s in faces["time_s"].unique()}
    crowded_s = [time_s for time_s, names in in_view.items() if len(names) > 1 and names & timed]
    return frozenset(faces["track_id"][faces["time_s"].isin(crowded_s)])


def _in_view(views: dict[str, Intervals], time_s: float) -> set[str]:
    return {name for name, intervals in views.items() if any(start <= time_s < stop for start, stop in intervals)}
