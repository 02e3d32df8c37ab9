"""Reads single frames of a video again, by their times, without decoding all of it.

A frame that is found by seeking must be the one that a whole pass gives at that time. Therefore only times that the
file itself stores are relied on, decoding starts at a keyframe that is shown before the frame, and wherever anything
is unusual (a damaged packet, a time that is not found), the video is read from its beginning instead.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import av
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from facetally.options import TIME_TOLERANCE_S, Sampling
from facetally.video.decoder import Decoder
from facetally.video.fields import lines_above
from facetally.video.opening import opened, video_stream
from facetally.video.pixel_aspect import PixelAspect
from facetally.video.reader import FrameImage, Orientation, VideoReader

SEEKABLE = frozenset(("mov", "matroska", "mpegts"))
"""Formats that store presentation times, and whose index or clock leads to a time."""
NO_FILL_IN = 0x0010
"""Flag of FFmpeg (AVFMT_FLAG_NOFILLIN): times that a file does not store stay unknown."""
STEP_S = 5.0
"""A frame that is not further ahead is reached by decoding on."""
EARLIER_S = (0.0, 2.0, 10.0)
"""How much earlier than the frame the search for a keyframe begins: at the next one if there was none before it."""

MAX_FAILED = 3
"""Frames that could not be found by seeking before no more are sought."""


@dataclass(frozen=True)
class FrameAt:
    """A frame that was asked for by its time."""

    time_s: float
    """As asked for."""
    image: FrameImage


class _NotFoundError(Exception):
    """A frame cannot be found by seeking."""


def frames_at(
    path: Path, times_s: Collection[float], sampling: Sampling, *, has_clock_jumps: bool = False
) -> Iterator[FrameAt]:
    """The frames of a video at some times, in no certain order; none for a time at which no frame was sampled.

    Args:
        path: the file.
        times_s: presentation times of sampled frames, in seconds from the first frame.
        sampling: as when these times were read.
        has_clock_jumps: whether jumps of the video's clock were closed up, so that its times are not those stored.

    Raises:
        VideoError: the file is missing, or not a video.
    """
    left = {_key(time_s): time_s for time_s in times_s}
    if not (has_clock_jumps or sampling.keyframes):  # keyframes alone are read fast, and may look different then
        try:
            for found in _sought(path, sorted(left.values()), sampling):
                del left[_key(found.time_s)]
                yield found
        except (_NotFoundError, av.error.FFmpegError):
            pass  # the whole pass finds it
    if left:
        yield from _read_through(path, left, sampling)


def _key(time_s: float) -> int:
    return round(time_s / TIME_TOLERANCE_S)


def _read_through(path: Path, left: dict[int, float], sampling: Sampling) -> Iterator[FrameAt]:
    left = dict(left)
    with VideoReader(path, sampling) as reader:
        for frame in reader:
            if (time_s := left.pop(_key(frame.time_s), None)) is not None:
                yield FrameAt(time_s, frame.image)
            if not left:
                return


def _sought(path: Path, times_s: Iterable[float], sampling: Sampling) -> Iterator[FrameAt]:
    """The frames at ascending times, without those that cannot be found in this way.

    Raises:
        _NotFoundError: none can, or too many cannot.
    """
    start_s, orientation = _start(path, sampling)
    with opened(path) as container:
        stream = video_stream(container, path, sampling.stream)
        if SEEKABLE.isdisjoint(container.format.name.split(",")) or _has_blank_lines(stream):
            raise _NotFoundError
        container.flags |= NO_FILL_IN
        stream.thread_type = "AUTO"
        search, failed_count = _Search(container, stream, start_s), 0
        for time_s in times_s:
            try:
                image, aspect = search.image_at(time_s)
            except _NotFoundError:
                failed_count += 1
                if failed_count == MAX_FAILED:
                    raise
            else:
                yield FrameAt(time_s, FrameImage(image, orientation, aspect))


def _start(path: Path, sampling: Sampling) -> tuple[float, Orientation]:
    """The stored time of the frame that all times are counted from, and how images are turned."""
    decoder = Decoder(path, replace(sampling, every_s=0.0))
    try:
        first = next(decoder.images(), None)
        if first is None:
            raise _NotFoundError
        stored_s = _stored_s(first.image, None)
        if stored_s is None or decoder.bad_packet_count:
            raise _NotFoundError
        return stored_s - first.time_s, Orientation.of(first.image)
    finally:
        decoder.close()


def _has_blank_lines(stream: VideoStream) -> bool:
    context = stream.codec_context
    return bool(lines_above(context.name, (context.width, context.height)))


def _stored_s(image: VideoFrame, stream: VideoStream | None) -> float | None:
    base = image.time_base or (stream.time_base if stream else None)
    return None if image.pts is None or not base else image.pts * base.numerator / base.denominator


class _Search:
    """Decodes from keyframe to keyframe.

    Args:
        container, stream: just opened.
        start_s: stored time of the first frame.
    """

    def __init__(self, container: InputContainer, stream: VideoStream, start_s: float) -> None:
        self._container, self._stream, self._start_s = container, stream, start_s
        self._aspect = PixelAspect(container, stream)
        self._images: Iterator[VideoFrame] = iter(())
        self._at_s: float | None = None  # of the image given last

    def image_at(self, time_s: float) -> tuple[VideoFrame, float]:
        """The image at a time later than that of the image before, and the aspect of its pixels.

        Raises:
            _NotFoundError: no image has this time.
        """
        if self._at_s is None or time_s > self._at_s + STEP_S:
            self._start_before(time_s)
        for image in self._images:
            self._at_s = self._time_s(image)
            aspect = self._aspect.of(image)
            if abs(self._at_s - time_s) < TIME_TOLERANCE_S / 2:
                return image, aspect
            if self._at_s > time_s:
                break
        self._at_s = None  # search anew for the next one
        raise _NotFoundError

    def _start_before(self, time_s: float) -> None:
        """Makes the keyframe shown last before a time the next image."""
        self._at_s = None
        for earlier_s in EARLIER_S:
            from_s = time_s - earlier_s + self._start_s
            base = self._stream.time_base
            if not base:
                raise _NotFoundError
            self._container.seek(int(from_s / base), stream=self._stream)
            images = self._decoded()
            first = next(images, None)
            if first and first.key_frame and self._time_s(first) <= time_s + TIME_TOLERANCE_S / 2:
                self._images = _before(first, images)
                return
        raise _NotFoundError

    def _decoded(self) -> Iterator[VideoFrame]:
        """Images from the next keyframe on, in order of presentation."""
        has_keyframe = False
        for packet in self._container.demux(self._stream):
            has_keyframe = has_keyframe or packet.is_keyframe
            if has_keyframe:
                yield from packet.decode()

    def _time_s(self, image: VideoFrame) -> float:
        stored_s = _stored_s(image, self._stream)
        if stored_s is None or image.is_corrupt:
            raise _NotFoundError
        return stored_s - self._start_s


def _before(first: VideoFrame, others: Iterator[VideoFrame]) -> Iterator[VideoFrame]:
    yield first
    yield from others
