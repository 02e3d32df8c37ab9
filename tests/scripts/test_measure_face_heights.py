"""Accuracy by face height: faces are shrunk exactly, found through the real options, and counted by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from drawn_world import Square, SquareDetector, background

from facetally.datasets.labelled_images import ImageSource
from facetally.detection.crops import CropRecipe
from facetally.detection.faces import Faces, ImageArray
from facetally.detection.scrfd import ScrfdDetector
from facetally.gender.attributes import Attributes
from facetally.gender.classifier import FaceGenderClassifier
from scripts import measure_face_heights
from scripts.measure_classifier import FACE_HEIGHTS_PX
from scripts.measure_face_heights import (
    LabelledFace,
    accuracy_by_height,
    crop_at_height,
    sampled_faces,
)

RECIPE = CropRecipe(size_px=32)
SIDE_PX = 120


def one_face(image: ImageArray, box: tuple[float, float, float, float] = (10, 10, 110, 110)) -> LabelledFace:
    """A face with the template's landmarks within its box."""
    x1, y1, x2, y2 = box
    points = RECIPE.template() / RECIPE.size_px * [x2 - x1, y2 - y1] + [x1, y1]
    face = Faces(np.array([box], np.float32), np.ones(1, np.float32), points[None].astype(np.float32))
    return LabelledFace(image, face, is_female=True)


class FineStripes:
    """Predicts female where a crop still has contrast."""

    class card:
        crop = RECIPE.as_dict()

    def predict(self, crops: npt.NDArray[np.uint8]) -> Attributes:
        probs = (crops.std(axis=(1, 2, 3)) > 30).astype(np.float32)
        return Attributes(probs, np.full(len(crops), np.nan, np.float32))


def striped(width_px: int) -> ImageArray:
    columns = np.arange(SIDE_PX) // width_px % 2 * 255
    return np.broadcast_to(columns[None, :, None], (SIDE_PX, SIDE_PX, 3)).astype(np.uint8)


def test_a_face_at_its_own_height_has_its_usual_crop() -> None:
    image = np.zeros((SIDE_PX, SIDE_PX, 3), np.uint8)
    image[:, SIDE_PX // 2 :] = 255
    full, small = (crop_at_height(one_face(image), height_px, RECIPE) for height_px in (100, 25))
    assert full.shape == small.shape == (32, 32, 3)
    for crop in (full, small):  # the edge stays in the middle of the crop
        assert crop[16, :13].max() < 30
        assert crop[16, 19:].min() > 225


def test_a_shrunk_face_loses_its_detail() -> None:
    stripes = one_face(striped(width_px=4))
    assert crop_at_height(stripes, 100, RECIPE).std() > 50
    assert crop_at_height(stripes, 10, RECIPE).std() < 30


def test_accuracy_is_counted_at_every_height() -> None:
    faces = [one_face(striped(4)), one_face(striped(30)), one_face(np.zeros((SIDE_PX, SIDE_PX, 3), np.uint8))]
    figures = accuracy_by_height(cast(FaceGenderClassifier, FineStripes()), faces)
    assert figures["heights_px"] == list(FACE_HEIGHTS_PX)
    assert figures["accuracy"][0] == pytest.approx(1 / 3, abs=1e-4)  # only the wide stripes survive at 10 px
    assert figures["accuracy"][-1] == pytest.approx(2 / 3, abs=1e-4)
    assert figures["female_recall"] == figures["accuracy"]


@pytest.fixture
def source(tmp_path: Path) -> ImageSource:
    """Six validation images, one of them with a small face and one without, and a training image."""
    for number in range(7):
        image = background(70)
        if number != 1:
            Square("red", (60, 40), size_px=12 if number == 0 else 40).draw(image, 0.0)
        folder = tmp_path / ("train" if number == 6 else "val") / "female"
        folder.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / f"{number}.png"), image)
    return ImageSource("drawn", (tmp_path,))


def test_only_large_faces_of_the_validation_split_are_sampled(
    source: ImageSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure_face_heights, "FACE_HEIGHTS_PX", (10, 30))
    detector: Any = SquareDetector()
    found = list(sampled_faces(source, cast(ScrfdDetector, detector), 100))
    assert len(found) == 4
    assert all(face.is_female and len(face.face) == 1 for face in found)
    assert len(list(sampled_faces(source, cast(ScrfdDetector, detector), 3))) == 3
