from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("torchvision")
import torch
from torchvision.models import mobilenet_v2

from facetally.gender.model.card import ModelCard
from facetally.gender.model.networks import BACKBONES, FaceNetwork, NetworkOptions
from facetally.gender.model.pretrained import load_backbone

WEIGHTS = Path(__file__).resolve().parents[3] / "models" / "mobilenetv2_gender_utkface.pth"
BACKBONE_SIZES = {
    "mobilenet_v2": (3_504_872 - 1_281_000, 1280),  # torchvision's counts without the head of 1000 classes
    "efficientnet_b0": (5_288_548 - 1_281_000, 1280),
    "resnet34": (21_797_672 - 513_000, 512),
    "resnet50": (25_557_032 - 2_049_000, 2048),
    # 3x3 kernels over 3, 32, 64, 128, 256 and 512 channels, and two parameters per channel in the batch norms
    "five_blocks": (9 * (3 * 32 + 32 * 64 + 64 * 128 + 128 * 256 + 256 * 512) + 2 * (32 + 64 + 128 + 256 + 512), 512),
}


def parameter_count(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def small_network() -> FaceNetwork:
    """Five blocks whose batch norms have seen one batch."""
    torch.manual_seed(0)
    network = FaceNetwork(NetworkOptions("five_blocks", hidden=8), 3)
    network.train()(random_crops(8))
    return network.eval()


def random_crops(count: int, side: int = 32) -> torch.Tensor:
    return torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def batch(card: ModelCard, crops: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(card.normalised(crops))


def test_every_backbone_has_a_known_size() -> None:
    assert BACKBONE_SIZES.keys() == BACKBONES.keys()
    assert BACKBONE_SIZES["five_blocks"][0] == 1_569_568


@pytest.mark.parametrize("backbone", BACKBONES)
def test_a_backbone_with_a_linear_head_gives_one_row_per_crop(backbone: str) -> None:
    network = FaceNetwork(NetworkOptions(backbone), 3).eval()
    backbone_count, width = BACKBONE_SIZES[backbone]
    assert parameter_count(network.features) == backbone_count
    assert parameter_count(network.classifier) == 3 * width + 3
    with torch.inference_mode():
        assert network(random_crops(2)).shape == (2, 3)
        assert network.features(random_crops(1)).shape[1] == width


def test_a_hidden_layer_has_its_width_dropouts_and_xavier_weights() -> None:
    torch.manual_seed(0)
    head = FaceNetwork(NetworkOptions("five_blocks", hidden=128, dropout=0.5, hidden_dropout=0.3), 3).classifier
    kinds = [torch.nn.Dropout, torch.nn.Linear, torch.nn.ReLU, torch.nn.Dropout, torch.nn.Linear]
    assert [type(layer) for layer in head] == kinds
    first_dropout, hidden, _, second_dropout, last = head
    assert isinstance(hidden, torch.nn.Linear) and isinstance(last, torch.nn.Linear)
    assert isinstance(first_dropout, torch.nn.Dropout) and isinstance(second_dropout, torch.nn.Dropout)
    assert (first_dropout.p, second_dropout.p) == (0.5, 0.3)
    assert parameter_count(head) == 512 * 128 + 128 + 128 * 3 + 3
    limit = (6 / (512 + 128)) ** 0.5  # Glorot and Bengio, AISTATS 2010
    assert 0.99 * limit < hidden.weight.abs().max() <= limit
    assert not hidden.bias.any() and not last.bias.any()


def test_the_logits_equal_those_of_torchvisions_network(settled_network: FaceNetwork, batch: torch.Tensor) -> None:
    theirs = mobilenet_v2(weights=None, num_classes=2).eval()
    theirs.load_state_dict(settled_network.state_dict())  # strict: the names are torchvision's as well
    with torch.inference_mode():
        expected, logits = theirs(batch), settled_network(batch)
    assert expected.std(0).min() > 0.1
    assert torch.allclose(logits, expected, atol=1e-5)


def test_the_first_published_weights_load() -> None:
    network = FaceNetwork(NetworkOptions(), 2)
    weights = torch.load(WEIGHTS, weights_only=True)["weights"]
    network.load_state_dict(weights)
    assert network.state_dict().keys() == weights.keys()


@pytest.mark.parametrize("block_count", [0, 7, 19, None])
def test_freezing_changes_neither_logits_nor_names(
    settled_network: FaceNetwork, batch: torch.Tensor, block_count: int | None
) -> None:
    frozen = deepcopy(settled_network)
    frozen.freeze_first(block_count)
    with torch.inference_mode():
        assert torch.allclose(frozen(batch), settled_network(batch), atol=1e-4)
    assert frozen.state_dict().keys() == settled_network.state_dict().keys()
    assert all(torch.equal(frozen.state_dict()[k], v) for k, v in settled_network.state_dict().items())


@pytest.mark.parametrize("backbone", ["efficientnet_b0", "resnet34", "resnet50", "five_blocks"])
def test_the_folded_copy_of_every_backbone_gives_the_same_output(backbone: str) -> None:
    torch.manual_seed(0)
    network = FaceNetwork(NetworkOptions(backbone), 2)
    network.train()(random_crops(4, 64))  # batch norms that are not the identity
    with torch.inference_mode():
        before = network.eval()(random_crops(3, 64))
        network.freeze_first(None)
        assert torch.allclose(network(random_crops(3, 64)), before, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize(("block_count", "frozen_count"), [(0, 0), (2, 2), (None, 5)])
def test_frozen_blocks_get_no_gradient_and_keep_their_statistics(block_count: int | None, frozen_count: int) -> None:
    network = small_network()
    network.freeze_first(block_count)
    before = deepcopy(network.state_dict())
    network.train()(random_crops(4)).square().sum().backward()
    for index, block in enumerate(network.features):
        frozen = index < frozen_count
        assert isinstance(block, torch.nn.Sequential)
        assert block.training is not frozen
        assert all((p.grad is None and not p.requires_grad) is frozen for p in block.parameters())
        mean = f"features.{index}.{len(block) - 2}.running_mean"
        assert torch.equal(network.state_dict()[mean], before[mean]) is frozen
    assert all(p.grad is not None for p in network.classifier.parameters())


def test_blocks_can_be_unfrozen() -> None:
    network = small_network()
    network.freeze_first(None)
    network.freeze_first(1)
    network.train()
    assert [block.training for block in network.features] == [False, True, True, True, True]
    norms = [next(m for m in block.modules() if isinstance(m, torch.nn.BatchNorm2d)) for block in network.features]
    assert [norm.weight.requires_grad for norm in norms] == [False, True, True, True, True]


def loaded(network: FaceNetwork, other: FaceNetwork, _path: Path) -> FaceNetwork:
    network.load_state_dict(other.state_dict())
    return network


def copied_and_loaded(network: FaceNetwork, other: FaceNetwork, path: Path) -> FaceNetwork:
    return loaded(deepcopy(network), other, path)


def with_a_new_backbone(network: FaceNetwork, other: FaceNetwork, path: Path) -> FaceNetwork:
    torch.save(other.state_dict(), path)
    load_backbone(network, path)
    return network


def in_double(network: FaceNetwork, _other: FaceNetwork, _path: Path) -> FaceNetwork:
    return network.double()


@pytest.mark.parametrize("change", [loaded, copied_and_loaded, with_a_new_backbone, in_double])
def test_weights_changed_after_freezing_are_used(
    change: Callable[[FaceNetwork, FaceNetwork, Path], FaceNetwork], tmp_path: Path
) -> None:
    network = FaceNetwork(NetworkOptions("five_blocks", hidden=8), 3).eval()
    network.freeze_first(3)
    changed = change(network, small_network(), tmp_path / "backbone.pth")
    crops = random_crops(4).to(next(changed.parameters()).dtype)
    with torch.inference_mode():
        output = changed(crops)
        changed.freeze_first(0)
        assert torch.allclose(output, changed(crops), atol=1e-5)
