#!/usr/bin/env bash
# trackers 2.6.1, supervision 0.31.2.
#
# Expected: update() returns the detections it was given with the tracks' numbers added, so row i of the answer is row i
# of the input, and what was found for row i (a crop, a gender) belongs to the track in row i.
# Seen: ByteTrackTracker and OCSORTTracker put the rows with high confidence first, then those with low confidence. All
# rows are there, in another order, and no index says where they came from.
# Workaround: pass row numbers in detections.data, as in data={"row": np.arange(n)}; they are reordered with the rows.
#
# Output seen: "given left edges 10, 100, 200; ByteTrackTracker: 100, 200, 10; OCSORTTracker: 100, 200, 10".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check trackers==2.6.1 supervision==0.31.2 numpy==2.4.6
"$folder/venv/bin/python" -W ignore - "$folder" <<'PY'
import sys

import numpy as np
import supervision as sv
from trackers import ByteTrackTracker, OCSORTTracker

lefts = [10, 100, 200]
seen = {}
for kind in (ByteTrackTracker, OCSORTTracker):
    tracker = kind()
    for _ in range(5):
        faces = sv.Detections(
            xyxy=np.array([[left, 10, left + 50, 60] for left in lefts], float),
            confidence=np.array([0.5, 0.9, 0.9]),
            class_id=np.zeros(3, int),
        )
        answer = tracker.update(faces)
    seen[kind.__name__] = answer.xyxy[:, 0].astype(int).tolist()
print("given left edges 10, 100, 200; " + "; ".join(f"{k}: {', '.join(map(str, v))}" for k, v in seen.items()))
sys.exit(0 if all(sorted(order) == lefts and order != lefts for order in seen.values()) else 1)
PY
