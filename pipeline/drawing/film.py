"""Writes a video again with something painted on its pictures: every frame at its time, sound as it was.

Pictures are encoded as H.264. They go from the decoder to the encoder as they are stored; only where something is
painted they are touched. So drawing costs little more than decoding and encoding.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.video.frame import VideoFrame

from facetally.drawing.other_streams import OtherStreams, cannot_hold, fits_mp4, start_of
from facetally.drawing.pictures import Pictures
from facetally.drawing.placement import Placement
from facetally.drawing.planes import Planes
from facetally.errors import OutputError, VideoError
from facetally.options import Sampling
from facetally.video.decoder import Decoder, TimedImage
from facetally.video.opening import opened, video_stream

ENCODER = "libx264"
NOT_KEPT = frozenset(("major_brand", "minor_version", "compatible_brands", "encoder", "duration"))
"""Metadata about the file itself, which the new one states for itself."""
DISK_ERRORS = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.EACCES, errno.EPERM))
"""Of folders and disks, not of the video."""
Painter = Callable[[Planes, Placement, float], None]
"""Paints on a picture, given where things are in it and its time in seconds from the first frame."""
IsPainted = Callable[[float], bool]
"""Whether anything is painted at a time; called once for each frame, in order, before the painter."""


@dataclass(frozen=True)
class FilmOptions:
    """How pictures are encoded."""

    crf: int = 20
    """Constant rate factor of H.264, 0-51: 0 is lossless, more is smaller and worse."""
    preset: str = "veryfast"
    """Of the encoder: slower ones make smaller files."""
    height_px: int = 0
    """Height as displayed; 0: as it is."""
    container: str = ""
    """mp4, mkv, or empty: mkv for Matroska and where MP4 cannot hold the sound, else mp4."""
    with_sound: bool = True
    threads: int = 0
    """Of the decoder and of the encoder; 0: as many as there are cores."""


@dataclass
class FilmStats:
    """What was written."""

    frame_count: int = 0
    duration_s: float = 0.0
    left_out: list[str] = field(default_factory=list)
    """Streams that were not copied, in words."""
    is_converted: bool = False
    """Whether pictures of high dynamic range were converted to the standard one."""


class Film:
    """One video that is written again.

    Args:
        path: of the video.
        options: how to encode it.
        stream: number of the video stream, as in `Sampling`.

    Raises:
        VideoError: the video cannot be read.
    """

    def __init__(self, path: Path, options: FilmOptions, stream: int = -1) -> None:
        self.path, self._options, self._number = path, options, stream
        with opened(path) as container:
            is_matroska = "matroska" in container.format.name
            wants_mkv = options.with_sound and not fits_mp4(container)
            chosen = options.container or ("mkv" if is_matroska or wants_mkv else "mp4")
        self.suffix = f".{chosen}"
        self._muxer = "matroska" if chosen == "mkv" else "mp4"

    def write(
        self,
        target: Path,
        is_painted: IsPainted,
        paint: Painter,
        on_frame: Callable[[float], None] = lambda _: None,
    ) -> FilmStats:
        """Writes the video to a file, which is replaced.

        Raises:
            OutputError: it cannot be written, or the container cannot hold the sound.
            VideoError: the video cannot be read.
        """
        if ENCODER not in av.codecs_available:
            raise OutputError(
                f"this build of PyAV has no {ENCODER}", fix="pip install --force-reinstall av, which brings it along"
            )
        decoder = Decoder(self.path, Sampling(every_s=0, stream=self._number), self._options.threads)
        try:
            with (
                OtherStreams(self.path, self._number, with_sound=self._options.with_sound) as others,
                opened(self.path) as source,
                av.open(str(target), "w", format=self._muxer) as output,
            ):
                writing = _Writing(self, output, source, others)
                for image in decoder.images():
                    writing.add(image, is_painted(image.time_s), paint)
                    on_frame(image.time_s)
                writing.finish()
                return writing.stats
        except av.error.FFmpegError as error:
            if error.errno not in DISK_ERRORS:
                what = f"{self.path} cannot be written as {self.suffix[1:]}: {error.strerror or error}"
                raise VideoError(what, fix="try --container mkv, or --no-audio, which leaves the sound out") from error
            raise OutputError(
                f"cannot write to {target.parent}: {error.strerror or error}",
                fix="free space or choose another place with -o; then run the same command again: it resumes from here",
            ) from error
        finally:
            decoder.close()

    @property
    def options(self) -> FilmOptions:
        return self._options

    @property
    def muxer(self) -> str:
        """FFmpeg's name of the container."""
        return self._muxer

    @property
    def number(self) -> int:
        return self._number


class _Writing:
    """The pictures and packets of one video on their way into the output."""

    def __init__(self, film: Film, output: OutputContainer, source: InputContainer, others: OtherStreams) -> None:
        self._film, self._output, self._source, self._others = film, output, source, others
        self._stream: Any = None
        self._pictures: Pictures | None = None
        self._start_s = 0.0
        self._base = Fraction(1, 1000)
        self._durations: dict[int, int] = {}
        self._last_pts = -(2**62)
        self.stats = FilmStats()

    def add(self, image: TimedImage, is_painted: bool, paint: Painter) -> None:
        """Encodes the next picture."""
        if self._pictures is None:
            self._begin(image)
        assert self._pictures is not None
        frame = self._pictures.prepared(image, is_painted)
        if is_painted:
            paint(Planes(frame), self._pictures.placement, image.time_s)
        self._encode(frame, image)
        self.stats.frame_count += 1
        self.stats.duration_s = image.time_s + image.duration_s

    def finish(self) -> None:
        """Writes what the encoder still holds, and the other streams' last packets."""
        if self._stream is None:
            raise OutputError(f"{self._film.path} has no pictures", fix="leave it out")
        self._mux(self._stream.encode(None))
        self._others.copy_until(self._output, None)

    def _begin(self, image: TimedImage) -> None:
        """Makes the output's streams like those of the source, once the first picture is known."""
        options, own = self._film.options, video_stream(self._source, self._film.path, self._film.number)
        self._pictures = pictures = Pictures(image, options.height_px)
        self.stats.is_converted = pictures.is_converted
        first_s = float(image.image.pts * image.image.time_base) if image.image.pts and image.image.time_base else 0.0
        self._start_s = max(first_s - start_of(self._source), 0.0)
        self._base = image.image.time_base or own.time_base or Fraction(1, 1000)
        settings = {"crf": str(options.crf), "preset": options.preset}
        rate = own.average_rate or own.guessed_rate or 25
        self._stream = stream = self._output.add_stream(ENCODER, rate=rate, options=settings)
        pictures.set_up(stream)
        stream.codec_context.time_base = stream.time_base = self._base
        stream.codec_context.thread_count = options.threads
        stream.metadata.update({k: v for k, v in own.metadata.items() if k in ("language", "title")})
        self._others.add_to(self._output, self._film.muxer)
        self.stats.left_out = self._others.left_out
        self._output.metadata.update({k: v for k, v in self._source.metadata.items() if k not in NOT_KEPT})
        if chapters := self._source.chapters():
            self._output.set_chapters(chapters)
        try:
            self._output.start_encoding()
        except (av.error.ArgumentError, av.error.PatchWelcomeError, ValueError) as error:
            names = ", ".join(sorted({s.codec_context.name for s in self._source.streams.audio})) or "no sound"
            raise cannot_hold(self._film.path, self._film.muxer, names) from error

    def _encode(self, frame: VideoFrame, image: TimedImage) -> None:
        pts = max(round((self._start_s + image.time_s) / self._base), self._last_pts + 1)
        self._durations[pts] = max(round(image.duration_s / self._base), 1)
        self._last_pts = pts
        frame.pts, frame.time_base = pts, self._base
        frame.pict_type = 0  # else the encoder would repeat the source's choice of keyframes
        self._mux(self._stream.encode(frame))
        self._others.copy_until(self._output, self._start_s + image.time_s)

    def _mux(self, packets: list[Packet[Any]]) -> None:
        for packet in packets:
            if packet.pts is not None:
                packet.duration = self._durations.pop(packet.pts, packet.duration or 0)
        self._output.mux(packets)
