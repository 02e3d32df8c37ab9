#!/usr/bin/env bash
# av 18.1.0.
#
# Expected: a decoded frame's memory is given back when the last reference to it goes, whatever was read from it.
# Seen: after `frame.side_data` has been read once (for the rotation of a phone's video, say), frame and side data refer
# to each other, and only Python's cycle collector frees them. It runs by the number of objects, not by their size: a
# loop over 1080p frames of 3 MB each holds hundreds of them, gigabytes, before it runs.
#
# Output seen: "alive after the loop: 1 frames without, 51 with side data read".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check av==18.1.0 numpy==2.4.6
cat > "$folder/show.py" <<'PY'
import gc
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

path = Path(sys.argv[1]) / "clip.mp4"
with av.open(str(path), "w") as container:
    stream = container.add_stream("mpeg4", rate=25)
    stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
    stream.codec_context.time_base = Fraction(1, 25)
    for index in range(50):
        frame = av.VideoFrame.from_ndarray(np.zeros((120, 160, 3), np.uint8), format="rgb24").reformat(format="yuv420p")
        frame.pts = index
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def alive_after(reads_side_data: bool) -> int:
    gc.collect()
    gc.disable()
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            if reads_side_data:
                frame.side_data
    del frame
    count = sum(isinstance(thing, av.VideoFrame) for thing in gc.get_objects())
    gc.enable()
    return count


without, with_it = alive_after(False), alive_after(True)
print(f"alive after the loop: {without} frames without, {with_it} with side data read")
sys.exit(0 if with_it - without >= 50 else 1)
PY
"$folder/venv/bin/python" "$folder/show.py" "$folder"
