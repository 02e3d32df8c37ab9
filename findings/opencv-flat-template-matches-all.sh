#!/usr/bin/env bash
# opencv-python-headless 5.0.0.93.
#
# Expected: matchTemplate with TM_CCOEFF_NORMED, a correlation, is 0 (or NaN) for a template of one value, which
# correlates with nothing; np.corrcoef is NaN there.
# Seen: 1.0, the best match there is, everywhere, on an image of noise. With the roles swapped (a flat image, a template
# of noise) it is 0.0. A black frame or a plain wall as the template therefore matches everything. Reported as
# opencv/opencv#5688.
#
# Output seen: "flat template in noise: 1.0 to 1.0; noise template in a flat image: 0.0 to 0.0".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check opencv-python-headless==5.0.0.93 numpy==2.4.6
"$folder/venv/bin/python" - "$folder" <<'PY'
import sys

import cv2
import numpy as np

noise = np.random.default_rng(0).integers(0, 256, (40, 40), np.uint8)
flat = np.full((40, 40), 128, np.uint8)
in_noise = cv2.matchTemplate(noise, flat[:8, :8], cv2.TM_CCOEFF_NORMED)
in_flat = cv2.matchTemplate(flat, noise[:8, :8], cv2.TM_CCOEFF_NORMED)
print(
    f"flat template in noise: {in_noise.min()} to {in_noise.max()}; "
    f"noise template in a flat image: {in_flat.min()} to {in_flat.max()}"
)
sys.exit(0 if (in_noise == 1).all() and (in_flat == 0).all() else 1)
PY
