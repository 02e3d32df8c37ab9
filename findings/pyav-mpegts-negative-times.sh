#!/usr/bin/env bash
# av 18.1.0 (FFmpeg 8.1.2).
#
# Expected: the times of an MPEG-TS are those in the file. They are 33 bits of 1/90000 s and start anew after 26.5
# hours; a recording that begins shortly before that is expected to run on from 95440 s to 95450 s.
# Seen: a recording that begins within the last minute before that point gets negative times, and the point becomes 0.
# One that begins earlier keeps its times. Code that takes a negative time as "before the film", or that looks up the
# frame at 0 s, loses the start.
#
# Output seen: "written from 95300 s: 95300.00 to 95309.96; written from 95440 s: -3.72 to 6.24".
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

seen = {}
for offset in (95300, 95440):
    path = str(Path(sys.argv[1]) / f"{offset}.ts")
    with av.open(path, "w", format="mpegts", options={"output_ts_offset": str(offset)}) as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for index in range(250):
            grey = np.full((120, 160, 3), index, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
        container.mux(stream.encode(None))
    with av.open(path) as container:
        times = [frame.time for frame in container.decode(video=0)]
        seen[offset] = times[0], times[-1]
print("; ".join("written from {} s: {:.2f} to {:.2f}".format(offset, *times) for offset, times in seen.items()))
sys.exit(0 if seen[95300][0] > 95000 and seen[95440][0] < 0 < seen[95440][1] else 1)
PY
