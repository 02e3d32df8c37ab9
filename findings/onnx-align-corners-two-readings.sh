#!/usr/bin/env bash
# onnx 1.23.2 (its reference evaluator), onnxruntime 1.32.0, tract 0.23.9.
#
# Expected: the ONNX operator Resize has one meaning, so that engines agree.
# Seen: with "align_corners" and a scale that gives no whole number of values (5 x 1.5 = 7.5, of which 7 are there),
# onnxruntime puts the last input value on the seventh output value, the reference evaluator and tract on the place 7.5
# beyond it: all values but the first differ. An export that was checked with one engine computes something else in the
# other.
#
# Output seen: "onnxruntime 0.0 0.667 1.333 2.0 2.667 3.333 4.0, reference 0.0 0.615 1.231 1.846 2.462 3.077 3.692, tract
# as the reference".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.4.6 onnx==1.23.2 onnxruntime==1.32.0 \
    tract==0.23.9
"$folder/venv/bin/python" - "$folder" <<'PY'
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import tract
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

path = str(Path(sys.argv[1]) / "enlarge.onnx")
values = np.arange(5, dtype=np.float32).reshape(1, 1, 1, 5)
scales = numpy_helper.from_array(np.array([1, 1, 1, 1.5], np.float32), "scales")
node = helper.make_node(
    "Resize", ["x", "", "scales"], ["y"], mode="linear", coordinate_transformation_mode="align_corners"
)
x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 1, 1, s]) for n, s in (("x", 5), ("y", 7)))
model = helper.make_model(
    helper.make_graph([node], "enlarge", [x], [y], [scales]), opset_imports=[helper.make_opsetid("", 17)], ir_version=8
)
onnx.checker.check_model(model, full_check=True)
onnx.save(model, path)
runs = {
    "onnxruntime": onnxruntime.InferenceSession(path).run(None, {"x": values})[0],
    "reference": ReferenceEvaluator(model).run(None, {"x": values})[0],
    "tract": tract.onnx().load(path).into_model().into_runnable().run([values])[0].to_numpy(),
}
theirs, reference, third = (result.ravel() for result in runs.values())
texts = [" ".join(map(str, result.round(3))) for result in (theirs, reference)]
agrees = np.allclose(third, reference, atol=1e-4)
print(f"onnxruntime {texts[0]}, reference {texts[1]}, tract {'as the reference' if agrees else third.round(3)}")
sys.exit(0 if agrees and np.allclose(theirs[-1], 4) and np.allclose(reference[-1], 3.692, atol=1e-3) else 1)
PY
