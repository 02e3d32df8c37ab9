#!/usr/bin/env bash
# av 18.1.0 (FFmpeg 8.1.2).
#
# Expected: average_rate of a raw DV stream (PAL) is 25, the only rate that the format allows at this size.
# Seen: 60000. guessed_rate and base_rate are right. Code that steps through the video by average_rate expects 2400
# frames for each one that is there.
#
# Output seen: "average 60000, guessed 25, base 25, 25 frames from 0.00 s to 0.96 s".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check av==18.1.0 numpy==2.4.6
"$folder/venv/bin/python" - "$folder" <<'PY'
import sys
from pathlib import Path

import av
import numpy as np

path = str(Path(sys.argv[1]) / "clip.dv")
with av.open(path, "w", format="dv") as container:
    stream = container.add_stream("dvvideo", rate=25)
    stream.width, stream.height, stream.pix_fmt = 720, 576, "yuv420p"
    for index in range(25):
        grey = np.full((576, 720, 3), 4 * index, np.uint8)
        container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
    container.mux(stream.encode(None))
with av.open(path) as container:
    stream = container.streams.video[0]
    average, guessed, base = stream.average_rate, stream.guessed_rate, stream.base_rate
    times = [frame.time for frame in container.decode(stream)]
print(
    f"average {average}, guessed {guessed}, base {base}, {len(times)} frames from {times[0]:.2f} s to {times[-1]:.2f} s"
)
sys.exit(0 if average == 60000 and guessed == base == 25 else 1)
PY
