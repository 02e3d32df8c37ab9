"""Videos whose images are turned, or have unusual sizes, pixels or colours."""

from __future__ import annotations

import struct
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

from scripts.dirty_videos.encoding import FPS, SIZE_WH, drawn_images, encode, pixels_of
from scripts.dirty_videos.expected import DirtyVideo, Expected, listed

PICTURES: list[DirtyVideo] = []
dirty = partial(listed, PICTURES)


def turn(path: Path, a: int, b: int, c: int, d: int) -> None:
    """Writes a display matrix into an mp4's track header."""
    content = bytearray(path.read_bytes())
    at = content.index(b"tkhd") + 4 + 40  # after version, times, id, duration, layer and volume
    content[at : at + 36] = struct.pack(">9i", a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30)
    path.write_bytes(content)


@dirty(Expected("turned_90.mp4", width_px=120, height_px=160))
def turned_90(path: Path) -> None:
    """As phones write it: stored in landscape, displayed in portrait."""
    encode(path)
    turn(path, 0, 1, -1, 0)


@dirty(Expected("turned_180.mp4"))
def turned_180(path: Path) -> None:
    """Upside down."""
    encode(path)
    turn(path, -1, 0, 0, -1)


@dirty(Expected("turned_270.mp4", width_px=120, height_px=160))
def turned_270(path: Path) -> None:
    """Rotated in the other direction."""
    encode(path)
    turn(path, 0, -1, 1, 0)


@dirty(Expected("mirrored.mp4"))
def mirrored(path: Path) -> None:
    """As front cameras write it."""
    encode(path)
    turn(path, -1, 0, 0, 1)


@dirty(Expected("interlaced.mp4"))
def interlaced(path: Path) -> None:
    """Two fields per frame."""
    encode(path, options={"flags": "+ildct+ilme", "x264-params": "tff=1"})


@dirty(Expected("10_bit.mp4"))
def ten_bit(path: Path) -> None:
    encode(path, pixels="yuv420p10le")


@dirty(Expected("hdr.mp4"))
def high_dynamic_range(path: Path) -> None:
    """10 bit, BT.2020 colours, PQ."""
    encode_wide_range(path, 16)


@dirty(Expected("hlg.mp4"))
def hybrid_log_gamma(path: Path) -> None:
    """10 bit, BT.2020 colours, HLG."""
    encode_wide_range(path, 18)


def encode_wide_range(path: Path, transfer: int) -> None:
    """Encodes with 10 bits and BT.2020 colours; `transfer` is FFmpeg's number of the transfer characteristics."""

    def colours(stream: Any) -> None:
        stream.codec_context.color_primaries, stream.codec_context.color_trc = 9, transfer
        stream.codec_context.colorspace = 9

    encode(path, pixels="yuv420p10le", more=colours)


@dirty(Expected("422.mp4"))
def chroma_422(path: Path) -> None:
    encode(path, pixels="yuv422p")


@dirty(Expected("444.mp4"))
def chroma_444(path: Path) -> None:
    encode(path, pixels="yuv444p")


@dirty(Expected("alpha.mov"), needs="png")
def alpha(path: Path) -> None:
    """Frames with an alpha channel."""
    encode(path, codec="png", pixels="rgba")


@dirty(Expected("odd_size.mp4", width_px=161, height_px=121))
def odd_size(path: Path) -> None:
    encode(path, drawn_images(size_wh=(161, 121)), pixels="yuv444p")


@dirty(Expected("16_pixels.mp4", width_px=16, height_px=16))
def tiny(path: Path) -> None:
    encode(path, drawn_images(size_wh=(16, 16)))


@dirty(Expected("8k.mp4", seconds=0.12, width_px=7680, height_px=4320))
def eight_k(path: Path) -> None:
    """Three frames of 33 million pixels."""
    quick = {"preset": "ultrafast", "tune": "fastdecode", "qp": "40"}  # to write and to read; what it shows is not used
    encode(path, drawn_images(3, (7680, 4320)), options=quick)


@dirty(Expected("grows.h264"))
def size_change(path: Path) -> None:
    """First half 160 x 120, second half 320 x 240: two concatenated streams."""
    parts = []
    for size_wh in (SIZE_WH, (320, 240)):
        encode(path, drawn_images(FPS, size_wh))
        parts.append(path.read_bytes())
    path.write_bytes(b"".join(parts))


@dirty(Expected("anamorphic.mp4", width_px=320))
def anamorphic(path: Path) -> None:
    """Pixels twice as wide as high."""
    encode(path, more=pixels_of(Fraction(2, 1)))


@dirty(Expected("wide_tape.mpg", width_px=1024, height_px=576), needs="mpeg2video")
def wide_tape(path: Path) -> None:
    """PAL at 16:9, as tapes and DVDs store it."""
    encode(path, drawn_images(size_wh=(720, 576)), codec="mpeg2video", more=pixels_of(Fraction(64, 45)))


@dirty(Expected("high_pixels.mkv", height_px=240))
def high_pixels(path: Path) -> None:
    """Half the lines, as some security cameras store them."""
    encode(path, more=pixels_of(Fraction(1, 2)))


@dirty(Expected("imx.mxf", width_px=768, height_px=576), needs="mpeg2video")
def d10_lines(path: Path) -> None:
    """32 lines of a broadcast's data above the picture (SMPTE D-10)."""
    aspect = pixels_of(Fraction(4, 3) / Fraction(720, 608))
    encode(path, drawn_images(size_wh=(720, 608)), codec="mpeg2video", more=aspect)
