"""Training squares on disk: clean square images with their labels and the teacher's predictions, in numbered shards.

A shard is two files: `0000.jpgs`, all images as JPEG one after the other, and `0000.npz`, everything else. The second
is written last: a shard without it is incomplete and is not read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import get_args

import cv2
import numpy as np
import numpy.typing as npt

from facetally.detection.training.augment import Sample
from facetally.detection.training.scenes import SceneKind
from facetally.files import whole_file, write_whole

KINDS: tuple[SceneKind, ...] = get_args(SceneKind)
JPEG_QUALITY = 95
SHAPE_SCORE = 0.25
"""Boxes and points are kept from this score on: less certain ones are not learnt from."""
SHAPE_WIDTH = 14
"""Four sides of the box, ten coordinates of the points."""


@dataclass(frozen=True)
class SparsePredictions:
    """A teacher's predictions for one image, at the anchors whose score is not about zero."""

    anchors: npt.NDArray[np.uint16]
    """(k,) rows of the anchors."""
    scores: npt.NDArray[np.float16]
    """(k,)"""
    shapes: npt.NDArray[np.float16]
    """(j, 14) box and points, in strides, of the anchors whose score is at least `SHAPE_SCORE`."""

    @classmethod
    def empty(cls) -> SparsePredictions:
        """Without any anchor."""
        return cls(np.zeros(0, np.uint16), np.zeros(0, np.float16), np.zeros((0, SHAPE_WIDTH), np.float16))


@dataclass(frozen=True)
class PreparedSquare:
    """A clean square image, its labels, and the teacher's predictions for it."""

    kind: SceneKind
    sample: Sample
    predictions: SparsePredictions


class Shard:
    """A shard that was written by `write_shard`; images are read from disk when they are needed."""

    def __init__(self, folder: Path, number: int) -> None:
        self._images = folder / f"{number:04}.jpgs"
        with np.load(folder / f"{number:04}.npz") as arrays:
            self._arrays = {name: arrays[name] for name in arrays.files}

    def __len__(self) -> int:
        return len(self._arrays["kinds"])

    @property
    def kinds(self) -> list[SceneKind]:
        """The kind of every square."""
        return [KINDS[number] for number in self._arrays["kinds"]]

    def square(self, row: int) -> PreparedSquare:
        """One square, decoded."""
        image = cv2.imdecode(self._bytes[self._part("image_ends", row)], cv2.IMREAD_COLOR)
        faces, own = self._part("box_ends", row), self._part("prediction_ends", row)
        sample = Sample(
            np.asarray(image, np.uint8), self._arrays["boxes"][faces], self._arrays["is_ignored"][faces].copy()
        )
        shapes = self._arrays["shapes"][self._part("shape_ends", row)]
        predictions = SparsePredictions(self._arrays["anchors"][own], self._arrays["scores"][own], shapes)
        return PreparedSquare(KINDS[self._arrays["kinds"][row]], sample, predictions)

    @cached_property
    def _bytes(self) -> npt.NDArray[np.uint8]:
        return np.memmap(self._images, np.uint8, "r")

    def _part(self, ends: str, row: int) -> slice:
        return slice(int(self._arrays[ends][row - 1]) if row else 0, int(self._arrays[ends][row]))


class SquareStore:
    """The shards of a folder, to which more can be added while they are read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._shards: list[Shard] = []

    def shard_count(self) -> int:
        """Number of complete shards, from 0 on without a gap."""
        count = 0
        while (self.folder / f"{count:04}.npz").exists():
            count += 1
        return count

    def shards(self, count: int) -> Sequence[Shard]:
        """The first `count` shards."""
        for number in range(len(self._shards), count):
            self._shards.append(Shard(self.folder, number))
        return self._shards[:count]


def write_shard(folder: Path, number: int, squares: Sequence[PreparedSquare]) -> None:
    """Writes a shard; an existing one with this number is replaced."""
    images = [_jpeg(square.sample.image) for square in squares]
    arrays = {
        "kinds": np.array([KINDS.index(square.kind) for square in squares], np.uint8),
        "image_ends": np.cumsum([len(image) for image in images]),
        "box_ends": np.cumsum([len(square.sample.boxes) for square in squares]),
        "boxes": np.concatenate([square.sample.boxes for square in squares]).astype(np.float32),
        "is_ignored": np.concatenate([square.sample.is_ignored for square in squares]).astype(bool),
        "prediction_ends": np.cumsum([len(square.predictions.anchors) for square in squares]),
        "anchors": np.concatenate([square.predictions.anchors for square in squares]),
        "scores": np.concatenate([square.predictions.scores for square in squares]),
        "shape_ends": np.cumsum([len(square.predictions.shapes) for square in squares]),
        "shapes": np.concatenate([square.predictions.shapes for square in squares]),
    }
    write_whole(folder / f"{number:04}.jpgs", b"".join(images))
    with whole_file(folder / f"{number:04}.npz") as temporary, temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def _jpeg(image: npt.NDArray[np.uint8]) -> bytes:
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()
