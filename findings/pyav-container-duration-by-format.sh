#!/usr/bin/env bash
# av 18.1.0 (FFmpeg 8.1.2).
#
# Expected: container.duration is the length of the film, in every format: 7 s here, where the first frame lies at 3 s
# and the last one ends at 10 s. start_time + duration is the end.
# Seen: 7 s in MP4, MPEG-TS and FLV, but 10 s in Matroska and ASF (WMV), which count from 0. There start_time + duration
# is 13 s, and the rate (frames / duration) 17.5 instead of 25.
#
# Output seen: "start 3.0; duration mp4 7.0, mpegts 7.0, flv 7.0, matroska 10.0, asf 10.0".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check av==18.1.0 numpy==2.4.6
"$folder/venv/bin/python" - "$folder" <<'PY'
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

seen = {}
for name, codec in {"mp4": "libx264", "mpegts": "libx264", "flv": "flv", "matroska": "libx264", "asf": "wmv2"}.items():
    path = str(Path(sys.argv[1]) / name)
    with av.open(path, "w", format=name) as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for index in range(175):
            grey = np.full((120, 160, 3), index, np.uint8)
            frame = av.VideoFrame.from_ndarray(grey, format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = index + 75, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with av.open(path) as container:
        times = [frame.time for frame in container.decode(video=0)]
        assert abs(times[0] - 3) < 0.05 and abs(times[-1] - 9.96) < 0.05, times
        seen[name] = container.start_time / av.time_base, container.duration / av.time_base
print("start 3.0; duration " + ", ".join(f"{name} {duration:.1f}" for name, (_, duration) in seen.items()))
expected = {"mp4": 7, "mpegts": 7, "flv": 7, "matroska": 10, "asf": 10}
sys.exit(0 if all(abs(s - 3) < 0.1 and abs(d - expected[n]) < 0.2 for n, (s, d) in seen.items()) else 1)
PY
