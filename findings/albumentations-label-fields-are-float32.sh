#!/usr/bin/env bash
# albumentations 2.0.8.
#
# Expected: label_fields come back as they were given, for the boxes that are left. They are the way to know which box is
# which after a crop, and so carry the ids of faces or annotations.
# Seen: whole numbers pass through float32. From 2**24 on, neighbours become the same id or another one's, without a
# word. As text they pass unharmed if they have a letter; text of digits only is taken for a number.
#
# Output seen: "ids 16777217, 16777218, 16777219 come back as 16777216, 16777218, 16777220; as f16777217, ... unharmed:
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

boxes = albumentations.BboxParams("pascal_voc", label_fields=["ids"])
flip = albumentations.Compose([albumentations.HorizontalFlip(p=1)], bbox_params=boxes)


def after(ids: list) -> list:
    return list(flip(image=np.zeros((99, 99, 3), np.uint8), bboxes=[[10, 10, 20, 20]] * len(ids), ids=ids)["ids"])


given = [2**24 + 1, 2**24 + 2, 2**24 + 3]
numbers = [int(label) for label in after(given)]
texts = [f"f{label}" for label in given]
unharmed = after(texts) == texts
print(
    f"ids {', '.join(map(str, given))} come back as {', '.join(map(str, numbers))}; "
    f"as {texts[0]}, ... unharmed: {unharmed}"
)
sys.exit(0 if numbers == [2**24, 2**24 + 2, 2**24 + 4] and unharmed else 1)
PY
