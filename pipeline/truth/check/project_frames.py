"""Labels whose frame numbers continue from one video to the next, as the export of a CVAT project has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from facetally.truth.check.readings import Floats

HALF_A_FRAME = 0.5


@dataclass(frozen=True)
class ProjectFrames:
    """How the labels of some videos look if their frame numbers continue from video to video."""

    before: Mapping[str, int]
    """By video, but the first, how many frames the others before it have."""
    is_exact: bool
    """Whether the labels of at least one of them begin with the first frame of its own, which is hardly chance."""


def project_frames(positions: Mapping[str, Floats], frame_counts: Mapping[str, int]) -> ProjectFrames | None:
    """How frame numbers would continue from video to video; None where they cannot.

    The videos are ordered by their first labels; each one's labels must then lie where its frames are when all videos
    are joined end to end.

    Args:
        positions: by video the frames of its labels, from 0, fractional between frames.
        frame_counts: by video.
    """
    first = {video: float(frames.min()) for video, frames in positions.items() if len(frames)}
    before: dict[str, int] = {}
    total = 0
    for video in sorted(first, key=lambda name: (first[name], name)):
        last = float(positions[video].max())
        if first[video] < total - HALF_A_FRAME or last > total + frame_counts[video] - HALF_A_FRAME:
            return None
        before[video] = total
        total += frame_counts[video]
    later = {video: count for video, count in before.items() if count}
    return ProjectFrames(later, any(round(first[video]) == count for video, count in later.items())) if later else None
