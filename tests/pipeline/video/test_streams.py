"""Files with several cameras or programmes: one is read, the others are named, and any can be chosen."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest
from drawn_world import Colour, SquareDetector, one_person, resized

from facetally.errors import OptionError, VideoError
from facetally.options import Sampling
from facetally.video.reader import VideoReader


def two_cameras(path: Path, sizes: tuple[tuple[int, int], ...] = ((160, 120), (320, 240))) -> Path:
    """A woman in the first stream, a man in the second."""
    colours: tuple[Colour, ...] = ("red", "blue")
    with av.open(str(path), "w") as container:
        streams: list[Any] = [container.add_stream("mpeg2video", rate=25) for _ in colours]
        for stream, (width, height) in zip(streams, sizes, strict=True):
            stream.width, stream.height, stream.pix_fmt, stream.bit_rate = width, height, "yuv420p", 4_000_000
        for index in range(25):
            for stream, colour, size in zip(streams, colours, sizes, strict=True):
                image = resized(one_person(colour).images()[index], size)
                frame = av.VideoFrame.from_ndarray(image, "bgr24")
                frame.pts, frame.time_base = index, Fraction(1, 25)
                container.mux(stream.encode(frame))
        for stream in streams:
            container.mux(stream.encode(None))
    return path


def is_man(reader: VideoReader) -> bool:
    image = next(iter(reader)).image.bgr()
    (faces,) = SquareDetector().detect([image])
    x1, y1, x2, y2 = faces.boxes[0].astype(int)
    blue, _, red = image[(y1 + y2) // 2, (x1 + x2) // 2].astype(int)
    return bool(blue > red)


@pytest.mark.parametrize("name", ["two.mkv", "two.mp4", "two.ts", "two.mpg"])
def test_the_stream_that_is_not_read_is_named(tmp_path: Path, name: str) -> None:
    with VideoReader(two_cameras(tmp_path / name)) as reader:
        own = int(is_man(reader))
        other = ("1 (320 x 240, mpeg2video)", "0 (160 x 120, mpeg2video)")[own]
        assert reader.notes == (f"the file has 2 video streams; {own} was read, not {other}: choose with --stream",)


@pytest.mark.parametrize("stream", [0, 1])
@pytest.mark.parametrize("name", ["two.mkv", "two.mp4", "two.ts"])
def test_a_stream_is_chosen_by_its_number(tmp_path: Path, name: str, stream: int) -> None:
    with VideoReader(two_cameras(tmp_path / name), Sampling(0, stream=stream)) as reader:
        assert is_man(reader) == bool(stream)
    with VideoReader(tmp_path / name, Sampling(0, stream=stream)) as reader:
        assert len(list(reader)) == 25
        assert reader.stats.coverage == pytest.approx(1, abs=0.05)


def test_a_file_without_that_stream_is_an_error(clip: Path) -> None:
    with pytest.raises(VideoError, match="no video stream 1: 1 video stream, counted from 0"):
        VideoReader(clip, Sampling(stream=1))


def test_a_stream_below_the_first_is_refused() -> None:
    with pytest.raises(OptionError, match="--stream -2"):
        Sampling(stream=-2)
