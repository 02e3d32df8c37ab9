"""Makes long videos from short ones: half a minute of frames, encoded once, with the packets repeated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np

from scripts.dirty_videos.encoding import FPS, encode

ONCE_S = 30
CLIP_S = 3


@dataclass(frozen=True)
class Film:
    """How a long video is encoded."""

    size_wh: tuple[int, int] = (1920, 1080)
    codec: str = "libx264"
    options: dict[str, str] = field(default_factory=lambda: {"preset": "medium"})


def looped(clips: Sequence[Path], path: Path, minutes: float, film: Film) -> Path:
    """Writes a video of `minutes` at 25 frames/s: up to three seconds of each clip, half a minute in all, repeated."""
    path.parent.mkdir(parents=True, exist_ok=True)
    once = path.with_name(f"once_{path.name}")
    encode(once, _frames(clips, film.size_wh), codec=film.codec, options=film.options)
    with av.open(str(once)) as source, av.open(str(path), "w") as target:
        stored: Any = source.streams.video[0]
        stream: Any = target.add_stream_from_template(stored)
        packets: list[Any] = [packet for packet in source.demux(stored) if packet.size]
        ticks = round(len(packets) / FPS / stored.time_base)
        for number in range(round(minutes * 60 * FPS)):
            turn, at = divmod(number, len(packets))
            first = packets[at]
            packet = av.Packet(bytes(first))
            packet.stream, packet.is_keyframe, packet.time_base = stream, first.is_keyframe, stored.time_base
            packet.pts, packet.dts = first.pts + turn * ticks, first.dts + turn * ticks
            target.mux(packet)
    once.unlink()
    return path


def distinct_copy(clip: Path, number: int) -> Path:
    """A copy of an mp4 with a distinct, ignored box at its end, because identical files are processed only once."""
    path = clip.with_name(f"{number:03}_{clip.name}")
    path.write_bytes(clip.read_bytes() + (12).to_bytes(4, "big") + b"free" + number.to_bytes(4, "big"))
    return path


def _frames(clips: Sequence[Path], size_wh: tuple[int, int]) -> Iterator[np.ndarray]:
    """(H, W, 3) uint8 RGB frames of the clips, scaled."""

    def some_of(clip: Path) -> Iterator[np.ndarray]:
        with av.open(str(clip)) as container:
            for image in islice(container.decode(video=0), FPS * CLIP_S):
                yield image.reformat(*size_wh, format="rgb24").to_ndarray()

    return islice((frame for clip in clips for frame in some_of(clip)), FPS * ONCE_S)
