"""Films with sound, of lengths and starts that differ, for tests of times and lengths."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from drawn_world import CODEC, HEIGHT_PX, WIDTH_PX, one_person

RATE = 25
SOUND_RATE = 44100


def with_sound(
    path: Path, seconds: float = 4, *, sound_s: float, start_s: float = 0, late_s: float = 0, codec: str = CODEC
) -> Path:
    """Writes one person for some seconds, and silence.

    Args:
        path: its ending selects the container.
        seconds: length of the pictures.
        sound_s: length of the silence.
        start_s: time at which the file begins.
        late_s: how much later than the sound the pictures begin.
        codec: of the pictures.
    """
    images = one_person(seconds=seconds).images(RATE)
    with av.open(str(path), "w") as container:
        options = {"preset": "ultrafast", "bf": "0"} if codec == "libx264" else {}
        stream: Any = container.add_stream(codec, rate=RATE, options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH_PX, HEIGHT_PX, "yuv420p"
        stream.codec_context.time_base = Fraction(1, RATE)
        sound_codec = "mp2" if path.suffix == ".mpg" else "aac"
        sound: Any = container.add_stream(sound_codec, rate=SOUND_RATE, layout="mono")
        packets = []
        for index, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, "bgr24").reformat(format="yuv420p")
            frame.pts, frame.time_base = index + round((start_s + late_s) * RATE), Fraction(1, RATE)
            packets += stream.encode(frame)
        packets += stream.encode(None)
        size = 1152 if sound_codec == "mp2" else 1024
        for index in range(int(sound_s * SOUND_RATE) // size):
            kind, samples = ("s16", np.int16) if sound_codec == "mp2" else ("fltp", np.float32)
            silence = av.AudioFrame.from_ndarray(np.zeros((1, size), samples), kind, "mono")
            silence.sample_rate, silence.time_base = SOUND_RATE, Fraction(1, SOUND_RATE)
            silence.pts = index * size + round(start_s * SOUND_RATE)
            packets += sound.encode(silence)
        packets += sound.encode(None)
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            container.mux(packet)
    return path
