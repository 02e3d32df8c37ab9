#!/usr/bin/env bash
# scenedetect 0.7.2 (its default backend, opencv-python-headless 5.0.0.93), av 18.1.0 to make the video.
#
# Expected: a length in frames counts frames: with min_scene_len=15 a scene of 30 frames is found.
# Seen: in a video of 2 s at 30 frames a second and 10 s at 5, each time is divided by the mean rate of the whole video
# (9.6 a second), and the result is called a frame number. The 31st frame has the number 10, so that the scene that ends
# there, of 30 frames and a second, is too short for the minimum and its cut is not reported.
#
# Output seen: "frame 31 of the file has the number 10; cuts with min_scene_len=15: 7.0, with 10: 1.0 7.0".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check av==18.1.0 numpy==2.4.6 \
    opencv-python-headless==5.0.0.93 scenedetect==0.7.2
"$folder/venv/bin/python" - "$folder" <<'PY'
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from scenedetect import ContentDetector, detect, open_video

path = str(Path(sys.argv[1]) / "rates.mp4")
ticks = Fraction(1, 90_000)
with av.open(path, "w") as container:
    stream = container.add_stream("libx264", rate=30)
    stream.width, stream.height, stream.pix_fmt = 256, 256, "yuv420p"
    stream.time_base = stream.codec_context.time_base = ticks
    for second in [*(n / 30 for n in range(60)), *(2 + n / 5 for n in range(50))]:
        grey = 200 if 1 <= second < 7 else 20
        frame = av.VideoFrame.from_ndarray(np.full((256, 256, 3), grey, np.uint8), format="rgb24")
        frame.pts, frame.time_base = round(second * 90_000), ticks
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))
video = open_video(path)
for _ in range(31):
    video.read()
number = video.position.frame_num
cuts = {
    length: " ".join(f"{start.seconds:.1f}" for start, _ in detect(path, ContentDetector(min_scene_len=length))[1:])
    for length in (15, 10)
}
print(f"frame 31 of the file has the number {number}; cuts with min_scene_len=15: {cuts[15]}, with 10: {cuts[10]}")
sys.exit(0 if (number, cuts) == (10, {15: "7.0", 10: "1.0 7.0"}) else 1)
PY
