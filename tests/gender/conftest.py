"""A small network with realistic batch norms, its card, its two files, and crops for it."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facetally.gender.model.card import ModelCard

SIDE_PX = 64


@pytest.fixture(scope="session", autouse=True)
def one_torch_thread() -> Iterator[None]:
    if find_spec("torch") is None:
        yield
        return
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def card() -> ModelCard:
    return ModelCard(
        name="small",
        architecture="mobilenet_v2",
        class_names=("male", "female"),
        crop={"size_px": SIDE_PX, "template_scale": 1.0, "border": "replicate"},
        pixel_mean=(0.485, 0.456, 0.406),
        pixel_std=(0.229, 0.224, 0.225),
        metrics={"held_out": {"accuracy": 0.75}},
        data={"ages": [18, 80]},
        training={"seed": 0},
    )


@pytest.fixture(scope="session")
def crops() -> np.ndarray:
    """(9, S, S, 3) uint8: large coloured squares, so that crops differ in more than noise."""
    coarse = np.random.default_rng(0).integers(0, 256, (9, 4, 4, 3), dtype=np.uint8)
    return coarse.repeat(SIDE_PX // 4, axis=1).repeat(SIDE_PX // 4, axis=2)


@pytest.fixture(scope="session")
def settled_network(card: ModelCard, crops: np.ndarray) -> Any:
    """A seeded MobileNetV2 with the batch norm statistics of `crops` and different predictions for them.

    Copy it before changing it.
    """
    torch = pytest.importorskip("torch")
    pytest.importorskip("torchvision")
    from facetally.gender.model.networks import FaceNetwork, NetworkOptions

    torch.manual_seed(0)
    network = FaceNetwork(NetworkOptions(), 2).train()
    torch.nn.init.normal_(network.classifier[1].weight, std=0.1)
    norms = [module for module in network.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = None  # use the statistics of `crops` alone
    with torch.no_grad():
        network(torch.from_numpy(card.normalised(crops)))
    for norm in norms:
        norm.momentum = 0.1
    return network.eval()


@pytest.fixture(scope="session")
def weights_pair(tmp_path_factory: pytest.TempPathFactory, settled_network: Any, card: ModelCard) -> tuple[Path, Path]:
    """The same network as .pth checkpoint and as .onnx; exporting takes seconds, so it is done once."""
    pytest.importorskip("onnxscript")
    from facetally.gender.model.checkpoint import load_checkpoint, save_checkpoint
    from facetally.gender.model.export import export_onnx

    folder = tmp_path_factory.mktemp("pair")
    save_checkpoint(folder / "small.pth", settled_network, card)
    export_onnx(folder / "small.onnx", *load_checkpoint(folder / "small.pth"))
    return folder / "small.pth", folder / "small.onnx"
