from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("torchvision")
import torch
from torchvision.models import mobilenet_v2

from gender.model_card import ModelCard
from gender.networks import MobileNetV2Gender, load_imagenet_trunk


@pytest.fixture
def batch(card: ModelCard, crops: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(card.normalised(crops))


def test_the_logits_are_those_of_torchvisions_network(settled_network: MobileNetV2Gender, batch: torch.Tensor) -> None:
    theirs = mobilenet_v2(weights=None, num_classes=2).eval()
    theirs.load_state_dict(settled_network.state_dict())  # strict: the names are torchvision's too
    with torch.inference_mode():
        expected, logits = theirs(batch), settled_network(batch)
    assert expected.std(0).min() > 0.1
    assert torch.allclose(logits, expected, atol=1e-5)


@pytest.mark.parametrize("block_count", [0, 7, 19])
def test_freezing_changes_neither_logits_nor_names(
    settled_network: MobileNetV2Gender, batch: torch.Tensor, block_count: int
) -> None:
    frozen = deepcopy(settled_network)
    frozen.freeze_first(block_count)
    with torch.inference_mode():
        assert torch.allclose(frozen(batch), settled_network(batch), atol=1e-4)
    assert frozen.state_dict().keys() == settled_network.state_dict().keys()
    assert all(torch.equal(frozen.state_dict()[k], v) for k, v in settled_network.state_dict().items())


def test_only_the_blocks_after_the_frozen_ones_learn() -> None:
    network = MobileNetV2Gender().train()
    network.freeze_first(7)
    learns = {name: parameter.requires_grad for name, parameter in network.named_parameters()}
    assert not any(learns[name] for name in learns if name.startswith(tuple(f"features.{i}." for i in range(7))))
    assert all(learns[name] for name in learns if name.startswith(("features.7.", "features.18.", "classifier.")))
    network.eval().train()
    assert [block.training for block in network.features] == [False] * 7 + [True] * 12


def test_weights_loaded_after_freezing_are_the_ones_that_run(
    settled_network: MobileNetV2Gender, batch: torch.Tensor
) -> None:
    network = MobileNetV2Gender().eval()
    network.freeze_first(7)
    network.load_state_dict(settled_network.state_dict())
    with torch.inference_mode():
        assert torch.allclose(network(batch), settled_network(batch), atol=1e-4)


def test_a_trunk_fills_the_features_and_leaves_the_head(tmp_path: Path, settled_network: MobileNetV2Gender) -> None:
    torch.save(settled_network.state_dict(), tmp_path / "trunk.pth")
    network = MobileNetV2Gender()
    head = network.classifier[1].weight.clone()
    assert load_imagenet_trunk(network, tmp_path / "trunk.pth") == "trunk.pth"
    expected = settled_network.features.state_dict()
    assert all(torch.equal(value, expected[key]) for key, value in network.features.state_dict().items())
    assert torch.equal(network.classifier[1].weight, head)


@pytest.mark.parametrize("content", [{}, {"features.0.0.weight": torch.zeros(1)}, {"card": {}, "weights": {}}, [1]])
def test_a_file_without_the_trunks_tensors_is_refused(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "trunk.pth")
    with pytest.raises(ValueError, match=r"trunk\.pth is not a MobileNetV2 trunk"):
        load_imagenet_trunk(MobileNetV2Gender(), tmp_path / "trunk.pth")


def test_a_damaged_trunk_is_refused(tmp_path: Path) -> None:
    (tmp_path / "trunk.pth").write_text("no weights at all")
    with pytest.raises(ValueError, match=r"trunk\.pth is not a MobileNetV2 trunk"):
        load_imagenet_trunk(MobileNetV2Gender(), tmp_path / "trunk.pth")
