"""Pictures stored with pixels that are not square are read as players show them."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from drawn_world import CODEC, SquareDetector, one_person, resized

from facetally.detection.faces import ImageArray
from facetally.options import Sampling
from facetally.video.pixel_aspect import displayed_hw, sensible
from facetally.video.reader import Frame, FrameImage, VideoReader

B_FRAMES = {"preset": "medium", "bf": "3"}


def wide(
    path: Path,
    aspect: Fraction,
    *,
    images: list[ImageArray] | None = None,
    codec: str = CODEC,
    options: dict[str, str] | None = None,
) -> Path:
    """One person, stored with pixels of an aspect, so that the picture is 160 x 120 when displayed."""
    images = one_person(seconds=1).images() if images is None else images
    height, width = images[0].shape[:2]
    stored_wh = (width, 2 * round(height * aspect / 2))
    if aspect > 1:
        stored_wh = (2 * round(width / aspect / 2), height)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=25, options=options or {})
        (stream.width, stream.height), stream.pix_fmt = stored_wh, "yuv420p"
        stream.codec_context.sample_aspect_ratio = aspect
        for image in images:
            narrow = resized(image, stored_wh, interpolation=cv2.INTER_AREA)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(narrow, "bgr24")))
        container.mux(stream.encode(None))
    return path


def read(path: Path) -> list[Frame]:
    with VideoReader(path, Sampling(0)) as reader:
        return list(reader)


def box_in(image: ImageArray) -> list[float]:
    (faces,) = SquareDetector().detect([image])
    return [float(edge) for edge in faces.boxes[0]]


@pytest.mark.parametrize("aspect", [Fraction(64, 45), Fraction(4, 3), Fraction(32, 27), Fraction(8, 9), Fraction(1, 2)])
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts", "a.h264", "a.avi", "a.mov"])
def test_the_picture_is_as_displayed(tmp_path: Path, name: str, aspect: Fraction) -> None:
    codec = "mpeg4" if name == "a.avi" else CODEC
    frame = read(wide(tmp_path / name, aspect, codec=codec))[0]
    assert frame.image.hw == pytest.approx((120, 160), abs=2)
    assert frame.image.bgr().shape == (*frame.image.hw, 3)
    assert box_in(frame.image.bgr()) == pytest.approx([40, 40, 80, 80], abs=2.5)


@pytest.mark.parametrize(("codec", "name"), [("mpeg2video", "a.mpg"), ("mpeg2video", "a.ts"), ("mpeg4", "a.m4v")])
def test_other_codecs_state_the_shape_too(tmp_path: Path, codec: str, name: str) -> None:
    images = [resized(image, (1024, 576)) for image in one_person(seconds=0.4).images()]
    (frame, *_) = read(wide(tmp_path / name, Fraction(64, 45), images=images, codec=codec))
    assert frame.image.hw == (576, 1024)


@pytest.mark.parametrize("size_wh", [(160, 120), (80, 60), (64, 100)])
def test_any_size_is_scaled_from_the_stored_picture_at_once(tmp_path: Path, size_wh: tuple[int, int]) -> None:
    (frame, *_) = read(wide(tmp_path / "a.mp4", Fraction(4, 3)))
    expected = resized(one_person().images()[0], size_wh, interpolation=cv2.INTER_AREA)
    assert np.abs(frame.image.bgr(size_wh).astype(int) - expected).mean() < 6


@pytest.mark.parametrize("options", [{"bf": "0"}, B_FRAMES], ids=["in order", "reordered"])
@pytest.mark.parametrize(("codec", "name"), [("libx264", "a.ts"), ("libx264", "a.h264"), ("mpeg2video", "b.ts")])
def test_the_shape_may_change_at_any_image(tmp_path: Path, codec: str, name: str, options: dict[str, str]) -> None:
    images = [resized(image, (1024, 576)) for image in one_person(seconds=1).images()]
    narrow = [resized(image, (768, 576)) for image in one_person(seconds=1).images()]
    options = options if codec == "libx264" else {"bf": options["bf"]}
    content = b""
    for part, aspect in ((narrow, Fraction(16, 15)), (images, Fraction(64, 45)), (narrow, Fraction(16, 15))):
        content += wide(tmp_path / name, aspect, images=part, codec=codec, options=options).read_bytes()
    (tmp_path / name).write_bytes(content)
    widths = [frame.image.hw[1] for frame in read(tmp_path / name)]
    assert widths == [768] * 25 + [1024] * 25 + [768] * 25


def test_a_turned_picture_is_stretched_before_it_is_turned(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(CODEC, rate=25)
        stream.width, stream.height, stream.pix_fmt = 120, 120, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)
        stream.set_display_rotation(90)
        image = resized(one_person().images()[0], (120, 120))
        container.mux(stream.encode(av.VideoFrame.from_ndarray(image, "bgr24")))
        container.mux(stream.encode(None))
    (frame,) = read(path)
    assert frame.image.hw == (160, 120)
    x1, y1, x2, y2 = box_in(frame.image.bgr())
    assert (x2 - x1, y2 - y1) == pytest.approx((40, 40), abs=3)


@pytest.mark.parametrize(
    ("aspect", "value"),
    [(None, 1), (Fraction(1), 1), (Fraction(2560, 2559), 1), (Fraction(255), 1), (Fraction(1, 9), 1), (Fraction(2), 2)],
)
def test_nonsense_and_rounding_are_square_pixels(aspect: Fraction | None, value: float) -> None:
    assert sensible(aspect) == value


@pytest.mark.parametrize(
    ("stored_hw", "aspect", "hw"),
    [
        ((576, 720), 64 / 45, (576, 1024)),
        ((480, 720), 32 / 27, (480, 853)),
        ((1080, 1440), 4 / 3, (1080, 1920)),
        ((480, 720), 8 / 9, (540, 720)),
        ((240, 704), 5 / 11, (528, 704)),
        ((7680, 8192), 2.0, (7680, 8192)),  # too large
    ],
)
def test_the_displayed_size_has_no_fewer_pixels_than_the_stored(
    stored_hw: tuple[int, int], aspect: float, hw: tuple[int, int]
) -> None:
    assert displayed_hw(stored_hw, aspect) == hw


def test_square_pixels_are_not_scaled() -> None:
    image = np.random.default_rng(0).integers(0, 255, (48, 64, 3)).astype(np.uint8)
    shown = FrameImage(av.VideoFrame.from_ndarray(image, "bgr24"))
    np.testing.assert_array_equal(shown.bgr(), image)
