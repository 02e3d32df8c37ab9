#!/usr/bin/env bash
# pycocotools 2.0.11.
#
# Expected: the id of an annotation is only a name, and may start at 0 as well as at 1. A detection that lies exactly on
# the only face has an average precision of 1.
# Seen: with id 0 the average precision is 0. The matrix of matches holds ids, and 0 there means "no match", so the face
# with id 0 can never be found: a large set loses one hit, a small test all of them. See cocodataset/cocoapi#664.
#
# Output seen: "average precision of a perfect detection: 1.0 with annotation id 1, 0.0 with annotation id 0".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pycocotools==2.0.11 numpy==2.4.6
"$folder/venv/bin/python" - "$folder" <<'PY'
import contextlib
import io
import sys

from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval


def average_precision(annotation_id: int) -> float:
    face = {"image_id": 1, "category_id": 1, "bbox": [10, 10, 20, 20]}
    truth = COCO()
    truth.dataset = {
        "images": [{"id": 1, "width": 100, "height": 100}],
        "categories": [{"id": 1, "name": "face"}],
        "annotations": [{**face, "id": annotation_id, "area": 400, "iscrowd": 0}],
    }
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes([{**face, "score": 0.9}]), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return float(evaluation.stats[0])


one, zero = average_precision(1), average_precision(0)
print(f"average precision of a perfect detection: {one:.1f} with annotation id 1, {zero:.1f} with annotation id 0")
sys.exit(0 if one > 0.99 and zero < 0.01 else 1)
PY
