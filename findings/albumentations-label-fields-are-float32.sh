#!/usr/bin/env bash
# albumentations 2.0.8.
#
# Expected: label_fields come back as they were given, for the boxes that are left. They are how one knows which box is
# which after a crop, and so carry the ids of faces or annotations.
# Seen: whole numbers pass through float32, although an int64 array comes back as int64. From 2**24 on, a box returns
# with the id of a neighbour, without a word.
# Workaround: give them as text, from the first call of the Compose on.
#
# Output seen: "int64 16777217, 16777218, 16777219 come back as int64 16777216, 16777218, 16777220; as text unharmed:
# True".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check albumentations==2.0.8 numpy==2.4.6
NO_ALBUMENTATIONS_UPDATE=1 "$folder/venv/bin/python" -W ignore - "$folder" <<'PY'
import sys

import albumentations
import numpy as np


def after(ids: np.ndarray | list[str]) -> list:
    """The ids after a flip that keeps all boxes."""
    boxes = albumentations.BboxParams("pascal_voc", label_fields=["ids"])
    flip = albumentations.Compose([albumentations.HorizontalFlip(p=1)], bbox_params=boxes)
    return list(flip(image=np.zeros((99, 99, 3), np.uint8), bboxes=[[10, 10, 20, 20]] * len(ids), ids=ids)["ids"])


given = 2**24 + np.array([1, 2, 3], np.int64)
seen = np.array(after(given))
texts = [str(label) for label in given]
unharmed = after(texts) == texts
listed = [f"{ids.dtype} {', '.join(map(str, ids))}" for ids in (given, seen)]
print(f"{listed[0]} come back as {listed[1]}; as text unharmed: {unharmed}")
sys.exit(0 if seen.tolist() == [2**24, 2**24 + 2, 2**24 + 4] and unharmed else 1)
PY
