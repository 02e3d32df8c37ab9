"""Interlaced pictures are read as one moment, and without the lines above the picture."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from drawn_world import one_person, resized

from facetally.detection.faces import ImageArray
from facetally.options import Sampling
from facetally.video.fields import is_combed, picture_of
from facetally.video.reader import FrameImage, VideoReader

INTERLACED = {
    "mpeg2video": {"flags": "+ildct+ilme", "b": "8000000"},
    "libx264": {"flags": "+ildct+ilme", "x264-params": "tff=1", "crf": "10"},
}


def woven(shift_px: int) -> ImageArray:
    """The even lines of a picture, and the odd ones of the picture moved to the right."""
    picture = resized(one_person().images()[0], (320, 240))
    image = picture.copy()
    image[1::2] = np.roll(picture, shift_px, axis=1)[1::2]
    return image


def interlaced(path: Path, image: ImageArray, codec: str = "mpeg2video", pixels: str = "yuv420p") -> Path:
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=25, options=INTERLACED[codec])
        stream.height, stream.width = image.shape[:2]
        stream.pix_fmt = pixels
        for _ in range(10):
            frame = av.VideoFrame.from_ndarray(image, "bgr24").reformat(format=pixels)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def first(path: Path) -> FrameImage:
    with VideoReader(path, Sampling(0)) as reader:
        return next(iter(reader)).image


def roughness(image: ImageArray) -> float:
    """How much the lines differ from those above them, beside lines two apart."""
    lines = image.astype(int)
    return float(np.abs(np.diff(lines, axis=0)).mean() / np.abs(lines[2:] - lines[:-2]).mean())


@pytest.mark.parametrize(("codec", "name"), [("mpeg2video", "a.ts"), ("mpeg2video", "a.mpg"), ("libx264", "a.mp4")])
def test_fields_that_differ_are_not_shown_together(tmp_path: Path, codec: str, name: str) -> None:
    image = first(interlaced(tmp_path / name, woven(12), codec))
    assert image.hw == (240, 320)
    expected = resized(woven(12)[::2], (320, 240), interpolation=cv2.INTER_LINEAR)
    assert np.abs(image.bgr().astype(int) - expected).mean() < 6
    assert roughness(image.bgr()) < 0.8 < roughness(woven(12))


@pytest.mark.parametrize("size_wh", [(320, 240), (160, 120), (100, 80)])
def test_one_field_is_scaled_to_any_size(tmp_path: Path, size_wh: tuple[int, int]) -> None:
    image = first(interlaced(tmp_path / "a.ts", woven(12))).bgr(size_wh)
    expected = resized(woven(12)[::2], size_wh, interpolation=cv2.INTER_AREA)
    assert np.abs(image.astype(int) - expected).mean() < 8


def test_a_still_picture_in_an_interlaced_video_keeps_all_its_lines(tmp_path: Path) -> None:
    image = first(interlaced(tmp_path / "a.ts", woven(0))).bgr()
    assert np.abs(image.astype(int) - woven(0)).mean() < 4


def test_ten_bits_are_looked_at_too(tmp_path: Path) -> None:
    image = first(interlaced(tmp_path / "a.mp4", woven(12), "libx264", "yuv422p10le")).bgr()
    assert roughness(image) < 0.8


def test_progressive_pictures_are_never_halved() -> None:
    combed = av.VideoFrame.from_ndarray(woven(12), "bgr24").reformat(format="yuv420p")
    assert is_combed(combed)
    assert picture_of(combed) is combed  # the frame does not say that it is interlaced


@pytest.mark.parametrize(("shift_px", "combed"), [(0, False), (6, True), (12, True)])
@pytest.mark.parametrize("pixels", ["yuv420p", "yuv422p", "nv12", "yuv420p10le", "gray"])
def test_a_picture_is_combed_if_its_fields_differ(shift_px: int, combed: bool, pixels: str) -> None:
    frame = av.VideoFrame.from_ndarray(woven(shift_px), "bgr24").reformat(format=pixels)
    assert is_combed(frame) == combed


@pytest.mark.parametrize("height", [1, 2, 8, 16])
def test_a_tiny_picture_is_not_combed(height: int) -> None:
    frame = av.VideoFrame.from_ndarray(np.zeros((height, 16, 3), np.uint8), "bgr24").reformat(format="yuv420p")
    assert not is_combed(frame)


@pytest.mark.parametrize(("stored_h", "shown_hw"), [(608, (576, 768)), (512, (540, 720))])
def test_the_lines_above_the_picture_of_d10_are_cut_off(
    tmp_path: Path, stored_h: int, shown_hw: tuple[int, int]
) -> None:
    picture = resized(one_person().images()[0], (720, stored_h - 32))
    stored = np.concatenate([np.full((32, 720, 3), 255, np.uint8), picture])
    path = tmp_path / "imx.mxf"
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("mpeg2video", rate=25, options={"b": "20000000"})
        stream.width, stream.height, stream.pix_fmt = 720, stored_h, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3) / Fraction(720, stored_h)
        for _ in range(5):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(stored, "bgr24")))
        container.mux(stream.encode(None))
    image = first(path)
    assert image.hw == shown_hw
    assert image.bgr()[:8].mean() < 120  # no white
    small = resized(image.bgr(), (160, 120), interpolation=cv2.INTER_AREA).astype(int)
    assert np.abs(small - one_person().images()[0]).mean() < 8
