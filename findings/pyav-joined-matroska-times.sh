#!/usr/bin/env bash
# av 18.1.0 (FFmpeg 8.1.2).
#
# Expected: of two Matroska files joined byte by byte (an EBML stream may hold several documents, one after the other),
# the reader either stops after the first, or goes on behind it in time.
# Seen: it reads both, but the times of the second start at 0 again, without an error, while the duration is that of the
# first. Of the 4 s of film, the second half lies on the times of the first, and what is counted per second is counted
# twice.
#
# Output seen: "stated 2.0 s; 100 frames decoded; times around the joint 1.92, 1.96, 0.00, 0.04".
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

path = Path(sys.argv[1]) / "clip.mkv"
with av.open(str(path), "w") as container:
    stream = container.add_stream("libx264", rate=25)
    stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
    for index in range(50):
        grey = np.full((120, 160, 3), 4 * index, np.uint8)
        container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
    container.mux(stream.encode(None))
path.write_bytes(2 * path.read_bytes())
with av.open(str(path)) as container:
    duration = container.duration / av.time_base
    times = [frame.time for frame in container.decode(video=0)]
joint = ", ".join(f"{time:.2f}" for time in times[48:52])
print(f"stated {duration:.1f} s; {len(times)} frames decoded; times around the joint {joint}")
sys.exit(0 if len(times) == 100 and times[50] < 0.05 and duration < 2.1 else 1)
PY
