from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")
import torch

from facetally.detection.training.export import export_scrfd
from facetally.detection.training.network import Head, ScrfdNetwork, ScrfdNetworkOptions
from facetally.detection.training.warm_start import folded_pairs, start_from

SMALL = ScrfdNetworkOptions((8, 8), (1, 1, 1, 1), (8, 8, 8, 8), 8, 8, 1)


def scores(network: ScrfdNetwork, images: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return torch.cat([part.flatten() for level in network(images) for part in level])


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[ScrfdNetwork, Path]:
    """A network whose batch norms are not the identity, and its export."""
    torch.manual_seed(0)
    network = ScrfdNetwork(SMALL)
    with torch.no_grad():
        for _, norm in folded_pairs(network):
            norm.weight.uniform_(0.5, 2)
            norm.bias.uniform_(-1, 1)
        for head in network.heads:
            assert isinstance(head, Head)
            head.box_scale.uniform_(1, 2)
    for _ in range(30):
        network(torch.randn(4, 3, 64, 64))
    path = tmp_path_factory.mktemp("start") / "small.onnx"
    export_scrfd(network.eval(), path, {}, score_shift=0.3)
    return network, path


def test_the_restored_network_predicts_the_same_as_the_export(trained: tuple[ScrfdNetwork, Path]) -> None:
    network, path = trained
    restored, images = ScrfdNetwork(SMALL), torch.randn(8, 3, 64, 64)
    start_from(restored, path, images)
    assert scores(restored.eval(), images) == pytest.approx(scores(network, images), abs=1e-4)


def test_it_predicts_the_same_in_training_mode(trained: tuple[ScrfdNetwork, Path]) -> None:
    network, path = trained
    restored, images = ScrfdNetwork(SMALL), torch.randn(8, 3, 64, 64)
    start_from(restored, path, images)
    assert restored.training
    assert scores(restored, images) == pytest.approx(scores(network, images), abs=1e-3)


def test_the_input_of_a_batch_norm_has_variance_one(trained: tuple[ScrfdNetwork, Path]) -> None:
    restored, images = ScrfdNetwork(SMALL), torch.randn(8, 3, 64, 64)
    start_from(restored, trained[1], images)
    conv, norm = next(folded_pairs(restored))
    output = conv(images).detach()
    assert output.var(dim=(0, 2, 3), correction=0) == pytest.approx(torch.ones(8), abs=0.01)
    assert norm.running_mean == pytest.approx(output.mean(dim=(0, 2, 3)), abs=1e-5)


@pytest.mark.parametrize(
    "other", [ScrfdNetworkOptions(), ScrfdNetworkOptions((8, 8), (2, 1, 1, 1), (8, 8, 8, 8), 8, 8, 1)]
)
def test_weights_of_another_architecture_are_refused(
    trained: tuple[ScrfdNetwork, Path], other: ScrfdNetworkOptions
) -> None:
    with pytest.raises(ValueError, match=r"small\.onnx"):
        start_from(ScrfdNetwork(other), trained[1], torch.randn(1, 3, 64, 64))
