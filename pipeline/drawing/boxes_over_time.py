"""Where the faces of a video are at every moment, from where they were in the sampled frames."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from facetally.detection.boxes import shared_areas
from facetally.drawing.placement import Box
from facetally.options import TIME_TOLERANCE_S

NO_TRACK = -1
HOLD_S = 1.0
"""A covered face stays covered for so long before it is first seen and after it is lost."""
MARGIN = 0.35
"""A covered box is enlarged on each side by this share of its size, ..."""
HOLD_MARGIN = 0.6
"""... and by this one while the face is not seen, as it may move."""
MIN_MARGIN_PX = 8.0
BOX = ["x1", "y1", "x2", "y2"]


@dataclass(frozen=True)
class Stretch:
    """A box between two moments, of one face, which moves evenly from one place to another."""

    start_s: float
    stop_s: float
    """Not included."""
    first: Box
    last: Box
    track_id: int

    def at(self, time_s: float) -> Box:
        """The box at a moment between the two."""
        share = (time_s - self.start_s) / (self.stop_s - self.start_s) if self.stop_s > self.start_s else 0.0
        return tuple(a + (b - a) * share for a, b in zip(self.first, self.last, strict=True))  # type: ignore[return-value]


def drawn_stretches(faces: pd.DataFrame, max_gap_s: float) -> list[Stretch]:
    """The boxes to draw: from each face of a track to the next, and of the last until the next sampled frame.

    A box moves only between two faces that follow each other within `max_gap_s` and overlap: a shot that ends between
    them moves nothing. Faces without a track are not drawn.

    Args:
        faces: rows of faces/ of one video.
        max_gap_s: as for the tracker that made the tracks.
    """
    stretches = []
    for track_id, own in _tracks(faces):
        if track_id == NO_TRACK:
            continue
        times, boxes, ends = _columns(own)
        places = boxes.astype(np.float32)
        for i in range(len(times)):
            follows = i + 1 < len(times) and times[i + 1] - times[i] <= max_gap_s + TIME_TOLERANCE_S
            moves = follows and shared_areas(places[i : i + 1], places[i + 1 : i + 2])[0, 0] > 0
            stop_s = times[i + 1] if moves else min(ends[i], times[i + 1]) if i + 1 < len(times) else ends[i]
            last = boxes[i + 1] if moves else boxes[i]
            stretches.append(Stretch(times[i], stop_s, as_box(boxes[i]), as_box(last), track_id))
    return stretches


def sampled_stretches(faces: pd.DataFrame) -> list[Stretch]:
    """The boxes in the sampled frames only: each lasts for no time."""
    return [
        Stretch(time_s, time_s, as_box(box), as_box(box), track_id)
        for track_id, own in _tracks(faces)
        if track_id != NO_TRACK
        for time_s, box in zip(*_columns(own)[:2], strict=True)
    ]


def covered_stretches(faces: pd.DataFrame, uncovered: Iterable[int] = ()) -> list[Stretch]:
    """The boxes to cover, enlarged: between two faces of a track both places, and a second before and after.

    Args:
        faces: rows of faces/ of one video; those without a track are covered, too.
        uncovered: tracks that are left out.
    """
    left_out, stretches = set(uncovered), []
    for track_id, own in _tracks(faces):
        if track_id in left_out:
            continue
        times, boxes, ends = _columns(own)
        for i in range(len(times)):
            is_first, is_last = i == 0 or track_id == NO_TRACK, i + 1 == len(times) or track_id == NO_TRACK
            if is_first or times[i] - times[i - 1] > 2 * HOLD_S:
                stretches.append(_held(times[i] - HOLD_S, times[i], boxes[i], track_id))
            if is_last or times[i + 1] - times[i] > 2 * HOLD_S:
                stretches.append(_held(times[i], ends[i] + HOLD_S, boxes[i], track_id))
                continue
            both = _union(boxes[i], boxes[i + 1])
            wide = enlarged(both, MARGIN, of=np.maximum(_size(boxes[i]), _size(boxes[i + 1])))
            stretches.append(Stretch(times[i], times[i + 1] + TIME_TOLERANCE_S, wide, wide, track_id))
    return stretches


def enlarged(box: npt.NDArray[np.float64], margin: float, of: npt.NDArray[np.float64] | None = None) -> Box:
    """A box that is larger on each side by a share of its own size, or of another one."""
    by = np.maximum((_size(box) if of is None else of) * margin, MIN_MARGIN_PX)
    return as_box(np.concatenate([box[:2] - by, box[2:] + by]))


class InView:
    """Gives the stretches that contain a moment, for moments in order of time.

    Args:
        stretches: in any order.
    """

    def __init__(self, stretches: Sequence[Stretch]) -> None:
        self._coming = sorted(stretches, key=lambda one: one.start_s)
        self._next, self._now = 0, list[tuple[float, int, Stretch]]()

    def at(self, time_s: float) -> list[Stretch]:
        """Those in view, in order of their tracks; the moment must not be earlier than the one before."""
        while self._next < len(self._coming) and self._coming[self._next].start_s <= time_s + TIME_TOLERANCE_S:
            coming = self._coming[self._next]
            # a stretch of no length is that of one frame
            until_s = max(coming.stop_s - TIME_TOLERANCE_S, coming.start_s + TIME_TOLERANCE_S)
            heapq.heappush(self._now, (until_s, self._next, coming))
            self._next += 1
        while self._now and self._now[0][0] < time_s:
            heapq.heappop(self._now)
        return sorted((one for _, _, one in self._now), key=lambda one: (one.track_id, one.start_s))


def _held(start_s: float, stop_s: float, box: npt.NDArray[np.float64], track_id: int) -> Stretch:
    wide = enlarged(box, HOLD_MARGIN)
    return Stretch(start_s, stop_s, wide, wide, track_id)


def _tracks(faces: pd.DataFrame) -> Iterable[tuple[int, pd.DataFrame]]:
    for track_id, own in faces.sort_values("time_s", kind="stable").groupby("track_id"):
        yield int(track_id), own


def _columns(
    own: pd.DataFrame,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    times = own["time_s"].to_numpy(np.float64)
    return times, own[BOX].to_numpy(np.float64), times + own["duration_s"].to_numpy(np.float64)


def _size(box: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(box[2:] - box[:2])


def _union(box: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.concatenate([np.minimum(box[:2], other[:2]), np.maximum(box[2:], other[2:])])


def as_box(values: npt.NDArray[np.floating]) -> Box:
    """(4,) as a box of plain numbers."""
    x1, y1, x2, y2 = map(float, values)
    return (x1, y1, x2, y2)
