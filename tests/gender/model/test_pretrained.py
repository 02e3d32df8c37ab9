from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("torchvision")
import torch
import torchvision

from facetally.gender.model.card import ModelCard
from facetally.gender.model.checkpoint import save_checkpoint
from facetally.gender.model.networks import BACKBONES, FaceNetwork, NetworkOptions
from facetally.gender.model.pretrained import imagenet_backbone, load_backbone


def network_of(backbone: str, outputs: int = 2) -> FaceNetwork:
    return FaceNetwork(NetworkOptions(backbone, hidden=8), outputs)


def test_load_backbone_fills_the_features_and_keeps_the_head(tmp_path: Path, settled_network: FaceNetwork) -> None:
    torch.save(settled_network.state_dict(), tmp_path / "backbone.pth")
    network = FaceNetwork(NetworkOptions(hidden=8), 3)
    head = deepcopy(network.classifier.state_dict())
    assert load_backbone(network, tmp_path / "backbone.pth") is None
    expected = settled_network.features.state_dict()
    assert all(torch.equal(value, expected[key]) for key, value in network.features.state_dict().items())
    assert all(torch.equal(value, head[key]) for key, value in network.classifier.state_dict().items())


@pytest.mark.parametrize("content", [{}, {"features.0.0.weight": torch.zeros(1)}, {"card": {}, "weights": {}}, [1]])
def test_a_file_without_the_backbones_tensors_is_refused(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "backbone.pth")
    with pytest.raises(ValueError, match=r"backbone\.pth is not a backbone of this network"):
        load_backbone(FaceNetwork(NetworkOptions(), 2), tmp_path / "backbone.pth")


def test_a_damaged_backbone_is_refused(tmp_path: Path) -> None:
    (tmp_path / "backbone.pth").write_text("no weights at all")
    with pytest.raises(ValueError, match=r"backbone\.pth is not a backbone of this network"):
        load_backbone(FaceNetwork(NetworkOptions(), 2), tmp_path / "backbone.pth")


@pytest.mark.parametrize("backbone", ["efficientnet_b0", "resnet34"])
def test_weights_in_torchvisions_names_fill_the_backbone(tmp_path: Path, backbone: str) -> None:
    theirs = torchvision.models.get_model(backbone, weights=None)
    torch.save(theirs.state_dict(), tmp_path / "backbone.pth")
    network = network_of(backbone)
    assert load_backbone(network, tmp_path / "backbone.pth") is None
    expected, filled = [[p.sum().item() for p in net.parameters()] for net in (theirs, network.features)]
    assert filled == expected[: len(filled)] and len(filled) == len(expected) - 2


def test_the_backbone_of_another_recipe_comes_with_its_card(
    tmp_path: Path, settled_network: FaceNetwork, card: ModelCard
) -> None:
    save_checkpoint(tmp_path / "faces.pth", settled_network, card)
    network = network_of("mobilenet_v2", outputs=3)
    head = deepcopy(network.classifier.state_dict())
    assert load_backbone(network, tmp_path / "faces.pth") == card
    expected = settled_network.features.state_dict()
    assert all(torch.equal(value, expected[key]) for key, value in network.features.state_dict().items())
    assert all(torch.equal(value, head[key]) for key, value in network.classifier.state_dict().items())
    with pytest.raises(ValueError, match=r"faces\.pth is not a backbone of this network"):
        load_backbone(network_of("five_blocks"), tmp_path / "faces.pth")


@pytest.mark.parametrize("backbone", sorted(BACKBONES.keys() - {"five_blocks"}))
def test_torchvisions_weights_are_fetched_once_by_their_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backbone: str
) -> None:
    fetched = []

    def fetch(url: str, path: str, hash_prefix: str, **_: object) -> None:
        fetched.append((url, hash_prefix))
        torch.save(torchvision.models.get_model(backbone, weights=None).state_dict(), path)

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", fetch)
    paths = {imagenet_backbone(backbone) for _ in range(2)}
    ((url, hash_prefix),) = fetched
    assert len(hash_prefix) == 8 and url.endswith(f"{hash_prefix}.pth") and set(hash_prefix) <= set("0123456789abcdef")
    (path,) = paths
    assert path.parent == tmp_path / "hub" / "checkpoints" and path.name == url.rpartition("/")[2]
    load_backbone(network_of(backbone), path)


def test_a_backbone_that_torchvision_does_not_have_is_an_error() -> None:
    with pytest.raises(ValueError, match="torchvision has no weights for five_blocks"):
        imagenet_backbone("five_blocks")
