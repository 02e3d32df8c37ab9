"""Random changes to training crops: mirror, turn, shift and zoom, colour. Never used on held-out pictures."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch.nn import functional


@dataclass(frozen=True)
class AugmentOptions:
    """Half-widths of the uniform ranges that each crop draws from."""

    mirror_prob: float = 0.5
    max_turn_degrees: float = 12.0
    max_shift: float = 0.04
    """As a share of the side of the crop with its margin."""
    max_zoom: float = 0.08
    max_brightness: float = 0.3
    max_contrast: float = 0.3
    max_saturation: float = 0.4


def augment(crops: torch.Tensor, margin_px: int, options: AugmentOptions, generator: torch.Generator) -> torch.Tensor:
    """Draws one random version of each crop.

    Args:
        crops: (B, 3, S + 2m, S + 2m) float32 RGB in [0, 1], with a margin of m pixels to turn and shift in.
        margin_px: m.
        options: how far.
        generator: the source of randomness.

    Returns:
        (B, 3, S, S) float32 RGB in [0, 1].
    """
    return recolour(move(crops, margin_px, options, generator), options, generator)


def move(crops: torch.Tensor, margin_px: int, options: AugmentOptions, generator: torch.Generator) -> torch.Tensor:
    """Mirror, turn, zoom and shift, in one bilinear resampling; shapes as in `augment`."""
    count, channels, outer, _ = crops.shape
    inner = outer - 2 * margin_px

    def uniform(half_width: float) -> torch.Tensor:
        return (torch.rand(count, generator=generator) * 2 - 1) * half_width

    angle = uniform(math.radians(options.max_turn_degrees))
    zoom = (inner / outer) * (1 + uniform(options.max_zoom))  # output square, in units of the input square
    mirror = torch.where(torch.rand(count, generator=generator) < options.mirror_prob, -1.0, 1.0)
    cosine, sine = zoom * angle.cos(), zoom * angle.sin()
    shift_x, shift_y = uniform(2 * options.max_shift), uniform(2 * options.max_shift)
    rows = [
        torch.stack([cosine * mirror, -sine, shift_x], 1),
        torch.stack([sine * mirror, cosine, shift_y], 1),
    ]
    matrices = torch.stack(rows, dim=1)  # (B, 2, 3)
    grid = functional.affine_grid(matrices, [count, channels, inner, inner], align_corners=False)
    return functional.grid_sample(crops, grid, mode="bilinear", padding_mode="border", align_corners=False)


def recolour(crops: torch.Tensor, options: AugmentOptions, generator: torch.Generator) -> torch.Tensor:
    """Brightness, contrast and saturation, each crop by its own factors; (B, 3, S, S) in [0, 1]."""

    def factor(half_width: float) -> torch.Tensor:
        return 1 + (torch.rand(len(crops), 1, 1, 1, generator=generator) * 2 - 1) * half_width

    crops = crops * factor(options.max_brightness)
    grey = crops.mean(dim=1, keepdim=True)
    crops = grey + (crops - grey) * factor(options.max_saturation)
    level = grey.mean(dim=(2, 3), keepdim=True)
    return (level + (crops - level) * factor(options.max_contrast)).clamp(0, 1)
