"""Turns labelled images into aligned face crops for training and evaluation, and caches the crops on disk."""

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
from facetally.files import read_json, sha256_of, write_whole
from facetally.formatting import command
from facetally.gender.data.face_sets import LABEL_COLUMNS, FaceSet, load_face_set, new_crops, pixel_digest, save_labels
from facetally.threads import PerThread, in_order, usable_cores
from facetally.training.label_tally import LabelTally

PORTRAIT_DETECTION = ScrfdOptions(input_px=128, min_score=0.3, wide_px=64, wide_min_height=0.3)
"""Images of face data sets show one face that nearly fills the image, so a low resolution is enough."""
MARGIN_SHARE = 1 / 7
"""Margin kept on each side of a crop, as a share of the crop's side: 16 px of 112."""
FORMAT = 4
"""Of the cached crops; crops cached in another format are cut again."""
FORMS_FIX = "check the images: facetally train --help lists the supported forms"


@dataclass(frozen=True)
class CuttingReport:
    """How many images of a source were cut, and how many were left out for which reason."""

    images: int
    without_label: int
    undecodable: int
    without_face: int
    cut: int
    notes: str = ""
    """Which labels were not understood, with their number and examples, one line for each kind."""

    @property
    def counts(self) -> dict[str, int]:
        """All counts, by what they count."""
        return {name: count for name, count in asdict(self).items() if name != "notes"}


class FaceCutter:
    """Cuts the labelled face out of each image.

    Args:
        detector_path: SCRFD weights; None for aligned crops, which are only resized, with a margin extrapolated from
            their border.
        recipe: of the crops.
        margin_px: kept around the crops, so that augmentation can rotate and shift them.
        cache: folder for the crops; a source is cut once for the same detector, recipe and margin.

    Raises:
        ModelError: the weights are not an SCRFD.
    """

    def __init__(self, detector_path: Path | None, recipe: CropRecipe, margin_px: int, cache: Path) -> None:
        self._threads = usable_cores()
        one_each = 1 if self._threads > 1 else 0
        self._detectors = PerThread(_detector_of(detector_path, one_each)) if detector_path else None
        self._recipe, self._margin_px, self._cache = recipe, margin_px, cache
        self._detector_sha256 = sha256_of(detector_path) if detector_path else "aligned"

    def cut(
        self, source: ImageSource, limit: int | None = None, on_image: Callable[[int, int], None] = lambda *_: None
    ) -> tuple[FaceSet, CuttingReport]:
        """The crops of a source, from the cache if they are there, and the counts of what was cut and left out.

        Args:
            source: labelled images.
            limit: at most this many images, evenly spaced over all (for a smoke run).
            on_image: called with the number of images done and the total.

        Raises:
            OptionError: the source cannot be read, or has no labelled image with a face.
        """
        try:
            folder = self._cache / f"{source.name}-{self._key(source, limit)}"
            if not (folder / "report.json").exists():
                self._fill(folder, source, limit, on_image)
        except (ValueError, OSError) as error:
            raise OptionError(str(error), fix=FORMS_FIX) from error
        report = _report_of(folder / "report.json")
        return load_face_set(folder, source.name, self._margin_px), report

    def _key(self, source: ImageSource, limit: int | None) -> str:
        parts = (FORMAT, source.fingerprint(), self._detector_sha256, PORTRAIT_DETECTION, self._recipe)
        return hashlib.sha256(repr((*parts, self._margin_px, limit)).encode()).hexdigest()[:16]

    def _fill(self, folder: Path, source: ImageSource, limit: int | None, on_image: Callable[[int, int], None]) -> None:
        total = source.count()
        if not total:
            raise ValueError(f"{source.name}: no image found in {', '.join(map(str, source.images))}")
        chosen = np.linspace(0, total, min(limit or total, total), endpoint=False).astype(int)
        crops = new_crops(folder, len(chosen), self._recipe.size_px + 2 * self._margin_px)
        rows: list[tuple[object, ...]] = []
        counts = dict.fromkeys(("without_label", "undecodable", "without_face"), 0)
        tally = LabelTally(source)
        wanted = set(chosen.tolist())
        images = (image for index, image in enumerate(source.read()) if index in wanted)
        for done, (image, found) in enumerate(in_order(self._crop, images, self._threads), start=1):
            on_image(done, len(chosen))
            tally.add(image)
            if isinstance(found, str):
                counts[found] += 1
                continue
            crops[len(rows)], digest = found
            rows.append(_labels(image, digest))
        if not rows:
            reasons = ", ".join(f"{count} {what.replace('_', ' ')}" for what, count in counts.items() if count)
            what = f"{source.name}: none of {len(chosen)} images has both a label and a face: {reasons}"
            raise ValueError(". ".join([what, *tally.notes()]))
        save_labels(folder, pd.DataFrame(rows, columns=list(LABEL_COLUMNS)))
        report = CuttingReport(len(chosen), **counts, cut=len(rows), notes="\n".join(tally.notes()))
        write_whole(folder / "report.json", json.dumps(asdict(report)))  # last: a folder without it is incomplete

    def _crop(self, labelled: LabelledImage) -> tuple[LabelledImage, tuple[ImageArray, str] | str]:
        return labelled, self._crop_of(labelled)

    def _crop_of(self, labelled: LabelledImage) -> tuple[ImageArray, str] | str:
        """The crop and the digest of its image, or the name of the count to which the image adds."""
        if labelled.is_female is None and labelled.age_years is None:
            return "without_label"
        try:
            image = labelled.image_bgr()
        except ValueError:
            return "undecodable"
        if self._detectors is None:
            return self._resized(image), pixel_digest(image)
        face = meant_face(self._detectors.get().detect([image])[0], labelled, image)
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
    """The crops of each source, and by source name the counts of what was cut and left out.

    Args:
        sources: labelled images.
        detector: SCRFD weights; None: the images are aligned crops already.
        recipe: of the crops, to which a margin of `MARGIN_SHARE` is added.
        cache: folder for the crops.
        limit: at most this many images per source.
        on_image: called with the source's name, the number of its images done, and their total.

    Raises:
        OptionError: two sources have the same name, or one cannot be read or has no labelled image with a face.
        ModelError: the weights are not an SCRFD.
    """
    names = [source.name for source in sources]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise OptionError(f"two data sets are called {twice!r}", fix="name them: A=IMAGES B=IMAGES")
    cutter = FaceCutter(detector, recipe, round(MARGIN_SHARE * recipe.size_px), cache)
    sets, reports = [], {}
    for source in sources:
        faces, reports[source.name] = cutter.cut(source, limit, partial(on_image, source.name))
        sets.append(faces)
    return sets, reports


def meant_face(faces: Faces, labelled: LabelledImage, image: ImageArray) -> Faces:
    """The labelled face of an image: the one that overlaps its box most, or without a box the most central; or none."""
    if not len(faces):
        return faces
    if labelled.box is None:
        return most_central(faces, image.shape[:2])
    overlaps = geometry.iou_matrix(faces.boxes, np.array([labelled.box], np.float32))[:, 0]
    best = int(np.argmax(overlaps))
    return faces[best : best + 1] if overlaps[best] > 0 else faces[:0]


def most_central(faces: Faces, frame_hw: tuple[int, int]) -> Faces:
    """The face whose centre is nearest to the frame's centre, with distance measured in face sizes; needs a face."""
    middle = np.array([frame_hw[1] / 2, frame_hw[0] / 2], np.float32)
    distance = np.linalg.norm(geometry.centres(faces.boxes) - middle, axis=1) / geometry.sizes(faces.boxes)
    best = int(np.argmin(distance))
    return faces[best : best + 1]


def _detector_of(path: Path, threads: int) -> ScrfdDetector:
    try:
        return ScrfdDetector(path, PORTRAIT_DETECTION, threads=threads)
    except ValueError as error:
        raise ModelError(str(error), fix="give an SCRFD with five points; facetally models list shows some") from error


def _report_of(path: Path) -> CuttingReport:
    fix = f"have them cut again: {command('rm', '-r', path.parent)}"
    content = read_json(path, OptionError, fix=fix)
    try:
        return CuttingReport(**content)
    except TypeError as error:
        raise OptionError(f"{path} is not a report about cut images", fix=fix) from error


def _labels(image: LabelledImage, digest: str) -> tuple[object, ...]:
    female = np.nan if image.is_female is None else float(image.is_female)
    years = np.nan if image.age_years is None else float(image.age_years)
    return image.name, female, years, image.person, image.group, image.own_split, digest
