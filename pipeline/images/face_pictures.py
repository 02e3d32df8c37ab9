"""Cuts the faces of a run out of its videos again: a run stores where faces are, not what they look like."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd

from facetally.detection.faces import ImageArray
from facetally.formatting import player_time
from facetally.options import Sampling
from facetally.video.frames_at import frames_at

MARGIN = 0.5
"""Around the face, relative to its longer side: hair and clothes help the viewer."""
BOX_COLUMNS = ["x1", "y1", "x2", "y2"]


@dataclass(frozen=True)
class FaceBox:
    """Where a face is, as in faces/."""

    time_s: float
    """Of its frame."""
    box: npt.NDArray[np.float64]
    """(4,) x1, y1, x2, y2 in pixels of the frame as displayed."""


def time_span(first_s: float, last_s: float) -> str:
    """When an appearance is in view, as players show it: "0:31-0:45", or "0:31" within one second."""
    first, last = player_time(first_s), player_time(last_s)
    return first if first == last else f"{first}-{last}"


def face_boxes(faces: pd.DataFrame) -> list[FaceBox]:
    """The boxes in rows of faces/."""
    boxes = faces[BOX_COLUMNS].to_numpy(np.float64)
    return [FaceBox(float(time_s), box) for time_s, box in zip(faces["time_s"], boxes, strict=True)]


def face_pictures(
    path: Path, faces: Sequence[FaceBox], sampling: Sampling, *, size_px: int, has_clock_jumps: bool = False
) -> list[ImageArray | None]:
    """A square picture of each face, cut from its video.

    Args:
        path: the video.
        faces: in any order.
        sampling: that of the run.
        size_px: side of the pictures.
        has_clock_jumps: whether the run closed up jumps of the video's clock.

    Returns:
        (size_px, size_px, 3) uint8 BGR for each face; None where the video has no frame at its time.

    Raises:
        VideoError: the file is missing, or not a video.
    """
    numbers = defaultdict(list)
    for number, face in enumerate(faces):
        numbers[face.time_s].append(number)
    pictures: list[ImageArray | None] = [None] * len(faces)
    for frame in frames_at(path, numbers, sampling, has_clock_jumps=has_clock_jumps):
        image = frame.image.bgr()
        for number in numbers[frame.time_s]:
            pictures[number] = square_around(image, faces[number].box, size_px)
    return pictures


def square_around(image: ImageArray, box: npt.NDArray[np.float64], size_px: int, margin: float = MARGIN) -> ImageArray:
    """A square around a box, black outside the image.

    Args:
        image: (H, W, 3) uint8 BGR.
        box: (4,) x1, y1, x2, y2 in pixels of the image.
        size_px: side of the result.
        margin: shown on each side of the box, relative to its longer side.

    Returns:
        (size_px, size_px, 3) uint8 BGR.
    """
    side = max(round((1 + 2 * margin) * max(box[2] - box[0], box[3] - box[1])), 1)
    left, top = ((box[:2] + box[2:] - side) / 2).round().astype(int).tolist()
    height, width = image.shape[:2]
    square = np.zeros((side, side, 3), np.uint8)
    rows = slice(max(top, 0), max(min(top + side, height), 0))
    columns = slice(max(left, 0), max(min(left + side, width), 0))
    inside = image[rows, columns]
    if inside.size:
        y, x = rows.start - top, columns.start - left
        square[y : y + inside.shape[0], x : x + inside.shape[1]] = inside
    way = cv2.INTER_AREA if side > size_px else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(square, (size_px, size_px), interpolation=way), np.uint8)
