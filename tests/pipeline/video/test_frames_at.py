"""Frames that are found again by their times are those that a whole pass gives."""

from __future__ import annotations

import shutil
import struct
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from drawn_world import Film, Shot, Square, encoded, filmed

from facetally.detection.faces import ImageArray
from facetally.errors import VideoError
from facetally.options import Sampling
from facetally.video import frames_at as module
from facetally.video.frames_at import frames_at
from facetally.video.pixel_aspect import PixelAspect
from facetally.video.reader import VideoReader

FILM = Film((Shot(6.0, (Square("red", (10, 40), (20, 0)),)), Shot(4.0, (Square("blue", (120, 60), (-10, 0)),), 190)))
SAMPLING = Sampling()


@pytest.fixture
def seeks_always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each frame is sought, however near; and a whole pass is an error."""
    monkeypatch.setattr(module, "STEP_S", 0.0)
    monkeypatch.setattr(module, "_read_through", _not_expected)


def _not_expected(*_: object) -> Iterator[Any]:
    raise AssertionError("the video is read from its beginning")


def whole_pass(path: Path) -> dict[float, ImageArray]:
    with VideoReader(path, SAMPLING) as reader:
        return {frame.time_s: frame.image.bgr() for frame in reader}


def found(path: Path, times_s: list[float], **how: bool) -> dict[float, ImageArray]:
    return {frame.time_s: frame.image.bgr() for frame in frames_at(path, times_s, SAMPLING, **how)}


def assert_same(path: Path, every: int = 3, **how: bool) -> None:
    expected = whole_pass(path)
    times_s = list(expected)[::every]
    images = found(path, times_s[::-1], **how)
    assert sorted(images) == times_s
    assert all(np.array_equal(images[time_s], expected[time_s]) for time_s in times_s)


def varying(path: Path) -> Path:
    stamps = np.cumsum([0, *([1, 3, 2, 1] * 62), 2]).tolist()
    return encoded(path, FILM.images()[: len(stamps)], stamps, time_base=Fraction(1, 50))


def anamorphic(path: Path) -> Path:
    plain = filmed(path.with_stem("plain"), FILM)
    with av.open(str(plain)) as source, av.open(str(path), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        stream.sample_aspect_ratio = Fraction(16, 11)
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    return path


def turned(path: Path) -> Path:
    """With a display matrix of a quarter turn in the track header."""
    content = bytearray(filmed(path, FILM).read_bytes())
    at = content.index(b"tkhd") + 4 + 40  # after version, times, id, duration, layer and volume
    content[at : at + 36] = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30)
    path.write_bytes(bytes(content))
    return path


def late(path: Path) -> Path:
    return encoded(path, FILM.images(), range(5000, 5250))


@pytest.mark.usefixtures("seeks_always")
@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("a.mp4", lambda path: filmed(path, FILM)),
        ("a.mkv", varying),
        ("a.mp4", anamorphic),
        ("late.ts", late),
        ("a.mp4", turned),
    ],
    ids=["mp4", "varying rate", "anamorphic", "late start", "turned"],
)
def test_frames_that_are_sought_are_those_of_a_whole_pass(
    tmp_path: Path, name: str, make: Callable[[Path], Path]
) -> None:
    assert_same(make(tmp_path / name))


@pytest.mark.usefixtures("seeks_always")
def test_frames_that_others_refer_to_across_keyframes_are_exact(tmp_path: Path) -> None:
    options = {"x264-params": "open-gop=1:keyint=40:bframes=3", "crf": "20"}
    assert_same(encoded(tmp_path / "a.mp4", FILM.images(), options=options), every=1)


@pytest.mark.parametrize("name", ["a.avi", "a.h264"])
def test_a_format_without_stored_times_is_read_from_its_beginning(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = filmed(tmp_path / name, FILM)
    monkeypatch.setattr(module, "STEP_S", 0.0)
    assert_same(path)


def test_a_damaged_video_gives_the_frames_that_the_run_saw(tmp_path: Path) -> None:
    content = bytearray(filmed(tmp_path / "a.mkv", FILM).read_bytes())
    content[len(content) // 3 : len(content) // 3 + 300] = bytes(300)
    (tmp_path / "torn.mkv").write_bytes(bytes(content))
    assert sorted(found(tmp_path / "torn.mkv", list(whole_pass(tmp_path / "torn.mkv")))) == sorted(
        whole_pass(tmp_path / "torn.mkv")
    )


@pytest.mark.usefixtures("seeks_always")
def test_only_what_is_near_a_frame_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, decoded = filmed(tmp_path / "a.mp4", FILM), []

    def counted(own: PixelAspect, image: av.VideoFrame) -> float:
        decoded.append(image.pts)
        return of(own, image)

    of = PixelAspect.of
    monkeypatch.setattr(PixelAspect, "of", counted)
    assert list(found(path, [9.4])) == [9.4]
    assert 0 < len(decoded) < 2 * 25 + 10  # two images for the start; a keyframe every second


def test_after_a_jump_of_the_clock_the_video_is_read_from_its_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_sought", _not_expected)
    assert_same(filmed(tmp_path / "a.mp4", FILM), every=20, has_clock_jumps=True)


def test_frames_of_a_run_over_keyframes_are_those_that_it_saw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, sampling = filmed(tmp_path / "a.mp4", FILM), Sampling(keyframes=True)
    monkeypatch.setattr(module, "_sought", _not_expected)
    with VideoReader(path, sampling) as reader:
        expected = {frame.time_s: frame.image.bgr() for frame in reader}
    images = {frame.time_s: frame.image.bgr() for frame in frames_at(path, list(expected), sampling)}
    assert sorted(images) == sorted(expected) and len(images) >= 10
    assert all(np.array_equal(images[time_s], expected[time_s]) for time_s in expected)


def test_there_is_no_frame_at_a_time_that_was_not_sampled(clip: Path) -> None:
    assert list(found(clip, [0.2, 0.21, 77.0])) == [0.2]


def test_a_missing_video_is_an_error(clip: Path, tmp_path: Path) -> None:
    shutil.copy(clip, tmp_path / "a.mp4")
    (tmp_path / "a.mp4").unlink()
    with pytest.raises(VideoError, match="does not exist"):
        found(tmp_path / "a.mp4", [0.2])
