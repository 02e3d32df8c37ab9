"""What a file states about its video."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from drawn_world import encoded, one_person

from facetally.options import Sampling
from facetally.video.reader import VideoReader


def rates(path: Path) -> tuple[float, float]:
    """As stated when the file is opened, and after all frames."""
    with VideoReader(path, Sampling(0.2)) as reader:
        stated = reader.info.fps
        assert list(reader)
        return stated, reader.info.fps


@pytest.mark.parametrize("fps", [15, 25, 30, 50, Fraction(30000, 1001)], ids=str)
@pytest.mark.parametrize(
    "name", ["clip.h264", "clip.mp4", "clip.mkv", "clip.ts", "clip.flv", "clip.avi", "clip.hevc", "clip.ivf"]
)
def test_the_rate_is_that_of_the_frames(tmp_path: Path, name: str, fps: int | Fraction) -> None:
    codec = {".hevc": "libx265", ".ivf": "libvpx-vp9"}.get(Path(name).suffix, "libx264")
    options = {} if codec == "libx264" else {"preset": "ultrafast"} if codec == "libx265" else {"cpu-used": "8"}
    path = encoded(tmp_path / name, one_person(seconds=1).images()[:20], fps=fps, codec=codec, options=options)
    assert rates(path) == pytest.approx((float(fps), float(fps)), rel=0.01)


@pytest.mark.parametrize(("fps", "size_wh"), [(25, (720, 576)), (Fraction(30000, 1001), (720, 480))], ids=str)
def test_the_rate_of_a_dv_tape_is_not_the_tick_of_its_clock(
    tmp_path: Path, fps: int | Fraction, size_wh: tuple[int, int]
) -> None:
    path = tmp_path / "tape.dv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("dvvideo", rate=fps)
        (stream.width, stream.height), stream.pix_fmt = size_wh, "yuv420p" if fps == 25 else "yuv411p"
        for value in range(20):
            image = np.full((*size_wh[::-1], 3), value, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, "rgb24")))
        container.mux(stream.encode(None))
    assert rates(path) == pytest.approx((float(fps), float(fps)), rel=0.01)


def test_a_stated_rate_that_is_far_off_gives_way_to_that_of_the_frames(tmp_path: Path) -> None:
    stamps = range(0, 50 * 67, 67)  # as browsers record: no rate stated, times in milliseconds
    path = encoded(tmp_path / "c.mkv", one_person().images(), stamps, fps=1000, time_base=Fraction(1, 1000))
    assert rates(path)[1] == pytest.approx(1000 / 67, rel=0.05)
