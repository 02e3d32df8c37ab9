"""Reads video files as frames with true times.

Time is the container's presentation time in seconds from the first frame; pictures are as displayed (rotation and
mirroring applied). Broken packets are skipped and counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from av.sidedata.sidedata import Type as SideDataType

from pipeline.errors import VideoError
from pipeline.options import Sampling

MAX_FAILED_READS = 100
"""Reads that may fail one after the other before the rest of a file is given up."""
TIME_TOLERANCE_S = 1e-6


@dataclass(frozen=True)
class Frame:
    """A sampled picture and the time it stands for."""

    index: int
    """0-based position among all decoded frames."""
    time_s: float
    """Presentation time in seconds from the video's first frame."""
    duration_s: float
    """Seconds until the next sampled frame, less what broken packets left empty."""
    image: npt.NDArray[np.uint8]
    """(H, W, 3) uint8 BGR, as displayed."""


@dataclass(frozen=True)
class VideoInfo:
    """What the container says, before anything is decoded."""

    width_px: int
    height_px: int
    """Stored size; a rotated video is displayed with the two exchanged."""
    fps: float
    """Mean rate; 0 where unknown. For information only: times never come from it."""
    duration_s: float
    """Expected seconds; 0 where the container does not say."""
    codec: str
    container: str


@dataclass(frozen=True)
class Account:
    """What could be decoded."""

    frame_count: int
    sampled_count: int
    bad_packet_count: int
    decoded_s: float
    expected_s: float

    @property
    def coverage(self) -> float:
        """Decoded / expected seconds in [0, 1]; 1 where the container does not say what to expect."""
        return min(self.decoded_s / self.expected_s, 1.0) if self.expected_s > 0 else 1.0


class VideoReader:
    """One pass over a video: iterate for the sampled frames, then ask for the `account`.

    Args:
        path: the file.
        sampling: which frames to give.
        threads: decoder threads; 0 lets FFmpeg choose.

    Raises:
        VideoError: the file is missing, empty, no video, or holds no video stream.
    """

    def __init__(self, path: Path, sampling: Sampling | None = None, threads: int = 0) -> None:
        self.path = path
        self._sampling = sampling or Sampling()
        self._container = _opened(path)
        self._stream = _video_stream(self._container, path)
        self._stream.thread_type = "AUTO"
        self._stream.codec_context.thread_count = threads
        if self._sampling.keyframes:
            self._stream.codec_context.skip_frame = "NONKEY"
        self.info = _info(self._container, self._stream)
        self._frames = self._sampled = self._bad_packets = 0
        self._decoded_s = 0.0

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._container.close()

    @property
    def account(self) -> Account:
        """What has been decoded so far."""
        expected = self.info.duration_s
        return Account(self._frames, self._sampled, self._bad_packets, self._decoded_s, expected)

    def __iter__(self) -> Iterator[Frame]:
        """The sampled frames in order of presentation.

        A frame is given once its duration is known, that is when the next sampled one is there.
        """
        chosen: tuple[int, float, Any] | None = None
        chosen_duration_s = 0.0
        next_due_s = 0.0
        for index, time_s, duration_s, picture in self._timed_pictures():
            if time_s >= next_due_s - TIME_TOLERANCE_S:
                if chosen:
                    yield self._frame(*chosen, chosen_duration_s)
                chosen, chosen_duration_s = (index, time_s, picture), 0.0
                next_due_s = self._next_due_s(time_s)
            chosen_duration_s += duration_s
        if chosen:
            yield self._frame(*chosen, chosen_duration_s)

    def _next_due_s(self, time_s: float) -> float:
        """The sampling times lie on a fixed grid, so that rounding never adds up."""
        every_s = self._sampling.every_s
        if not every_s or self._sampling.keyframes:
            return 0.0
        return every_s * (int((time_s + TIME_TOLERANCE_S) / every_s) + 1)

    def _frame(self, index: int, time_s: float, picture: Any, duration_s: float) -> Frame:
        self._sampled += 1
        return Frame(index, time_s, duration_s, displayed_image(picture))

    def _timed_pictures(self) -> Iterator[tuple[int, float, float, Any]]:
        """Every decoded picture with its index, time and duration, one late."""
        nominal_s = 1 / self.info.fps if self.info.fps else 0.04
        first_s: float | None = None
        held: tuple[int, float, Any] | None = None
        bad_before = 0
        for picture in self._pictures():
            stamp_s = _presentation_s(picture, self._stream.time_base)
            if first_s is None:
                first_s = stamp_s or 0.0
            time_s = stamp_s - first_s if stamp_s is not None else -1.0
            if held:
                declared_s = _declared_s(held[2], self._stream.time_base) or nominal_s
                if time_s <= held[1]:  # no stamp, or one that jumps back
                    time_s = held[1] + declared_s
                broken = self._bad_packets > bad_before
                duration_s = min(declared_s, time_s - held[1]) if broken else time_s - held[1]
                self._decoded_s += duration_s
                yield held[0], held[1], duration_s, held[2]
            bad_before = self._bad_packets
            held = (self._frames, max(time_s, 0.0), picture)
            self._frames += 1
        if held:
            duration_s = _declared_s(held[2], self._stream.time_base) or nominal_s
            self._decoded_s += duration_s
            yield held[0], held[1], duration_s, held[2]

    def _pictures(self) -> Iterator[Any]:
        """Decoded pictures; packets that cannot be read or decoded are counted and passed over."""
        failed_in_a_row = 0
        packets = self._container.demux(self._stream)
        while failed_in_a_row < MAX_FAILED_READS:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except av.error.FFmpegError:
                self._bad_packets += 1
                failed_in_a_row += 1
                packets = self._container.demux(self._stream)  # the generator ended with its error
                continue
            try:
                pictures = packet.decode()
            except av.error.FFmpegError:
                self._bad_packets += 1
                if packet.size == 0:  # the decoder failed while it was being emptied at the end
                    return
                continue
            failed_in_a_row = 0
            yield from pictures
            if packet.size == 0:
                return


def displayed_image(picture: Any) -> npt.NDArray[np.uint8]:
    """(H, W, 3) uint8 BGR of a decoded picture, turned and mirrored as its display matrix says."""
    image = picture.to_ndarray(format="bgr24")
    matrix = picture.side_data.get(SideDataType.DISPLAYMATRIX)
    if matrix is None:
        return np.ascontiguousarray(image)
    # nine 32-bit numbers; x' = a x + c y and y' = b x + d y, with y pointing down
    a, b, _, c, d = np.frombuffer(bytes(matrix), np.int32)[:5]
    if abs(int(a)) < abs(int(b)):  # a quarter turn: x' comes from y
        image = image.transpose(1, 0, 2)
        a, d = c, b
    image = image[:, ::-1] if a < 0 else image
    image = image[::-1] if d < 0 else image
    return np.ascontiguousarray(image)


def _opened(path: Path) -> Any:
    if not path.exists():
        raise VideoError(f"{path} does not exist", fix="check the path")
    if path.stat().st_size == 0:
        raise VideoError(f"{path} is empty (0 bytes)", fix="copy the file again from its source")
    try:
        return av.open(str(path), metadata_errors="replace")
    except (av.error.FFmpegError, OSError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise VideoError(
            f"{path} cannot be opened as a video: {reason}",
            fix="play it to see whether it is whole; if it plays, re-encode it with: "
            f"ffmpeg -i '{path}' -c:v libx264 repaired.mp4",
        ) from error


def _video_stream(container: Any, path: Path) -> Any:
    if not container.streams.video:
        container.close()
        raise VideoError(f"{path} has no video stream", fix="leave it out, or give the file with the picture")
    return container.streams.video[0]


def _info(container: Any, stream: Any) -> VideoInfo:
    return VideoInfo(
        width_px=stream.codec_context.width,
        height_px=stream.codec_context.height,
        fps=float(stream.average_rate or stream.guessed_rate or 0),
        duration_s=_duration_s(container, stream),
        codec=stream.codec_context.name,
        container=container.format.name,
    )


def _duration_s(container: Any, stream: Any) -> float:
    """The stream's own duration where it has one: the container's also counts longer sound."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    tag = stream.metadata.get("DURATION", "")  # Matroska: 00:01:02.500000000
    parts = tag.split(":")
    if len(parts) == 3 and all(part.replace(".", "", 1).isdigit() for part in parts):
        return sum(float(part) * 60**power for part, power in zip(parts, (2, 1, 0), strict=True))
    return float(container.duration) / av.time_base if container.duration else 0.0


def _presentation_s(picture: Any, time_base: Fraction | None) -> float | None:
    base = picture.time_base or time_base
    return float(picture.pts * base) if picture.pts is not None and base else None


def _declared_s(picture: Any, time_base: Fraction | None) -> float:
    base = picture.time_base or time_base
    return float(picture.duration * base) if picture.duration and base else 0.0
