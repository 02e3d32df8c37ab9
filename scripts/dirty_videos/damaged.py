"""Files that are cut off or altered, and files that hold no video."""

from __future__ import annotations

import struct
from functools import partial
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from scripts.dirty_videos.encoding import SECONDS, drawn_images, encode
from scripts.dirty_videos.expected import DirtyVideo, Expected, listed

DAMAGED: list[DirtyVideo] = []
dirty = partial(listed, DAMAGED)


@dirty(Expected("no_moov.mp4", "failed", 0.0))
def no_index(path: Path) -> None:
    """The recorder lost power before it wrote the index."""
    encode(path)
    content = path.read_bytes()
    path.write_bytes(content[: content.index(b"moov") - 4])


def cut_off(tenths: int) -> None:
    """Registers a file truncated to `tenths` tenths of its length; its index comes first."""
    status = "failed" if not tenths else "partial/failed"

    @dirty(Expected(f"cut_at_{tenths}0_percent.mp4", status, SECONDS * tenths / 10 + 0.2))
    def _(path: Path) -> None:
        encode(path, muxer={"movflags": "faststart"})
        content = path.read_bytes()
        path.write_bytes(content[: len(content) * tenths // 10])


for _tenths in range(10):
    cut_off(_tenths)


@dirty(Expected("flipped_bytes.mp4", "ok/partial/failed"))
def flipped_bytes(path: Path) -> None:
    """One byte in a hundred is changed."""
    encode(path, muxer={"movflags": "faststart"})
    content = np.frombuffer(path.read_bytes(), np.uint8).copy()
    rng = np.random.default_rng(0)
    begin = path.read_bytes().index(b"mdat") + 4
    at = rng.integers(begin, len(content), len(content) // 100)
    content[at] ^= rng.integers(1, 256, len(at)).astype(np.uint8)
    path.write_bytes(content.tobytes())


@dirty(Expected("no_frame.mkv", "failed", 0.0))
def no_frame(path: Path) -> None:
    """A header and nothing else."""
    encode(path)
    content = path.read_bytes()
    path.write_bytes(content[: content.index(b"\x1f\x43\xb6\x75")])


def sound(container: Any, codec: str = "aac") -> None:
    """Half a second of silence."""
    stream = container.add_stream(codec, rate=44100, layout="mono")
    for start in range(0, 22050, 1024):
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        silence.rate, silence.pts = 44100, start
        container.mux(stream.encode(silence))
    container.mux(stream.encode(None))


@dirty(Expected("sound_only.mp4", "failed", 0.0), needs="aac")
def sound_only(path: Path) -> None:
    with av.open(str(path), "w") as container:
        sound(container)


@dirty(Expected("cover.mp3", "failed", 0.0), needs="libmp3lame")
def cover(path: Path) -> None:
    """Sound with a cover image in its ID3 tag, which FFmpeg presents as a video stream of one frame."""
    with av.open(str(path), "w", options={"write_id3v2": "0"}) as container:
        sound(container, "libmp3lame")
    jpeg = cv2.imencode(".jpg", next(iter(drawn_images(1))))[1].tobytes()
    body = b"\0image/jpeg\0\3\0" + jpeg
    frame = b"APIC" + struct.pack(">I", len(body)) + b"\0\0" + body
    size = bytes((len(frame) >> shift) & 0x7F for shift in (21, 14, 7, 0))
    path.write_bytes(b"ID3\3\0\0" + size + frame + path.read_bytes())


@dirty(Expected("._clip.mp4", "failed", 0.0))
def apple_double(path: Path) -> None:
    """What macOS leaves beside a file on foreign file systems; passed over in folders, and no video if given itself."""
    head = struct.pack(">II16sH", 0x00051607, 0x00020000, b"Mac OS X        ", 2)
    path.write_bytes((head + struct.pack(">6I", 9, 50, 0xEB0, 2, 0xEE2, 286)).ljust(4096, b"\0"))
