"""Training images with labelled faces."""

from __future__ import annotations

import csv
import gzip
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

ImageArray = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]
FaceRow = Mapping[str, str]
"""A row of a table of labelled faces: file, split, x1, y1, x2, y2, ignore, ..."""
SceneKind = Literal["labelled", "taught", "faceless"]
"""With labelled faces, without labels (the teacher alone is learnt from), or labelled as showing no face."""


@dataclass(frozen=True)
class Scene:
    """An image and its labels.

    Raises:
        ValueError: the arrays differ in length.
    """

    name: str
    content: bytes
    """The image file, still compressed."""
    boxes: FloatArray = field(default_factory=lambda: np.zeros((0, 4), np.float32))
    """(F, 4) x1, y1, x2, y2 in pixels."""
    is_ignored: npt.NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, bool))
    """(F,) whether a face is too small or too poor to train on."""
    is_labelled: bool = True
    """Whether every face has a box; otherwise only the teacher is learnt from."""

    def __post_init__(self) -> None:
        if self.boxes.shape != (len(self.is_ignored), 4):
            raise ValueError(f"{self.name}: boxes {self.boxes.shape} do not match {len(self.is_ignored)} ignore marks")

    @property
    def kind(self) -> SceneKind:
        """What the image contributes to the training."""
        if not self.is_labelled:
            return "taught"
        return "labelled" if len(self.boxes) else "faceless"

    def image_bgr(self) -> ImageArray:
        """(H, W, 3) uint8 BGR.

        Raises:
            ValueError: the file is not an image.
        """
        content = np.frombuffer(self.content, np.uint8)
        image = cv2.imdecode(content, cv2.IMREAD_COLOR) if len(content) else None
        if image is None:
            raise ValueError(f"{self.name} cannot be decoded as an image")
        return np.asarray(image, np.uint8)


def read_face_rows(table: Path, is_wanted: Callable[[FaceRow], bool]) -> dict[str, list[FaceRow]]:
    """The selected rows of a gzipped CSV table of faces, by image file."""
    rows: defaultdict[str, list[FaceRow]] = defaultdict(list)
    with gzip.open(table, "rt", newline="") as file:
        for row in csv.DictReader(file):
            if is_wanted(row):
                rows[row["file"]].append(row)
    return dict(rows)


def boxes_of(rows: Sequence[FaceRow]) -> FloatArray:
    """(F, 4) x1, y1, x2, y2 of an image's rows."""
    return np.array([[float(row[key]) for key in ("x1", "y1", "x2", "y2")] for row in rows], np.float32)
