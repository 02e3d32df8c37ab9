"""Detects the faces in images and estimates perceived gender and age of each face on its own."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from facetally.datasets.archives import IMAGE_SUFFIXES
from facetally.detection.crops import CropRecipe, cut_crops
from facetally.detection.faces import Faces, ImageArray
from facetally.detection.scrfd import ScrfdOptions
from facetally.detection.sparse import Detector
from facetally.errors import OptionError, PipelineError
from facetally.formatting import command
from facetally.gender.attributes import Attributes, age_band
from facetally.inputs import named_files
from facetally.models.engines import Engines
from facetally.options import ClassificationOptions
from facetally.threads import PerThread, in_order
from facetally.tracks.appearances import STORED_DECIMALS, Classifier, PredictedGender, classified, predicted_gender
from facetally.video_files import VIDEO_SUFFIXES, Prober

STILL_SUFFIXES = frozenset((".gif",))
"""Endings of videos that may also be still images."""
STILL_DETECTION = ScrfdOptions(input_px=1280, min_score=0.4)
"""Photographs are larger than video frames, and faces of crowds are smaller in them: at a run's 640 px, 18 % of the
faces of 12-24 px in images of 2,048 px are found, at 1,280 px 72 %. No tracker removes flickering false detections
here, so the lowest scores are left out."""


@dataclass(frozen=True)
class PredictedFace:
    """A face and its prediction."""

    box: tuple[float, float, float, float]
    """x1, y1, x2, y2 in pixels of the image as displayed; may extend outside of it."""
    score: float
    """The detector's, in [0, 1]."""
    female_prob: float
    """In [0, 1]."""
    gender: PredictedGender
    """unknown where the face is too small or the prediction too uncertain."""
    age_years: float
    """NaN where the model predicts no age."""
    age_band: str

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; an unknown age is null."""
        return {
            "box": list(self.box),
            "score": self.score,
            "gender": self.gender,
            "female_prob": self.female_prob,
            "age_years": None if math.isnan(self.age_years) else self.age_years,
            "age_band": self.age_band,
        }


@dataclass(frozen=True)
class PredictedImage:
    """An image with its faces, best score first."""

    path: Path
    width_px: int
    height_px: int
    """As displayed."""
    faces: tuple[PredictedFace, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "file": str(self.path),
            "width_px": self.width_px,
            "height_px": self.height_px,
            "faces": [face.as_dict() for face in self.faces],
        }


@dataclass(frozen=True)
class UnreadImage:
    """A file that could not be read."""

    path: Path
    reason: str
    fix: str


@dataclass(frozen=True)
class _DetectedImage:
    """An image whose faces are yet to be classified; its pixels are not kept."""

    path: Path
    width_px: int
    height_px: int
    faces: Faces
    crops: ImageArray
    """(N, S, S, 3) uint8 RGB."""


def find_images(inputs: Iterable[str]) -> list[Path]:
    """The images that `inputs` name, each once, in the order of their paths.

    Args:
        inputs: files, folders (searched recursively) and globs.

    Raises:
        OptionError: an input that does not exist, or no image at all.
    """
    inputs = list(inputs)
    by_file = {path.resolve(): path for _, path in named_files(inputs, _is_image)}
    if not by_file:
        fix = "give an image, or a folder with files that end in .jpg, .png, .webp, .tif, ..."
        if any(True for _ in named_files(inputs, _ends_as_video)):
            fix = f"for the videos there: {command('facetally', 'run', *map(Path, inputs), '-o', 'out')}"
        raise OptionError(f"no image found in {', '.join(inputs) or 'nothing'}", fix=fix)
    return sorted(by_file.values())


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()


def _ends_as_video(path: Path) -> bool:
    return path.suffix.lower() in VIDEO_SUFFIXES - STILL_SUFFIXES and path.is_file()


def read_image(path: Path) -> ImageArray:
    """(H, W, 3) uint8 BGR, rotated by its EXIF data. Grey and 16-bit images are converted; alpha is dropped.

    Raises:
        PipelineError: the file cannot be read, or is not an image.
    """
    if _ends_as_video(path):  # before all of it is read into memory
        raise _is_video(path)
    try:
        content = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        raise PipelineError(
            f"cannot be read: {error.strerror or error}", fix=f"check the permissions of {path}"
        ) from error
    if not len(content):
        raise PipelineError("the file is empty", fix="copy it again from its source")
    try:
        image = cv2.imdecode(content, cv2.IMREAD_COLOR)
    except cv2.error:  # more pixels than OpenCV takes
        image = None
    if image is None:
        if path.suffix.lower() not in IMAGE_SUFFIXES and _holds_video(path):
            raise _is_video(path)
        raise PipelineError("not an image that can be decoded", fix="convert it to JPEG or PNG, or leave it out")
    return np.asarray(image, np.uint8)


def _holds_video(path: Path) -> bool:
    with Prober() as prober:
        return not prober.kind_of(path)


def _is_video(path: Path) -> PipelineError:
    return PipelineError("a video, not an image", fix=command("facetally", "run", path, "-o", "out"))


def predict_images(
    paths: Iterable[Path], engines: Engines, options: ClassificationOptions, threads: int = 1
) -> Iterator[PredictedImage | UnreadImage]:
    """Detects faces in images, and classifies the crops of several images together.

    Memory is bounded by an image per thread, and by the crops of the images that wait for others.

    Args:
        paths: image files.
        engines: loaded with `STILL_DETECTION`; with one thread each if `threads` is more than one.
        options: when a gender is predicted.
        threads: images that are read and searched at the same time. Results do not depend on it.

    Yields:
        One value for each path. The images that were read come in the order of `paths`.
    """
    detectors = PerThread(engines.detector)

    def detected(path: Path) -> _DetectedImage | UnreadImage:
        try:
            return _detected(path, read_image(path), detectors.get(), engines.recipe)
        except PipelineError as error:
            return UnreadImage(path, error.what, error.fix)

    def predicted(batch: Sequence[_DetectedImage] | UnreadImage) -> Sequence[PredictedImage | UnreadImage]:
        return [batch] if isinstance(batch, UnreadImage) else list(_predicted(batch, engines.classifier, options))

    with (
        closing(in_order(detected, paths, threads)) as images,
        closing(in_order(predicted, _batches(images, options.batch_crops), threads)) as batches,
    ):
        for batch in batches:
            yield from batch


def _batches(
    images: Iterable[_DetectedImage | UnreadImage], batch_crops: int
) -> Iterator[list[_DetectedImage] | UnreadImage]:
    """Images that are classified together: as many as it takes for `batch_crops` crops, or images without a face.

    An image that could not be read does not wait for them.
    """
    waiting: list[_DetectedImage] = []
    for image in images:
        if isinstance(image, UnreadImage):
            yield image
            continue
        waiting.append(image)
        if sum(max(len(detected.faces), 1) for detected in waiting) >= batch_crops:
            yield waiting
            waiting = []
    if waiting:
        yield waiting


def _detected(path: Path, image: ImageArray, detector: Detector, recipe: CropRecipe) -> _DetectedImage:
    (faces,) = detector.detect([image])
    height_px, width_px = image.shape[:2]
    return _DetectedImage(path, width_px, height_px, faces, cut_crops(image, faces, recipe))


def _predicted(
    images: Sequence[_DetectedImage], classifier: Classifier, options: ClassificationOptions
) -> Iterator[PredictedImage]:
    predictions = classified([image.crops for image in images], classifier, options.batch_crops)
    for image, own in zip(images, predictions, strict=True):
        faces = _predicted_faces(image.faces, own, options)
        yield PredictedImage(image.path, image.width_px, image.height_px, faces)


def _predicted_faces(
    faces: Faces, predictions: Attributes, options: ClassificationOptions
) -> tuple[PredictedFace, ...]:
    predicted = []
    for box, score, prob, age in zip(
        faces.boxes, faces.scores, predictions.female_prob, predictions.age_years, strict=True
    ):
        x1, y1, x2, y2 = (round(float(edge), 1) for edge in box)
        female_prob, age_years = round(float(prob), STORED_DECIMALS), round(float(age), 1)
        predicted.append(
            PredictedFace(
                box=(x1, y1, x2, y2),
                score=round(float(score), STORED_DECIMALS),
                female_prob=female_prob,
                gender=predicted_gender(female_prob, float(box[3] - box[1]), age_years, options=options),
                age_years=age_years,
                age_band=age_band(age_years),
            )
        )
    return tuple(predicted)
