"""Turns a network into an ONNX file without traces of the machine that wrote it."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

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
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns of its own deprecations
        program = torch.onnx.export(
            network.eval(),
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


def write_onnx(proto: Any, path: Path, metadata: Mapping[str, str]) -> None:
    """Writes an `onnx.ModelProto` with metadata, completely or not at all; an existing file is replaced."""
    for key, value in metadata.items():
        proto.metadata_props.add(key=key, value=value)
    with whole_file(path) as temporary:
        temporary.write_bytes(proto.SerializeToString())
