from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facetally.gender.calibration import Calibration
from facetally.gender.classifier import FaceGenderClassifier
from facetally.gender.model.card import FORMAT_VERSION, ModelCard, commands_of
from facetally.gender.model.outputs import OutputLayout

MODELS = Path(__file__).resolve().parents[3] / "models"


def test_a_card_survives_json_and_plain_values(card: ModelCard) -> None:
    assert ModelCard.from_json(card.to_json()) == card
    assert ModelCard.from_dict(card.to_dict()) == card
    assert card.to_dict()["class_names"] == ["male", "female"]  # no tuples: plain values only


def test_the_class_names_give_the_position_of_the_female_logit(card: ModelCard) -> None:
    assert card.female_index == 1
    assert replace(card, class_names=("female", "male")).female_index == 0


@pytest.mark.parametrize("names", [("male",), ("male", "male"), ("man", "woman"), ("female", "male", "unknown")])
def test_class_names_that_are_not_the_two_genders_are_refused(card: ModelCard, names: Any) -> None:
    with pytest.raises(ValueError, match="class names"):
        replace(card, class_names=names)


def test_a_card_of_another_format_is_refused(card: ModelCard) -> None:
    text = json.dumps(card.to_dict() | {"format_version": FORMAT_VERSION + 1})
    with pytest.raises(ValueError, match=f"format {FORMAT_VERSION + 1} is not known"):
        ModelCard.from_json(text)


@pytest.mark.parametrize("missing", ["class_names", "pixel_mean", "crop", "name"])
def test_a_card_without_a_field_is_refused(card: ModelCard, missing: str) -> None:
    values = {key: value for key, value in card.to_dict().items() if key != missing}
    with pytest.raises(ValueError, match=f"incomplete model card.*{missing}"):
        ModelCard.from_dict(values)


@pytest.mark.parametrize("values", [[], None, {"class_names": 2}, {"mood": "unknown field"}])
def test_values_that_are_not_a_card_are_refused(card: ModelCard, values: Any) -> None:
    if isinstance(values, dict):
        values = card.to_dict() | values
    with pytest.raises(ValueError, match="incomplete model card"):
        ModelCard.from_json(json.dumps(values))


@pytest.mark.parametrize(
    ("text", "reason"),
    [("[" * 10_000, "nested too deeply"), ("9" * 6_000, "6,000 digits"), ('{"a": 1, "a": 2}', "twice")],
)
def test_json_made_to_do_harm_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        ModelCard.from_json(text)


def test_a_metric_may_be_nan(card: ModelCard) -> None:
    read = ModelCard.from_json(replace(card, metrics={"recall": float("nan")}).to_json())
    assert np.isnan(read.metrics["recall"])


def test_text_that_is_not_json_is_refused() -> None:
    with pytest.raises(ValueError, match="Expecting"):
        ModelCard.from_json("{truncated")


def test_pixels_are_normalised_by_channel(card: ModelCard) -> None:
    card = replace(card, pixel_mean=(0.0, 0.5, 0.2), pixel_std=(1.0, 0.5, 0.1))
    batch = card.normalised(np.full((2, 3, 4, 3), (255, 0, 51), np.uint8))
    assert batch.shape == (2, 3, 3, 4)
    assert batch.dtype == np.float32 and batch.flags.c_contiguous
    assert np.allclose(batch, np.array([1, -1, 0])[:, None, None], atol=1e-6)


def test_normalising_agrees_with_torchvision_and_with_training(card: ModelCard, crops: np.ndarray) -> None:
    torch = pytest.importorskip("torch")
    transforms = pytest.importorskip("torchvision.transforms")
    from facetally.gender.training.inference import normalise
    from facetally.gender.training.recipes import RECIPES

    steps = transforms.Compose([transforms.ToTensor(), transforms.Normalize(card.pixel_mean, card.pixel_std)])
    expected = torch.stack([steps(crop) for crop in crops]).numpy()
    in_training = normalise(torch.from_numpy(crops), RECIPES["gender-utkface"])
    assert np.allclose(card.normalised(crops), expected, atol=1e-5)
    assert np.allclose(in_training.numpy(), expected, atol=1e-5)


def test_a_card_of_the_first_format_means_two_logits_and_no_calibration(card: ModelCard) -> None:
    later = {"outputs", "network", "calibration"}
    values = {key: value for key, value in card.to_dict().items() if key not in later} | {"format_version": 1}
    old = ModelCard.from_dict(values)
    assert (old.layout, old.network) == (OutputLayout("two_logits", "none"), {})
    assert old.calibration_of("crop") == old.calibration_of("track") == Calibration(1, 0)
    assert ModelCard.from_json(old.to_json()).format_version == 1


@pytest.mark.parametrize("suffix", [".pth", ".onnx"])
def test_the_first_weights_are_still_read(suffix: str) -> None:
    if suffix == ".pth":
        pytest.importorskip("torchvision")
    card = FaceGenderClassifier(MODELS / f"mobilenetv2_gender_utkface{suffix}").card
    assert card.architecture == "mobilenet_v2"
    assert (card.class_names, card.layout.column_count) == (("male", "female"), 2)


def test_layout_and_calibrations_survive_json(card: ModelCard) -> None:
    new = replace(
        card,
        outputs={"gender": "female_logit", "age": "distribution"},
        network={"hidden": 128},
        calibration={"crop": {"slope": 0.8, "offset": 0.1}, "track": {"smoothing": 0.05}},
    )
    assert ModelCard.from_json(new.to_json()) == new
    assert new.layout.column_count == 102
    assert (new.calibration_of("crop"), new.calibration_of("track")) == (
        Calibration(0.8, 0.1),
        Calibration(smoothing=0.05),
    )


@pytest.mark.parametrize(
    "values",
    [
        {"outputs": {"gender": "three"}},
        {"outputs": {"gender": "none"}},  # no output at all
        {"outputs": {"mood": "none"}},
        {"outputs": ["two_logits"]},
        {"calibration": {"crop": {"slope": "steep"}}},
        {"calibration": {"crop": {"bend": 1}}},
        {"calibration": {"track": {"slope": None}}},
        {"calibration": {"track": {"smoothing": 1}}},
        {"calibration": {"face": {"slope": 1}}},
        {"calibration": ["crop"]},
        {"calibration": {"crop": {"slope": 10**400}}},
        {"pixel_mean": [0.5, 0.5]},
        {"pixel_mean": ["a", "b", "c"]},
        {"pixel_std": [0.5, 0, 0.5]},
        {"pixel_std": [1, 1, float("nan")]},
        {"crop": {"size_px": "112"}},
        {"crop": {"size_px": 10**6}},
        {"name": ["drawn"]},
        {"training": "by hand"},
        {"crop": {"border": "black"}},
        {"format_version": 0},
        {"format_version": "2"},
    ],
    ids=str,
)
def test_a_card_with_unusable_fields_is_refused(card: ModelCard, values: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        ModelCard.from_dict(card.to_dict() | values)


def test_a_calibration_for_an_unknown_unit_is_refused(card: ModelCard) -> None:
    unknown: Any = "tracks"
    with pytest.raises(ValueError, match="unit must be one of"):
        card.calibration_of(unknown)


def test_the_commands_of_a_training_follow_those_of_the_training_it_continued() -> None:
    assert commands_of({"command": "first"}) == ["first"]
    assert commands_of({"command": "third", "before": {"command": "second", "before": {"command": "first"}}}) == [
        "first",
        "second",
        "third",
    ]
