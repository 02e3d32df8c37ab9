"""The complete validation set of WIDER FACE, by the protocol of its authors.

The set is for tests alone: nothing is trained on it, chosen by it, or stopped by it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import scipy.io

from facetally.detection.boxes import heights
from facetally.detection.evaluation import LabelledFaces, matched
from facetally.detection.faces import Faces, ImageArray

Detect = Callable[[ImageArray], Faces]
LEVELS = ("easy", "medium", "hard")
PIXEL = 1.0
"""The authors' code counts the pixels of a box: its width is x2 - x1 + 1."""
MIN_SCORE = 0.5
"""Minimum score at which a face counts as found in the recall."""
HEIGHTS_PX = (8, 16, 32, 64, 10_000)
"""Limits of the face heights, in pixels of an image whose long side is `LONG_SIDE_PX`."""
LONG_SIDE_PX = 640


@dataclass(frozen=True)
class WiderImage:
    """An image of the set with its faces."""

    path: Path
    boxes: np.ndarray
    """(F, 4) float32 x1, y1, x2, y2."""
    asked: Mapping[str, np.ndarray]
    """(F,) bool by level: the faces that must be found."""


def read_wider_val(images: Path, truth: Path) -> list[WiderImage]:
    """The images of the set, in its authors' order.

    Args:
        images: WIDER_val/images, with a folder for each event.
        truth: the folder with wider_face_val.mat and wider_{easy,medium,hard}_val.mat, as published.

    Raises:
        FileNotFoundError: an image is missing: figures of a part of the set would not be comparable.
    """
    every = scipy.io.loadmat(truth / "wider_face_val.mat")
    asked = {level: scipy.io.loadmat(truth / f"wider_{level}_val.mat")["gt_list"] for level in LEVELS}
    found = []
    for event, (folder, files) in enumerate(zip(_cells(every["event_list"]), every["file_list"][:, 0], strict=True)):
        for index, name in enumerate(_cells(files)):
            path = images / str(folder[0]) / f"{name[0]}.jpg"
            if not path.is_file():
                raise FileNotFoundError(f"{path}: the protocol needs all images of the set")
            corner_and_size = every["face_bbx_list"][event, 0][index, 0].astype(np.float32)
            members = {level: np.zeros(len(corner_and_size), bool) for level in LEVELS}
            for level in LEVELS:
                members[level][asked[level][event, 0][index, 0].ravel() - 1] = True  # MATLAB counts from 1
            corners = np.concatenate([corner_and_size[:, :2], corner_and_size[:, :2] + corner_and_size[:, 2:]], axis=1)
            found.append(WiderImage(path, corners, members))
    return found


def _cells(column: np.ndarray) -> Iterator[Any]:
    return iter(column[:, 0])


def wider_figures(
    detectors: Mapping[str, Detect], images: Sequence[WiderImage], on_image: Callable[[], None] = lambda: None
) -> dict[str, dict[str, Any]]:
    """Average precision by level, and recall by face height, of several detectors; each image is decoded once.

    Args:
        detectors: by name; called with BGR images whose long side is at most `LONG_SIDE_PX`.
        images: of the set.
        on_image: called after each image.
    """
    found: dict[str, list[Faces]] = {name: [] for name in detectors}
    labelled: dict[str, list[LabelledFaces]] = {}
    for image in images:
        pixels, scale = shrunk(np.asarray(cv2.imread(str(image.path)), np.uint8))
        for name, detect in detectors.items():
            faces = detect(pixels)
            found[name].append(Faces(faces.boxes / scale, faces.scores, faces.landmarks / scale))
        heights_px = heights(image.boxes) * scale
        for low, high in itertools.pairwise(HEIGHTS_PX):
            is_high = image.asked["hard"] & (heights_px >= low) & (heights_px < high)
            labelled.setdefault(f"{low}-{high}", []).append(LabelledFaces(image.boxes, is_high))
        labelled.setdefault("from 32", []).append(LabelledFaces(image.boxes, image.asked["hard"] & (heights_px >= 32)))
        for level in LEVELS:
            labelled.setdefault(level, []).append(LabelledFaces(image.boxes, image.asked[level]))
        on_image()
    return {name: _figures(faces, labelled) for name, faces in found.items()}


def shrunk(image: ImageArray) -> tuple[ImageArray, float]:
    """An image with a long side of `LONG_SIDE_PX`, enlarged where it is smaller, and its scale."""
    height, width = image.shape[:2]
    scale = LONG_SIDE_PX / max(height, width)
    size = round(width * scale), round(height * scale)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, size, interpolation=method), np.uint8), scale


def _figures(found: Sequence[Faces], labelled: Mapping[str, Sequence[LabelledFaces]]) -> dict[str, Any]:
    results = {name: matched(found, faces, pixel=PIXEL) for name, faces in labelled.items()}
    return {
        **{level: round(results.pop(level).average_precision, 4) for level in LEVELS},
        "recall_by_height_px": {name: round(own.recall_at(MIN_SCORE), 4) for name, own in results.items()},
    }
