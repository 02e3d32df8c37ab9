#!/usr/bin/env bash
# av 18.1.0 (FFmpeg 8.1.2, with x264 and x265).
#
# Expected: with skip_frame = "NONKEY" the decoder gives every keyframe, in order of time. A keyframe refers to no other
# frame, and the packets are stored in order.
# Seen: with open GOPs it does not. H.264 and HEVC state a frame's place in the order of presentation by a few bits only
# (pic_order_cnt_lsb), and the rest is derived from the reference frame before it. If that one was skipped, the place is
# wrong by a multiple: keyframes come out in the wrong order, and those of H.264 that come too late are dropped, without
# an error or a flag. Closed GOPs are not affected, nor is HEVC with short GOPs.
# Workaround: decode each keyframe alone: decode(packet), decode(None), flush_buffers(). It is as fast.
#
# Output seen: "keyframes drawn 0, 60, 120, 180, 240, 300, 360: h264 closed 0, 60, 120, 180, 240, 300, 360; h264 open
# 120, 60, 0; decoded alone 0, 60, 120, 180, 240, 300, 360" and "keyframes drawn 0, 150, 300: hevc open 150, 0, 300;
# decoded alone 0, 150, 300".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check av==18.1.0 numpy==2.4.6
"$folder/venv/bin/python" - "$folder" <<'PY'
import sys

import av
import numpy as np


def film(name: str, codec: str, options: dict[str, str]) -> str:
    """400 frames that show their own number in binary, as black and white squares."""
    path = f"{sys.argv[1]}/{name}.mp4"
    with av.open(path, "w") as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for number in range(400):
            bits = [255 * (number >> bit & 1) for bit in range(10)]
            image = np.repeat(np.tile(np.repeat(np.array(bits, np.uint8), 16), (120, 1))[:, :, None], 3, axis=2)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")))
        container.mux(stream.encode(None))
    return path


def number_in(frame: av.VideoFrame) -> int:
    grey = frame.to_ndarray(format="gray")
    return sum(int(grey[60, 16 * bit + 8] > 127) << bit for bit in range(10))


def skipping(path: str) -> list[int]:
    with av.open(path) as container:
        container.streams.video[0].codec_context.skip_frame = "NONKEY"
        return [number_in(frame) for frame in container.decode(video=0)]


def alone(path: str) -> list[int]:
    numbers = []
    with av.open(path) as container:
        context = container.streams.video[0].codec_context
        for packet in container.demux(video=0):
            if packet.size and packet.is_keyframe:
                numbers += [number_in(frame) for frame in [*packet.decode(), *context.decode(None)]]
                context.flush_buffers()
    return numbers


def shown(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers))


x264 = "keyint=60:min-keyint=60:scenecut=0:bframes=3"
closed = film("closed", "libx264", {"x264-params": x264})
opened = film("open", "libx264", {"x264-params": f"{x264}:open-gop=1"})
hevc = film("hevc", "libx265", {"x265-params": "keyint=150:min-keyint=150:scenecut=0:open-gop=1:log-level=none"})
short, long = list(range(0, 400, 60)), list(range(0, 400, 150))
print(f"keyframes drawn {shown(short)}: h264 closed {shown(skipping(closed))}; ", end="")
print(f"h264 open {shown(skipping(opened))}; decoded alone {shown(alone(opened))}")
print(f"keyframes drawn {shown(long)}: hevc open {shown(skipping(hevc))}; decoded alone {shown(alone(hevc))}")
is_sound = skipping(closed) == alone(opened) == short and alone(hevc) == long
as_stated = skipping(opened) == [120, 60, 0] and skipping(hevc) == [150, 0, 300]
sys.exit(0 if is_sound and as_stated else 1)
PY
