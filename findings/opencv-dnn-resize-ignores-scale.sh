#!/usr/bin/env bash
# opencv-python-headless 5.0.0.93, onnxruntime 1.32.0.
#
# Expected: OpenCV's network module enlarges five values 1.5 times as the ONNX operator Resize says and onnxruntime does:
# the step between two values is 1/1.5.
# Seen: 7.5 values become 7, and the step becomes 5/7, as if the scale had been 1.4. All values but the first differ. With
# a scale that gives a whole number of values both agree, so that a network is right for some sizes of its input only.
#
# Output seen: "onnxruntime 0.0 0.5 1.167 1.833 2.5 3.167 3.833, OpenCV 0.0 0.571 1.286 2.0 2.714 3.429 4.0; equal when
# doubled".
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

values = np.arange(5, dtype=np.float32).reshape(1, 1, 1, 5)


def enlarged(scale):
    """Five values, enlarged by onnxruntime and by OpenCV."""
    path = str(Path(sys.argv[1]) / "enlarge.onnx")
    scales = numpy_helper.from_array(np.array([1, 1, 1, scale], np.float32), "scales")
    node = helper.make_node(
        "Resize", ["x", "", "scales"], ["y"], mode="linear", coordinate_transformation_mode="half_pixel"
    )
    shapes = [1, 1, 1, 5], [1, 1, 1, int(5 * scale)]
    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in zip("xy", shapes, strict=True))
    model = helper.make_model(
        helper.make_graph([node], "enlarge", [x], [y], [scales]),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)
    network = cv2.dnn.readNetFromONNX(path)
    network.setInput(values)
    theirs = onnxruntime.InferenceSession(path).run(None, {"x": values})[0]
    return [np.round(result.ravel(), 3).tolist() for result in (theirs, network.forward())]


theirs, opencvs = enlarged(1.5)
doubled = enlarged(2.0)
texts = (" ".join(map(str, np.round(one, 3))) for one in (theirs, opencvs))
print("onnxruntime {}, OpenCV {}; {} when doubled".format(*texts, "equal" if doubled[0] == doubled[1] else "different"))
is_so = np.allclose(theirs[1:3], [0.5, 1.167]) and np.allclose(opencvs[1:3], [0.571, 1.286])
sys.exit(0 if is_so and doubled[0] == doubled[1] else 1)
PY
