from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest

pytest.importorskip("torch")
pytest.importorskip("onnxscript")
import torch
from torch.nn import functional

from facetally.detection.crops import CropRecipe
from facetally.detection.embedding import FaceEmbedder
from facetally.detection.training.embedding_export import export_embedding
from facetally.detection.training.embedding_network import EmbeddingNetwork, as_input


def test_the_exported_network_gives_the_vectors_of_the_trained_one(
    small_embedding: tuple[EmbeddingNetwork, Path],
) -> None:
    network, path = small_embedding
    crops = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), np.uint8)
    with torch.no_grad():
        expected = functional.normalize(network.eval()(as_input(torch.from_numpy(crops))), dim=1).numpy()
    np.testing.assert_allclose(FaceEmbedder(path).embed(crops), expected, atol=2e-3)  # weights are float16


def test_weights_take_two_bytes_each(small_embedding: tuple[EmbeddingNetwork, Path]) -> None:
    network, path = small_embedding
    count = sum(parameter.numel() for parameter in network.parameters())
    assert path.stat().st_size < 2 * count + 12_000
    onnx.checker.check_model(onnx.load(path), full_check=True)


def test_the_card_holds_the_crop_recipe(small_embedding: tuple[EmbeddingNetwork, Path]) -> None:
    (entry,) = onnx.load(small_embedding[1]).metadata_props
    crop = {"size_px": 32, "template_scale": 0.9, "border": "replicate"}
    assert json.loads(entry.value) == {"name": "small", "crop": crop}


def test_nothing_of_the_exporting_machine_is_stored(small_embedding: tuple[EmbeddingNetwork, Path]) -> None:
    assert b"/detection/" not in small_embedding[1].read_bytes()


def test_a_recipe_for_another_size_is_refused(small_embedding: tuple[EmbeddingNetwork, Path], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="crops of 32 px, the recipe cuts 64 px"):
        export_embedding(small_embedding[0], tmp_path / "wrong.onnx", CropRecipe(64), {})
