"""A small SCRFD network with its export: every kind of layer, but few of each, as an export takes seconds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from facetally.detection.training.export import export_scrfd
from facetally.detection.training.network import Head, ScrfdNetwork, ScrfdNetworkOptions
from facetally.detection.training.warm_start import folded_pairs

SMALL = ScrfdNetworkOptions((8, 8), (1, 1, 1, 1), (8, 8, 8, 8), 8, 8, 1)
SCORE_SHIFT = 0.3


@dataclass(frozen=True)
class SmallScrfd:
    """A network and its export. Copy it before changing it."""

    network: ScrfdNetwork
    """In evaluation mode; its batch norms are not the identity."""
    exported: Path
    """With `SCORE_SHIFT` and the metadata {"name": "ours"}."""


def make_small_scrfd(folder: Path) -> SmallScrfd:
    """Makes the network, with weights that are always the same, and exports it to this folder."""
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
    export_scrfd(network.eval(), folder / "small.onnx", {"name": "ours"}, score_shift=SCORE_SHIFT)
    return SmallScrfd(network, folder / "small.onnx")
