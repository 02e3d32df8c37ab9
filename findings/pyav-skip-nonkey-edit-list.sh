#!/usr/bin/env bash
# av 18.1.0 (FFmpeg 8.1.2).
#
# Expected: skip_frame = "NONKEY" gives at least one frame of every film that plays, as every film begins with a
# keyframe.
# Seen: a film that was cut without encoding it again (as phones do) begins between two keyframes: an edit list hides
# the frames before. The packet of the hidden keyframe is marked to be discarded, and the frames that are shown are
# skipped, as they are no keyframes. A film of 2.8 s without a later keyframe gives no frame at all, and no error.
# Workaround: do not skip until the first frame has come; it stands for the time to the next keyframe.
#
# Output seen: "1 keyframe, 1.2 s before the start; all frames: 70, the first at 0.00 s; NONKEY: 0 frames".
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

path = str(Path(sys.argv[1]) / "clip.mp4")
with av.open(path, "w") as container:
    stream = container.add_stream("libx264", rate=25, options={"g": "200", "sc_threshold": "0"})
    stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
    for index in range(100):
        frame = av.VideoFrame.from_ndarray(np.full((120, 160, 3), 2 * index, np.uint8), format="rgb24")
        frame.pts, frame.time_base = index - 30, Fraction(1, 25)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def times(skipped: str) -> list[float]:
    with av.open(path) as container:
        container.streams.video[0].codec_context.skip_frame = skipped
        return [frame.time for frame in container.decode(video=0)]


with av.open(path) as container:
    keyframes = [packet for packet in container.demux(video=0) if packet.size and packet.is_keyframe]
before_s = -float(keyframes[0].pts * keyframes[0].time_base)
everything, skipping = times("DEFAULT"), times("NONKEY")
print(f"{len(keyframes)} keyframe, {before_s:.1f} s before the start; all frames: {len(everything)}, ", end="")
print(f"the first at {everything[0]:.2f} s; NONKEY: {len(skipping)} frames")
is_hidden = len(keyframes) == 1 and keyframes[0].is_discard and len(everything) == 70
sys.exit(0 if is_hidden and not skipping else 1)
PY
