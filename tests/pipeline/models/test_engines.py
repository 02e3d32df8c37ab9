"""Weights whose cards were damaged, or made to do harm."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from facetally.detection.crops import CropRecipe
from facetally.errors import ModelError
from facetally.gender.classifier import FaceGenderClassifier
from facetally.models.engines import crop_recipe
from facetally.models.weights import ModelFile

FILE = ModelFile("drawn", Path("drawn.onnx"), "", "free")


def recipe_of(crop: dict[str, Any]) -> CropRecipe:
    return crop_recipe(cast(FaceGenderClassifier, SimpleNamespace(card=SimpleNamespace(crop=crop))), FILE)


def test_the_recipe_of_a_card_is_read() -> None:
    crop = {"size_px": 96, "template_scale": 0.8, "border": "black"}
    assert recipe_of(crop) == CropRecipe(96, 0.8, "black")


@pytest.mark.parametrize(
    "crop",
    [
        {"size_px": 112, "mood": 1},
        {"size_px": 112, "border": ["black"]},
        {"size_px": 112, "template_scale": "1"},
        {"size_px": 112, "template_scale": float("nan")},
        {"size_px": 112, "template_scale": 10**400},
        {"size_px": 10**6},
    ],
    ids=str,
)
def test_a_recipe_that_cannot_be_used_is_an_error_with_a_fix(crop: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match=r"the card of drawn\.onnx is damaged") as error:
        recipe_of(crop)
    assert "facetally models list" in error.value.fix
