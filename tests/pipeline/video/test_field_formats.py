"""One real encode of each format that recorders, broadcasters and browsers write."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from drawn_world import SquareDetector, one_person, resized

from facetally.options import Sampling
from facetally.video.reader import VideoReader
from scripts.dirty_videos.encoding import ordinary_priority


@dataclass(frozen=True)
class Format:
    name: str
    codec: str
    container: str
    size_wh: tuple[int, int] = (160, 120)
    pixels: str = "yuv420p"
    options: dict[str, str] = field(default_factory=dict)
    muxer: str | None = None
    """FFmpeg's name where the ending does not say it."""


FAST_VP9 = {"cpu-used": "8", "deadline": "realtime", "b": "2000000"}
FORMATS = [
    Format("broadcast.mxf", "mpeg2video", "mxf", options={"b": "8000000"}),
    Format("studio.mxf", "dnxhd", "mxf", (1280, 720), "yuv422p", {"b": "90M"}),
    Format("disc.vob", "mpeg2video", "mpeg", options={"b": "8000000"}, muxer="vob"),
    Format("old.wmv", "wmv2", "asf", options={"b": "4000000"}),
    Format("older.asf", "wmv1", "asf", options={"b": "4000000"}),
    Format("real.rm", "rv20", "rm", (352, 288), options={"b": "4000000"}),
    Format("phone.3gp", "h263", "3gp", (352, 288), options={"b": "4000000"}),
    Format("phone.3g2", "mpeg4", "3g2", options={"b": "4000000"}),
    Format("camera.avi", "mjpeg", "avi", pixels="yuvj420p", options={"b": "9000000"}),
    Format("dashcam.mov", "mjpeg", "mov", pixels="yuvj422p", options={"b": "9000000"}),
    Format("web.mp4", "libsvtav1", "mov", options={"preset": "12", "crf": "20"}),
    Format("web.mkv", "libsvtav1", "matroska", options={"preset": "12", "crf": "20"}),
    Format("overlay.webm", "libvpx-vp9", "matroska", pixels="yuva420p", options=FAST_VP9),
    Format("call.webm", "libvpx", "matroska", options={"deadline": "realtime", "b": "2000000"}),
    Format("edit.mov", "prores", "mov", pixels="yuv422p10le"),
    Format("tape.avi", "dvvideo", "avi", (720, 576)),
    Format("archive.mkv", "ffv1", "matroska"),
]


def write(path: Path, form: Format) -> Path:
    with ordinary_priority(), av.open(str(path), "w", format=form.muxer) as container:
        stream: Any = container.add_stream(form.codec, rate=25, options=form.options)
        (stream.width, stream.height), stream.pix_fmt = form.size_wh, form.pixels
        stream.codec_context.time_base = Fraction(1, 25)
        for index, image in enumerate(one_person(seconds=1).images()):
            frame = av.VideoFrame.from_ndarray(resized(image, form.size_wh), "bgr24")
            frame = frame.reformat(format=form.pixels)
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: f"{form.name}-{form.codec}")
def test_every_frame_is_read_at_its_time_and_shows_the_person(tmp_path: Path, form: Format) -> None:
    if form.codec not in av.codecs_available:
        pytest.skip(f"this FFmpeg has no {form.codec}")
    with VideoReader(write(tmp_path / form.name, form), Sampling(0)) as reader:
        frames = list(reader)
        assert form.container in reader.info.container
        assert reader.stats.coverage == pytest.approx(1, abs=0.06)
        assert reader.notes == ()
        assert reader.unread() is None
    assert [frame.time_s for frame in frames] == pytest.approx([index / 25 for index in range(25)], abs=0.002)
    image = resized(frames[0].image.bgr(), (160, 120), interpolation=cv2.INTER_AREA)
    (faces,) = SquareDetector().detect([image])
    assert faces.boxes[0] == pytest.approx([40, 40, 80, 80], abs=3)


def test_what_is_transparent_is_read_by_its_colours(tmp_path: Path) -> None:
    form = next(form for form in FORMATS if form.pixels == "yuva420p")
    with VideoReader(write(tmp_path / form.name, form), Sampling(0)) as reader:
        assert next(iter(reader)).image.bgr().dtype == np.uint8
