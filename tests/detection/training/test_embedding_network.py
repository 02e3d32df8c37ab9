from __future__ import annotations

import pytest

pytest.importorskip("torch")
import torch

from facetally.detection.training.embedding_network import EmbeddingNetwork, EmbeddingNetworkOptions, as_input


def test_a_crop_becomes_a_vector() -> None:
    network = EmbeddingNetwork().eval()
    assert network(torch.zeros(2, 3, 64, 64)).shape == (2, 128)


def test_the_network_has_fewer_than_a_million_and_a_half_weights() -> None:
    assert sum(parameter.numel() for parameter in EmbeddingNetwork().parameters()) < 1_450_000


def test_the_pool_begins_as_the_mean_of_the_map() -> None:
    network = EmbeddingNetwork(EmbeddingNetworkOptions(32, (4, 8), (0, 0), dimensions=8))
    grid = torch.arange(2 * 8 * 64, dtype=torch.float32).reshape(2, 8, 8, 8)
    torch.testing.assert_close(network.pool(grid)[..., 0, 0], grid.mean(dim=(2, 3)))


def test_a_crop_that_cannot_be_halved_in_every_stage_is_refused() -> None:
    with pytest.raises(ValueError, match="size_px must be a multiple of 16"):
        EmbeddingNetworkOptions(size_px=60)


def test_every_stage_needs_its_number_of_blocks() -> None:
    with pytest.raises(ValueError, match="must name the same stages"):
        EmbeddingNetworkOptions(blocks=(1, 1))


def test_bytes_are_scaled_around_zero_and_keep_their_colour_order() -> None:
    crops = torch.zeros(1, 2, 2, 3, dtype=torch.uint8)
    crops[..., 0] = 255
    images = as_input(crops)
    assert images.shape == (1, 3, 2, 2)
    assert images[0, :, 0, 0].tolist() == pytest.approx([127.5 / 128, -127.5 / 128, -127.5 / 128])
