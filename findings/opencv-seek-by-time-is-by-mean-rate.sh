#!/usr/bin/env bash
# opencv-python-headless 5.0.0.93.
#
# Expected: capture.set(CAP_PROP_POS_MSEC, t) goes to the frame shown at t, as get(CAP_PROP_POS_MSEC) states after a
# read.
# Seen: it goes to the frame whose number is t times the mean frame rate. In a video whose frame rate varies, as phones
# write it, this is another frame: here, with 30 frames 40 ms apart and then 30 frames 200 ms apart (8.93 per second in
# the mean), 1.2 s leads to frame 11 instead of 30. After the read, get() states that frame's true time.
#
# Output seen: "asked for 1200 ms: read the frame of 440 ms; in order, the frame of 1200 ms is number 30".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    opencv-python-headless==5.0.0.93 av==18.1.0 numpy==2.4.6
"$folder/venv/bin/python" - "$folder" <<'PY'
import sys
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

path = str(Path(sys.argv[1]) / "clip.mp4")
with av.open(path, "w") as container:
    stream = container.add_stream("libx264", rate=25)
    stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
    stream.codec_context.time_base = Fraction(1, 1000)
    for index in range(60):
        grey = np.full((120, 160, 3), 4 * index, np.uint8)
        frame = av.VideoFrame.from_ndarray(grey, format="rgb24").reformat(format="yuv420p")
        frame.pts, frame.time_base = 40 * index if index < 30 else 1200 + 200 * (index - 30), Fraction(1, 1000)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))
capture = cv2.VideoCapture(path)
in_order = []
while capture.read()[0]:
    in_order.append(round(capture.get(cv2.CAP_PROP_POS_MSEC)))
capture.set(cv2.CAP_PROP_POS_MSEC, 1200)
capture.read()
time = round(capture.get(cv2.CAP_PROP_POS_MSEC))
number = in_order.index(1200)
print(f"asked for 1200 ms: read the frame of {time} ms; in order, the frame of 1200 ms is number {number}")
sys.exit(0 if number == 30 and time < 600 else 1)
PY
