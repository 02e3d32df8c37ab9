#!/usr/bin/env bash
# imageio-ffmpeg 0.8.1 (its own FFmpeg).
#
# Expected: read_frames gives each frame of a video once, as many as count_frames_and_secs counts.
# Seen: in a video whose frames come in bursts (30 a second, with pauses), frames are repeated until the rate is even: 89
# for 10. The rate that comes with them is not theirs either but the mean of the stored ones: frame number / fps makes 19
# seconds of the 2.1 that the video lasts.
#
# Output seen: "10 frames in 2.13 s by the count, 89 by reading, at 4.69 a second".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check av==18.1.0 imageio-ffmpeg==0.8.1 numpy==2.4.6
"$folder/venv/bin/python" - "$folder" <<'PY'
import sys
from fractions import Fraction
from pathlib import Path

import av
import imageio_ffmpeg
import numpy as np

path = str(Path(sys.argv[1]) / "bursts.mp4")
ticks = Fraction(1, 90_000)
with av.open(path, "w") as container:
    stream = container.add_stream("libx264", rate=30)
    stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
    stream.time_base = stream.codec_context.time_base = ticks
    for index, second in enumerate([0, 1 / 30, 2 / 30, 3 / 30, 1, 31 / 30, 2, 61 / 30, 62 / 30, 63 / 30]):
        frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 20 * index, np.uint8), format="rgb24")
        frame.pts, frame.time_base = round(second * 90_000), ticks
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))
counted, seconds = imageio_ffmpeg.count_frames_and_secs(path)
frames = imageio_ffmpeg.read_frames(path)
fps = next(frames)["fps"]
read = sum(1 for _ in frames)
print(f"{counted} frames in {seconds} s by the count, {read} by reading, at {fps} a second")
sys.exit(0 if (counted, read) == (10, 89) and abs(fps - 4.69) < 0.01 else 1)
PY
