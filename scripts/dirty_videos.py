"""Writes unusual and damaged videos, with the expected result of each.

    python -m scripts.dirty_videos FOLDER

Every file is written by PyAV (FFmpeg's libraries) as described by its function. Unless stated otherwise it has two
seconds at 25 frames/s of a light square that moves over a dark background. `expected.csv` has the status, seconds and
size of each.
"""

from __future__ import annotations

import csv
import itertools
import os
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import click
import cv2
import numpy as np

FPS = 25
SECONDS = 2.0
SIZE_WH = (160, 120)
UNEVEN_MS = (0, 40, 140, 640, 700, 1100, 1960)


@dataclass(frozen=True)
class Expected:
    """The expected result of a run for one file."""

    file: str
    status: str = "ok"
    """ok, partial or failed; several separated by slashes where decoders may differ."""
    seconds: float = SECONDS
    """Length that can be decoded; the maximum for a partial file."""
    width_px: int = SIZE_WH[0]
    height_px: int = SIZE_WH[1]
    """As displayed."""


@dataclass(frozen=True)
class DirtyVideo:
    """How to write a file, and its expected result."""

    expected: Expected
    make: Callable[[Path], None]
    needs: str
    """The encoder, which a build of FFmpeg may lack."""


DIRTY: list[DirtyVideo] = []


def dirty(expected: Expected, needs: str = "libx264") -> Callable[[Callable[[Path], None]], Callable[[Path], None]]:
    """Registers a function that writes a file with this expected result."""

    def registered(make: Callable[[Path], None]) -> Callable[[Path], None]:
        DIRTY.append(DirtyVideo(expected, make, needs))
        return make

    return registered


@click.command(help=__doc__)
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
def main(folder: Path) -> None:
    written = write_all(folder)
    with (folder / "expected.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Expected)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(expected) for expected in written)
    click.echo(f"{len(written)} videos in {folder}")


def write_all(folder: Path) -> list[Expected]:
    """Writes every file that this build of FFmpeg can make."""
    folder.mkdir(parents=True, exist_ok=True)
    possible = [video for video in DIRTY if video.needs in av.codecs_available]
    for video in possible:
        video.make(folder / video.expected.file)
    return [video.expected for video in possible]


def drawn_images(count: int = round(FPS * SECONDS), size_wh: tuple[int, int] = SIZE_WH) -> Iterable[np.ndarray]:
    """(H, W, 3) uint8 RGB: a light square, a quarter as high as the image, that moves to the right."""
    width, height = size_wh
    ground = np.random.default_rng(0).integers(20, 60, (height // 8 + 1, width // 8 + 1, 3)).astype(np.uint8)
    for number in range(count):
        image = np.asarray(cv2.resize(ground, size_wh, interpolation=cv2.INTER_NEAREST), np.uint8)
        left, side = width // 8 + number * width // 160, max(2, height // 4)
        image[height // 3 : height // 3 + side, left : left + side] = (230, 200, 180)
        yield image


def encode(
    path: Path,
    images: Iterable[np.ndarray] | None = None,
    pts: Sequence[int] | None = None,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    options: dict[str, str] | None = None,
    muxer: dict[str, str] | None = None,
    time_base: Fraction | None = None,
    more: Callable[[Any], None] | None = None,
) -> None:
    """Writes a video.

    Args:
        path: the suffix determines the container.
        images: those of `drawn_images` by default.
        pts: presentation times in `time_base`; 0, 1, 2, ... by default.
        codec, pixels, options: encoder, pixel format, and options of the encoder.
        muxer: options of the container.
        time_base: the duration of a frame by default.
        more: called with the stream before the first frame.
    """
    images = iter(drawn_images() if images is None else images)
    first = next(images, None)
    with ordinary_priority(), av.open(str(path), "w", options=muxer or {}) as container:
        stream: Any = container.add_stream(codec, rate=FPS, options=options or {})
        stream.pix_fmt = pixels
        stream.codec_context.gop_size = FPS
        stream.codec_context.time_base = time_base or Fraction(1, FPS)
        if first is not None:
            stream.height, stream.width = first.shape[:2]
            images = itertools.chain([first], images)
        if more:
            more(stream)
        for stamp, image in zip(pts, images, strict=True) if pts else enumerate(images):
            decoded = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format=pixels)
            decoded.pts, decoded.time_base = stamp, stream.codec_context.time_base
            container.mux(stream.encode(decoded))
        container.mux(stream.encode(None))


@contextmanager
def ordinary_priority() -> Iterator[None]:
    """Keeps the scheduling of this thread as it is.

    Where it may, as root for one, SVT-AV1 makes the thread that opens it real-time at the highest priority
    (findings/svt-av1-makes-caller-real-time.sh), and with it all that this process starts from then on.
    """
    if not hasattr(os, "sched_setscheduler"):
        yield
        return
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, parameters)


def turn(path: Path, a: int, b: int, c: int, d: int) -> None:
    """Writes a display matrix into an mp4's track header."""
    content = bytearray(path.read_bytes())
    at = content.index(b"tkhd") + 4 + 40  # after version, times, id, duration, layer and volume
    content[at : at + 36] = struct.pack(">9i", a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30)
    path.write_bytes(content)


def sound(container: Any, codec: str = "aac") -> None:
    """Half a second of silence."""
    stream = container.add_stream(codec, rate=44100, layout="mono")
    for start in range(0, 22050, 1024):
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        silence.rate, silence.pts = 44100, start
        container.mux(stream.encode(silence))
    container.mux(stream.encode(None))


@dirty(Expected("uneven.mp4"))
def uneven_rate(path: Path) -> None:
    """Frames at 0, 40, 140, 640, 700, 1100 and 1960 ms; the last one lasts 1/25 s."""
    encode(path, list(drawn_images(len(UNEVEN_MS))), UNEVEN_MS, time_base=Fraction(1, 1000))


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


@dirty(Expected("starts_at_8_s.ts"))
def late_start(path: Path) -> None:
    """A recording cut out of a broadcast."""
    encode(path, pts=range(200, 250))


@dirty(Expected("starts_before_0.mkv"))
def negative_start(path: Path) -> None:
    """The first fifth of a second has negative times."""
    encode(path, pts=range(-5, 45), muxer={"avoid_negative_ts": "disabled"})


@dirty(Expected("b_frames.mp4"))
def b_frames(path: Path) -> None:
    """Frames stored in another order than displayed."""
    encode(path, options={"bf": "3", "b_strategy": "0"})


@dirty(Expected("open_gop.mp4"))
def open_gop(path: Path) -> None:
    """Frames before a keyframe that depend on it and on the previous one."""
    encode(path, options={"bf": "3", "x264-params": "open-gop=1:keyint=12:min-keyint=12"})


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


def pixels_of(aspect: Fraction) -> Callable[[Any], None]:
    """Gives a stream pixels of a shape, width by height."""

    def shape(stream: Any) -> None:
        stream.codec_context.sample_aspect_ratio = aspect

    return shape


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


def joined_parts(path: Path, *starts: int) -> None:
    """Writes a second for each start, a number of frames, byte by byte one after the other."""
    parts = []
    for start in starts:
        encode(path, drawn_images(FPS), range(start, start + FPS))
        parts.append(path.read_bytes())
    path.write_bytes(b"".join(parts))


@dirty(Expected("clock_on.ts"))
def clock_jumps_on(path: Path) -> None:
    """The clock of the broadcast jumps on by 26 hours after one second."""
    joined_parts(path, 0, 26 * 3600 * FPS)


@dirty(Expected("clock_back.ts"))
def clock_jumps_back(path: Path) -> None:
    """Two recordings joined with `cat`."""
    joined_parts(path, 5 * FPS, 0)


@dirty(Expected("joined.mp4", "partial", 1.0))
def joined_mp4(path: Path) -> None:
    """Two recordings joined with `cat`, of which FFmpeg reads the first only."""
    joined_parts(path, 0, 0)


@dirty(Expected("camera.dav"))
def foreign_ending(path: Path) -> None:
    """An MP4 file under the ending of a recorder."""
    encode(path.with_suffix(".mp4"))
    path.with_suffix(".mp4").rename(path)


@dirty(Expected("._clip.mp4", "failed", 0.0))
def apple_double(path: Path) -> None:
    """What macOS leaves beside a file on foreign file systems; passed over in folders, and no video if given itself."""
    head = struct.pack(">II16sH", 0x00051607, 0x00020000, b"Mac OS X        ", 2)
    path.write_bytes((head + struct.pack(">6I", 9, 50, 0xEB0, 2, 0xEE2, 286)).ljust(4096, b"\0"))


@dirty(Expected("tape.dv", width_px=768, height_px=576), needs="dvvideo")
def dv_tape(path: Path) -> None:
    """A tape without a container, whose rate FFmpeg states as 60000."""
    encode(path, drawn_images(size_wh=(720, 576)), codec="dvvideo", more=pixels_of(Fraction(16, 15)))


@dirty(Expected("grows.h264"))
def size_change(path: Path) -> None:
    """First half 160 x 120, second half 320 x 240: two concatenated streams."""
    parts = []
    for size_wh in (SIZE_WH, (320, 240)):
        encode(path, drawn_images(FPS, size_wh))
        parts.append(path.read_bytes())
    path.write_bytes(b"".join(parts))


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


@dirty(Expected("no_frame.mkv", "failed", 0.0))
def no_frame(path: Path) -> None:
    """A header and nothing else."""
    encode(path)
    content = path.read_bytes()
    path.write_bytes(content[: content.index(b"\x1f\x43\xb6\x75")])


@dirty(Expected("one_frame.mp4", seconds=0.04))
def one_frame(path: Path) -> None:
    encode(path, drawn_images(1))


@dirty(Expected("alpha.mov"), needs="png")
def alpha(path: Path) -> None:
    """Frames with an alpha channel."""
    encode(path, codec="png", pixels="rgba")


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


if __name__ == "__main__":
    main()
