"""Draws the images of the videos, and encodes them."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

FPS = 25
SECONDS = 2.0
SIZE_WH = (160, 120)


def drawn_images(count: int = round(FPS * SECONDS), size_wh: tuple[int, int] = SIZE_WH) -> Iterable[np.ndarray]:
    """(H, W, 3) uint8 RGB: a light square, a quarter as high as the image, that moves to the right."""
    width, height = size_wh
    ground = np.random.default_rng(0).integers(20, 60, (height // 8 + 1, width // 8 + 1, 3)).astype(np.uint8)
    for number in range(count):
        image = np.asarray(cv2.resize(ground, size_wh, interpolation=cv2.INTER_NEAREST), np.uint8)
        left, side = width // 8 + number * width // 160, max(2, height // 4)
        image[height // 3 : height // 3 + side, left : left + side] = (230, 200, 180)
        yield image


def encode(
    path: Path,
    images: Iterable[np.ndarray] | None = None,
    pts: Sequence[int] | None = None,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    options: dict[str, str] | None = None,
    muxer: dict[str, str] | None = None,
    time_base: Fraction | None = None,
    more: Callable[[Any], None] | None = None,
) -> None:
    """Writes a video.

    Args:
        path: the suffix determines the container.
        images: those of `drawn_images` by default.
        pts: presentation times in `time_base`; 0, 1, 2, ... by default.
        codec, pixels, options: encoder, pixel format, and options of the encoder.
        muxer: options of the container.
        time_base: the duration of a frame by default.
        more: called with the stream before the first frame.
    """
    images = iter(drawn_images() if images is None else images)
    first = next(images, None)
    with ordinary_priority(), av.open(str(path), "w", options=muxer or {}) as container:
        stream: Any = container.add_stream(codec, rate=FPS, options=options or {})
        stream.pix_fmt = pixels
        stream.codec_context.gop_size = FPS
        stream.codec_context.time_base = time_base or Fraction(1, FPS)
        if first is not None:
            stream.height, stream.width = first.shape[:2]
            images = itertools.chain([first], images)
        if more:
            more(stream)
        for stamp, image in zip(pts, images, strict=True) if pts else enumerate(images):
            decoded = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format=pixels)
            decoded.pts, decoded.time_base = stamp, stream.codec_context.time_base
            container.mux(stream.encode(decoded))
        container.mux(stream.encode(None))


def pixels_of(aspect: Fraction) -> Callable[[Any], None]:
    """Gives a stream pixels of a shape, width by height."""

    def shape(stream: Any) -> None:
        stream.codec_context.sample_aspect_ratio = aspect

    return shape


@contextmanager
def ordinary_priority() -> Iterator[None]:
    """Keeps the scheduling of this thread as it is.

    Where it may, as root for one, SVT-AV1 makes the thread that opens it real-time at the highest priority
    (findings/svt-av1-makes-caller-real-time.sh), and with it all that this process starts from then on.
    """
    if not hasattr(os, "sched_setscheduler"):
        yield
        return
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, parameters)
