"""Makes an exported detector trainable again: its batch norms were folded into the convolutions before them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path

import onnx
import torch
from torch import nn

from facetally.detection.training.network import Head, ScrfdNetwork

EXPORTED = "network."
"""How the names of parameters begin in an export."""


def start_from(network: ScrfdNetwork, weights: Path, images: torch.Tensor) -> None:
    """Gives a network the weights of an export of the same layout; it answers as the export does.

    Every batch norm is put back where it was folded in. What it has to say of its input, mean and variance, is what
    `images` show, and the convolution before it is scaled so that its output has variance 1: as in a network
    that has been trained all along, steps of the optimizer are neither too large nor too small for it.

    Args:
        network: changed in place, and left in training mode.
        weights: written by `export_scrfd`.
        images: (B, 3, H, W) as the network takes them, as in training: enough for means and variances.

    Raises:
        ValueError: the file is no export of such a network.
    """
    graph = onnx.load(weights).graph
    values = {tensor.name: torch.from_numpy(onnx.numpy_helper.to_array(tensor).copy()) for tensor in graph.initializer}
    # by the node, since the exporter gives equal ones one name; biases of 0 and scales of 1 it leaves out
    biases = {node.input[1]: node.input[2] for node in graph.node if node.op_type == "Conv" and len(node.input) > 2}
    try:
        _copy(network, values, biases)
    except KeyError as error:
        raise ValueError(f"{weights} has no {error}: it is no export of this network") from error
    except RuntimeError as error:
        raise ValueError(f"{weights} is of another layout than this network") from error
    _measure(network, images)


def _copy(network: ScrfdNetwork, values: Mapping[str, torch.Tensor], biases: Mapping[str, str]) -> None:
    """The stored values; batch norms add the bias that was folded into their convolution, and change nothing else."""
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
    """Batch norms normalise by what they see, and undo it by their own weight and bias."""
    network.eval()
    pairs = list(folded_pairs(network))
    seen: dict[nn.Module, tuple[torch.Tensor, torch.Tensor]] = {}

    def see(module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        variance, mean = torch.var_mean(inputs[0], dim=(0, 2, 3), correction=0)
        seen[module] = mean, variance

    hooks = [norm.register_forward_pre_hook(see) for _, norm in pairs]
    with torch.no_grad():
        network(images)
        for hook in hooks:
            hook.remove()
        for conv, norm in pairs:
            mean, variance = seen[norm]
            deviation = (variance + norm.eps).sqrt()
            conv.weight.div_(deviation[:, None, None, None])
            norm.running_mean.copy_(mean / deviation)  # type: ignore[union-attr]
            norm.weight.copy_(deviation)
            norm.bias.add_(mean)
    network.train()


def folded_pairs(network: ScrfdNetwork) -> Iterator[tuple[nn.Conv2d, nn.BatchNorm2d]]:
    """Each convolution that a batch norm follows, and the batch norm."""
    for block in network.modules():
        if isinstance(block, nn.Sequential):
            for conv, norm in pairwise(block):
                if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                    yield conv, norm
