#!/usr/bin/env bash
# opencv-python-headless 5.0.0.93, onnxruntime 1.32.0.
#
# Expected: a transposed convolution with the padding "SAME_UPPER" and stride 2 doubles the size, as the ONNX operator
# says (output = input x stride) and onnxruntime does: 4 values become 8.
# Seen: OpenCV's network module makes 7 of them, without an error; what was to be added to it or compared with it no
# longer lies on the same pixels.
#
# Output seen: "onnxruntime 1 1 2 1 2 1 2 1, OpenCV 1 2 1 2 1 2 1".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.4.6 onnx==1.23.2 onnxruntime==1.32.0 \
    opencv-python-headless==5.0.0.93
"$folder/venv/bin/python" - "$folder" <<'PY'
import sys
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

path = str(Path(sys.argv[1]) / "double.onnx")
values = np.ones((1, 1, 1, 4), np.float32)
kernel = numpy_helper.from_array(np.ones((1, 1, 1, 3), np.float32), "kernel")
node = helper.make_node("ConvTranspose", ["x", "kernel"], ["y"], auto_pad="SAME_UPPER", strides=[1, 2])
x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 1, 1, s]) for n, s in (("x", 4), ("y", 8)))
model = helper.make_model(
    helper.make_graph([node], "double", [x], [y], [kernel]), opset_imports=[helper.make_opsetid("", 17)], ir_version=8
)
onnx.checker.check_model(model, full_check=True)
onnx.save(model, path)
network = cv2.dnn.readNetFromONNX(path)
network.setInput(values)
results = onnxruntime.InferenceSession(path).run(None, {"x": values})[0], network.forward()
theirs, opencvs = (" ".join(f"{value:.0f}" for value in result.ravel()) for result in results)
print(f"onnxruntime {theirs}, OpenCV {opencvs}")
sys.exit(0 if (theirs, opencvs) == ("1 1 2 1 2 1 2 1", "1 2 1 2 1 2 1") else 1)
PY
