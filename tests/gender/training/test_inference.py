from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("torchvision")
import torch
from drawn_faces import MARGIN_PX, OUTER_PX, drawn_corpus

from facetally.gender.data.face_sets import FaceCorpus, FaceSet
from facetally.gender.model.networks import FaceNetwork
from facetally.gender.training.inference import normalise, predict_output
from facetally.gender.training.recipes import RECIPES

RECIPE = replace(RECIPES["genderage"], size_px=32)
INNER = slice(MARGIN_PX, OUTER_PX - MARGIN_PX)


def network() -> FaceNetwork:
    torch.manual_seed(0)
    return FaceNetwork(RECIPE.network, 3)


def with_other_margins(corpus: FaceCorpus) -> FaceCorpus:
    (faces,) = corpus.sets
    crops = np.random.default_rng(0).integers(0, 256, faces.crops.shape, dtype=np.uint8)
    crops[:, INNER, INNER] = faces.crops[:, INNER, INNER]
    return FaceCorpus((FaceSet(faces.name, crops, faces.labels, faces.margin_px),), corpus.faces)


def test_pixels_are_normalised_channel_by_channel() -> None:
    crops = torch.zeros(2, 4, 5, 3, dtype=torch.uint8)
    crops[1, 2, 3] = torch.tensor([255, 51, 102])
    recipe = replace(RECIPE, pixel_mean=(0.5, 0.1, 0.0), pixel_std=(0.5, 0.1, 2.0))
    normalised = normalise(crops, recipe)
    assert normalised.shape == (2, 3, 4, 5) and normalised.dtype == torch.float32
    assert normalised[1, :, 2, 3].tolist() == pytest.approx([1, 1, 0.2])
    assert normalised[0, :, 0, 0].tolist() == pytest.approx([-1, -1, 0])
    assert normalised.is_contiguous(memory_format=torch.channels_last)


def test_predictions_use_the_middle_only_and_no_dropout() -> None:
    corpus = drawn_corpus(20, 4, 4)
    output = predict_output(network().train(), corpus, RECIPE, 32)
    assert output.shape == (28, 3) and output.dtype == np.float32
    assert np.ptp(output, axis=0).min() > 1e-4
    assert np.array_equal(predict_output(network().train(), with_other_margins(corpus), RECIPE, 32), output)


def test_the_batch_size_does_not_change_predictions() -> None:
    corpus = drawn_corpus(20, 4, 4)
    output = predict_output(network(), corpus, RECIPE, 32)
    assert np.allclose(predict_output(network(), corpus, RECIPE, 32, batch_size=5), output, atol=1e-5)


def test_mirrored_predictions_are_the_mean_over_both_images() -> None:
    corpus = drawn_corpus(20, 4, 4)
    (faces,) = corpus.sets
    turned = FaceCorpus((FaceSet(faces.name, faces.crops[:, :, ::-1], faces.labels, faces.margin_px),), corpus.faces)
    one, other = (predict_output(network(), each, RECIPE, 32) for each in (corpus, turned))
    assert np.abs(one - other).max() > 1e-4
    mirrored = predict_output(network(), corpus, RECIPE, 32, mirrored=True)
    assert np.allclose(mirrored, (one + other) / 2, atol=1e-7)


def test_predictions_are_in_the_order_of_the_faces() -> None:
    corpus = drawn_corpus(20, 4, 4)
    some = np.arange(28) % 3 == 1
    output = predict_output(network(), corpus, RECIPE, 32)
    assert np.allclose(predict_output(network(), corpus.only(some), RECIPE, 32), output[some], atol=1e-5)
