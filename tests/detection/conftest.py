"""A small network that compares faces, with its export, which takes seconds and is made once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from facetally.detection.training.embedding_network import EmbeddingNetwork


@pytest.fixture(scope="session")
def small_embedding(tmp_path_factory: pytest.TempPathFactory) -> tuple[EmbeddingNetwork, Path]:
    """A network with random weights, and its export with crops of `CropRecipe(32, 0.9)` and the name "small"."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnxscript")
    from facetally.detection.crops import CropRecipe
    from facetally.detection.training.embedding_export import export_embedding
    from facetally.detection.training.embedding_network import EmbeddingNetwork, EmbeddingNetworkOptions

    torch.manual_seed(0)
    network = EmbeddingNetwork(EmbeddingNetworkOptions(32, (8, 16), (0, 1), dimensions=24))
    network(torch.randn(64, 3, 32, 32))  # in training mode: the batch norms get statistics of their own
    path = tmp_path_factory.mktemp("small_embedding") / "small.onnx"
    export_embedding(network, path, CropRecipe(32, 0.9), {"name": "small"})
    return network, path
