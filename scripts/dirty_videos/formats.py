"""Formats that phones, recorders, broadcasters and browsers write."""

from __future__ import annotations

from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import av

from scripts.dirty_videos.encoding import FPS, SIZE_WH, drawn_images, encode, pixels_of
from scripts.dirty_videos.expected import DirtyVideo, Expected, listed

FORMATS: list[DirtyVideo] = []
dirty = partial(listed, FORMATS)


@dirty(Expected("camera.dav"))
def foreign_ending(path: Path) -> None:
    """An MP4 file under the ending of a recorder."""
    encode(path.with_suffix(".mp4"))
    path.with_suffix(".mp4").rename(path)


@dirty(Expected("tape.dv", width_px=768, height_px=576), needs="dvvideo")
def dv_tape(path: Path) -> None:
    """A tape without a container, whose rate FFmpeg states as 60000."""
    encode(path, drawn_images(size_wh=(720, 576)), codec="dvvideo", more=pixels_of(Fraction(16, 15)))


@dirty(Expected("two_streams.mkv"))
def two_streams(path: Path) -> None:
    """A small video stream and a large one; players show the first, and a note names the other."""
    with av.open(str(path), "w") as container:
        streams: list[Any] = [container.add_stream("libx264", rate=FPS) for _ in range(2)]
        films = [list(drawn_images(size_wh=size)) for size in (SIZE_WH, (320, 240))]
        for stream, film in zip(streams, films, strict=True):
            stream.height, stream.width = film[0].shape[:2]
        for number in range(len(films[0])):
            for stream, film in zip(streams, films, strict=True):
                decoded = av.VideoFrame.from_ndarray(film[number], format="rgb24")
                decoded.pts, decoded.time_base = number, Fraction(1, FPS)
                container.mux(stream.encode(decoded))
        for stream in streams:
            container.mux(stream.encode(None))


@dirty(Expected("animation.gif"), needs="gif")
def gif(path: Path) -> None:
    encode(path, codec="gif", pixels="rgb8")


@dirty(Expected("animation.webp", "ok/failed"), needs="libwebp_anim")
def webp(path: Path) -> None:
    """Not every build of FFmpeg can read this format; the file then fails."""
    encode(path, codec="libwebp_anim")


@dirty(Expected("animation.avif", "ok/failed"), needs="libsvtav1")
def avif(path: Path) -> None:
    encode(path, codec="libsvtav1", options={"preset": "12"})


@dirty(Expected("animation.apng"), needs="apng")
def apng(path: Path) -> None:
    encode(path, codec="apng", pixels="rgb24")


def field_format(name: str, codec: str, size_wh: tuple[int, int] = SIZE_WH, pixels: str = "yuv420p") -> None:
    """Registers a file of a format that recorders, broadcasters or browsers write."""

    @dirty(Expected(name, width_px=size_wh[0], height_px=size_wh[1]), needs=codec)
    def _(path: Path) -> None:
        encode(path, drawn_images(size_wh=size_wh), codec=codec, pixels=pixels)


for _name, _codec in (("disc.vob", "mpeg2video"), ("old.wmv", "wmv2"), ("web.mp4", "libsvtav1")):
    field_format(_name, _codec)
field_format("real.rm", "rv20", (352, 288))
field_format("dashcam.avi", "mjpeg", pixels="yuvj420p")
field_format("overlay.webm", "libvpx-vp9", pixels="yuva420p")


@dirty(Expected("phone.3gp", width_px=384, height_px=288), needs="h263")
def old_phone(path: Path) -> None:
    """H.263, whose pixels are 12:11 wherever nothing else is stated."""
    encode(path, drawn_images(size_wh=(352, 288)), codec="h263")
