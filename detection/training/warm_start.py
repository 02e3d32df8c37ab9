"""Makes an exported detector trainable again by restoring the batch norms that the export folded into convolutions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path

import onnx
import torch
from torch import nn

from facetally.detection.training.network import Head, ScrfdNetwork

EXPORTED = "network."
"""Prefix of the parameter names in an export."""


def start_from(network: ScrfdNetwork, weights: Path, images: torch.Tensor) -> None:
    """Loads the weights of an export of the same architecture; the network then predicts the same as the export.

    Every folded batch norm is restored. Its mean and variance are measured on `images`, and the convolution before it
    is scaled so that its output has variance 1. The optimizer's steps then have the same relative size as in a network
    that was trained without interruption.

    Args:
        network: changed in place, and left in training mode.
        weights: written by `export_scrfd`.
        images: (B, 3, H, W) network input as in training; enough for stable means and variances.

    Raises:
        ValueError: the file is not an export of such a network.
    """
    graph = onnx.load(weights).graph
    values = {tensor.name: torch.from_numpy(onnx.numpy_helper.to_array(tensor).copy()) for tensor in graph.initializer}
    # by node, since the exporter merges equal tensors under one name; it leaves out biases of 0 and scales of 1
    biases = {node.input[1]: node.input[2] for node in graph.node if node.op_type == "Conv" and len(node.input) > 2}
    try:
        _copy(network, values, biases)
    except KeyError as error:
        raise ValueError(f"{weights} has no {error}: it is not an export of this network") from error
    except RuntimeError as error:
        raise ValueError(f"{weights} has another architecture than this network") from error
    _measure(network, images)


def _copy(network: ScrfdNetwork, values: Mapping[str, torch.Tensor], biases: Mapping[str, str]) -> None:
    """Copies the stored values; batch norms add the bias folded into their convolution and change nothing else."""
    norms = dict(folded_pairs(network))
    with torch.no_grad():
        for name, module in network.named_modules():
            if isinstance(module, nn.Conv2d):
                weight = f"{EXPORTED}{name}.weight"
                module.weight.copy_(values[weight])
                bias = norms[module].bias if module in norms else module.bias
                bias.copy_(values[biases[weight]] if weight in biases else torch.zeros(()))  # type: ignore[union-attr]
            elif isinstance(module, Head):
                module.box_scale.copy_(values.get(f"{EXPORTED}{name}.box_scale", torch.ones(())))
        for norm in norms.values():
            norm.weight.fill_(1)
            norm.running_mean.zero_()  # type: ignore[union-attr]
            norm.running_var.fill_(1 - norm.eps)  # type: ignore[union-attr]


def _measure(network: ScrfdNetwork, images: torch.Tensor) -> None:
    """Sets the statistics of batch norms to those of their inputs, and their weight and bias to the inverse."""
    network.eval()
    pairs = list(folded_pairs(network))
    measured: dict[nn.Module, tuple[torch.Tensor, torch.Tensor]] = {}

    def measure(module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        variance, mean = torch.var_mean(inputs[0], dim=(0, 2, 3), correction=0)
        measured[module] = mean, variance

    hooks = [norm.register_forward_pre_hook(measure) for _, norm in pairs]
    with torch.no_grad():
        network(images)
        for hook in hooks:
            hook.remove()
        for conv, norm in pairs:
            mean, variance = measured[norm]
            deviation = (variance + norm.eps).sqrt()
            conv.weight.div_(deviation[:, None, None, None])
            norm.running_mean.copy_(mean / deviation)  # type: ignore[union-attr]
            norm.weight.copy_(deviation)
            norm.bias.add_(mean)
    network.train()


def folded_pairs(network: ScrfdNetwork) -> Iterator[tuple[nn.Conv2d, nn.BatchNorm2d]]:
    """Yields each convolution that is followed by a batch norm, with that batch norm."""
    for block in network.modules():
        if isinstance(block, nn.Sequential):
            for conv, norm in pairwise(block):
                if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                    yield conv, norm
