#!/usr/bin/env bash
# opencv-python-headless 5.0.0.93.
#
# Expected: resize with INTER_AREA averages along an axis that becomes smaller, whatever becomes of the other one.
# Seen: it averages only where neither axis grows. If one grows by a single pixel, rows of the other are left out, as
# with INTER_NEAREST: of fine lines, half of them white, the result is black. This is what a picture of narrow pixels
# gets whose width is stretched while its height shrinks, as from 352x576 to 512x288. See opencv/opencv#21472.
# Workaround: resize one axis after the other.
#
# Output seen: "lines of mean 100, from 352x576 to 352x288: 100; to 353x288: 0; to 512x288: 0; in two steps: 100".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check opencv-python-headless==5.0.0.93 numpy==2.4.6
"$folder/venv/bin/python" - "$folder" <<'PY'
import sys

import cv2
import numpy as np

lines = np.zeros((576, 352), np.uint8)
lines[1::2] = 200


def mean(picture: np.ndarray, *sizes: tuple[int, int]) -> int:
    for size in sizes:
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return round(float(picture.mean()))


same, wider = mean(lines, (352, 288)), mean(lines, (353, 288))
stretched, steps = mean(lines, (512, 288)), mean(lines, (352, 288), (512, 288))
print(
    f"lines of mean {lines.mean():.0f}, from 352x576 to 352x288: {same}; to 353x288: {wider}; to 512x288: {stretched}; "
    f"in two steps: {steps}"
)
sys.exit(0 if (same, wider, stretched, steps) == (100, 0, 0, 100) else 1)
PY
