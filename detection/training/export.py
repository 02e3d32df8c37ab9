"""Writes a trained detector as ONNX, with the nine outputs of the official exports."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import torch
from torch import nn

from facetally.detection.training.network import STRIDES, ScrfdNetwork
from facetally.files import whole_file

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
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns of its own deprecations
        program = torch.onnx.export(
            _NineOutputs(network, score_shift).eval(),
            (torch.zeros(2, 3, 2 * COARSEST, 3 * COARSEST),),
            input_names=["input"],
            output_names=names,
            dynamic_shapes={"images": {0: torch.export.Dim("batch", min=1), 2: rows, 3: columns}},
            dynamo=True,
            optimize=True,
            verbose=False,
        )
    proto = cast(torch.onnx.ONNXProgram, program).model_proto
    for item in (*proto.graph.node, *proto.functions):  # file names and stack traces of the exporting machine
        del item.metadata_props[:]
    proto.graph.ClearField("metadata_props")
    for key, value in metadata.items():
        proto.metadata_props.add(key=key, value=value)
    with whole_file(path) as temporary:
        temporary.write_bytes(proto.SerializeToString())
