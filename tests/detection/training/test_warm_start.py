from __future__ import annotations

import pytest

pytest.importorskip("torch")
import torch
from small_scrfd import SMALL, SmallScrfd

from facetally.detection.training.network import ScrfdNetwork, ScrfdNetworkOptions
from facetally.detection.training.warm_start import folded_pairs, start_from


def scores(network: ScrfdNetwork, images: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return torch.cat([part.flatten() for level in network(images) for part in level])


def test_the_restored_network_predicts_the_same_as_the_export(small_scrfd: SmallScrfd) -> None:
    restored, images = ScrfdNetwork(SMALL), torch.randn(8, 3, 64, 64)
    start_from(restored, small_scrfd.exported, images)
    assert scores(restored.eval(), images) == pytest.approx(scores(small_scrfd.network, images), abs=1e-4)


def test_it_predicts_the_same_in_training_mode(small_scrfd: SmallScrfd) -> None:
    restored, images = ScrfdNetwork(SMALL), torch.randn(8, 3, 64, 64)
    start_from(restored, small_scrfd.exported, images)
    assert restored.training
    assert scores(restored, images) == pytest.approx(scores(small_scrfd.network, images), abs=1e-3)


def test_the_input_of_a_batch_norm_has_variance_one(small_scrfd: SmallScrfd) -> None:
    restored, images = ScrfdNetwork(SMALL), torch.randn(8, 3, 64, 64)
    start_from(restored, small_scrfd.exported, images)
    conv, norm = next(folded_pairs(restored))
    output = conv(images).detach()
    assert output.var(dim=(0, 2, 3), correction=0) == pytest.approx(torch.ones(8), abs=0.01)
    assert norm.running_mean == pytest.approx(output.mean(dim=(0, 2, 3)), abs=1e-5)


@pytest.mark.parametrize(
    "other", [ScrfdNetworkOptions(), ScrfdNetworkOptions((8, 8), (2, 1, 1, 1), (8, 8, 8, 8), 8, 8, 1)]
)
def test_weights_of_another_architecture_are_refused(small_scrfd: SmallScrfd, other: ScrfdNetworkOptions) -> None:
    with pytest.raises(ValueError, match=r"small\.onnx"):
        start_from(ScrfdNetwork(other), small_scrfd.exported, torch.randn(1, 3, 64, 64))
