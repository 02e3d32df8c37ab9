"""The SCRFD networks of Guo et al., "Sample and Computation Redistribution for Efficient Face Detection" (ICLR 2022).

A backbone computes maps at strides 4, 8, 16 and 32; a path aggregation pyramid (PAFPN; Liu et al., CVPR 2018) mixes
the last three. A head per stride predicts, for each of two anchors per cell, the score of a face, the distances of its
four sides from the cell's corner, and the offsets of its five points, in strides.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

STRIDES = (8, 16, 32)
ANCHORS_PER_CELL = 2
PRIOR = 0.01
"""Initial score of every anchor, so that the many anchors without a face do not dominate the loss at first."""


@dataclass(frozen=True)
class ScrfdNetworkOptions:
    """Width and depth of the network."""

    stem_planes: tuple[int, int] = (16, 16)
    stage_blocks: tuple[int, int, int, int] = (2, 3, 2, 6)
    """Depthwise-separable convolutions of each stage."""
    stage_planes: tuple[int, int, int, int] = (40, 72, 152, 288)
    """Channels of each stage, at strides 4, 8, 16 and 32."""
    pyramid_planes: int = 16
    head_planes: int = 64
    head_blocks: int = 2


SCRFD_500M = ScrfdNetworkOptions()
"""The architecture that the paper's search found for half a billion multiply-adds at 640 x 480."""

LevelOutput = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
"""(B, n) score logits, (B, n, 4) distances left, top, right, bottom and (B, n, 10) x, y of five points, in strides."""


class StridedDepthwise(nn.Conv2d):
    """A depthwise convolution of stride 2, always in float32: its gradient takes nine times as long in bfloat16."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not torch.is_autocast_enabled("cpu"):
            return super().forward(x)
        with torch.autocast("cpu", enabled=False):
            return super().forward(x.float())


def separable(planes_in: int, planes_out: int, stride: int = 1) -> nn.Sequential:
    """A depthwise 3 x 3 and a pointwise convolution, each with batch norm and ReLU (Howard et al., 2017)."""
    depthwise = nn.Conv2d if stride == 1 else StridedDepthwise
    return nn.Sequential(
        depthwise(planes_in, planes_in, 3, stride, 1, groups=planes_in, bias=False),
        nn.BatchNorm2d(planes_in),
        nn.ReLU(inplace=True),
        nn.Conv2d(planes_in, planes_out, 1, bias=False),
        nn.BatchNorm2d(planes_out),
        nn.ReLU(inplace=True),
    )


class Backbone(nn.Module):
    """Depthwise-separable stages; maps at strides 8, 16 and 32 of (B, 3, H, W)."""

    def __init__(self, options: ScrfdNetworkOptions) -> None:
        super().__init__()
        first, second = options.stem_planes
        self.stem = nn.Sequential(
            nn.Conv2d(3, first, 3, 2, 1, bias=False),
            nn.BatchNorm2d(first),
            nn.ReLU(inplace=True),
            separable(first, second),
        )
        planes = [second, *options.stage_planes]
        self.stages = nn.ModuleList(
            nn.Sequential(
                separable(planes[index], planes[index + 1], 2),
                *(separable(planes[index + 1], planes[index + 1]) for _ in range(blocks - 1)),
            )
            for index, blocks in enumerate(options.stage_blocks)
        )

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        maps, x = [], self.stem(images)
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps[1:]


class Pyramid(nn.Module):
    """Top-down, then bottom-up; all levels get `planes` channels."""

    def __init__(self, planes_in: tuple[int, ...], planes: int) -> None:
        super().__init__()
        self.laterals = nn.ModuleList(nn.Conv2d(channels, planes, 1) for channels in planes_in)
        self.smooths = nn.ModuleList(nn.Conv2d(planes, planes, 3, 1, 1) for _ in planes_in)
        self.downs = nn.ModuleList(nn.Conv2d(planes, planes, 3, 2, 1) for _ in planes_in[1:])
        self.outs = nn.ModuleList(nn.Conv2d(planes, planes, 3, 1, 1) for _ in planes_in[1:])

    def forward(self, maps: list[torch.Tensor]) -> list[torch.Tensor]:
        levels = [lateral(x) for lateral, x in zip(self.laterals, maps, strict=True)]
        for index in range(len(levels) - 1, 0, -1):
            levels[index - 1] = levels[index - 1] + functional.interpolate(levels[index], scale_factor=2.0)
        levels = [smooth(level) for smooth, level in zip(self.smooths, levels, strict=True)]
        for index, down in enumerate(self.downs):
            levels[index + 1] = levels[index + 1] + down(levels[index])
        return [levels[0], *(out(level) for out, level in zip(self.outs, levels[1:], strict=True))]


class Head(nn.Module):
    """The predictions of one stride: shared convolutions, then one each for scores, boxes and points."""

    def __init__(self, options: ScrfdNetworkOptions) -> None:
        super().__init__()
        planes = [options.pyramid_planes] + [options.head_planes] * options.head_blocks
        self.shared = nn.Sequential(*(separable(a, b) for a, b in itertools.pairwise(planes)))
        self.scores, self.boxes, self.points = (
            nn.Conv2d(planes[-1], ANCHORS_PER_CELL * channels, 3, 1, 1) for channels in (1, 4, 10)
        )
        self.box_scale = nn.Parameter(torch.ones(()))
        prior_logit = -math.log((1 - PRIOR) / PRIOR)
        half_side = 1.0  # two strides wide and high: a box that overlaps something from the start
        for conv, bias in ((self.scores, prior_logit), (self.boxes, half_side), (self.points, 0.0)):
            nn.init.normal_(conv.weight, std=0.01)
            conv.bias = nn.Parameter(torch.full((conv.out_channels,), bias))

    def forward(self, level: torch.Tensor) -> LevelOutput:
        x = self.shared(level)
        scores, boxes, points = self._joined(x) if self.training else (self.scores(x), self.boxes(x), self.points(x))
        return _by_anchor(scores, 1)[..., 0], _by_anchor(boxes * self.box_scale, 4), _by_anchor(points, 10)

    def _joined(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """The three convolutions as one, which takes half the time; an export needs them apart."""
        convs = self.scores, self.boxes, self.points
        weight, bias = torch.cat([conv.weight for conv in convs]), torch.cat([_bias(conv) for conv in convs])
        return torch.split(functional.conv2d(x, weight, bias, padding=1), [conv.out_channels for conv in convs], dim=1)


class ScrfdNetwork(nn.Module):
    """(B, 3, H, W) RGB, (value - 127.5) / 128, H and W multiples of 32 -> one `LevelOutput` per stride."""

    def __init__(self, options: ScrfdNetworkOptions = SCRFD_500M) -> None:
        super().__init__()
        self.options = options
        self.backbone = Backbone(options)
        self.pyramid = Pyramid(options.stage_planes[1:], options.pyramid_planes)
        self.heads = nn.ModuleList(Head(options) for _ in STRIDES)

    def forward(self, images: torch.Tensor) -> list[LevelOutput]:
        levels = self.pyramid(self.backbone(images))
        return [head(level) for head, level in zip(self.heads, levels, strict=True)]


def _bias(conv: nn.Conv2d) -> torch.Tensor:
    assert conv.bias is not None
    return conv.bias


def _by_anchor(output: torch.Tensor, channels: int) -> torch.Tensor:
    """(B, anchors * channels, h, w) -> (B, h * w * anchors, channels), cells row by row."""
    return output.permute(0, 2, 3, 1).reshape(output.shape[0], -1, channels)
