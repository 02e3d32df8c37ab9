"""Writes an embedding network as ONNX: uint8 crops in, unit vectors out, weights stored as float16."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from facetally.detection.crops import CropRecipe
from facetally.detection.embedding import CARD, INPUT, OUTPUT
from facetally.detection.training.embedding_network import EmbeddingNetwork, as_input
from facetally.detection.training.onnx_file import onnx_model, write_onnx

MIN_STORED = 256
"""Smaller tensors keep float32: they are thresholds, shapes and biases."""


class _FromBytes(nn.Module):
    def __init__(self, network: EmbeddingNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, crops: torch.Tensor) -> torch.Tensor:
        return functional.normalize(self.network(as_input(crops)), dim=1)


def export_embedding(network: EmbeddingNetwork, path: Path, crop: CropRecipe, card: Mapping[str, Any]) -> None:
    """Writes an ONNX file for `FaceEmbedder`; the batch size is dynamic.

    Args:
        network: put into evaluation mode.
        path: the file to write; an existing file is replaced.
        crop: how the crops are cut; stored in the file.
        card: stored in the file as JSON, such as name, data and command.

    Raises:
        ValueError: the crops do not have the network's size.
    """
    side = network.options.size_px
    if crop.size_px != side:
        raise ValueError(f"the network takes crops of {side} px, the recipe cuts {crop.size_px} px")
    proto = onnx_model(
        _FromBytes(network),
        torch.zeros(2, side, side, 3, dtype=torch.uint8),
        input_name=INPUT,
        output_names=[OUTPUT],
        dynamic_shapes={"crops": {0: torch.export.Dim("batch", min=1)}},
    )
    _store_as_float16(proto.graph)
    write_onnx(proto, path, {CARD: json.dumps({**card, "crop": crop.as_dict()})})


def _store_as_float16(graph: Any) -> None:
    """Halves the file: large tensors are stored as float16 and cast to float32, once, when a session opens."""
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype == np.float32 and values.size >= MIN_STORED:
            name = tensor.name
            tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}.half"))
            casts.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
