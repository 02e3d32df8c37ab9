"""Convolutions that read the same tensor become one, and nothing else changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper

from facetally.detection.scrfd_onnx import runnable_model


def conv(
    name: str, source: str, weight: tuple[int, ...], bias: bool = True, **attributes: Any
) -> tuple[Any, list[Any]]:
    """A convolution with random weights, its output called `name`, and its constants."""
    rng = np.random.default_rng(len(name) + sum(weight))
    values = {f"{name}.w": rng.normal(size=weight), f"{name}.b": rng.normal(size=weight[0])}
    names = list(values)[: 1 + bias]
    constants = [numpy_helper.from_array(values[key].astype(np.float32), key) for key in names]
    return helper.make_node("Conv", [source, *names], [name], **attributes), constants


def written(path: Path, convs: list[tuple[Any, list[Any]]], opset: int) -> Path:
    """A network of convolutions, each an output."""
    sizes: list[str | int | None] = ["batch", 3, "height", "width"]
    graph = helper.make_graph(
        [node for node, _ in convs],
        "siblings",
        [helper.make_tensor_value_info("input", onnx.TensorProto.FLOAT, sizes)],
        [
            helper.make_tensor_value_info(node.output[0], onnx.TensorProto.FLOAT, ["b", "c", "h", "w"])
            for node, _ in convs
        ],
        [constant for _, constants in convs for constant in constants],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


def counted(model: bytes) -> list[str]:
    return [node.op_type for node in onnx.load_from_string(model).graph.node]


def outputs(model: bytes) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(model)
    image = np.random.default_rng(0).normal(size=(2, 3, 8, 8)).astype(np.float32)
    return list(session.run(None, {"input": image}))


@pytest.mark.parametrize("opset", [11, 13, 18])
def test_siblings_become_one_convolution_with_the_same_outputs(tmp_path: Path, opset: int) -> None:
    pads: dict[str, Any] = {"pads": [1, 1, 1, 1]}
    before = conv("before", "input", (4, 3, 3, 3), **pads)
    three = [conv(name, "before", (channels, 4, 3, 3), **pads) for name, channels in (("a", 2), ("bb", 8), ("ccc", 20))]
    path = written(tmp_path / "net.onnx", [before, *three], opset)
    joined = runnable_model(path)
    assert counted(joined) == ["Conv", "Conv", "Split"]
    for one, other in zip(outputs(joined), outputs(path.read_bytes()), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize(
    "other",
    [
        conv("other", "input", (2, 3, 3, 3), strides=[2, 2]),
        conv("other", "input", (2, 3, 1, 1)),
        conv("other", "input", (2, 3, 3, 3), bias=False),
        conv("other", "first", (2, 2, 3, 3)),
    ],
    ids=["strides", "kernel", "no bias", "another input"],
)
def test_convolutions_with_different_settings_are_not_joined(tmp_path: Path, other: tuple[Any, list[Any]]) -> None:
    path = written(tmp_path / "net.onnx", [conv("first", "input", (2, 3, 3, 3)), other], 13)
    assert counted(runnable_model(path)) == ["Conv", "Conv"]


def test_grouped_convolutions_are_not_joined(tmp_path: Path) -> None:
    two = [conv(name, "input", (3, 1, 3, 3), group=3) for name in ("a", "bb")]
    assert counted(runnable_model(written(tmp_path / "net.onnx", two, 13))) == ["Conv", "Conv"]


def test_each_head_of_the_bundled_detector_ends_in_one_convolution() -> None:
    bundled = Path(__file__).resolve().parents[2] / "models" / "facetally_scrfd_500m.onnx"
    assert counted(runnable_model(bundled)).count("Split") == 3
