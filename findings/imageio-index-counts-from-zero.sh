#!/usr/bin/env bash
# imageio 2.38.1, its plugin "pyav" with av 18.1.0.
#
# Expected: imread(index=i) returns the frame that imiter yields as its i-th, in a file of a constant rate too that does
# not begin at the time 0, such as a part cut out of a longer film.
# Seen: the index is turned into the time i / rate, and the time of the first frame is not added. In a film that begins
# at 2 s and runs at 25 frames/s, each index from 2 to 50 returns the first frame, and a later one returns a frame that
# is 50 too early. A loop over all frames is right.
# Workaround: constant_framerate=False, which decodes from the start.
#
# Output seen: "100 frames; index 10, 30, 60, 99 is frame 0, 0, 10, 49; without constant_framerate 10, 30, 60, 99".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check imageio==2.38.1 av==18.1.0 numpy==2.4.6
"$folder/venv/bin/python" - "$folder" <<'PY'
import sys
from fractions import Fraction
from pathlib import Path

import av
import imageio.v3 as iio
import numpy as np

RATE, START_S = 25, 2
path = Path(sys.argv[1]) / "late.mp4"
with av.open(str(path), "w") as container:
    stream = container.add_stream("libx264", rate=RATE)
    stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
    for index in range(100):
        frame = av.VideoFrame.from_ndarray(np.full((120, 160, 3), 2 * index, np.uint8), format="rgb24")
        frame.pts, frame.time_base = START_S * RATE + index, Fraction(1, RATE)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))
frames = [frame.astype(int) for frame in iio.imiter(path, plugin="pyav")]


def number(index: int, **options: bool) -> int:
    """Which frame of the loop is returned for this index."""
    got = iio.imread(path, index=index, plugin="pyav", **options)
    return min(range(len(frames)), key=lambda i: np.abs(frames[i] - got).sum())


indexes = [10, 30, 60, 99]
usual = [number(index) for index in indexes]
slow = [number(index, constant_framerate=False) for index in indexes]
listed = [", ".join(map(str, numbers)) for numbers in (indexes, usual, slow)]
print(f"{len(frames)} frames; index {listed[0]} is frame {listed[1]}; without constant_framerate {listed[2]}")
sys.exit(0 if len(frames) == 100 and usual == [0, 0, 10, 49] and slow == indexes else 1)
PY
