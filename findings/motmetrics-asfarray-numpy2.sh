#!/usr/bin/env bash
# motmetrics 1.4.0, numpy 2.4.6.
#
# Expected: the package asks for "numpy (>=1.12.1)" and installs beside NumPy 2, so its IoU distances work with it.
# Seen: iou_matrix raises, because it calls np.asfarray, which NumPy 2.0 removed. The import works, and so does loadtxt.
# Reported as cheind/py-motmetrics#199; 1.4.0 is the newest release.
# Workaround: compute the distances oneself and pass them to the accumulator, or install NumPy 1 (1.26.4 works).
#
# Output seen: "asks for numpy (>=1.12.1), has 2.4.6: AttributeError: `np.asfarray` was removed in the NumPy 2.0
# release. Use ..."
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    motmetrics==1.4.0 numpy==2.4.6 pandas==3.1.1 scipy==1.17.1
"$folder/venv/bin/python" - "$folder" <<'PY'
import sys
from importlib.metadata import requires, version

import motmetrics

wanted = next(line for line in requires("motmetrics") if line.startswith("numpy"))
try:
    seen = f"no error: {motmetrics.distances.iou_matrix([[0.0, 0.0, 10.0, 10.0]], [[0.0, 0.0, 10.0, 10.0]])}"
except AttributeError as error:
    seen = f"AttributeError: {error}"
print(f"asks for {wanted}, has {version('numpy')}: {seen}")
sys.exit(0 if "asfarray" in seen else 1)
PY
