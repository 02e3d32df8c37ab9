#!/usr/bin/env bash
# motmetrics 1.4.0.
#
# Expected: loadtxt returns the numbers of the file, as pandas.read_csv would.
# Seen: the left and the top edge of each box come back 1 pixel smaller, since the files of MOTChallenge count pixels
# from 1. Compared with the boxes of a detector that counts from 0, they are shifted by 1 pixel, unless those were read
# with loadtxt, too. For a face of 20 pixels the shift alone takes the IoU from 1 to 0.82.
#
# Output seen: "file: left 10, top 20; loaded: left 9, top 19".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    motmetrics==1.4.0 numpy==2.4.6 pandas==3.1.1 scipy==1.17.1
"$folder/venv/bin/python" - "$folder" <<'PY'
import sys
from pathlib import Path

import motmetrics

path = Path(sys.argv[1]) / "gt.txt"
path.write_text("1,1,10,20,30,40,1,1,1\n")
row = motmetrics.io.loadtxt(path, fmt="mot16").iloc[0]
print(f"file: left 10, top 20; loaded: left {row['X']:.0f}, top {row['Y']:.0f}")
sys.exit(0 if (row["X"], row["Y"]) == (9, 19) else 1)
PY
