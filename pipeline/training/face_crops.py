"""Turns labelled pictures into aligned face crops for training and evaluation, once: the crops are kept on disk."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from facetally.datasets.labelled_images import ImageSource, LabelledImage
from facetally.detection import boxes as geometry
from facetally.detection.crops import BORDERS, CropRecipe, cut_crops
from facetally.detection.faces import Faces, ImageArray
from facetally.detection.scrfd import ScrfdDetector, ScrfdOptions
from facetally.errors import ModelError, OptionError
from facetally.gender.data.face_sets import LABEL_COLUMNS, FaceSet, load_face_set, new_crops, pixel_digest, save_labels
from facetally.models.weights import sha256_of

PORTRAIT_DETECTION = ScrfdOptions(input_px=128, min_score=0.3, wide_px=64, wide_min_height=0.3)
"""Data sets of faces show one, and it nearly fills the picture: little resolution is enough."""
MARGIN_SHARE = 1 / 7
"""Kept around each crop, in its sides: 16 px of 112."""
FORMAT = 3
"""Of the kept crops; another one is cut anew."""
FORMS_FIX = "check the pictures: facetally train --help shows the forms that they may have"


@dataclass(frozen=True)
class CuttingReport:
    """What became of a source's pictures."""

    images: int
    without_label: int
    undecodable: int
    without_face: int
    cut: int


class FaceCutter:
    """Cuts the one face that each picture shows.

    Args:
        detector_path: SCRFD weights; None where pictures are aligned crops already, which are only resized, and
            continued past their border into the margin.
        recipe: the crops.
        margin_px: kept around them, to turn and shift in.
        cache: folder for the crops; a source is cut once for the same detector, recipe and margin.

    Raises:
        ModelError: the weights are no SCRFD.
    """

    def __init__(self, detector_path: Path | None, recipe: CropRecipe, margin_px: int, cache: Path) -> None:
        self._detector = _detector_of(detector_path) if detector_path else None
        self._recipe, self._margin_px, self._cache = recipe, margin_px, cache
        self._detector_sha256 = sha256_of(detector_path) if detector_path else "aligned"

    def cut(
        self, source: ImageSource, limit: int | None = None, on_image: Callable[[int, int], None] = lambda *_: None
    ) -> tuple[FaceSet, CuttingReport]:
        """The crops of a source and what was left out, from the cache where they are there.

        Args:
            source: labelled pictures.
            limit: at most so many pictures, evenly from all (a smoke run).
            on_image: called with the number of pictures done and to do.

        Raises:
            OptionError: the source cannot be read, or has no labelled picture with a face.
        """
        try:
            folder = self._cache / f"{source.name}-{self._key(source, limit)}"
            if not (folder / "report.json").exists():
                self._fill(folder, source, limit, on_image)
        except (ValueError, OSError) as error:
            raise OptionError(str(error), fix=FORMS_FIX) from error
        report = CuttingReport(**json.loads((folder / "report.json").read_text()))
        return load_face_set(folder, source.name, self._margin_px), report

    def _key(self, source: ImageSource, limit: int | None) -> str:
        parts = (FORMAT, source.fingerprint(), self._detector_sha256, PORTRAIT_DETECTION, self._recipe)
        return hashlib.sha256(repr((*parts, self._margin_px, limit)).encode()).hexdigest()[:16]

    def _fill(self, folder: Path, source: ImageSource, limit: int | None, on_image: Callable[[int, int], None]) -> None:
        total = source.count()
        if not total:
            raise ValueError(f"{source.name}: no picture is in {', '.join(map(str, source.images))}")
        chosen = np.linspace(0, total, min(limit or total, total), endpoint=False).astype(int)
        crops = new_crops(folder, len(chosen), self._recipe.size_px + 2 * self._margin_px)
        rows: list[tuple[object, ...]] = []
        counts = dict.fromkeys(("without_label", "undecodable", "without_face"), 0)
        wanted = set(chosen.tolist())
        images = (image for index, image in enumerate(source.read()) if index in wanted)
        for done, image in enumerate(images, start=1):
            on_image(done, len(chosen))
            found = self._crop(image)
            if isinstance(found, str):
                counts[found] += 1
                continue
            crops[len(rows)], digest = found
            rows.append(_labels(image, digest))
        if not rows:
            left = ", ".join(f"{count} {what.replace('_', ' ')}" for what, count in counts.items() if count)
            raise ValueError(f"{source.name}: none of {len(chosen)} pictures has both a label and a face: {left}")
        save_labels(folder, pd.DataFrame(rows, columns=list(LABEL_COLUMNS)))
        report = CuttingReport(len(chosen), **counts, cut=len(rows))
        (folder / "report.part").write_text(json.dumps(asdict(report)))
        (folder / "report.part").replace(folder / "report.json")  # last: without it the folder does not count

    def _crop(self, labelled: LabelledImage) -> tuple[ImageArray, str] | str:
        """The crop and the digest of its picture, or the name of the count that the picture adds to."""
        if labelled.is_female is None and labelled.age_years is None:
            return "without_label"
        try:
            image = labelled.image_bgr()
        except ValueError:
            return "undecodable"
        if self._detector is None:
            return self._resized(image), pixel_digest(image)
        face = meant_face(self._detector.detect([image])[0], labelled, image)
        if not len(face):
            return "without_face"
        return cut_crops(image, face, self._recipe, self._margin_px)[0], pixel_digest(image)

    def _resized(self, image: ImageArray) -> ImageArray:
        side, margin = self._recipe.size_px, self._margin_px
        way = cv2.INTER_AREA if side < min(image.shape[:2]) else cv2.INTER_LINEAR
        crop = cv2.cvtColor(cv2.resize(image, (side, side), interpolation=way), cv2.COLOR_BGR2RGB)
        border = BORDERS[self._recipe.border]
        return np.asarray(cv2.copyMakeBorder(crop, margin, margin, margin, margin, border), np.uint8)


def cut_sources(
    sources: Sequence[ImageSource],
    detector: Path | None,
    recipe: CropRecipe,
    cache: Path,
    limit: int | None,
    on_image: Callable[[str, int, int], None],
) -> tuple[list[FaceSet], dict[str, CuttingReport]]:
    """The crops of each source, and by its name what became of its pictures.

    Args:
        sources: labelled pictures.
        detector: SCRFD weights; None: the pictures are aligned crops already.
        recipe: the crops, to which a margin of `MARGIN_SHARE` is added.
        cache: folder for the crops.
        limit: at most so many pictures of each source.
        on_image: called with the source's name, and the number of its pictures done and to do.

    Raises:
        OptionError: two sources have one name, or one cannot be read or has no labelled picture with a face.
        ModelError: the weights are no SCRFD.
    """
    names = [source.name for source in sources]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise OptionError(f"two data sets are called {twice!r}", fix="name them: A=PICTURES B=PICTURES")
    cutter = FaceCutter(detector, recipe, round(MARGIN_SHARE * recipe.size_px), cache)
    sets, reports = [], {}
    for source in sources:
        faces, reports[source.name] = cutter.cut(source, limit, partial(on_image, source.name))
        sets.append(faces)
    return sets, reports


def meant_face(faces: Faces, labelled: LabelledImage, image: ImageArray) -> Faces:
    """The face that the picture is of: the one that its box overlaps most, without a box the most central; or none."""
    if not len(faces):
        return faces
    if labelled.box is None:
        return most_central(faces, image.shape[:2])
    overlaps = geometry.iou_matrix(faces.boxes, np.array([labelled.box], np.float32))[:, 0]
    best = int(np.argmax(overlaps))
    return faces[best : best + 1] if overlaps[best] > 0 else faces[:0]


def most_central(faces: Faces, frame_hw: tuple[int, int]) -> Faces:
    """The one of at least one faces whose centre is nearest to the frame's centre, in its own sizes."""
    middle = np.array([frame_hw[1] / 2, frame_hw[0] / 2], np.float32)
    distance = np.linalg.norm(geometry.centres(faces.boxes) - middle, axis=1) / geometry.sizes(faces.boxes)
    best = int(np.argmin(distance))
    return faces[best : best + 1]


def _detector_of(path: Path) -> ScrfdDetector:
    try:
        return ScrfdDetector(path, PORTRAIT_DETECTION)
    except ValueError as error:
        raise ModelError(str(error), fix="give an SCRFD with five points; facetally models list shows some") from error


def _labels(image: LabelledImage, digest: str) -> tuple[object, ...]:
    female = np.nan if image.is_female is None else float(image.is_female)
    years = np.nan if image.age_years is None else float(image.age_years)
    return image.name, female, years, image.person, image.group, image.own_split, digest
