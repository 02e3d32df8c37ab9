#!/usr/bin/env bash
# av 18.1.0 (FFmpeg 8.1.2).
#
# Expected: stream.duration is the stream's own: 2 s for sound that ends after 2 s of a film of 7 s. It is so in MP4.
# Seen: in ASF (WMV) the sound states the length of the whole film. The format has one length for the file, and FFmpeg
# gives it to every stream; for a stream of Matroska it says None.
#
# Output seen: "sound decoded: mp4 2.0 s, asf 2.0 s; sound's stated duration: mp4 2.0 s, asf 7.0 s".
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

decoded, stated = {}, {}
for name, codecs in {"mp4": ("libx264", "aac"), "asf": ("wmv2", "wmav2")}.items():
    path = str(Path(sys.argv[1]) / name)
    with av.open(path, "w", format=name) as container:
        video = container.add_stream(codecs[0], rate=25)
        audio = container.add_stream(codecs[1], rate=44100, layout="stereo")
        video.width, video.height, video.pix_fmt, audio.bit_rate = 160, 120, "yuv420p", 128000
        for index in range(175):
            grey = np.full((120, 160, 3), index, np.uint8)
            container.mux(video.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
            if index < 43:
                sound = av.AudioFrame.from_ndarray(np.zeros((2, 2048), np.float32), format="fltp", layout="stereo")
                sound.sample_rate, sound.pts, sound.time_base = 44100, 2048 * index, Fraction(1, 44100)
                container.mux(audio.encode(sound))
        container.mux(video.encode(None))
        container.mux(audio.encode(None))
    with av.open(path) as container:
        audio = container.streams.audio[0]
        stated[name] = float(audio.duration * audio.time_base)
        decoded[name] = sum(frame.samples for frame in container.decode(audio)) / 44100
texts = [
    f"{title}: " + ", ".join(f"{name} {value:.1f} s" for name, value in values.items())
    for title, values in (("sound decoded", decoded), ("sound's stated duration", stated))
]
print("; ".join(texts))
sys.exit(0 if stated["mp4"] < 2.3 and max(decoded.values()) < 2.3 and stated["asf"] > 6.9 else 1)
PY
