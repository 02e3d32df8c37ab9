"""Aligned face crops with labels from several data sets, and their training, selection and test splits."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd

from facetally.gender.data.splits import SPLITS, HeldOut, drawn_split

ImageArray = npt.NDArray[np.uint8]

LABEL_COLUMNS = ("file", "female", "age_years", "person", "group", "own_split", "digest")
"""file: name in its set; female: 1, 0, or NaN; age_years: NaN if unknown; person: "" where every face is of another
person; group: what results are broken down by, such as race in FairFace; own_split: "train", "val" or "", as the set's
authors chose; digest: SHA-256 of the pixels of the original image, so that it does not depend on the rounding of the
processor that cut the crop."""


@dataclass(frozen=True)
class FaceSet:
    """The crops of one data set.

    Raises:
        ValueError: wrong shape or dtype, crops and labels differ in number, or a column is missing.
    """

    name: str
    crops: ImageArray
    """(N, O, O, 3) uint8 RGB with O = size + 2 margins; may be memory-mapped."""
    labels: pd.DataFrame
    """N rows of `LABEL_COLUMNS`."""
    margin_px: int

    def __post_init__(self) -> None:
        shape, dtype = self.crops.shape, self.crops.dtype
        if dtype != np.uint8 or len(shape) != 4 or shape[1] != shape[2] or shape[3] != 3:
            raise ValueError(f"{self.name}: crops must be (N, O, O, 3) uint8, got {shape} {dtype}")
        if len(self.crops) != len(self.labels):
            raise ValueError(f"{self.name}: {len(self.crops)} crops do not match {len(self.labels)} labels")
        if missing := set(LABEL_COLUMNS) - set(self.labels.columns):
            raise ValueError(f"{self.name}: labels without {', '.join(sorted(missing))}")


def pixel_digest(image: ImageArray) -> str:
    """SHA-256 of an image's pixels, hexadecimal."""
    return hashlib.sha256(np.ascontiguousarray(image).tobytes()).hexdigest()


def middle(crop: ImageArray, size_px: int, margin_share: float) -> ImageArray:
    """(S, S, 3) uint8 RGB: a crop without its margin, resized if it has another size."""
    margin = round(margin_share * crop.shape[0])
    inner = crop[margin : crop.shape[0] - margin, margin : crop.shape[1] - margin]
    if inner.shape[0] == size_px:
        return np.ascontiguousarray(inner)
    interpolation = cv2.INTER_AREA if size_px < inner.shape[0] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(inner, (size_px, size_px), interpolation=interpolation), np.uint8)


@dataclass(frozen=True)
class FaceCorpus:
    """Faces of several sets, all cut to the same size with the same margin."""

    sets: tuple[FaceSet, ...]
    faces: pd.DataFrame
    """One row for each face in use: `LABEL_COLUMNS` and set (name), set_index, row (in its set), split."""

    @property
    def margin_share(self) -> float:
        """The margin on each side of a crop, as a share of its side."""
        return self.sets[0].margin_px / int(self.sets[0].crops.shape[1])

    def crop(self, index: int) -> ImageArray:
        """(O, O, 3) uint8 RGB of the face in this row of `faces`, counted from 0."""
        part, row = self.faces["set_index"].iat[index], self.faces["row"].iat[index]
        crops = self.sets[part].crops
        return np.asarray(crops[row])

    def batches(self, size: int) -> Iterator[range]:
        """The indices of all faces in order, `size` at a time; the last batch may be smaller."""
        for start in range(0, len(self), size):
            yield range(start, min(start + size, len(self)))

    def middles(self, indices: Iterable[int], size_px: int) -> ImageArray:
        """(B, S, S, 3) uint8 RGB of one or more faces, without the margins."""
        return np.stack([middle(self.crop(index), size_px, self.margin_share) for index in indices])

    def only(self, mask: npt.NDArray[np.bool_] | pd.Series) -> FaceCorpus:
        """The faces where `mask` is true."""
        return FaceCorpus(self.sets, self.faces[np.asarray(mask)].reset_index(drop=True))

    def split(self, name: str) -> FaceCorpus:
        """The faces of one of `SPLITS`."""
        return self.only(self.faces["split"] == name)

    def __len__(self) -> int:
        return len(self.faces)

    def fingerprint(self) -> str:
        """SHA-256 over all original images, labels and splits; independent of how the crops were cut."""
        columns = self.faces[["set", "digest", "female", "age_years", "split"]]
        lines = sorted(" ".join(map(str, row)) for row in columns.itertuples(index=False))
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def join_sets(
    sets: Sequence[FaceSet], seed: int, ages: tuple[int, int] = (0, 200), before: HeldOut | None = None
) -> FaceCorpus:
    """Joins sets, each image once, and assigns every face to a split.

    A set's own "val" is its test split. Otherwise the split is drawn by person, or by the content of the image where
    every face is of another person. Copies of an image that disagree about the gender are all dropped; of other copies
    one is kept, in the split farthest from training, so that no image is in two splits.

    Args:
        sets: one or more.
        seed: of the draw.
        ages: youngest and oldest, both included; faces without an age are kept.
        before: what an earlier training held out; all other images of the sets it used go to "train".

    Raises:
        ValueError: crops differ in size or margin, or no face is left.
    """
    faces = _table(sets)
    keys = zip(faces["own_split"], faces["set"], faces["person"], faces["digest"], strict=True)
    faces["split"] = [drawn_split(*key, seed=seed) for key in keys]
    if before:
        faces["split"] = before.splits_of(faces).fillna(faces["split"])
    agreed = faces[faces.groupby("digest")["female"].transform("nunique") <= 1]
    farthest_first = agreed["split"].map(SPLITS.index).sort_values(ascending=False, kind="stable").index
    kept = agreed.loc[farthest_first].drop_duplicates("digest").sort_index()
    in_ages = kept["age_years"].isna() | kept["age_years"].between(*ages)
    if not in_ages.any():
        raise ValueError("no face is left to train on")
    return FaceCorpus(tuple(sets), kept[in_ages].reset_index(drop=True))


def join_with_copies(
    sets: Sequence[FaceSet], seed: int, copies: int, ages: tuple[int, int] = (0, 200), test_share: float = 0.2
) -> FaceCorpus:
    """Joins sets with every face several times, and draws the test faces from the copies.

    Published figures were measured like this where a data set holds each image twice: most test images have a copy in
    training, so the figures are too good (`join_sets` keeps copies together). The test faces also choose the best
    epoch, so they come once in the selection split and once in the test split.

    Args:
        sets: one or more.
        seed: of the draw.
        copies: how often each face is there.
        ages: youngest and oldest, both included; faces without an age are kept.
        test_share: of all copies.

    Raises:
        ValueError: fewer copies than one, crops that differ in size or margin, or an empty split.
    """
    if copies < 1:
        raise ValueError(f"each face must be there at least once, not {copies} times")
    faces = _table(sets)
    faces = faces[faces["age_years"].isna() | faces["age_years"].between(*ages)]
    rows = faces.loc[faces.index.repeat(copies)].reset_index(drop=True)
    order = np.random.default_rng(seed).permutation(len(rows))
    test_count = round(test_share * len(rows))
    if not 0 < test_count < len(rows):
        raise ValueError(f"{len(rows)} faces are too few to test on {test_share:.0%} of them")
    test, train = rows.iloc[np.sort(order[:test_count])], rows.iloc[np.sort(order[test_count:])]
    parts = {"train": train, "selection": test, "test": test}
    joined = pd.concat([part.assign(split=split) for split, part in parts.items()], ignore_index=True)
    return FaceCorpus(tuple(sets), joined)


def all_faces(sets: Sequence[FaceSet]) -> FaceCorpus:
    """Joins sets with every copy, all in the test split."""
    return FaceCorpus(tuple(sets), _table(sets).assign(split="test"))


def _table(sets: Sequence[FaceSet]) -> pd.DataFrame:
    """One row for each face of every set, with its set and its row there."""
    if len({(s.crops.shape[1:], s.margin_px) for s in sets}) != 1:
        raise ValueError("all sets must be cut to the same size with the same margin")
    places = ({"set": s.name, "set_index": index, "row": np.arange(len(s.labels))} for index, s in enumerate(sets))
    return pd.concat([s.labels.assign(**place) for s, place in zip(sets, places, strict=True)], ignore_index=True)


def new_crops(folder: Path, count: int, side_px: int) -> ImageArray:
    """An array on disk for up to `count` crops: fill it from the start, then call `save_labels`. Makes the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    return np.lib.format.open_memmap(folder / "crops.npy", "w+", np.uint8, (count, side_px, side_px, 3))


def save_labels(folder: Path, labels: pd.DataFrame) -> None:
    """Writes the labels of the first crops in `folder`: rows of `LABEL_COLUMNS`."""
    labels.to_parquet(folder / "labels.parquet", index=False)


def load_face_set(folder: Path, name: str, margin_px: int) -> FaceSet:
    """Reads a folder of `new_crops` and `save_labels`; the crops stay on disk and are read when needed."""
    crops = np.load(folder / "crops.npy", mmap_mode="r")
    labels = pd.read_parquet(folder / "labels.parquet")
    return FaceSet(name, crops[: len(labels)], labels, margin_px)
