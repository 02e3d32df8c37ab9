#!/usr/bin/env bash
# opencv-python-headless 5.0.0.93.
#
# Expected: where a stream changes its size (valid in H.264: each part begins with a header of its own), VideoCapture
# returns frames of the new size.
# Seen: it squeezes all later frames into the size of the first, without a word. Where the shape differs, as here from
# 160x120 to 160x240, faces come out half as tall.
#
# Output seen: "sizes by PyAV: 160x120 and 160x240; by OpenCV: 160x120 only, 20 frames".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    opencv-python-headless==5.0.0.93 av==18.1.0 numpy==2.4.6
"$folder/venv/bin/python" - "$folder" <<'PY'
import sys
from pathlib import Path

import av
import cv2
import numpy as np

path = Path(sys.argv[1]) / "both.h264"
with path.open("wb") as both:
    for height in (120, 240):
        part = Path(sys.argv[1]) / "part.h264"
        with av.open(str(part), "w", format="h264") as container:
            stream = container.add_stream("libx264", rate=25)
            stream.width, stream.height, stream.pix_fmt = 160, height, "yuv420p"
            for index in range(10):
                grey = np.full((height, 160, 3), 4 * index, np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
            container.mux(stream.encode(None))
        both.write(part.read_bytes())
with av.open(str(path)) as container:
    true = [(frame.width, frame.height) for frame in container.decode(video=0)]
capture, read = cv2.VideoCapture(str(path)), []
while (answer := capture.read())[0]:
    read.append(answer[1].shape[1::-1])
names = [" and ".join(f"{width}x{height}" for width, height in dict.fromkeys(sizes)) for sizes in (true, read)]
print(f"sizes by PyAV: {names[0]}; by OpenCV: {names[1]} only, {len(read)} frames")
sys.exit(0 if len(set(true)) == 2 and set(read) == {(160, 120)} else 1)
PY
