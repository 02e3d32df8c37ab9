#!/usr/bin/env bash
# onnx 1.23.2, onnxruntime 1.32.0.
#
# Expected: version_converter.convert_version (needed for old detectors, as some tools want opset 13) returns a model
# that computes the same, or raises.
# Seen: linear Upsample (opset 9) and Resize (opset 10) compute something else afterwards. Up to opset 10 pixel i of the
# result lies at i / scale; the converter leaves out coordinate_transformation_mode, whose default from opset 11 on is
# half_pixel. When doubled, the features move by a quarter of an input pixel, and boxes with them. No warning, and the
# checker is content. Reported as onnx/onnx#8480.
# Workaround: set coordinate_transformation_mode to asymmetric in the converted nodes.
#
# Output seen: "0 1 2 3 doubled, opset 9: 0 0.5 1 1.5 2 2.5 3 3; converted to 13: 0 0.25 0.75 1.25 1.75 2.25 2.75 3;
# with asymmetric: 0 0.5 1 1.5 2 2.5 3 3".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
"$folder/venv/bin/python" - "$folder" <<'PY'
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper, version_converter

onnxruntime.set_default_logger_severity(4)
graph = helper.make_graph(
    [helper.make_node("Upsample", ["image", "scales"], ["double"], mode="linear")],
    "upsampling",
    [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 1, 1, 4])],
    [helper.make_tensor_value_info("double", TensorProto.FLOAT, [1, 1, 1, 8])],
    [numpy_helper.from_array(np.array([1, 1, 1, 2], np.float32), "scales")],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 9)], ir_version=7)
onnx.checker.check_model(model, full_check=True)


def doubled(model: onnx.ModelProto) -> list[float]:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"image": np.arange(4, dtype=np.float32).reshape(1, 1, 1, 4)})[0].ravel().tolist()


old = doubled(model)
converted = version_converter.convert_version(model, 13)
onnx.checker.check_model(converted, full_check=True)
new = doubled(converted)
for node in converted.graph.node:
    if node.op_type == "Resize":
        node.attribute.append(helper.make_attribute("coordinate_transformation_mode", "asymmetric"))
mended = doubled(converted)
listed = [" ".join(f"{value:g}" for value in values) for values in (old, new, mended)]
print(f"0 1 2 3 doubled, opset 9: {listed[0]}; converted to 13: {listed[1]}; with asymmetric: {listed[2]}")
sys.exit(0 if old == mended and np.allclose(np.subtract(old, new)[1:-1], 0.25) else 1)
PY
