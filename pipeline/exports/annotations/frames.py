"""The frames of a video, as tools count them: each with the time at which it is displayed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facetally.errors import VideoError
from facetally.truth.formats.timeline import TICK_TOLERANCE
from facetally.truth.labels import Floats
from facetally.video.decoder import Decoder
from facetally.video.reader import FrameImage

MAX_CLOCK_FPS = 1000.0


@dataclass(frozen=True)
class VideoFrames:
    """All frames of a video."""

    times_s: Floats
    """(N,) seconds from the first frame."""
    end_s: float
    """When the last frame ends."""
    displayed_px: tuple[int, int]
    """Width and height as players show it."""
    stored_px: tuple[int, int]
    """Width and height in pixels as stored, turned as displayed."""

    def __len__(self) -> int:
        return len(self.times_s)

    @property
    def fps(self) -> float:
        """The mean rate."""
        return len(self) / self.end_s if self.end_s > 0 else 25.0

    def nearest(self, time_s: float) -> int:
        """The frame whose time is nearest to a time, from 0 to N; N is the end of the last frame."""
        edges = np.append(self.times_s, self.end_s)
        at = int(np.searchsorted(edges, time_s))
        return min((i for i in (at - 1, at) if 0 <= i <= len(self)), key=lambda i: abs(float(edges[i]) - time_s))

    def clock_fps(self) -> float:
        """A rate at which every frame has a tick of its own: the mean one where frames come evenly."""
        if len(self) == 1:
            return self.fps
        steps_s = np.diff(self.times_s)
        for fps in (self.fps, round(self.fps), 1 / float(steps_s.min())):
            ticks = np.ceil(self.times_s * fps - TICK_TOLERANCE)
            found = np.searchsorted(self.times_s * fps, ticks + TICK_TOLERANCE, side="right") - 1
            if fps and np.array_equal(found, np.arange(len(self))):
                return min(float(fps), MAX_CLOCK_FPS)
        return MAX_CLOCK_FPS


def read_frames(path: Path) -> VideoFrames:
    """Reads the times of all frames; the video is decoded once.

    Raises:
        VideoError: the file cannot be read.
    """
    decoder = Decoder(path)
    times_s: list[float] = []
    end_s = 0.0
    displayed_px = stored_px = (0, 0)
    try:
        for image in decoder.images():
            if not times_s:
                height_px, width_px = FrameImage.of(image).hw
                displayed_px = width_px, height_px
                stored_px = image.image.width, image.image.height - image.blank_lines
                if round(image.image.rotation / 90) % 2:
                    stored_px = stored_px[::-1]
            times_s.append(image.time_s)
            end_s = image.time_s + image.duration_s
    finally:
        decoder.close()
    if not times_s:
        raise VideoError(f"{path} contains no frame", fix="play it to see whether it is complete")
    return VideoFrames(np.array(times_s, np.float64), end_s, displayed_px, stored_px)


def stored_size(size_px: tuple[int, int], displayed_px: tuple[int, int]) -> tuple[int, int]:
    """The size in pixels as stored, turned as displayed; that as displayed where pixels are square.

    Args:
        size_px: width and height as stored, before a rotation.
        displayed_px: width and height as players show it. Players stretch one side of pixels that are not square.
    """
    turned = size_px[::-1]
    strains = {side: max(abs(shown / one - 1) for shown, one in zip(displayed_px, side, strict=True) if one)
               for side in (size_px, turned)
               if all(side)}  # fmt: skip
    if not strains:
        return displayed_px
    best = min(strains, key=lambda side: strains[side])
    ratio = (displayed_px[0] / best[0]) / (displayed_px[1] / best[1])
    return displayed_px if abs(ratio - 1) <= SQUARE_TOLERANCE else best


SQUARE_TOLERANCE = 0.011
"""Of pixels that count as square: sizes are rounded."""
