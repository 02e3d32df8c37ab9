#!/usr/bin/env bash
# scipy 1.17.1.
#
# Expected: linear_sum_assignment takes an infinite cost as "never pair these", so of two tracks and two faces, of which
# only one pair is near enough, it returns that pair and leaves the others out, as it leaves a row out when there are
# more rows than columns.
# Seen: it raises as soon as not every row can be paired at a finite cost, although it accepts infinite costs as long as
# they can be avoided. A tracker that gates with np.inf works until the first face that no track fits. See
# scipy/scipy#6900.
# Workaround: use a large finite cost, and drop the pairs that got it.
#
# Output seen: "infinite costs that can be avoided: [(0, 0), (1, 1)]; a face that fits no track: ValueError: cost matrix
# is infeasible".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check scipy==1.17.1 numpy==2.4.6
"$folder/venv/bin/python" - "$folder" <<'PY'
import sys

import numpy as np
from scipy.optimize import linear_sum_assignment


def pairs(costs: list[list[float]]) -> str:
    try:
        rows, columns = linear_sum_assignment(np.array(costs))
        return str(list(zip(rows.tolist(), columns.tolist(), strict=True)))
    except ValueError as error:
        return f"ValueError: {error}"


avoidable = pairs([[0.2, np.inf], [np.inf, 0.3]])
unfitting = pairs([[0.2, np.inf], [np.inf, np.inf]])
print(f"infinite costs that can be avoided: {avoidable}; a face that fits no track: {unfitting}")
sys.exit(0 if avoidable == "[(0, 0), (1, 1)]" and unfitting.startswith("ValueError") else 1)
PY
