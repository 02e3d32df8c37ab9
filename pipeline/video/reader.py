"""Reads video files as frames with true times.

Time is the container's presentation time in seconds from the first frame; pictures are as displayed (rotation and
mirroring applied). Broken packets are skipped and counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from av.sidedata.sidedata import Type as SideDataType

from facetally.options import Sampling
from facetally.video.decoder import Decoder, TimedImage


@dataclass(frozen=True)
class Frame:
    """A sampled picture and the time it stands for."""

    index: int
    """0-based position among all decoded frames."""
    time_s: float
    """Presentation time in seconds from the video's first frame."""
    duration_s: float
    """Seconds until the next sampled frame, less what broken packets left empty."""
    image: FrameImage


@dataclass(frozen=True)
class Orientation:
    """How stored pictures are turned and mirrored for display."""

    is_quarter_turn: bool = False
    """Rows are displayed as columns."""
    x_step: int = 1
    """-1: mirrored, after that, from left to right."""
    y_step: int = 1

    @classmethod
    def of(cls, decoded: Any) -> Orientation:
        """By a picture's display matrix. The picture is garbage only a collector finds once that has been looked at."""
        matrix = decoded.side_data.get(SideDataType.DISPLAYMATRIX)
        if matrix is None:
            return cls()
        # nine 32-bit numbers; x' = a x + c y and y' = b x + d y, with y pointing down
        a, b, _, c, d = map(int, np.frombuffer(bytes(matrix), np.int32)[:5])
        x, y = (c, b) if abs(a) < abs(b) else (a, d)
        return cls(abs(a) < abs(b), -1 if x < 0 else 1, -1 if y < 0 else 1)


class FrameImage:
    """A picture as displayed: turned and mirrored as its display matrix says.

    Pixels are converted when they are first asked for, in the size that is asked for: most pictures are looked at in
    small, and only a few faces are cut from the full one.

    Args:
        decoded: an `av.VideoFrame`.
        orientation: that of the video; by default the picture's own is looked up.
    """

    def __init__(self, decoded: Any, orientation: Orientation | None = None) -> None:
        self._decoded, self._orientation = decoded, orientation or Orientation.of(decoded)
        self._images: dict[tuple[int, int], npt.NDArray[np.uint8]] = {}

    @property
    def hw(self) -> tuple[int, int]:
        """Height and width in pixels."""
        height, width = self._decoded.height, self._decoded.width
        return (width, height) if self._orientation.is_quarter_turn else (height, width)

    def bgr(self, size_wh: tuple[int, int] | None = None) -> npt.NDArray[np.uint8]:
        """(H, W, 3) uint8 BGR, in full or scaled to a width and height; kept for whoever asks for it again."""
        size_wh = size_wh or self.hw[::-1]
        if size_wh not in self._images:
            self._images[size_wh] = self._converted(*size_wh)
        return self._images[size_wh]

    def _converted(self, width: int, height: int) -> npt.NDArray[np.uint8]:
        if self._orientation.is_quarter_turn:
            width, height = height, width
        # by default FFmpeg would start as many threads as there are cores, for each picture anew
        image = self._decoded.to_ndarray(format="bgr24", width=width, height=height, interpolation="AREA", threads=1)
        if self._orientation.is_quarter_turn:
            image = image.transpose(1, 0, 2)
        return np.ascontiguousarray(image[:: self._orientation.y_step, :: self._orientation.x_step])


@dataclass(frozen=True)
class DecodeStats:
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
    """One pass over a video: iterate for the sampled frames, then ask for the `stats`.

    Args:
        path: the file.
        sampling: which frames to give.
        threads: decoder threads; 0 lets FFmpeg choose.

    Raises:
        VideoError: the file is missing, empty, no video, or holds no video stream.
    """

    def __init__(self, path: Path, sampling: Sampling | None = None, threads: int = 0) -> None:
        self._sampling = sampling or Sampling()
        self._decoder = Decoder(path, self._sampling, threads)
        self._sampled_count = 0
        self._orientation: Orientation | None = None
        self.info = self._decoder.info

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._decoder.close()

    @property
    def stats(self) -> DecodeStats:
        """What has been decoded so far."""
        return DecodeStats(
            frame_count=self._decoder.image_count,
            sampled_count=self._sampled_count,
            bad_packet_count=self._decoder.bad_packet_count,
            decoded_s=self._decoder.decoded_s,
            expected_s=self._decoder.expected_s,
        )

    def __iter__(self) -> Iterator[Frame]:
        """The sampled frames in order of presentation.

        A frame is given once its duration is known, that is when the next sampled one is there.
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
        self._orientation = self._orientation or Orientation.of(chosen.image)  # a video has one
        return Frame(chosen.index, chosen.time_s, duration_s, FrameImage(chosen.image, self._orientation))
