from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gender.model_card import FORMAT_VERSION, ModelCard


def test_a_card_survives_json_and_plain_values(card: ModelCard) -> None:
    assert ModelCard.from_json(card.to_json()) == card
    assert ModelCard.from_dict(card.to_dict()) == card
    assert card.to_dict()["class_names"] == ["male", "female"]  # no tuples: plain values only


def test_the_female_logit_is_where_the_class_names_say(card: ModelCard) -> None:
    assert card.female_index == 1
    assert replace(card, class_names=("female", "male")).female_index == 0


@pytest.mark.parametrize("names", [("male",), ("male", "male"), ("man", "woman"), ("female", "male", "unknown")])
def test_class_names_that_are_not_the_two_genders_are_refused(card: ModelCard, names: tuple[str, ...]) -> None:
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
def test_values_that_are_no_card_are_refused(card: ModelCard, values: Any) -> None:
    if isinstance(values, dict):
        values = card.to_dict() | values
    with pytest.raises(ValueError, match="incomplete model card"):
        ModelCard.from_json(json.dumps(values))


def test_text_that_is_no_json_is_refused() -> None:
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
    from gender.training import normalise

    recipe = transforms.Compose([transforms.ToTensor(), transforms.Normalize(card.pixel_mean, card.pixel_std)])
    expected = torch.stack([recipe(crop) for crop in crops]).numpy()
    assert np.allclose(card.normalised(crops), expected, atol=1e-5)
    in_training = normalise(torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 255)
    assert np.allclose(in_training.numpy(), expected, atol=1e-5)
