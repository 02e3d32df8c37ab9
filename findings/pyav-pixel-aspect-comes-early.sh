#!/usr/bin/env bash
# av 18.1.0 (FFmpeg 8.1.2).
#
# Expected: the shape of the pixels belongs to a frame, as its size does, and can be read from it (FFmpeg's AVFrame has
# it).
# Seen: av.VideoFrame has no such attribute. codec_context.sample_aspect_ratio, read beside each frame, is that of the
# newest header the decoder has read: the decoder holds frames back to put them in order, so where a raw H.264 stream
# goes from square pixels to 4:3, the last 2 frames with square pixels are said to be 4:3. stream.sample_aspect_ratio
# stays 1.
#
# Output seen: "frames 0-9 have pixels 1:1, frames 10-19 4:3; codec_context says 4/3 from frame 8 on; on the frame:
# nothing".
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

path = Path(sys.argv[1]) / "both.h264"
with path.open("wb") as both:
    for aspect in (Fraction(1), Fraction(4, 3)):
        part = Path(sys.argv[1]) / "part.h264"
        with av.open(str(part), "w", format="h264") as container:
            stream = container.add_stream("libx264", rate=25)
            stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
            stream.codec_context.sample_aspect_ratio = aspect
            for index in range(10):
                grey = np.full((120, 160, 3), (20 if aspect == 1 else 150) + 4 * index, np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
            container.mux(stream.encode(None))
        both.write(part.read_bytes())
with av.open(str(path)) as container:
    context = container.streams.video[0].codec_context
    frames = container.decode(video=0)
    read = [(frame.to_ndarray(format="gray").mean(), context.sample_aspect_ratio) for frame in frames]
second_part = next(number for number, (level, _) in enumerate(read) if level > 100)
switch = next(number for number, (_, aspect) in enumerate(read) if aspect == Fraction(4, 3))
on_frame = [name for name in dir(av.VideoFrame) if "aspect" in name]
print(
    f"frames 0-{second_part - 1} have pixels 1:1, frames {second_part}-{len(read) - 1} 4:3; "
    f"codec_context says 4/3 from frame {switch} on; on the frame: {on_frame or 'nothing'}"
)
sys.exit(0 if switch < second_part and not on_frame else 1)
PY
