"""Writes a trained detector as ONNX, with the nine outputs of the official exports."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from facetally.detection.training.network import STRIDES, ScrfdNetwork
from facetally.detection.training.onnx_file import onnx_model, write_onnx

COARSEST = STRIDES[-1]
MAX_CELLS = 512
"""Largest number of cells of the coarsest stride, in height and width; the exporter needs a limit."""


class _NineOutputs(nn.Module):
    """Returns scores in [0, 1], boxes and points, each at strides 8, 16 and 32."""

    def __init__(self, network: ScrfdNetwork, score_shift: float) -> None:
        super().__init__()
        self.network, self.score_shift = network, score_shift

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        scores, boxes, points = zip(*self.network(images), strict=True)
        return (*((score + self.score_shift).sigmoid()[..., None] for score in scores), *boxes, *points)


def export_scrfd(network: ScrfdNetwork, path: Path, metadata: Mapping[str, str], score_shift: float = 0.0) -> None:
    """Writes an ONNX file with input `input` (B, 3, H, W) and outputs score_8 to kps_32; B, H and W are dynamic.

    Args:
        network: put into evaluation mode.
        path: the file to write; an existing file is replaced.
        metadata: stored in the file, such as name, data and command.
        score_shift: added to the scores' logits, so that the same threshold finds about as many faces as with other
            detectors.
    """
    names = [f"{role}_{stride}" for role in ("score", "bbox", "kps") for stride in STRIDES]
    rows, columns = (COARSEST * torch.export.Dim(name, min=1, max=MAX_CELLS) for name in ("rows", "columns"))
    proto = onnx_model(
        _NineOutputs(network, score_shift),
        torch.zeros(2, 3, 2 * COARSEST, 3 * COARSEST),
        input_name="input",
        output_names=names,
        dynamic_shapes={"images": {0: torch.export.Dim("batch", min=1), 2: rows, 3: columns}},
    )
    write_onnx(proto, path, metadata)
