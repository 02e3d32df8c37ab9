"""Pictures of high dynamic range are shown as on a standard screen."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from drawn_world import one_person

from facetally.detection.faces import ImageArray
from facetally.options import Sampling
from facetally.video.dynamic_range import BT2020, HLG, PQ, _table, to_standard
from facetally.video.reader import VideoReader

BT709, BT2020_MATRIX = 1, 9


def coded(image: ImageArray, transfer: int) -> ImageArray:
    """The values by which a high dynamic range stores an image of the standard one."""
    table = _table(transfer).astype(int)
    nearest = np.abs(table[:, None] - np.arange(256)).argmin(axis=0)
    return np.asarray(nearest[image], np.uint8)


def hdr(path: Path, image: ImageArray, transfer: int) -> Path:
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx265", rate=25, options={"preset": "ultrafast", "crf": "8"})
        stream.height, stream.width = image.shape[:2]
        stream.pix_fmt = "yuv420p10le"
        context = stream.codec_context
        context.color_trc, context.color_primaries, context.colorspace = transfer, BT709, BT2020_MATRIX
        for index in range(5):
            frame = av.VideoFrame.from_ndarray(coded(image, transfer), "bgr24")
            frame = frame.reformat(format="yuv420p10le", dst_colorspace=BT2020_MATRIX)
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_a_picture_looks_as_its_standard_version(tmp_path: Path, transfer: int) -> None:
    image = 255 - one_person().images()[0]
    with VideoReader(hdr(tmp_path / "a.mp4", image, transfer), Sampling(0)) as reader:
        shown = next(iter(reader)).image.bgr()
    assert np.abs(shown.astype(int) - image).mean() < 6
    assert np.abs(coded(image, transfer).astype(int) - image).mean() > 20  # as it looks unconverted


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_brightness_grows_from_black_to_white(transfer: int) -> None:
    table = _table(transfer).astype(int)
    assert (table[0], table[255]) == (0, 255)
    assert (np.diff(table) >= 0).all()


def test_the_white_of_graphics_is_bright_but_not_the_brightest() -> None:
    assert 215 < _table(PQ)[round(0.58 * 255)] < 250  # 203 cd/m2 is 58 % in PQ
    assert 215 < _table(HLG)[round(0.75 * 255)] < 250  # and 75 % in HLG


@pytest.mark.parametrize("transfer", [0, 1, 2, 6, 13, 14])
def test_standard_pictures_are_left_as_they_are(transfer: int) -> None:
    image = one_person().images()[0]
    assert to_standard(image, transfer, BT2020) is image


def test_wide_colours_become_stronger_and_grey_stays_grey() -> None:
    grey, skin = np.full((1, 1, 3), 120, np.uint8), np.array([[[110, 130, 150]]], np.uint8)
    assert np.ptp(to_standard(grey, PQ, BT2020)) <= 1
    assert np.ptp(to_standard(skin, PQ, BT2020)) > np.ptp(to_standard(skin, PQ, BT709))
