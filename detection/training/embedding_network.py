"""A small residual network that maps a face crop to a vector.

It has dense 3 x 3 convolutions only: at this size they take less time than the depthwise ones of MobileFaceNet (Chen
et al., 2018), in onnxruntime and in training alike. The last map is reduced by a weighted sum with one weight per cell
and channel, as there, because the cells of an aligned crop show different parts of the face.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional


@dataclass(frozen=True)
class EmbeddingNetworkOptions:
    """Width and depth of the network.

    Raises:
        ValueError: the crop's side cannot be halved once per stage.
    """

    size_px: int = 64
    """Side of the crops."""
    planes: tuple[int, ...] = (16, 32, 80, 160)
    """Channels of each stage; each begins with a convolution of stride 2."""
    blocks: tuple[int, ...] = (0, 1, 2, 1)
    """Residual blocks of each stage, of two convolutions."""
    dimensions: int = 128
    """Length of the vector."""

    def __post_init__(self) -> None:
        if len(self.planes) != len(self.blocks):
            raise ValueError(f"planes and blocks must name the same stages, got {self}")
        if self.size_px % 2 ** len(self.planes):
            raise ValueError(f"size_px must be a multiple of {2 ** len(self.planes)}, got {self.size_px}")


def convolution(planes_in: int, planes_out: int, stride: int = 1) -> nn.Sequential:
    """A 3 x 3 convolution with batch norm."""
    return nn.Sequential(
        nn.Conv2d(planes_in, planes_out, 3, stride, 1, bias=False),
        nn.BatchNorm2d(planes_out),
    )


class Residual(nn.Module):
    """Two convolutions, added to their input (He et al., CVPR 2016)."""

    def __init__(self, planes: int) -> None:
        super().__init__()
        self.first, self.second = convolution(planes, planes), convolution(planes, planes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.relu(x + self.second(functional.relu(self.first(x))))


class EmbeddingNetwork(nn.Module):
    """(B, 3, S, S) float32 RGB, (value - 127.5) / 128 -> (B, D), not normalised."""

    def __init__(self, options: EmbeddingNetworkOptions | None = None) -> None:
        super().__init__()
        self.options = options or EmbeddingNetworkOptions()
        layers: list[nn.Module] = []
        for (before, planes), blocks in zip(pairwise((3, *self.options.planes)), self.options.blocks, strict=True):
            layers += [convolution(before, planes, stride=2), nn.ReLU(inplace=True)]
            layers += [Residual(planes) for _ in range(blocks)]
        planes, cells = self.options.planes[-1], self.options.size_px // 2 ** len(self.options.planes)
        self.stages = nn.Sequential(*layers)
        self.pool = nn.Conv2d(planes, planes, cells, groups=planes, bias=False)
        self.pool_norm = nn.BatchNorm2d(planes)
        self.last = nn.Linear(planes, self.options.dimensions)
        nn.init.constant_(self.pool.weight, 1 / cells**2)  # begins as the mean

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        pooled: torch.Tensor = self.pool_norm(self.pool(self.stages(images))).flatten(1)
        return torch.as_tensor(self.last(pooled))


def as_input(crops_rgb: torch.Tensor) -> torch.Tensor:
    """(B, S, S, 3) uint8 RGB -> (B, 3, S, S) float32, (value - 127.5) / 128."""
    return (crops_rgb.permute(0, 3, 1, 2).float() - 127.5) / 128
