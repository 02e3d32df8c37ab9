"""When the frames that a labelling tool counts are displayed: by the video's own times where the file is given."""

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
"""Fraction of a tick by which a frame may come late and still count as displayed at it: times in files are rounded."""
COUNT_TOLERANCE_FRAMES, FPS_TOLERANCE, ROUNDED_FPS = 2, 0.02, 0.5
"""How far a tool's frame count and its frame rate (as a ratio, or as seqinfo.ini rounds it) may differ from the video's
without a note."""
MIN_GAP_S, STEP_S = 1.0, 0.5
"""Where labels of a person in view are more than MIN_GAP_S apart, boxes are added about every STEP_S."""


@dataclass(frozen=True)
class Timeline:
    """The frames of a video as far as its labels reach.

    Raises:
        ValueError: the arrays have different lengths, or are empty.
    """

    times_s: Floats
    """(N,) seconds from the first frame."""
    ticks: Floats
    """(N,) the tool's frame number, from 0, at which each frame appears."""
    end_tick: float
    """Where the video ends; infinity where it continues past the last label."""
    size_px: tuple[int, int] | None
    """Width and height as displayed; None without the video."""
    end_s: float = np.inf
    """When the last of these frames ends; infinity where that is not known."""
    stored_px: tuple[int, int] | None = None
    """Width and height in pixels as stored, turned as displayed; another shape than `size_px` where pixels are not
    square. None without the video."""

    def __post_init__(self) -> None:
        if self.times_s.ndim != 1 or self.times_s.shape != self.ticks.shape or not len(self.ticks):
            raise ValueError(f"expected two (N,) arrays, got {self.times_s.shape} and {self.ticks.shape}")

    def index(self, frame: int) -> int:
        """The frame displayed at a frame number of the tool; N past the end of the video."""
        if frame >= self.end_tick:
            return len(self.ticks)
        return max(int(np.searchsorted(self.ticks, frame + TICK_TOLERANCE, side="right")) - 1, 0)

    def time_s(self, index: int) -> float:
        """When a frame appears, from 0 to N; N, past the last frame, is when that ends."""
        if index < len(self.times_s):
            return float(self.times_s[index])
        return self.end_s if np.isfinite(self.end_s) else float(self.times_s[-1])

    def between(self, first: int, stop: int) -> list[int]:
        """Frames about every half second in the open interval (first, stop); none if that lasts a second or less."""
        inside = self.times_s[first + 1 : stop]
        end_s = float(self.times_s[stop]) if stop < len(self.times_s) else float(self.times_s[-1])
        gap_s = end_s - float(self.times_s[first])
        if gap_s <= MIN_GAP_S or not len(inside):
            return []
        count = round(gap_s / STEP_S)
        targets_s = self.times_s[first] + gap_s * np.arange(1, count) / count
        return sorted({first + 1 + int(np.abs(inside - target_s).argmin()) for target_s in targets_s})


def timeline_by_fps(labels: LabelledVideo, fps: float) -> Timeline:
    """The timeline at a constant rate; wrong for videos with a variable rate."""
    frames = np.arange(_last_frame(labels) + 1, dtype=np.float64)
    return Timeline(frames / fps, frames, np.inf, None, end_s=len(frames) / fps)


def timeline_of(path: Path, labels: LabelledVideo) -> tuple[Timeline, list[str]]:
    """The timeline of a video file, read as far as the labels reach, and notes on what does not match.

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
                height_px, width_px = FrameImage.of(image).hw
                stored_px = image.image.width, image.image.height - image.blank_lines
                if round(image.image.rotation / 90) % 2:
                    stored_px = stored_px[::-1]
            times_s.append(image.time_s)
            end_s = image.time_s + image.duration_s
            if (image.time_s * rate if rate else image.index) >= last_frame:
                break
        else:
            end_tick = end_s * rate if rate else len(times_s)
        notes = _notes(path, labels, decoder)
    finally:
        decoder.close()
    if not times_s:
        raise VideoError(f"{path} contains no frame", fix="play it to see whether it is complete")
    times = np.array(times_s, np.float64)
    ticks = times * rate if rate else np.arange(len(times), dtype=np.float64)
    return Timeline(times, ticks, end_tick, (width_px, height_px), end_s, stored_px), notes


def _last_frame(labels: LabelledVideo) -> int:
    return max(keyframe.frame for track in labels.tracks for keyframe in track.keyframes)


def _clock_rate(labels: LabelledVideo, decoder: Decoder) -> float | None:
    """Ticks per second of the clock by which frames were counted; None where frames of the video were counted."""
    if not labels.is_by_player or labels.fps:
        return labels.fps if labels.is_by_player else None
    return labels.frame_count / decoder.expected_s if labels.frame_count and decoder.expected_s else None


def _notes(path: Path, labels: LabelledVideo, decoder: Decoder) -> list[str]:
    """Where the frame count or rate that a tool assumed differs from the container's."""
    fps = decoder.info.fps
    frame_count = fps * decoder.expected_s
    if labels.is_by_player and labels.frame_count and abs(labels.frame_count - frame_count) > COUNT_TOLERANCE_FRAMES:
        return [
            f"{labels.path}: {labels.frame_count} frames were counted where {path.name} has about {frame_count:.0f} "
            f"({fps:.4g} a second); each label was assigned to the frame displayed at its time"
        ]
    is_stated = labels.fps and fps and not labels.is_by_player
    if labels.fps and is_stated and abs(labels.fps - fps) > max(FPS_TOLERANCE * fps, ROUNDED_FPS):
        return [
            f"{labels.path}: the labels state {labels.fps:.4g} frames a second, {path.name} has {fps:.4g}; "
            f"if frames were skipped for labelling, use --fps {labels.fps:g} instead of --videos"
        ]
    return []
