#!/usr/bin/env bash
# supervision 0.31.2, opencv-python-headless 5.0.0.93.
#
# Expected: labels that are written as COCO say nothing of a licence, or that there is none: none was given.
# Seen: as_coco states for every image that it is under CC BY 4.0. Whoever labels recordings of people that must not be
# passed on hands them over with a file that allows anybody to do so.
#
# Output seen: "licences: CC BY 4.0; of a.png: CC BY 4.0".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.4.6 \
    opencv-python-headless==5.0.0.93 supervision==0.31.2
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
import json
import sys
from pathlib import Path

import cv2
import numpy as np
import supervision as sv

cv2.imwrite("a.png", np.zeros((64, 64, 3), np.uint8))
face = sv.Detections(xyxy=np.array([[8.0, 8.0, 40.0, 40.0]]), class_id=np.array([0]))
labels = sv.DetectionDataset(classes=["face"], images=["a.png"], annotations={"a.png": face})
labels.as_coco(annotations_path="labels.json")
written = json.loads(Path("labels.json").read_text())
names = {licence["id"]: licence["name"] for licence in written["licenses"]}
of_image = {image["file_name"]: names.get(image.get("license")) for image in written["images"]}
print(f"licences: {', '.join(names.values())}; of a.png: {of_image['a.png']}")
sys.exit(0 if of_image == {"a.png": "CC BY 4.0"} else 1)
PY
