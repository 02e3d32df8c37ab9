#!/usr/bin/env bash
# av 18.1.0 (FFmpeg 8.1.2).
#
# Expected: stream.frames of an MP4 is the number of its frames, or 0 where it is not known.
# Seen: in a fragmented MP4 (movflags frag_keyframe, as cameras write it to survive a power cut) it is the number of
# frames in the first fragment: the table in the header lists no others. The duration is that of the whole film, so
# frames / duration as the rate, and frames as the end of a progress bar, are wrong by a factor, the number of
# fragments.
#
# Output seen: "plain: 250 stated, 250 decoded, 10.0 s; fragmented: 25 stated, 250 decoded, 10.0 s".
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
for name, options in {"plain": {}, "fragmented": {"movflags": "frag_keyframe"}}.items():
    path = str(Path(sys.argv[1]) / f"{name}.mp4")
    with av.open(path, "w", options=options) as container:
        stream = container.add_stream("libx264", rate=25, options={"g": "25", "x264-params": "scenecut=0"})
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for index in range(250):
            grey = np.full((120, 160, 3), index, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
        container.mux(stream.encode(None))
    with av.open(path) as container:
        stream = container.streams.video[0]
        seen[name] = stream.frames, sum(1 for _ in container.decode(stream)), float(stream.duration * stream.time_base)
print("; ".join("{}: {} stated, {} decoded, {:.1f} s".format(name, *values) for name, values in seen.items()))
sys.exit(0 if seen["plain"][:2] == (250, 250) and seen["fragmented"][:2] == (25, 250) else 1)
PY
