from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from facetally.gender.attributes import Attributes
from facetally.gender.data.face_sets import FaceCorpus, FaceSet, ImageArray, all_faces
from scripts.measure_classifier import by_face_height, by_person, shrunk

SIDE_PX = 112


class BrightnessClassifier:
    """Predicts female for bright crops, with a confidence that grows with the brightness."""

    class card:
        crop: dict[str, Any] = {"size_px": SIDE_PX}  # noqa: RUF012

    def predict(self, crops: np.ndarray) -> Attributes:
        level = crops.mean(axis=(1, 2, 3)) / 255
        return Attributes(level.astype(np.float32), np.full(len(crops), np.nan, np.float32))


def corpus(levels: list[int], female: list[int], people: list[str], name: str = "fairface") -> FaceCorpus:
    crops = np.stack([np.full((144, 144, 3), level, np.uint8) for level in levels])
    labels = pd.DataFrame(
        {"file": "f", "female": np.array(female, float), "age_years": np.nan, "person": people, "group": ""}
    ).assign(own_split="", digest=[str(index) for index in range(len(levels))])
    return all_faces([FaceSet(name, crops, labels, margin_px=16)])


def test_a_crop_shrunk_to_a_few_pixels_keeps_its_size_and_loses_its_detail() -> None:
    checked = np.indices((144, 144)).sum(axis=0)[..., None].repeat(3, axis=2) % 2 * 255
    after = shrunk(checked.astype(np.uint8), 12)
    assert after.shape == (144, 144, 3)
    assert after.min() > 100 and after.max() < 155


def test_a_crop_is_never_enlarged() -> None:
    crop = np.random.default_rng(0).integers(0, 256, (144, 144, 3), np.uint8)
    assert shrunk(crop, 144) is crop
    assert shrunk(crop, 200) is crop


def test_plain_crops_have_the_same_accuracy_at_every_height() -> None:
    results = by_face_height(BrightnessClassifier(), corpus([200, 30, 40], [1, 0, 1], ["", "", ""]))  # type: ignore[arg-type]
    assert {result["accuracy"] for result in results.values()} == {0.66667}


def test_the_height_is_that_of_the_face_and_not_of_the_crop(monkeypatch: pytest.MonkeyPatch) -> None:
    sides: list[int] = []

    def recorded(crop: ImageArray, side_px: int) -> ImageArray:
        sides.append(side_px)
        return crop

    monkeypatch.setattr("scripts.measure_classifier.shrunk", recorded)
    by_face_height(BrightnessClassifier(), corpus([200], [1], [""]))  # type: ignore[arg-type]
    # a face of 83 px fills a crop of 100 px, whose margins of a seventh make 129 px
    assert sides[-1] == round(100 / 0.83 * 9 / 7)


def test_heights_are_measured_on_fairface_only() -> None:
    assert by_face_height(BrightnessClassifier(), corpus([200], [1], [""], name="utk")) == {}  # type: ignore[arg-type]


def test_a_person_is_classified_by_the_mean_over_all_their_crops() -> None:
    # two weak predictions "male" and a strong one "female" average to female
    people = by_person(BrightnessClassifier(), corpus([120, 120, 250, 10], [1, 1, 1, 0], ["a", "a", "a", "b"]))  # type: ignore[arg-type]
    assert people["fairface"]["count"] == 2
    assert people["fairface"]["accuracy"] == 1.0


def test_faces_without_a_name_are_left_out_of_the_people() -> None:
    assert by_person(BrightnessClassifier(), corpus([200], [1], [""])) == {}  # type: ignore[arg-type]
