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

from pipeline.decoding import TIME_TOLERANCE_S, Decoder, TimedPicture
from pipeline.options import Sampling


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
        self._sampling = sampling or Sampling()
        self._decoder = Decoder(path, self._sampling.keyframes, threads)
        self._sampled_count = 0
        self.info = self._decoder.info

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._decoder.close()

    @property
    def account(self) -> Account:
        """What has been decoded so far."""
        return Account(
            frame_count=self._decoder.picture_count,
            sampled_count=self._sampled_count,
            bad_packet_count=self._decoder.bad_packet_count,
            decoded_s=self._decoder.decoded_s,
            expected_s=self._decoder.expected_s,
        )

    def __iter__(self) -> Iterator[Frame]:
        """The sampled frames in order of presentation.

        A frame is given once its duration is known, that is when the next sampled one is there.
        """
        chosen: TimedPicture | None = None
        duration_s = next_due_s = 0.0
        for picture in self._decoder.pictures():
            if picture.time_s >= next_due_s - TIME_TOLERANCE_S:
                if chosen:
                    yield self._frame(chosen, duration_s)
                chosen, duration_s = picture, 0.0
                next_due_s = self._next_due_s(picture.time_s)
            duration_s += picture.duration_s
        if chosen:
            yield self._frame(chosen, duration_s)

    def _next_due_s(self, time_s: float) -> float:
        """The sampling times lie on a fixed grid, so that rounding never adds up."""
        every_s = self._sampling.every_s
        if not every_s or self._sampling.keyframes:
            return 0.0
        return every_s * (int((time_s + TIME_TOLERANCE_S) / every_s) + 1)

    def _frame(self, chosen: TimedPicture, duration_s: float) -> Frame:
        self._sampled_count += 1
        return Frame(chosen.index, chosen.time_s, duration_s, displayed_image(chosen.picture))


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
