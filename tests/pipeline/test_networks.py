"""Networks are opened alike for all of their users, and what does not fit them is a ValueError that names it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper

from facetally.networks import Network


def written(path: Path, inputs: Sequence[str]) -> Path:
    """A network that adds all of its inputs, (n, 2) each, to themselves."""
    nodes = [helper.make_node("Add", [name, name], [f"twice {name}"]) for name in inputs]
    taken, given = (
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 2]) for name in names]
        for names in (inputs, [f"twice {name}" for name in inputs])
    )
    graph = helper.make_graph(nodes, "twice", taken, given)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    helper.set_model_props(model, {"card": "a network"})
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize("as_bytes", [False, True])
def test_a_network_is_opened_from_a_file_or_its_content(tmp_path: Path, as_bytes: bool) -> None:
    path = written(tmp_path / "twice.onnx", ["x"])
    network = Network(path.read_bytes() if as_bytes else path, threads=1)
    (output,) = network(np.ones((3, 2), np.float32))
    assert output.tolist() == [[2, 2]] * 3
    assert network.metadata == {"card": "a network"}


def test_a_network_with_two_inputs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"two\.onnx must have one input, has \['x', 'y'\]"):
        Network(written(tmp_path / "two.onnx", ["x", "y"]))


@pytest.mark.parametrize("batch", [np.ones((3, 4), np.float32), np.ones((3, 2), np.uint8)], ids=["shape", "dtype"])
def test_an_input_that_does_not_fit_is_an_error(tmp_path: Path, batch: np.ndarray) -> None:
    network = Network(written(tmp_path / "twice.onnx", ["x"]))
    with pytest.raises(
        ValueError, match=rf"cannot take an input of \({', '.join(map(str, batch.shape))}\) {batch.dtype}"
    ):
        network(batch)


def test_an_unknown_device_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"device must be one of \['cpu', 'cuda'\], got 'tpu'"):
        Network(written(tmp_path / "twice.onnx", ["x"]), "tpu")  # type: ignore[arg-type]


def test_a_damaged_network_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "twice.onnx", ["x"])
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(ValueError, match=r"twice\.onnx cannot be run by onnxruntime"):
        Network(path)
