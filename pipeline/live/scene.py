"""What is known about the faces in view, and counted so far; each value is complete and never changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from facetally.detection.faces import FloatArray
from facetally.tracks.appearances import Appearance

MAX_AHEAD_S = 0.3
"""A box is moved on for at most so long without a new detection."""
MAX_APART_S = 1.0
"""Two detections that are further apart say nothing about the motion."""
STALE_S = 1.5
"""Boxes that are older are not shown: nothing was detected since."""


@dataclass(frozen=True)
class SeenFace:
    """A face of the newest sampled frame."""

    track_id: int
    box: FloatArray
    """(4,) in frame pixels."""
    velocity: FloatArray
    """(4,) pixels per second."""
    appearance: Appearance | None
    """What its appearance is taken for so far; None while that is not known."""

    def box_at(self, ahead_s: float) -> FloatArray:
        """(4,) where the face should be so many seconds later."""
        return np.asarray(self.box + self.velocity * np.float32(min(max(ahead_s, 0.0), MAX_AHEAD_S)), np.float32)


@dataclass(frozen=True)
class Scene:
    """The results up to the newest sampled frame."""

    time_s: float = 0.0
    frame_hw: tuple[int, int] = (1, 1)
    faces: tuple[SeenFace, ...] = ()
    genders: Mapping[str, int] = field(default_factory=dict)
    """Appearances so far by predicted gender, those in view included."""

    @property
    def appearance_count(self) -> int:
        return sum(self.genders.values())


def seen_faces(
    boxes: FloatArray,
    track_ids: npt.NDArray[np.int64],
    time_s: float,
    before: Scene,
    appearances: Mapping[int, Appearance],
) -> tuple[SeenFace, ...]:
    """The faces of a sampled frame that belong to a track.

    Args:
        boxes: (N, 4) in frame pixels.
        track_ids: (N,) of their appearances; -1 for those without one.
        time_s: of the frame.
        before: the scene of the frame before, for the motion.
        appearances: what is known about the tracks.
    """
    apart_s = time_s - before.time_s
    earlier = {face.track_id: face.box for face in before.faces} if 0 < apart_s <= MAX_APART_S else {}
    still = np.zeros(4, np.float32)
    return tuple(
        SeenFace(
            track_id,
            box,
            np.asarray((box - earlier[track_id]) / apart_s, np.float32) if track_id in earlier else still,
            appearances.get(track_id),
        )
        for box, track_id in zip(boxes, track_ids.tolist(), strict=True)
        if track_id >= 0
    )


def counted_genders(
    ended: Mapping[str, int], in_view: Mapping[int, Appearance], min_screen_time_s: float
) -> Counter[str]:
    """Appearances by gender: those that ended, and those in view that are long enough to count."""
    return Counter(ended) + Counter(a.gender for a in in_view.values() if a.screen_time_s >= min_screen_time_s)
