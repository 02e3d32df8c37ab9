"""The results of the detector and the tracker: `Faces` and `TrackedFaces`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]
ImageArray = npt.NDArray[np.uint8]

LANDMARK_COUNT = 5
"""Left eye, right eye, nose, left and right corner of the mouth; left as seen in the image."""


def check_array(name: str, array: npt.NDArray[Any], *, shape: tuple[int | None, ...], dtype: type) -> None:
    """Raises ValueError or TypeError unless `array` has this dtype and shape (None: any length)."""
    if array.dtype != dtype:
        raise TypeError(f"{name} must be {np.dtype(dtype)}, got {array.dtype}")
    if array.shape == shape:
        return
    if array.ndim != len(shape) or any(n not in (None, got) for n, got in zip(shape, array.shape, strict=True)):
        wanted = tuple("any" if n is None else n for n in shape)
        raise ValueError(f"{name} must have shape {wanted}, got {array.shape}")


@dataclass(frozen=True)
class Faces:
    """The faces detected in one frame.

    Raises:
        TypeError, ValueError: an array does not have the dtype or shape stated below.
    """

    boxes: FloatArray
    """(N, 4) float32 x1, y1, x2, y2 in frame pixels; may extend beyond the frame."""
    scores: FloatArray
    """(N,) float32 in [0, 1]."""
    landmarks: FloatArray
    """(N, 5, 2) float32 x, y in frame pixels, in the order of `LANDMARK_COUNT`."""

    def __post_init__(self) -> None:
        count = len(self.boxes)
        check_array("boxes", self.boxes, shape=(None, 4), dtype=np.float32)
        check_array("scores", self.scores, shape=(count,), dtype=np.float32)
        check_array("landmarks", self.landmarks, shape=(count, LANDMARK_COUNT, 2), dtype=np.float32)

    @classmethod
    def empty(cls) -> Faces:
        """No faces."""
        return cls(
            np.zeros((0, 4), np.float32),
            np.zeros(0, np.float32),
            np.zeros((0, LANDMARK_COUNT, 2), np.float32),
        )

    @classmethod
    def concatenate(cls, parts: list[Faces]) -> Faces:
        """All faces of `parts`, in that order."""
        return cls(
            np.concatenate([part.boxes for part in parts]),
            np.concatenate([part.scores for part in parts]),
            np.concatenate([part.landmarks for part in parts]),
        )

    def scaled(self, factor: float) -> Faces:
        """The same faces in an image that is `factor` times as large."""
        scale = np.float32(factor)
        return Faces(self.boxes * scale, self.scores, self.landmarks * scale)

    def __len__(self) -> int:
        return len(self.boxes)

    def __getitem__(self, which: npt.NDArray[Any] | slice) -> Faces:
        """The faces selected by a mask, an index array or a slice."""
        return Faces(self.boxes[which], self.scores[which], self.landmarks[which])


@dataclass(frozen=True)
class TrackedFaces:
    """The faces of one frame and their tracks."""

    faces: Faces
    track_ids: IntArray
    """(N,) int64, unique within one video; -1 for a face whose score is too low to start a track, or that is another
    one detected twice."""
    ended_ids: tuple[int, ...]
    """The tracks that ended with this frame: no more faces will be added to them."""

    def __post_init__(self) -> None:
        check_array("track_ids", self.track_ids, shape=(len(self.faces),), dtype=np.int64)
