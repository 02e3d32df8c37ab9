"""When the frames that a labelling tool counts are on show: by the video's own times, where it is at hand."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facetally.errors import VideoError
from facetally.truth.formats.annotations import LabelledVideo
from facetally.truth.labels import Floats
from facetally.video.decoder import Decoder
from facetally.video.reader import FrameImage

TICK_TOLERANCE = 0.25
"""A picture that comes this much of a tick late is still on show at it: times in files are rounded."""
COUNT_TOLERANCE_FRAMES, FPS_TOLERANCE = 2, 0.02
"""By how much a tool may be off in a video's frames, and (as a ratio) in its rate, before that is worth a note."""
MIN_GAP_S, STEP_S = 1.0, 0.5
"""Where labels of a person in view are further apart than the first, there will be one about every STEP_S."""


@dataclass(frozen=True)
class Timeline:
    """The pictures of a video as far as its labels reach.

    Raises:
        ValueError: the arrays do not belong together, or are empty.
    """

    times_s: Floats
    """(N,) seconds from the first picture."""
    ticks: Floats
    """(N,) the frame number, counted from 0 by the tool, at which each picture comes up."""
    end_tick: float
    """Where the video ends; infinity where it goes on behind the last label."""
    size_px: tuple[int, int] | None
    """Width and height as displayed; unknown without the video."""

    def __post_init__(self) -> None:
        if self.times_s.ndim != 1 or self.times_s.shape != self.ticks.shape or not len(self.ticks):
            raise ValueError(f"expected two (N,) arrays, got {self.times_s.shape} and {self.ticks.shape}")

    def index(self, frame: int) -> int:
        """The picture on show at a frame; N behind the end of the video."""
        if frame >= self.end_tick:
            return len(self.ticks)
        return max(int(np.searchsorted(self.ticks, frame + TICK_TOLERANCE, side="right")) - 1, 0)

    def between(self, first: int, stop: int) -> list[int]:
        """Pictures about every half second in the open interval (first, stop); none if that lasts a second or less."""
        inside = self.times_s[first + 1 : stop]
        end_s = float(self.times_s[stop]) if stop < len(self.times_s) else float(self.times_s[-1])
        gap_s = end_s - float(self.times_s[first])
        if gap_s <= MIN_GAP_S or not len(inside):
            return []
        count = round(gap_s / STEP_S)
        targets_s = self.times_s[first] + gap_s * np.arange(1, count) / count
        return sorted({first + 1 + int(np.abs(inside - target_s).argmin()) for target_s in targets_s})


def timeline_by_fps(labels: LabelledVideo, fps: float) -> Timeline:
    """The timeline at a constant rate, which is wrong for videos that do not keep to it."""
    frames = np.arange(_last_frame(labels) + 1, dtype=np.float64)
    return Timeline(frames / fps, frames, np.inf, None)


def timeline_of(path: Path, labels: LabelledVideo) -> tuple[Timeline, list[str]]:
    """The timeline of a video file, read as far as the labels reach, and notes on what does not fit.

    Raises:
        VideoError: the file cannot be read.
    """
    decoder = Decoder(path)
    last_frame = _last_frame(labels)
    times_s: list[float] = []
    end_tick = np.inf
    try:
        rate = _clock_rate(labels, decoder)
        for image in decoder.images():
            if not times_s:
                height_px, width_px = FrameImage(image.image).hw
            times_s.append(image.time_s)
            if (image.time_s * rate if rate else image.index) >= last_frame:
                break
            end_s = image.time_s + image.duration_s
        else:
            end_tick = end_s * rate if rate else len(times_s)
        notes = _doubts(path, labels, decoder)
    finally:
        decoder.close()
    if not times_s:
        raise VideoError(f"{path} holds no picture", fix="play it to see whether it is whole")
    times = np.array(times_s, np.float64)
    ticks = times * rate if rate else np.arange(len(times), dtype=np.float64)
    return Timeline(times, ticks, end_tick, (width_px, height_px)), notes


def _last_frame(labels: LabelledVideo) -> int:
    return max(keyframe.frame for track in labels.tracks for keyframe in track.keyframes)


def _clock_rate(labels: LabelledVideo, decoder: Decoder) -> float | None:
    """Ticks per second of the clock by which frames were counted; none where pictures were counted."""
    if not labels.is_by_player or labels.fps:
        return labels.fps if labels.is_by_player else None
    return labels.frame_count / decoder.expected_s if labels.frame_count and decoder.expected_s else None


def _doubts(path: Path, labels: LabelledVideo, decoder: Decoder) -> list[str]:
    """What a tool believes of a video against what its container says."""
    fps = decoder.info.fps
    frame_count = fps * decoder.expected_s
    if labels.is_by_player and labels.frame_count and abs(labels.frame_count - frame_count) > COUNT_TOLERANCE_FRAMES:
        return [
            f"{labels.path}: {labels.frame_count} frames were counted where {path.name} has about {frame_count:.0f} "
            f"({fps:.4g} a second); the labels were put to the pictures on show at their time"
        ]
    if not labels.is_by_player and labels.fps and fps and abs(labels.fps / fps - 1) > FPS_TOLERANCE:
        return [
            f"{labels.path}: the labels are said to have {labels.fps:.4g} frames a second, {path.name} has {fps:.4g}; "
            f"where pictures were left out for labelling, use --fps {labels.fps:g} instead of --videos"
        ]
    return []
