"""Tracks faces from sample to sample: two-stage association as in ByteTrack (Zhang et al., ECCV 2022), in seconds.

At 5 samples a second the boxes of one face often do not overlap. The match cost is therefore not the overlap but the
distance from the position that the motion model predicts, in face sizes, plus the change in size.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facetally.detection import boxes as geometry
from facetally.detection.assignment import cheapest_assignment
from facetally.detection.descriptors import FaceView, TrackLook
from facetally.detection.faces import Faces, TrackedFaces
from facetally.detection.motion import Array, Motion

NO_TRACK = -1
MAX_EVIDENCE = 8.0
"""Log-odds at which a face looks the same for certain."""


@dataclass(frozen=True)
class TrackerOptions:
    """When a face continues a track, and when a track ends.

    Raises:
        ValueError: a value outside its range.
    """

    start_score: float = 0.5
    """Faces of at least this score are matched first and may start a track; the others may only continue one."""
    max_gap_s: float = 1.0
    """A track ends when its face has not been seen for longer than this."""
    max_deviations: float = 4.0
    """Largest distance of a face from its predicted position, in standard deviations of the motion model."""
    max_distance: float = 1.5
    """Largest distance in face sizes, however uncertain the model is."""
    max_size_ratio: float = 1.7
    """Largest factor by which its size may change, up or down."""
    max_overlap: float = 0.25
    """A face that overlaps one with a higher score by more (intersection over union) is the same face, detected twice:
    it belongs to no track."""
    look_weight: float = 0.05
    """Weight of how a face looks against where it is."""

    def __post_init__(self) -> None:
        if not 0 <= self.start_score <= 1:
            raise ValueError(f"start_score must be in [0, 1], got {self.start_score}")
        if self.max_gap_s < 0 or self.max_deviations <= 0 or self.max_distance <= 0 or self.max_size_ratio < 1:
            raise ValueError(f"limits must be positive and max_size_ratio at least 1, got {self}")
        if not 0 <= self.max_overlap <= 1 or self.look_weight < 0:
            raise ValueError(f"max_overlap must be in [0, 1] and look_weight at least 0, got {self}")


class Tracker:
    """Assigns the faces of one video to tracks. Track ids count from 0 and are never reused."""

    def __init__(self, options: TrackerOptions | None = None) -> None:
        self.options = options or TrackerOptions()
        self._next_id = 0
        self._time_s = -1.0
        self._ids = np.zeros(0, np.int64)
        self._motion = Motion.begin(np.zeros((0, 2)), np.zeros(0))
        self._seen_until = np.zeros(0)
        self._looks: list[TrackLook] = []

    def update(
        self,
        faces: Faces,
        time_s: float,
        duration_s: float = 0.0,
        is_cut: bool = False,
        views: Sequence[FaceView] | None = None,
    ) -> TrackedFaces:
        """Assigns the faces of the next frame.

        Args:
            faces: the faces detected in it.
            time_s: its time; later than that of the frame before.
            duration_s: how long the frame lasts: a gap counts from the end of the last frame with the face.
            is_cut: whether a new shot begins with this frame, which ends all tracks.
            views: how each face looks. Without them a track is followed by position and size alone.

        Raises:
            ValueError: `time_s` is not later than that of the frame before.
        """
        if time_s <= self._time_s:
            raise ValueError(f"frames must be in order of time: {time_s} after {self._time_s}")
        ended = self._end_where(np.full(len(self._ids), is_cut) | (time_s - self._seen_until > self.options.max_gap_s))
        expected = self._motion.predict(np.full(len(self._ids), time_s - max(self._time_s, 0.0)))
        centres = geometry.centres(faces.boxes).astype(np.float64)
        sizes = np.maximum(geometry.sizes(faces.boxes).astype(np.float64), 1.0)
        is_sure, is_duplicate = faces.scores >= self.options.start_score, _is_duplicate(faces, self.options.max_overlap)
        costs = self._costs(expected, centres, sizes)
        costs[:, is_duplicate] = np.inf
        if views is not None:
            costs += self._look_costs(costs, views)
        track_of = self._assigned(costs, is_sure)

        is_matched = track_of != NO_TRACK
        is_new = ~is_matched & is_sure & ~is_duplicate
        self._motion = self._corrected(expected, track_of, centres=centres, sizes=sizes)
        self._seen_until[track_of[is_matched]] = time_s + duration_s
        if views is not None:
            for face in np.flatnonzero(is_matched).tolist():
                self._looks[track_of[face]].add(views[face], time_s)
            self._looks += [TrackLook(views[face], time_s) for face in np.flatnonzero(is_new).tolist()]
        ids = np.full(len(faces), NO_TRACK, np.int64)
        ids[is_matched] = self._ids[track_of[is_matched]]
        ids[is_new] = self._begin(centres[is_new], sizes[is_new], time_s + duration_s)
        self._time_s = time_s
        return TrackedFaces(faces, ids, ended)

    def rescale(self, factor: float) -> None:
        """Goes on in frames of another size: all positions are multiplied by a factor."""
        self._motion = self._motion.scaled(factor)

    def end(self, track_ids: Iterable[int]) -> None:
        """Ends these tracks; they are not among the `ended_ids` of the next frame."""
        self._end_where(np.isin(self._ids, list(track_ids)))

    def finish(self) -> tuple[int, ...]:
        """Ends all tracks at the end of the video and returns their ids."""
        return self._end_where(np.ones(len(self._ids), bool))

    def _costs(self, expected: Motion, centres: Array, sizes: Array) -> Array:
        """(tracks, faces) match cost: distance in face sizes plus change of size; infinite beyond a limit."""
        distance = np.linalg.norm(expected.centre[:, None] - centres[None], axis=2)
        size = np.sqrt(expected.size[:, None] * sizes[None])
        change = np.abs(np.log(expected.size[:, None] / sizes[None]))
        reach = np.minimum(self.options.max_deviations * expected.spread()[:, None], self.options.max_distance * size)
        allowed = (distance <= reach) & (change <= np.log(self.options.max_size_ratio))
        return np.where(allowed, distance / size + change, np.inf)

    def _look_costs(self, costs: Array, views: Sequence[FaceView]) -> Array:
        """(tracks, faces): higher the less a face looks like the track's; infinite if it is another person's."""
        added = np.zeros_like(costs)
        for track, face in zip(*np.nonzero(np.isfinite(costs)), strict=True):
            change = self._looks[track].change(views[face])
            added[track, face] = np.inf if change > 0 else self.options.look_weight * max(change, -MAX_EVIDENCE)
        return added

    def _assigned(self, costs: Array, is_sure: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
        """(faces,) the position of each face's track, or `NO_TRACK`; faces with a high score are assigned first."""
        track_of = np.full(costs.shape[1], NO_TRACK)
        for candidates in (np.flatnonzero(is_sure), np.flatnonzero(~is_sure)):
            free = np.setdiff1d(np.arange(len(costs)), track_of)
            for row, column in _cheapest_pairs(costs[np.ix_(free, candidates)]):
                track_of[candidates[column]] = free[row]
        return track_of

    def _corrected(self, expected: Motion, track_of: npt.NDArray[np.int64], *, centres: Array, sizes: Array) -> Motion:
        """The motion of all tracks, in their order, with those corrected that have a face."""
        matched = np.flatnonzero(track_of != NO_TRACK)
        seen = track_of[matched]
        unseen = np.delete(np.arange(len(expected)), seen)
        both = Motion.concatenate(expected[seen].correct(centres[matched], sizes[matched]), expected[unseen])
        return both[np.argsort(np.concatenate([seen, unseen]))]

    def _begin(self, centres: Array, sizes: Array, seen_until: float) -> npt.NDArray[np.int64]:
        ids = np.arange(self._next_id, self._next_id + len(centres))
        self._next_id += len(centres)
        self._ids = np.concatenate([self._ids, ids])
        self._motion = Motion.concatenate(self._motion, Motion.begin(centres, sizes))
        self._seen_until = np.concatenate([self._seen_until, np.full(len(centres), seen_until)])
        return ids

    def _end_where(self, ends: npt.NDArray[np.bool_]) -> tuple[int, ...]:
        ended = tuple(int(i) for i in self._ids[ends])
        self._ids, self._motion, self._seen_until = (
            self._ids[~ends],
            self._motion[~ends],
            self._seen_until[~ends],
        )
        self._looks = [look for look, is_over in zip(self._looks, ends, strict=False) if not is_over]
        return ended


def _is_duplicate(faces: Faces, max_overlap: float) -> npt.NDArray[np.bool_]:
    """(N,) whether a face overlaps one with a higher score that is none itself; of equal scores the left one counts."""
    from_left = np.lexsort((faces.boxes[:, 1], faces.boxes[:, 0]))
    kept = geometry.non_maximum_suppression(faces.boxes[from_left], faces.scores[from_left], max_overlap)
    return ~np.isin(np.arange(len(faces)), from_left[kept])


def _cheapest_pairs(costs: Array) -> list[tuple[int, int]]:
    """Pairs (row, column) of minimum total cost; as many pairs of finite cost as possible."""
    if not costs.size:
        return []
    forbidden = 1e6
    rows, columns = cheapest_assignment(np.where(np.isfinite(costs), costs, forbidden))
    return [(int(r), int(c)) for r, c in zip(rows, columns, strict=True) if np.isfinite(costs[r, c])]
