#!/usr/bin/env bash
# openvino 2026.4.1 (the CPU device), onnx 1.23.2, onnxruntime 1.32.0.
#
# Expected: a Resize node with antialias=1 (ONNX opset 18; what an exported preprocessing step contains) averages all
# pixels that fall into one when it makes a picture smaller, or OpenVINO refuses a model that it cannot compute.
# Seen: OpenVINO computes it as if antialias were 0, in linear mode too, without a warning. Each result comes from the
# two nearest pixels of a row, and of fine stripes nothing is left, where onnxruntime gives their mean. For cubic mode
# this is reported as openvinotoolkit/openvino#35893.
#
# Output seen: "stripes of mean 50, a quarter as wide: by onnxruntime 50, without antialias 0; by openvino 0, without
# antialias 0".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    openvino==2026.4.1 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
"$folder/venv/bin/python" - "$folder" <<'PY'
import sys

import numpy as np
import onnx
import onnxruntime
import openvino
from onnx import TensorProto, helper, numpy_helper

stripes = np.zeros((1, 1, 4, 64), np.float32)
stripes[..., ::4] = 200


def resizing(antialias: int) -> bytes:
    node = helper.make_node("Resize", ["image", "", "scales"], ["small"], mode="linear", antialias=antialias)
    graph = helper.make_graph(
        [node],
        "resizing",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 1, 4, 64])],
        [helper.make_tensor_value_info("small", TensorProto.FLOAT, [1, 1, 4, 16])],
        [numpy_helper.from_array(np.array([1, 1, 1, 0.25], np.float32), "scales")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


def middle(small: np.ndarray) -> int:
    """The mean grey away from the edges, where the filter is cut off."""
    return round(float(small[..., 4:12].mean()))


ort, ov = {}, {}
for antialias in (1, 0):
    session = onnxruntime.InferenceSession(resizing(antialias), providers=["CPUExecutionProvider"])
    ort[antialias] = middle(session.run(None, {"image": stripes})[0])
    core = openvino.Core()
    model = core.compile_model(core.read_model(resizing(antialias)), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    ov[antialias] = middle(model([stripes])[0])
print(
    f"stripes of mean {stripes.mean():.0f}, a quarter as wide: by onnxruntime {ort[1]}, without antialias {ort[0]}; "
    f"by openvino {ov[1]}, without antialias {ov[0]}"
)
sys.exit(0 if abs(ort[1] - 50) <= 2 and ort[0] == ov[0] == ov[1] == 0 else 1)
PY
