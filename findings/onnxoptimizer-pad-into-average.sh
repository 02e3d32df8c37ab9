#!/usr/bin/env bash
# onnxoptimizer 0.4.2, onnxruntime 1.32.0, onnx 1.23.2.
#
# Expected: optimize() with its default passes gives a network with the same outputs.
# Seen: zeros that a Pad adds before an AveragePool become padding of the pool itself, which counts in its means from then
# on; but so does the pool's own padding, which count_include_pad=0 left out of them: means at the border come out too
# small, without an error.
#
# Output seen: "nodes Pad AveragePool -> AveragePool; corner 0.25 -> 0.111".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.4.6 onnx==1.23.2 onnxoptimizer==0.4.2 \
    onnxruntime==1.32.0
"$folder/venv/bin/python" - <<'PY'
import sys

import numpy as np
import onnx
import onnxoptimizer
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

values = np.ones((1, 1, 6, 6), np.float32)
pads = numpy_helper.from_array(np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64), "pads")
nodes = [
    helper.make_node("Pad", ["x", "pads"], ["padded"]),
    helper.make_node("AveragePool", ["padded"], ["y"], kernel_shape=[3, 3], pads=[1] * 4, count_include_pad=0),
]
x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in (("x", [1, 1, 6, 6]), ("y", [1, 1, 8, 8])))
model = helper.make_model(
    helper.make_graph(nodes, "mean", [x], [y], [pads]), opset_imports=[helper.make_opsetid("", 18)], ir_version=8
)
onnx.checker.check_model(model, full_check=True)
faster = onnxoptimizer.optimize(model)
names, corners = [], []
for one in (model, faster):
    names.append(" ".join(node.op_type for node in one.graph.node))
    mean = onnxruntime.InferenceSession(one.SerializeToString()).run(None, {"x": values})[0]
    corners.append(round(float(mean[0, 0, 0, 0]), 3))
print(f"nodes {names[0]} -> {names[1]}; corner {corners[0]} -> {corners[1]}")
sys.exit(0 if corners == [0.25, 0.111] else 1)
PY
