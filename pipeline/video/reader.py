"""Reads video files as sampled frames with their presentation times.

Times are the container's presentation times in seconds from the first frame; images are as displayed (with square
pixels, rotated and mirrored). Broken packets are skipped and counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
from av.sidedata.sidedata import Type as SideDataType
from av.video.frame import VideoFrame

from facetally.errors import VideoError
from facetally.options import Sampling
from facetally.video.decoder import Decoder, TimedImage
from facetally.video.dynamic_range import to_standard
from facetally.video.fields import picture_of
from facetally.video.opening import VideoInfo
from facetally.video.pixel_aspect import displayed_hw


@dataclass(frozen=True)
class Frame:
    """A sampled frame and the time it stands for."""

    index: int
    """0-based position among all decoded frames."""
    time_s: float
    """Presentation time in seconds from the video's first frame."""
    duration_s: float
    """Seconds until the next sampled frame, without the gaps that broken packets left."""
    image: FrameImage


@dataclass(frozen=True)
class Orientation:
    """How stored images are rotated and mirrored for display."""

    is_quarter_turn: bool = False
    """Rows are displayed as columns."""
    x_step: int = 1
    """-1: mirrored from left to right, after the turn."""
    y_step: int = 1
    """-1: mirrored from top to bottom, after the turn."""

    @classmethod
    def of(cls, decoded: VideoFrame) -> Orientation:
        """Reads a frame's display matrix.

        PyAV then keeps the frame in a reference cycle, which only the garbage collector frees: call this once a video.
        """
        side_data = cast("Mapping[SideDataType, bytes]", decoded.side_data)  # PyAV's stub has a few string keys only
        matrix = side_data.get(SideDataType.DISPLAYMATRIX)
        if matrix is None:
            return cls()
        # nine 32-bit numbers; x' = a x + c y and y' = b x + d y, with y pointing down
        a, b, _, c, d = map(int, np.frombuffer(bytes(matrix), np.int32)[:5])
        x, y = (c, b) if abs(a) < abs(b) else (a, d)
        return cls(abs(a) < abs(b), -1 if x < 0 else 1, -1 if y < 0 else 1)


class FrameImage:
    """An image as displayed: with square pixels, one field where two differ, rotated by its display matrix.

    Pixels are converted on first use, in the requested size: the detector uses a small size for most frames, and only
    a few faces are cut from the full one.

    Args:
        decoded: an `av.VideoFrame`.
        orientation: that of the video; by default the frame's own.
        pixel_aspect: width of a stored pixel relative to its height.
        blank_lines: stored lines above the picture.
    """

    def __init__(
        self,
        decoded: VideoFrame,
        orientation: Orientation | None = None,
        pixel_aspect: float = 1.0,
        blank_lines: int = 0,
    ) -> None:
        self._decoded, self._orientation = decoded, orientation or Orientation.of(decoded)
        self._blank_lines = blank_lines
        self._picture: VideoFrame | None = None
        self._square_hw = displayed_hw((decoded.height - blank_lines, decoded.width), pixel_aspect)
        self._images: dict[tuple[int, int], npt.NDArray[np.uint8]] = {}

    @classmethod
    def of(cls, image: TimedImage, orientation: Orientation | None = None) -> FrameImage:
        """The picture of a decoded image."""
        return cls(image.image, orientation, image.pixel_aspect, image.blank_lines)

    @property
    def hw(self) -> tuple[int, int]:
        """Height and width in pixels."""
        height, width = self._square_hw
        return (width, height) if self._orientation.is_quarter_turn else (height, width)

    def bgr(self, size_wh: tuple[int, int] | None = None) -> npt.NDArray[np.uint8]:
        """(H, W, 3) uint8 BGR, in full size or scaled to a width and height; cached by size."""
        size_wh = size_wh or self.hw[::-1]
        if size_wh not in self._images:
            self._images[size_wh] = self._converted(*size_wh)
        return self._images[size_wh]

    def forget_full_size(self) -> None:
        """Frees the image in full size, which takes the most memory; it is converted again if asked for."""
        self._images.pop(self.hw[::-1], None)

    def _converted(self, width: int, height: int) -> npt.NDArray[np.uint8]:
        if self._orientation.is_quarter_turn:
            width, height = height, width
        self._picture = self._picture or picture_of(self._decoded, self._blank_lines)
        # by default FFmpeg starts as many threads as there are cores, for each image again
        image = self._picture.to_ndarray(format="bgr24", width=width, height=height, interpolation="AREA", threads=1)
        transfer, primaries = (getattr(self._decoded, name, 0) for name in ("color_trc", "color_primaries"))  # PyAV 16
        image = to_standard(np.asarray(image, np.uint8), transfer, primaries)
        if self._orientation.is_quarter_turn:
            image = image.transpose(1, 0, 2)
        return np.ascontiguousarray(image[:: self._orientation.y_step, :: self._orientation.x_step])


@dataclass(frozen=True)
class DecodeStats:
    """How much of a video could be decoded."""

    frame_count: int
    sampled_count: int
    bad_packet_count: int
    decoded_s: float
    expected_s: float

    @property
    def coverage(self) -> float:
        """Decoded / expected seconds in [0, 1]; 1 if the container does not state a duration."""
        return min(self.decoded_s / self.expected_s, 1.0) if self.expected_s > 0 else 1.0


class VideoReader:
    """One pass over a video: iterate for the sampled frames, then ask for the `stats`.

    Args:
        path: the file.
        sampling: which frames to give.
        threads: decoder threads; 0 lets FFmpeg choose.

    Raises:
        VideoError: the file is missing, empty, not a video, or has no video stream.
    """

    def __init__(self, path: Path, sampling: Sampling | None = None, threads: int = 0) -> None:
        self._sampling = sampling or Sampling()
        self._decoder = Decoder(path, self._sampling, threads)
        self._sampled_count = 0
        self._orientation: Orientation | None = None
        self.displayed_wh = 0, 0
        """Width and height of the first frame as displayed, once it was given."""

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._decoder.close()

    @property
    def info(self) -> VideoInfo:
        """What the container states; the frame rate is corrected while frames are read if it is far off."""
        return self._decoder.info

    @property
    def clock_jump_count(self) -> int:
        """Jumps of the video's clock so far."""
        return self._decoder.jump_count

    def unread(self) -> VideoError | None:
        """A part of the file that is not read, though nothing is damaged; known when all frames were given."""
        return self._decoder.unread()

    @property
    def notes(self) -> tuple[str, ...]:
        """What there is to know about the video besides the `stats`, as sentences."""
        jumps = self.clock_jump_count
        times = "once" if jumps == 1 else f"{jumps} times"
        clock = f"the clock of the video jumps {times}: closed up, times count on without the jump" if jumps else ""
        return tuple(note for note in (clock, self._decoder.other_streams) if note)

    @property
    def stats(self) -> DecodeStats:
        """How much has been decoded so far."""
        return DecodeStats(
            frame_count=self._decoder.image_count,
            sampled_count=self._sampled_count,
            bad_packet_count=self._decoder.bad_packet_count,
            decoded_s=self._decoder.decoded_s,
            expected_s=self._decoder.expected_s,
        )

    @property
    def decoder_warnings(self) -> dict[str, int]:
        """Messages about what could not be read, decoded or placed in time so far, and how often each came."""
        return dict(self._decoder.warnings)

    def __iter__(self) -> Iterator[Frame]:
        """The sampled frames in order of presentation.

        A frame is given when its duration is known, that is when the next sampled one is decoded.
        """
        chosen: TimedImage | None = None
        duration_s = before_s = 0.0
        for image in self._decoder.images():
            if not chosen:
                chosen = image
            elif self._sampling.is_due(before_s, image.time_s):
                yield self._frame(chosen, duration_s)
                chosen, duration_s = image, 0.0
            duration_s += image.duration_s
            before_s = image.time_s
        if chosen:
            yield self._frame(chosen, duration_s)

    def _frame(self, chosen: TimedImage, duration_s: float) -> Frame:
        self._sampled_count += 1
        self._orientation = self._orientation or Orientation.of(chosen.image)  # the same for all frames
        image = FrameImage.of(chosen, self._orientation)
        if self._sampled_count == 1:
            self.displayed_wh = image.hw[1], image.hw[0]
        return Frame(chosen.index, chosen.time_s, duration_s, image)
