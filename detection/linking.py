"""Whether a track that begins continues one that was lost: the same face, a little later, nearby."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from facetally.detection.faces import FloatArray


@dataclass(frozen=True)
class LinkOptions:
    """When two tracks are one appearance.

    Raises:
        ValueError: a value outside its range.
    """

    decide_after: int = 5
    """Faces of the later track before it is compared with the earlier one."""
    min_likeness: float = 0.55
    """Lowest cosine of the two tracks' vectors within a shot, in [-1, 1]."""
    min_likeness_at_cut: float = 0.85
    """The same where a shot cut lies between them: only a face that stays in place continues then."""
    max_speed: float = 5.0
    """Largest distance between them within a shot, in face sizes per second."""
    max_shift_at_cut: float = 0.5
    """Largest distance across a cut, in face sizes."""
    max_size_ratio: float = 1.7
    """Largest factor by which the size may differ, up or down."""
    max_size_ratio_at_cut: float = 1.25
    """The same across a cut."""

    def __post_init__(self) -> None:
        if not (-1 <= self.min_likeness <= 1 and -1 <= self.min_likeness_at_cut <= 1):
            raise ValueError(f"likenesses must be in [-1, 1], got {self}")
        if self.decide_after < 1 or min(self.max_size_ratio, self.max_size_ratio_at_cut) < 1:
            raise ValueError(f"decide_after and size ratios must be at least 1, got {self}")


@dataclass(frozen=True)
class TrackEnd:
    """The first or the last face of a track."""

    time_s: float
    centre: FloatArray
    """(2,) x, y in pixels."""
    size: float
    """Geometric mean of width and height in pixels."""
    shot: int
    """Number of the shot."""

    def scaled(self, factor: float) -> TrackEnd:
        """The same face in a frame that is `factor` times as large."""
        return replace(self, centre=self.centre * np.float32(factor), size=self.size * factor)


def may_link(last: TrackEnd, first: TrackEnd, options: LinkOptions) -> bool:
    """Whether the place of a track's first face allows that it continues a track with this last face."""
    seconds = first.time_s - last.time_s
    is_cut = last.shot != first.shot
    if seconds <= 0 or first.shot > last.shot + 1:
        return False
    size = float(np.sqrt(last.size * first.size))
    distance = float(np.linalg.norm(first.centre - last.centre)) / size
    ratio = max(last.size / first.size, first.size / last.size)
    if is_cut:
        return distance <= options.max_shift_at_cut and ratio <= options.max_size_ratio_at_cut
    return distance <= 0.5 + options.max_speed * seconds and ratio <= options.max_size_ratio


def is_linked(likeness: float, is_cut: bool, options: LinkOptions) -> bool:
    """Whether two tracks whose vectors have this cosine show the same face."""
    return likeness >= (options.min_likeness_at_cut if is_cut else options.min_likeness)
