"""Exports a checkpoint to ONNX, which the pipeline runs without torch."""

from __future__ import annotations

import copy
import warnings
from pathlib import Path
from typing import cast

import torch
from torch.fx.experimental.optimization import fuse

from facetally.files import whole_file
from facetally.gender.model.card import ONNX_METADATA_KEY, ModelCard
from facetally.gender.model.networks import FaceNetwork

INPUT_NAME = "input"
OUTPUT_NAME = "output"


def export_onnx(path: Path, network: FaceNetwork, card: ModelCard) -> None:
    """Exports with a dynamic batch size and the card in the metadata; never leaves half a file."""
    import onnx

    side = card.crop["size_px"]
    program = _exported(_simplified(network.eval()), torch.zeros(2, 3, side, side))
    model = onnx.load_from_string(program)
    entry = model.metadata_props.add()
    entry.key, entry.value = ONNX_METADATA_KEY, card.to_json()
    onnx.checker.check_model(model, full_check=True)
    with whole_file(path) as temporary:
        onnx.save(model, str(temporary))


def _simplified(network: FaceNetwork) -> FaceNetwork:
    """A copy that gives the same output, with the batch norms folded and without in-place operations.

    The exporter would do both itself, but that takes it most of its time.
    """
    network = copy.deepcopy(network)
    network.features = torch.nn.Sequential(*(fuse(block) for block in network.features))
    for module in network.modules():
        if hasattr(module, "inplace"):
            module.inplace = False  # type: ignore[assignment]
    return network


def _exported(network: torch.nn.Module, example: torch.Tensor) -> bytes:
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # the exporter warns of its own deprecations
        program = torch.onnx.export(
            network,
            (example,),
            input_names=[INPUT_NAME],
            output_names=[OUTPUT_NAME],
            dynamic_shapes={"crops": {0: torch.export.Dim("batch", min=1)}},
            dynamo=True,
            optimize=True,
            verbose=False,
        )
    proto = cast(torch.onnx.ONNXProgram, program).model_proto
    for item in (*proto.graph.node, *proto.functions):  # file names and stack traces of the exporting machine
        del item.metadata_props[:]
    proto.graph.ClearField("metadata_props")
    return bytes(proto.SerializeToString())
