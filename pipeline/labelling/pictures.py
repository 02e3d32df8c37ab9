"""Cuts squares out of frames, and makes JPEG files in memory; nothing is written to disk."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from facetally.detection.faces import ImageArray
from facetally.errors import VideoError
from facetally.images.face_pictures import square_around
from facetally.options import Sampling
from facetally.video.frames_at import frames_at
from facetally.video.reader import FrameImage, VideoReader

SOON_S = 0.001
"""Times that are no sampled frame's are rounded: the frame from so much before counts."""
JPEG_QUALITY = 85

Floats = npt.NDArray[np.float64]


def frame_shown_at(path: Path, time_s: float, sampling: Sampling, *, has_clock_jumps: bool) -> FrameImage:
    """The frame that was sampled at a time; where none was, the first frame from that time on.

    Args:
        path: the file.
        time_s: seconds from the first frame.
        sampling: as in the run.
        has_clock_jumps: as for `frames_at`.

    Raises:
        VideoError: the file cannot be read, or has no frame.
    """
    for found in frames_at(path, [time_s], sampling, has_clock_jumps=has_clock_jumps):
        return found.image
    last: FrameImage | None = None
    with VideoReader(path, Sampling(every_s=0.0, stream=sampling.stream)) as reader:
        for frame in reader:
            last = frame.image
            if frame.time_s >= time_s - SOON_S:
                break
    if last is None:
        raise VideoError(f"{path} has no frame", fix="check that it is the file that was run: --videos")
    return last


def square_inside(image: ImageArray, box: Floats, size_px: int, margin: float) -> ImageArray:
    """A square around a box, made smaller and moved so that it lies within the frame.

    Args:
        image: (H, W, 3) uint8 BGR.
        box: x1, y1, x2, y2 in pixels of the image.
        size_px: side of the result.
        margin: shown on each side of the box, relative to its longer side.

    Returns:
        (size_px, size_px, 3) uint8 BGR.
    """
    height, width = image.shape[:2]
    side = min((1 + 2 * margin) * float(max(box[2] - box[0], box[3] - box[1])), height, width)
    centre_x, centre_y = (box[:2] + box[2:]) / 2
    x = min(max(float(centre_x) - side / 2, 0.0), width - side)
    y = min(max(float(centre_y) - side / 2, 0.0), height - side)
    return square_around(image, np.array([x, y, x + side, y + side]), size_px, 0.0)


def scaled_wh(size_wh: tuple[int, int], max_wh: tuple[int, int]) -> tuple[int, int]:
    """Width and height, made smaller in proportion to fit."""
    factor = min(max_wh[0] / size_wh[0], max_wh[1] / size_wh[1], 1.0)
    return max(round(size_wh[0] * factor), 1), max(round(size_wh[1] * factor), 1)


def jpeg(image: ImageArray) -> bytes:
    """(H, W, 3) uint8 BGR as a JPEG file."""
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()
