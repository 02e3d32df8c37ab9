"""Stored face crops with their persons and their teacher's vectors, for training an embedding network.

The vectors are biometric data: keep such a folder for the training only, outside the project, and delete it afterwards.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from facetally.detection.crops import CropRecipe
from facetally.detection.faces import FloatArray, ImageArray, IntArray
from facetally.files import whole_file

STORED_CROP = CropRecipe(size_px=80, template_scale=0.9)
"""How stored crops are cut: a quarter larger than the network's input, so that zooming in loses nothing."""
STORED_MARGIN_PX = 12
HELD_OUT_OF = 5
"""One of so many persons is held out from training."""
CROPS, VECTORS, TABLE = "crops.npy", "teacher.npy", "faces.csv"


def normalised_name(person: str) -> str:
    """One spelling of a person's name, so that one person in two data sets is one person."""
    return " ".join(person.replace("_", " ").casefold().split())


def is_held_out(person: str) -> bool:
    """Whether a person is held out from training, by the name alone; faces without a person are not."""
    digest = hashlib.sha256(normalised_name(person).encode()).hexdigest()
    return bool(person) and int(digest, 16) % HELD_OUT_OF == 0


@dataclass(frozen=True)
class FaceFolder:
    """The faces of one data set."""

    name: str
    crops: ImageArray
    """(N, O, O, 3) uint8 RGB by `STORED_CROP` with its margin; read from disk as needed."""
    persons: tuple[str, ...]
    """N normalised names; empty where the person is not known."""
    vectors: FloatArray
    """(N, T) the teacher's unit vectors; (N, 0) without a teacher."""

    @classmethod
    def load(cls, folder: Path) -> FaceFolder:
        """Opens a folder written by `write_faces`."""
        with (folder / TABLE).open(newline="") as file:
            persons = tuple(row["person"] for row in csv.DictReader(file))
        crops = np.load(folder / CROPS, mmap_mode="r")
        return cls(folder.name, crops, persons, np.load(folder / VECTORS))


def write_faces(
    folder: Path, names: Sequence[str], persons: Sequence[str], crops: ImageArray, vectors: FloatArray
) -> None:
    """Stores faces; `names` tells where each comes from, the others are as in `FaceFolder`."""
    for file_name, array in ((CROPS, crops), (VECTORS, vectors)):
        with whole_file(folder / file_name) as temporary, temporary.open("wb") as file:
            np.save(file, array)
    with whole_file(folder / TABLE) as temporary, temporary.open("w", newline="") as table:
        writer = csv.writer(table)
        writer.writerow(["name", "person"])
        writer.writerows(zip(names, map(normalised_name, persons), strict=True))


class FaceStore:
    """The faces of several folders, numbered from 0 to N - 1.

    Args:
        folders: their faces, in this order.
    """

    def __init__(self, folders: Sequence[FaceFolder]) -> None:
        self.folders = folders
        self._starts = np.cumsum([0, *(len(folder.persons) for folder in folders)])
        self.persons = np.array([person for folder in folders for person in folder.persons], dtype=object)
        self.vectors = np.concatenate([folder.vectors for folder in folders])

    def __len__(self) -> int:
        return int(self._starts[-1])

    def crop(self, index: int) -> ImageArray:
        """The stored crop of one face."""
        folder = int(np.searchsorted(self._starts, index, side="right")) - 1
        return np.asarray(self.folders[folder].crops[index - self._starts[folder]])

    def training(self) -> IntArray:
        """The faces that are not held out."""
        return np.flatnonzero([not is_held_out(person) for person in self.persons]).astype(np.int64)

    def held_out(self) -> IntArray:
        """The faces of the persons that are held out."""
        return np.flatnonzero([is_held_out(person) for person in self.persons]).astype(np.int64)


def by_person(store: FaceStore, faces: IntArray, min_count: int = 2) -> dict[str, npt.NDArray[np.int64]]:
    """The faces of each known person with at least `min_count` of them, in the order of the names."""
    groups: dict[str, list[int]] = {}
    for face in faces.tolist():
        groups.setdefault(str(store.persons[face]), []).append(face)
    groups.pop("", None)
    return {name: np.array(own, np.int64) for name, own in sorted(groups.items()) if len(own) >= min_count}
