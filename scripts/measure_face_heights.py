"""Measures a classifier's gender accuracy by face height, for the forecast that `facetally tally` prints.

    python -m scripts.measure_face_heights models/facetally.onnx \\
        --data fairface=../shared/data/fairface_val.zip+../shared/data/fairface_label_val.csv \\
        --report reports/models/facetally.json --output models/facetally_by_face_height.json

Each image is shrunk until its face has the given height. The crop is then cut out of the small image by the model's
crop recipe and classified without its mirror image, as a crop of a track is. The five landmarks are those found in the
full image. Only images of the data set's own validation split are used: training keeps these out of every model.
The figures go into OUTPUT and, as `accuracy_by_face_height`, into REPORT. `scripts.measure_classifier` writes REPORT
anew, so it comes first.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import rich_click as click

from facetally.cli.options import DETECTOR, MODELS_DIR
from facetally.cli.train import detector_path, parsed_sources
from facetally.datasets.labelled_images import ImageSource
from facetally.detection.boxes import heights
from facetally.detection.crops import CropRecipe, cut_crops
from facetally.detection.faces import Faces, ImageArray
from facetally.detection.scrfd import ScrfdDetector
from facetally.files import sha256_of
from facetally.gender.attributes import Attributes
from facetally.gender.classifier import FaceGenderClassifier
from facetally.gender.metrics import GenderEvaluation
from facetally.training.evaluate import BATCH_CROPS
from facetally.training.face_crops import PORTRAIT_DETECTION, meant_face
from scripts.measure_classifier import FACE_HEIGHTS_PX
from scripts.provenance import made

FILE = click.Path(path_type=Path, dir_okay=False)
SEED = 0


@dataclass(frozen=True)
class LabelledFace:
    """An image, the one face that it is labelled for, and the label."""

    image: ImageArray
    face: Faces
    is_female: bool


@click.command(help=__doc__)
@click.argument("model", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--data", "source", required=True, metavar="NAME=IMAGES+TABLE", help="One labelled data set.")
@click.option("--count", type=click.IntRange(1), default=1500, show_default=True, help="Faces to measure on.")
@click.option("--threads", type=click.IntRange(0), default=1, show_default=True)
@DETECTOR
@MODELS_DIR
@click.option("--report", type=FILE, help="JSON of scripts.measure_classifier that gets the figures too.")
@click.option("--output", type=FILE, required=True, help="JSON to write, beside the weights.")
def main(
    model: Path,
    source: str,
    count: int,
    threads: int,
    detector: str,
    models_dir: Path | None,
    report: Path | None,
    output: Path,
) -> None:
    classifier = FaceGenderClassifier(model, threads=threads, unit="track")
    found_by = ScrfdDetector(detector_path(detector, models_dir), PORTRAIT_DETECTION, threads=threads)
    (data,) = parsed_sources((source,))
    faces = list(sampled_faces(data, found_by, count))
    if not faces:
        raise click.UsageError(f"{data.name} has no labelled validation image with a face of {FACE_HEIGHTS_PX[-1]} px")
    figures = {
        "classifier": classifier.card.name,
        "classifier_sha256": sha256_of(model),
        **made("measure_face_heights", note=f", {threads or 'all'} used"),
        "data": f"{data.name}, its own validation split",
        "count": len(faces),
        **accuracy_by_height(classifier, faces),
    }
    output.write_text(json.dumps(figures, indent=1) + "\n")
    if report:
        report.write_text(
            json.dumps(json.loads(report.read_text()) | {"accuracy_by_face_height": figures}, indent=1) + "\n"
        )
    click.echo(json.dumps(figures, indent=1))


def sampled_faces(source: ImageSource, detector: ScrfdDetector, count: int) -> Iterator[LabelledFace]:
    """Up to `count` random faces of the source's validation split, none lower than the largest measured height."""
    images = [image for image in source.read() if image.own_split == "val" and image.is_female is not None]
    found = 0
    for index in np.random.default_rng(SEED).permutation(len(images)):
        labelled = images[index]
        image = labelled.image_bgr()
        face = meant_face(detector.detect([image])[0], labelled, image)
        if len(face) and heights(face.boxes)[0] >= FACE_HEIGHTS_PX[-1]:
            yield LabelledFace(image, face, bool(labelled.is_female))
            found += 1
        if found == count:
            return


def accuracy_by_height(classifier: FaceGenderClassifier, faces: Sequence[LabelledFace]) -> dict[str, list[Any]]:
    """Lists of equal length: `heights_px`, and at each the `accuracy`, `female_recall` and `male_recall`."""
    recipe = CropRecipe(**classifier.card.crop)
    is_female = np.array([face.is_female for face in faces])
    figures: dict[str, list[Any]] = {"heights_px": [], "accuracy": [], "female_recall": [], "male_recall": []}
    for height_px in FACE_HEIGHTS_PX:
        parts = []
        for start in range(0, len(faces), BATCH_CROPS):
            crops = [crop_at_height(face, height_px, recipe) for face in faces[start : start + BATCH_CROPS]]
            parts.append(classifier.predict(np.stack(crops)))
        evaluation = GenderEvaluation.of(is_female, Attributes.concatenate(parts).female_prob > 0.5)
        figures["heights_px"].append(height_px)
        figures["accuracy"].append(round(evaluation.accuracy, 4))
        figures["female_recall"].append(round(evaluation.female_recall, 4))
        figures["male_recall"].append(round(evaluation.male_recall, 4))
    return figures


def crop_at_height(labelled: LabelledFace, height_px: float, recipe: CropRecipe) -> ImageArray:
    """(S, S, 3) uint8 RGB: the crop of the face from the image shrunk until the face is `height_px` high."""
    image, face = labelled.image, labelled.face
    scale = height_px / float(heights(face.boxes)[0])
    size_wh = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    small = np.asarray(cv2.resize(image, size_wh, interpolation=cv2.INTER_AREA), np.uint8)
    ratio = np.array(size_wh, np.float32) / np.array(image.shape[1::-1], np.float32)  # after rounding to whole pixels
    landmarks = ((face.landmarks + 0.5) * ratio - 0.5).astype(np.float32)  # a pixel's centre has whole coordinates
    boxes = face.boxes * np.tile(ratio, 2)
    crops: ImageArray = cut_crops(small, Faces(boxes, face.scores, landmarks), recipe)
    return np.asarray(crops[0], np.uint8)


if __name__ == "__main__":
    main()
