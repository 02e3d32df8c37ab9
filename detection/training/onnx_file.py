"""Turns a network into an ONNX file without traces of the machine that wrote it."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from facetally.files import whole_file


def onnx_model(
    network: nn.Module,
    example: torch.Tensor,
    *,
    input_name: str,
    output_names: Sequence[str],
    dynamic_shapes: dict[str, Any],
) -> Any:
    """The network as an `onnx.ModelProto`.

    Args:
        network: put into evaluation mode.
        example: its input.
        input_name, output_names: in the file.
        dynamic_shapes: the sizes that may differ from the example's, as `torch.onnx.export` takes them.
    """
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # the exporter warns of its own deprecations
        program = torch.onnx.export(
            _simplified(network.eval()),
            (example,),
            input_names=[input_name],
            output_names=list(output_names),
            dynamic_shapes=dynamic_shapes,
            dynamo=True,
            optimize=True,
            verbose=False,
        )
    proto = cast(torch.onnx.ONNXProgram, program).model_proto
    for item in (*proto.graph.node, *proto.functions):  # file names and stack traces of the exporting machine
        del item.metadata_props[:]
    proto.graph.ClearField("metadata_props")
    return proto


def _simplified(network: nn.Module) -> nn.Module:
    """A copy that gives the same output, with the batch norms folded and without in-place operations.

    The exporter would do both itself, but that takes it a good part of its time.
    """
    network = copy.deepcopy(network)
    for block in [module for module in network.modules() if isinstance(module, nn.Sequential)]:
        for index, (conv, norm) in enumerate(pairwise(list(block))):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                block[index], block[index + 1] = fuse_conv_bn_eval(conv, norm), nn.Identity()
    for module in network.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False
    return network


def write_onnx(proto: Any, path: Path, metadata: Mapping[str, str]) -> None:
    """Writes an `onnx.ModelProto` with metadata, completely or not at all; an existing file is replaced."""
    for key, value in metadata.items():
        proto.metadata_props.add(key=key, value=value)
    with whole_file(path) as temporary:
        temporary.write_bytes(proto.SerializeToString())
