#!/usr/bin/env bash
# av 18.1.0 (FFmpeg 8.1.2).
#
# Expected: average_rate of a raw H.264 stream is the rate that the stream states in its header (VUI timing): 12 or 50.
# Seen: 25 for both, the demuxer's default. guessed_rate is right for 50, but 24 for 12. Only codec_context.framerate is
# right for both. Raw streams carry no times, so the mistake shows nowhere else.
#
# Output seen: "written 12: average 25, guessed 24, codec 12; written 50: average 25, guessed 50, codec 50".
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
for rate in (12, 50):
    path = str(Path(sys.argv[1]) / f"{rate}.h264")
    with av.open(path, "w", format="h264") as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for index in range(50):
            grey = np.full((120, 160, 3), 4 * index, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
        container.mux(stream.encode(None))
    with av.open(path) as container:
        stream = container.streams.video[0]
        seen[rate] = stream.average_rate, stream.guessed_rate, stream.codec_context.framerate
print("; ".join("written {}: average {}, guessed {}, codec {}".format(rate, *rates) for rate, rates in seen.items()))
sys.exit(0 if seen == {12: (25, 24, 12), 50: (25, 50, 50)} else 1)
PY
