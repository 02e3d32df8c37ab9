"""Draws the predictions for faces onto copies of their images. The copies are made only on request."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from facetally.detection.boxes import shared_areas
from facetally.detection.faces import ImageArray
from facetally.errors import OutputError
from facetally.files import whole_file
from facetally.images.predict import PredictedFace, PredictedImage, read_image
from facetally.tracks.appearances import PredictedGender

Colour = tuple[int, int, int]
IntBox = npt.NDArray[np.int64]

BLACK, WHITE = (0, 0, 0), (255, 255, 255)
COLOURS: dict[PredictedGender, tuple[Colour, Colour]] = {
    "female": ((181, 79, 122), WHITE),
    "male": ((43, 154, 224), BLACK),
    "unknown": ((201, 192, 185), BLACK),
}
"""BGR of box and plate, as in the report, and of the text on the plate."""
MIN_LONG_SIDE_PX = 640
"""Smaller images are enlarged by a whole factor until captions fit on them."""
TEXT_HEIGHT_OF_FACE = 0.15
TEXT_HEIGHT_OF_IMAGE = (1 / 90, 1 / 35)
"""Limits of a caption's height, relative to the longer side: legible on a screen that shows the whole image."""
FONT = cv2.FONT_HERSHEY_SIMPLEX
FONT_HEIGHT_PX = 22
"""Of its capitals at scale 1."""


def annotated_paths(paths: Sequence[Path], folder: Path) -> dict[Path, Path]:
    """The path of each image's annotated copy: the image's own name, numbered where two images have the same name.

    The suffix becomes .png where its format can be read but not written.

    Raises:
        OutputError: an image is in `folder`, and its copy could replace it.
    """
    if inside := [path for path in paths if folder.resolve() in (path.parent.resolve(), path.resolve().parent)]:
        raise OutputError(f"{folder} contains an input image: {inside[0].name}", fix="give --annotate another folder")
    targets: dict[Path, Path] = {}
    taken: set[str] = set()
    for path in paths:
        suffix = path.suffix if cv2.haveImageWriter(path.name) else ".png"
        name, number = f"{path.stem}{suffix}", 1
        while name.casefold() in taken:  # some file systems do not distinguish a.jpg from A.JPG
            number += 1
            name = f"{path.stem}_{number}{suffix}"
        taken.add(name.casefold())
        targets[path] = folder / name
    return targets


def write_annotated(predicted: PredictedImage, target: Path) -> None:
    """Reads an image again and writes its annotated copy, completely or not at all.

    Raises:
        OutputError: the copy cannot be written.
        PipelineError: the image can no longer be read.
    """
    image = annotated(read_image(predicted.path), predicted.faces)
    try:
        done, content = cv2.imencode(target.suffix, image)
        if not done:
            raise OSError(f"{image.shape[1]}x{image.shape[0]} px is more than {target.suffix} holds")
        with whole_file(target) as temporary:
            temporary.write_bytes(content.tobytes())
    except (OSError, cv2.error) as error:
        raise OutputError(f"cannot write {target}: {error}", fix="give --annotate another folder") from error


def annotated(image_bgr: ImageArray, faces: Sequence[PredictedFace]) -> ImageArray:
    """A copy with a box and a caption for each face.

    Args:
        image_bgr: (H, W, 3) uint8 BGR.
        faces: with boxes in its pixels.

    Returns:
        (kH, kW, 3) uint8 BGR; k is 1 where the longer side has at least `MIN_LONG_SIDE_PX`.
    """
    factor = math.ceil(MIN_LONG_SIDE_PX / max(image_bgr.shape[:2]))
    height, width = (factor * side for side in image_bgr.shape[:2])
    canvas = np.array(cv2.resize(image_bgr, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)
    limits = [width - 1, height - 1, width - 1, height - 1]
    boxes = np.array([face.box for face in faces]).reshape(-1, 4) * factor
    boxes = np.clip(boxes.round(), 0, limits).astype(np.int64)
    for box, face in zip(boxes, faces, strict=True):
        _draw_box(canvas, box, COLOURS[face.gender][0])
    covered = boxes
    for box, face in zip(boxes, faces, strict=True):  # after all boxes, whose lines would cross the text
        plate = _draw_caption(canvas, box, face, covered)
        covered = np.concatenate([covered, plate[None]])
    return canvas


def caption(face: PredictedFace) -> str:
    """Gender, its probability, and the age where the model predicts one: "male 97%, 41"; "unknown (61% female), 8"."""
    if face.gender == "unknown":
        predicted = f"unknown ({face.female_prob:.0%} female)"
    else:
        predicted = f"{face.gender} {max(face.female_prob, 1 - face.female_prob):.0%}"
    return predicted if math.isnan(face.age_years) else f"{predicted}, {face.age_years:.0f}"


def _draw_box(canvas: ImageArray, box: IntBox, colour: Colour) -> None:
    line_px = max(2, round(max(canvas.shape) / 400))
    for stroke, width_px in ((BLACK, line_px + 2), (colour, line_px)):  # the dark outline is visible on bright images
        cv2.rectangle(canvas, box[:2].tolist(), box[2:].tolist(), stroke, width_px)


def _draw_caption(canvas: ImageArray, box: IntBox, face: PredictedFace, covered: IntBox) -> IntBox:
    """Writes the caption on a plate at the box, where it hides least of `covered`, and returns the plate's box."""
    text = caption(face)
    text_px = _text_px(canvas, box, text)
    scale, stroke_px = text_px / FONT_HEIGHT_PX, max(1, round(text_px / 11))
    (width, height), below = cv2.getTextSize(text, FONT, scale, stroke_px)
    pad = round(text_px / 4)
    plate = _plate(canvas, box, (width + 2 * pad, height + below + 2 * pad), covered)
    paper, ink = COLOURS[face.gender]
    cv2.rectangle(canvas, plate[:2].tolist(), plate[2:].tolist(), paper, cv2.FILLED)
    start = int(plate[0]) + pad, int(plate[1]) + pad + height
    cv2.putText(canvas, text, start, FONT, scale, ink, stroke_px, cv2.LINE_AA)
    return plate


def _text_px(canvas: ImageArray, box: IntBox, text: str) -> float:
    """The height of capitals: in proportion to the face, within legible limits, and never too wide for the image."""
    smallest, largest = (share * max(canvas.shape) for share in TEXT_HEIGHT_OF_IMAGE)
    text_px = float(np.clip(TEXT_HEIGHT_OF_FACE * (box[3] - box[1]), smallest, largest))
    (width, _), _ = cv2.getTextSize(text, FONT, text_px / FONT_HEIGHT_PX, 1)
    return float(text_px * min(1.0, 0.95 * canvas.shape[1] / width))


def _plate(canvas: ImageArray, box: IntBox, size: tuple[int, int], covered: IntBox) -> IntBox:
    """Above, below, or inside the box at its top or bottom, aligned left or right: the first that hides least."""
    (width, height), (canvas_height, canvas_width) = size, canvas.shape[:2]
    lefts = np.clip([box[0], box[2] - width], 0, max(canvas_width - width, 0))
    tops = np.clip([box[1] - height, box[3], box[1], box[3] - height], 0, max(canvas_height - height, 0))
    plates = np.array([[left, top, left + width, top + height] for top in tops for left in lefts], np.int64)
    hidden_px = shared_areas(plates.astype(np.float32), covered.astype(np.float32)).sum(axis=1)
    return np.asarray(plates[np.argmin(hidden_px)])
