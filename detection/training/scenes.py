"""Pictures with labelled faces, as they are learnt from."""

from __future__ import annotations

import csv
import gzip
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

ImageArray = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]
FaceRow = Mapping[str, str]
"""A line of a table of labelled faces: file, split, x1, y1, x2, y2, ignore, ..."""


@dataclass(frozen=True)
class Scene:
    """A picture and what is known of its faces.

    Raises:
        ValueError: the arrays do not go together.
    """

    name: str
    content: bytes
    """The picture's file, still compressed."""
    boxes: FloatArray = field(default_factory=lambda: np.zeros((0, 4), np.float32))
    """(F, 4) x1, y1, x2, y2 in pixels."""
    is_ignored: npt.NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, bool))
    """(F,) too small or too poor to be asked for."""
    is_labelled: bool = True
    """Whether each face has a box; otherwise the teacher alone knows."""

    def __post_init__(self) -> None:
        if self.boxes.shape != (len(self.is_ignored), 4):
            raise ValueError(f"{self.name}: boxes {self.boxes.shape} do not go with {len(self.is_ignored)} marks")

    @property
    def kind(self) -> str:
        """labelled, taught (by a teacher alone), or faceless (labelled, and shows nobody)."""
        if not self.is_labelled:
            return "taught"
        return "labelled" if len(self.boxes) else "faceless"

    def image_bgr(self) -> ImageArray:
        """(H, W, 3) uint8 BGR.

        Raises:
            ValueError: the file is no picture.
        """
        image = cv2.imdecode(np.frombuffer(self.content, np.uint8), cv2.IMREAD_COLOR)
        if image is None:
            raise ValueError(f"{self.name} cannot be decoded as a picture")
        return np.asarray(image, np.uint8)


def read_face_rows(table: Path, is_wanted: Callable[[FaceRow], bool]) -> dict[str, list[FaceRow]]:
    """The wanted lines of a gzipped CSV table of faces, by the picture's file."""
    rows: defaultdict[str, list[FaceRow]] = defaultdict(list)
    with gzip.open(table, "rt", newline="") as file:
        for row in csv.DictReader(file):
            if is_wanted(row):
                rows[row["file"]].append(row)
    return dict(rows)


def boxes_of(rows: Sequence[FaceRow]) -> FloatArray:
    """(F, 4) x1, y1, x2, y2 of a picture's lines."""
    return np.array([[float(row[key]) for key in ("x1", "y1", "x2", "y2")] for row in rows], np.float32)
