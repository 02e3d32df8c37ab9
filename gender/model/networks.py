"""The networks, in torch. Used for training, export and .pth checkpoints; the pipeline runs the ONNX export."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
import torchvision
from torch import nn
from torch.fx.experimental.optimization import fuse

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class NetworkOptions:
    """A backbone and its head; together with the number of outputs they determine every tensor's shape."""

    backbone: str = "mobilenet_v2"
    hidden: int | None = None
    """Width of the hidden layer of the head; None: the head is one linear layer."""
    dropout: float = 0.2
    """Before the head."""
    hidden_dropout: float = 0.0
    """After the hidden layer."""


class FaceNetwork(nn.Module):
    """A convolutional backbone, global average pooling, and a head.

    Input (B, 3, S, S) float32 RGB, normalised as the card states; output (B, C).
    """

    def __init__(self, options: NetworkOptions, output_count: int) -> None:
        super().__init__()
        self.features, width = BACKBONES[options.backbone]()
        self.classifier = _head(options, width, output_count)
        self._frozen_count = 0
        self._frozen: tuple[nn.Module, ...] = ()  # a tuple keeps it out of the state dict
        self.register_load_state_dict_post_hook(  # type: ignore[no-untyped-call]  # torch has no annotation for it
            lambda network, _: network._fold_frozen()
        )

    def forward(self, crops: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            for block in self._frozen:
                crops = block(crops)
        maps = self.features[self._frozen_count :](crops)
        output: torch.Tensor = self.classifier(maps.mean(dim=(2, 3)))
        return output

    def freeze_first(self, block_count: int | None) -> None:
        """Freezes the first blocks of `features`, or all (None): no gradient, fixed batch-norm statistics.

        They run as a copy with the batch norms folded into the convolutions, nearly twice as fast on a CPU.
        """
        self._frozen_count = len(self.features) if block_count is None else block_count
        for index, block in enumerate(self.features):
            for parameter in block.parameters():
                parameter.requires_grad_(index >= self._frozen_count)
        self.train(self.training)
        self._fold_frozen()

    def _fold_frozen(self) -> None:
        self._frozen = ()
        if self._frozen_count:
            self._frozen = (fuse(self.features[: self._frozen_count].eval()),)

    def _apply(self, fn: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> FaceNetwork:
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]  # torch has no annotation for it
        # .to() and the like do not reach the copy
        self._fold_frozen()
        return self

    def train(self, mode: bool = True) -> FaceNetwork:
        super().train(mode)
        self.features[: self._frozen_count].eval()
        return self


def _head(options: NetworkOptions, width: int, output_count: int) -> nn.Sequential:
    if options.hidden is None:
        return nn.Sequential(nn.Dropout(options.dropout), nn.Linear(width, output_count))
    hidden, out = nn.Linear(width, options.hidden), nn.Linear(options.hidden, output_count)
    for layer in (hidden, out):
        nn.init.xavier_uniform_(layer.weight)
        nn.init.zeros_(layer.bias)
    return nn.Sequential(nn.Dropout(options.dropout), hidden, nn.ReLU(), nn.Dropout(options.hidden_dropout), out)


def _mobilenet_v2() -> tuple[nn.Sequential, int]:
    """Sandler et al., CVPR 2018."""
    network = torchvision.models.mobilenet_v2(weights=None)
    return network.features, network.last_channel


def _efficientnet_b0() -> tuple[nn.Sequential, int]:
    """Tan and Le, ICML 2019."""
    network = torchvision.models.efficientnet_b0(weights=None)
    return network.features, 1280


def _resnet(depth: int, width: int) -> tuple[nn.Sequential, int]:
    """He et al., CVPR 2016."""
    net = torchvision.models.get_model(f"resnet{depth}", weights=None)
    stem = nn.Sequential(net.conv1, net.bn1, net.relu, net.maxpool)
    return nn.Sequential(stem, net.layer1, net.layer2, net.layer3, net.layer4), width


def _five_blocks() -> tuple[nn.Sequential, int]:
    """Five blocks of 3x3 convolution, batch norm and ReLU: the first with stride 2, the others after a 2x2 max pool."""
    widths = (3, 32, 64, 128, 256, 512)
    blocks = []
    for index, (before, after) in enumerate(pairwise(widths)):
        pool = [nn.MaxPool2d(2)] if index else []
        convolution = nn.Conv2d(before, after, 3, stride=1 if index else 2, padding=1, bias=False)
        blocks.append(nn.Sequential(*pool, convolution, nn.BatchNorm2d(after), nn.ReLU(inplace=True)))
    return nn.Sequential(*blocks), widths[-1]


BACKBONES: dict[str, Callable[[], tuple[nn.Sequential, int]]] = {
    "mobilenet_v2": _mobilenet_v2,
    "efficientnet_b0": _efficientnet_b0,
    "resnet34": lambda: _resnet(34, 512),
    "resnet50": lambda: _resnet(50, 2048),
    "five_blocks": _five_blocks,
}
