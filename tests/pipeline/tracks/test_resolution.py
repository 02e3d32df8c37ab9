"""A stream that changes its size in the middle of a video, as recordings of calls do: one face is one appearance."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from drawn_world import FPS, HEIGHT_PX, WIDTH_PX, ColourEmbedding, SquareDetector, one_person

from facetally.detection.crops import CropRecipe
from facetally.detection.faces import ImageArray
from facetally.options import RunOptions
from facetally.tracks.follow import FollowedFrame, follow
from facetally.video.reader import VideoReader

SECONDS = 2.4


def packets(codec: str, images: Sequence[ImageArray], factor: int, first: int) -> list[Any]:
    """The images in `factor` times their size, encoded on their own, the first with this number."""
    context: Any = av.CodecContext.create(codec, "w")
    context.width, context.height, context.pix_fmt = factor * WIDTH_PX, factor * HEIGHT_PX, "yuv420p"
    context.time_base, context.framerate, context.bit_rate = Fraction(1, FPS), Fraction(FPS), 2_000_000
    context.max_b_frames = 0
    found = []
    for number, image in enumerate(images, start=first):
        sized = np.kron(image, np.ones((factor, factor, 1), np.uint8))
        frame = av.VideoFrame.from_ndarray(sized, format="bgr24").reformat(format="yuv420p")
        frame.pts, frame.time_base = number, context.time_base
        found += context.encode(frame)
    return [*found, *context.encode(None)]


def filmed_in_sizes(path: Path, codec: str, factors: Sequence[int]) -> Path:
    """The drawn film with one person, in parts of equal length and these sizes."""
    images = one_person(seconds=SECONDS).images()
    share = len(images) // len(factors)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=FPS)
        stream.width, stream.height, stream.pix_fmt = factors[0] * WIDTH_PX, factors[0] * HEIGHT_PX, "yuv420p"
        for part, factor in enumerate(factors):
            own = images[part * share : (part + 1) * share]
            for packet in packets(codec, own, factor, part * share):
                packet.stream, packet.time_base = stream, Fraction(1, FPS)
                container.mux(packet)
    return path


def followed(path: Path) -> tuple[list[FollowedFrame], set[tuple[int, int]]]:
    """The results, and the sizes of the frames."""
    options = RunOptions()
    with VideoReader(path, options.sampling) as reader:
        frames = list(reader)
        results = follow(frames, SquareDetector(), recipe=CropRecipe(), options=options, embedding=ColourEmbedding())
        return list(results), {frame.image.hw for frame in frames}


@pytest.mark.parametrize(
    ("name", "codec"), [("call.webm", "libvpx-vp9"), ("call.webm", "libvpx"), ("call.ts", "mpeg2video")]
)
@pytest.mark.parametrize("factors", [(1,), (1, 2), (2, 1), (1, 2, 1, 2)], ids=str)
def test_a_face_in_a_stream_that_changes_its_size_is_one_appearance(
    tmp_path: Path, name: str, codec: str, factors: tuple[int, ...]
) -> None:
    if codec not in av.codecs_available:
        pytest.skip(f"PyAV without {codec}")
    results, sizes = followed(filmed_in_sizes(tmp_path / name, codec, factors))
    assert len(sizes) == len(set(factors))
    assert {track_id for result in results for track_id in result.rows.tracked.track_ids.tolist()} == {0}
    (track,) = (track for result in results for track in result.ended)
    assert track.face_count == 12
    assert track.screen_time_s == pytest.approx(SECONDS, abs=0.05)
