"""How well a tracker keeps identities apart: IDF1, HOTA, identity switches, fragments, and B-cubed.

The functions know labels and tracks as numbers only, frame by frame, as in the MOT benchmarks. All counts add up over
videos. `scripts/check_tracking_metrics.py` compares the results with those of motmetrics and TrackEval.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

ALPHAS = np.linspace(0.05, 0.95, 19)
"""The overlaps at which HOTA matches boxes; it is the mean over these."""


@dataclass(frozen=True)
class Frame:
    """The labelled people and the tracks in one frame.

    Raises:
        ValueError: the shape of `overlaps` is not (G, P).
    """

    people: Ints
    """(G,) each at most once."""
    tracks: Ints
    """(P,) each at most once."""
    overlaps: Floats
    """(G, P) intersection over union of their boxes."""

    def __post_init__(self) -> None:
        if self.overlaps.shape != (len(self.people), len(self.tracks)):
            expected = len(self.people), len(self.tracks)
            raise ValueError(f"expected overlaps of shape {expected}, got {self.overlaps.shape}")


@dataclass(frozen=True)
class IdentityCounts:
    """Boxes by whether they have the right identity. NaN is the value of a ratio of nothing."""

    right: int
    """Labelled boxes that the track assigned to their person covers: IDTP."""
    tracked: int
    """Boxes of tracks: IDTP + IDFP."""
    labelled: int
    """Labelled boxes: IDTP + IDFN."""

    @property
    def precision(self) -> float:
        """IDP."""
        return _ratio(self.right, self.tracked)

    @property
    def recall(self) -> float:
        """IDR."""
        return _ratio(self.right, self.labelled)

    @property
    def f1(self) -> float:
        """IDF1."""
        return _ratio(2 * self.right, self.tracked + self.labelled)


def identity_counts(frames: Sequence[Frame], min_overlap: float) -> IdentityCounts:
    """Boxes with the right identity when each person is assigned at most one track, and each track one person.

    The assignment is the one with the most right boxes in all frames together.

    Args:
        frames: of one video, or of several with different numbers for their people and tracks.
        min_overlap: of a labelled box with a track's box that covers it.

    Source: E. Ristani et al., "Performance measures and a data set for multi-target, multi-camera tracking", ECCV
    Workshops 2016.
    """
    people, tracks = _numbers(frames)
    together = np.zeros((len(people), len(tracks)), np.int64)
    for frame in frames:
        places = np.ix_(np.searchsorted(people, frame.people), np.searchsorted(tracks, frame.tracks))
        together[places] += frame.overlaps >= min_overlap
    return IdentityCounts(
        right=int(together[linear_sum_assignment(-together)].sum()),
        tracked=sum(len(frame.tracks) for frame in frames),
        labelled=sum(len(frame.people) for frame in frames),
    )


@dataclass(frozen=True)
class HotaCounts:
    """What HOTA is computed from, at each of `ALPHAS`. Without any match, all three scores are 0."""

    matched: Floats
    """(A,) pairs of a labelled box and a track's box."""
    association_sum: Floats
    """(A,) sum over these pairs of the Jaccard index of their person's boxes with their track's boxes."""
    tracked: int
    labelled: int

    @property
    def association(self) -> float:
        """AssA: how consistently a person has one track, and a track one person."""
        return float(self._associations.mean())

    @property
    def detection(self) -> float:
        """DetA: how many boxes are matched, of those of either kind."""
        return float(self._detections.mean())

    @property
    def hota(self) -> float:
        return float(np.sqrt(self._detections * self._associations).mean())

    @property
    def _associations(self) -> Floats:
        return np.asarray(self.association_sum / np.maximum(self.matched, 1))

    @property
    def _detections(self) -> Floats:
        return np.asarray(self.matched / np.maximum(self.tracked + self.labelled - self.matched, 1))


def hota_counts(frames: Sequence[Frame]) -> HotaCounts:
    """Matches boxes frame by frame, preferring pairs of a person and a track that belong together over all frames.

    Args:
        frames: as for `identity_counts`.

    Source: J. Luiten et al., "HOTA: a higher order metric for evaluating multi-object tracking", IJCV 2021.
    """
    people, tracks = _numbers(frames)
    places = [(np.searchsorted(people, frame.people), np.searchsorted(tracks, frame.tracks)) for frame in frames]
    either = _appearances(places, len(people), len(tracks))
    likely = np.zeros(either.shape)  # how often each pair could be matched, divided among its rivals in a frame
    for frame, place in zip(frames, places, strict=True):
        rivals = frame.overlaps.sum(axis=0)[None] + frame.overlaps.sum(axis=1)[:, None] - frame.overlaps
        likely[np.ix_(*place)] += np.divide(frame.overlaps, rivals, out=np.zeros(rivals.shape), where=rivals > 0)
    alignment = likely / np.maximum(either - likely, np.finfo(float).tiny)
    matches = np.zeros((len(ALPHAS), *either.shape))
    for frame, place in zip(frames, places, strict=True):
        rows, columns = linear_sum_assignment(-alignment[np.ix_(*place)] * frame.overlaps)
        reached = frame.overlaps[rows, columns] >= ALPHAS[:, None] - np.finfo(float).eps
        matches[:, place[0][rows], place[1][columns]] += reached
    return HotaCounts(
        matched=matches.sum(axis=(1, 2)),
        association_sum=(matches**2 / np.maximum(either - matches, 1)).sum(axis=(1, 2)),
        tracked=sum(len(frame.tracks) for frame in frames),
        labelled=sum(len(frame.people) for frame in frames),
    )


def _appearances(places: Sequence[tuple[Ints, Ints]], people_count: int, track_count: int) -> Floats:
    """(people, tracks) the number of boxes of a person plus that of a track."""
    seen, followed = np.zeros(people_count), np.zeros(track_count)
    for people, tracks in places:
        seen[people] += 1
        followed[tracks] += 1
    return np.asarray(seen[:, None] + followed[None])


@dataclass(frozen=True)
class SwitchCounts:
    """How often the track on a person changes or is interrupted."""

    switches: int
    """Times that a person is covered by another track than before: IDSW."""
    fragments: int
    """Times that a person in view is not covered, between two times when it is."""


def switch_counts(frames: Sequence[Frame], min_overlap: float) -> SwitchCounts:
    """Follows each person from frame to frame: the track of the last match is kept as long as it covers the person.

    Args:
        frames: of one video, in order.
        min_overlap: of a labelled box with a track's box that covers it.

    Source: K. Bernardin and R. Stiefelhagen, "Evaluating multiple object tracking performance: the CLEAR MOT metrics",
    EURASIP Journal on Image and Video Processing 2008. Fragments as in motmetrics: frames in which the person is not in
    view interrupt nothing.
    """
    track_of: dict[int, int] = {}
    is_missed: set[int] = set()
    switches = fragments = 0
    for frame in frames:
        matched = _kept_and_new(frame, track_of, min_overlap)
        switches += sum(track_of.get(person, track) != track for person, track in matched.items())
        fragments += len(is_missed & matched.keys())
        track_of |= matched
        is_missed = (is_missed | (track_of.keys() & set(frame.people.tolist()))) - matched.keys()
    return SwitchCounts(switches, fragments)


def _kept_and_new(frame: Frame, track_of: dict[int, int], min_overlap: float) -> dict[int, int]:
    """The track on each person: the one of the last match if it still covers the person, else of the best new match."""
    covers = frame.overlaps >= min_overlap
    kept: dict[int, int] = {}
    for row, person in enumerate(frame.people.tolist()):
        columns = np.flatnonzero(covers[row] & (frame.tracks == track_of.get(person, math.nan)))
        if len(columns) and int(frame.tracks[columns[0]]) not in kept.values():
            kept[person] = int(frame.tracks[columns[0]])
    free = np.ix_(~np.isin(frame.people, list(kept)), ~np.isin(frame.tracks, list(kept.values())))
    # the constant makes one more pair better than any larger overlap
    gain = np.where(covers, frame.overlaps + min(frame.overlaps.shape), 0)[free]
    people, tracks = frame.people[free[0].ravel()], frame.tracks[free[1].ravel()]
    pairs = [(row, column) for row, column in zip(*linear_sum_assignment(-gain), strict=True) if gain[row, column]]
    return kept | {int(people[row]): int(tracks[column]) for row, column in pairs}


@dataclass(frozen=True)
class BCubed:
    """The quality of a clustering; NaN without items."""

    precision: float
    """Mean over items of the share of its cluster that is of the same person."""
    recall: float
    """Mean over items of the share of its person's items that are in the same cluster."""

    @property
    def f1(self) -> float:
        """Harmonic mean of the two."""
        return _ratio(2 * self.precision * self.recall, self.precision + self.recall)


def b_cubed(people: Sequence[Hashable], clusters: Sequence[Hashable]) -> BCubed:
    """Compares a clustering with the true people.

    Args:
        people, clusters: the true person and the cluster of each item.

    Source: A. Bagga and B. Baldwin, "Entity-based cross-document coreferencing using the vector space model", ACL 1998.
    """
    both = Counter(zip(people, clusters, strict=True))
    of_person, of_cluster = Counter(people), Counter(clusters)
    return BCubed(
        precision=_ratio(sum(n * n / of_cluster[cluster] for (_, cluster), n in both.items()), len(people)),
        recall=_ratio(sum(n * n / of_person[person] for (person, _), n in both.items()), len(people)),
    )


def _numbers(frames: Sequence[Frame]) -> tuple[Ints, Ints]:
    """All people and all tracks, each once and in order."""
    nothing = [np.zeros(0, np.int64)]
    people = np.unique(np.concatenate([frame.people for frame in frames] or nothing))
    return people, np.unique(np.concatenate([frame.tracks for frame in frames] or nothing))


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan
