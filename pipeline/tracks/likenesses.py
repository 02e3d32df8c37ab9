"""Compares the faces of one video's appearances, where people are counted.

Vectors of faces are biometric data: they are in memory until their video is finished, and are never stored. What leaves
this process is only how alike two appearances are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from facetally.detection.faces import FloatArray

NEVER = -np.inf
"""The cosine of two appearances that are in view at the same time: they are two people."""


@dataclass(frozen=True)
class SeenTrack:
    """An appearance, as far as it takes to recognise the person in another one."""

    track_id: int
    first_s: float
    last_s: float
    vector: FloatArray
    """(D,) float32 unit vector of the embedding."""


@dataclass(frozen=True)
class Likenesses:
    """How alike the faces of one video's appearances are."""

    track_ids: tuple[int, ...]
    """Of N appearances, in order of time."""
    cosines: FloatArray
    """(N, N) float32, of their vectors; `NEVER` for two that are in view together."""


def compared(tracks: Iterable[SeenTrack]) -> Likenesses:
    """Compares all appearances of a video."""
    ordered = sorted(tracks, key=lambda track: (track.first_s, track.track_id))
    if not ordered:
        return Likenesses((), np.zeros((0, 0), np.float32))
    vectors = np.stack([track.vector for track in ordered])
    first_s, last_s = (np.array([getattr(track, name) for track in ordered]) for name in ("first_s", "last_s"))
    is_together = (first_s[:, None] <= last_s[None]) & (first_s[None] <= last_s[:, None])
    cosines = np.where(is_together, np.float32(NEVER), vectors @ vectors.T)
    return Likenesses(tuple(track.track_id for track in ordered), cosines)
