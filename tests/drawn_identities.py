"""Drawn faces of several persons, each a pattern of its own, for training an embedding network."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from facetally.detection.faces import FloatArray, ImageArray
from facetally.detection.training.embedding_faces import STORED_CROP, STORED_MARGIN_PX, FaceFolder, write_faces

SIDE = STORED_CROP.size_px + 2 * STORED_MARGIN_PX
PERSONS = ("Ada", "Bo", "Cleo", "Dan", "Eve", "Finn")


def drawn_crop(person: int, rng: np.random.Generator) -> ImageArray:
    """(O, O, 3) uint8: coarse squares that are the same for one person, with noise."""
    pattern = np.random.default_rng(person).integers(0, 200, (4, 4, 3)).repeat(SIDE // 4, axis=0)
    return np.asarray(pattern.repeat(SIDE // 4, axis=1) + rng.integers(0, 40, (SIDE, SIDE, 3)), np.uint8)


def drawn_folder(folder: Path, per_person: int = 6, dimensions: int = 128, strangers: int = 4) -> FaceFolder:
    """Faces of `PERSONS` and of strangers, with vectors of a teacher that knows everybody."""
    rng = np.random.default_rng(0)
    numbers = [*np.repeat(np.arange(len(PERSONS)), per_person), *range(100, 100 + strangers)]
    persons = [PERSONS[number] if number < len(PERSONS) else "" for number in numbers]
    crops = np.stack([drawn_crop(int(number), rng) for number in numbers])
    vectors = np.stack([teacher_vector(int(number), dimensions) for number in numbers])
    write_faces(folder, [f"{at}.png" for at in range(len(numbers))], persons, crops, vectors)
    return FaceFolder.load(folder)


def teacher_vector(person: int, dimensions: int) -> FloatArray:
    """(D,) of length 1: all near one direction, as those of dlib."""
    own = np.random.default_rng(person).normal(size=dimensions) + 3.0
    return np.asarray(own / np.linalg.norm(own), np.float32)
