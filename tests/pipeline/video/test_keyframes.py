"""Keyframes alone: each is read once, in order, and with the picture that a whole pass shows at its time."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from drawn_world import FPS, SquareDetector, encoded, one_person

from facetally.options import Sampling
from facetally.video.frames_at import frames_at
from facetally.video.reader import DecodeStats, Frame, VideoReader

SECONDS = 12
SWAPPED = [*range(10), 11, 10, *range(12, 25)]
H264, HEVC, MPEG2 = "libx264", "libx265", "mpeg2video"
X264 = "scenecut=0:b-adapt=0:bframes=3:keyint=50"
X265 = "log-level=none:scenecut=0:b-adapt=0:bframes=4"
RADL = "open-gop=0:radl=2:keyint=50:min-keyint=50"
CODECS: dict[str, tuple[str, dict[str, str], str]] = {
    "h264-open": (H264, {"preset": "medium", "x264-params": f"{X264}:open-gop=1"}, "mp4"),
    "h264-closed": (H264, {"preset": "medium", "x264-params": X264}, "mkv"),
    "h264-interlaced": (H264, {"flags": "+ildct+ilme", "x264-params": f"{X264}:open-gop=1:tff=1"}, "ts"),
    "hevc-open": (HEVC, {"preset": "ultrafast", "x265-params": f"{X265}:open-gop=1:keyint=50"}, "ts"),
    "hevc-long": (HEVC, {"preset": "ultrafast", "x265-params": f"{X265}:keyint=140:min-keyint=140"}, "mp4"),
    "hevc-radl": (HEVC, {"preset": "ultrafast", "x265-params": f"{X265}:{RADL}"}, "ts"),
    "mpeg2-open": (MPEG2, {"bf": "2", "sc_threshold": "1000000000"}, "ts"),
    "vp9": ("libvpx-vp9", {"cpu-used": "8", "deadline": "realtime"}, "webm"),
}
"""Encoder, its options, and the ending of the file."""
OPEN_OR_RADL = ["h264-open", "h264-interlaced", "hevc-open", "hevc-radl", "mpeg2-open"]


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """For each of `CODECS` a square that moves 10 px a second to the right; begins again at 7 s."""
    folder, images = tmp_path_factory.mktemp("keyframes"), one_person(seconds=SECONDS - 5).images()
    images = [*images, *images[: 5 * FPS]]
    return {
        name: encoded(folder / f"{name}.{ending}", images, codec=codec, options=options)
        for name, (codec, options, ending) in CODECS.items()
    }


def read(path: Path, sampling: Sampling) -> tuple[list[Frame], DecodeStats]:
    with VideoReader(path, sampling) as reader:
        return list(reader), reader.stats


def keyframes(path: Path) -> tuple[list[Frame], DecodeStats]:
    return read(path, Sampling(keyframes=True))


def is_key(path: Path) -> list[bool]:
    """Of each image of a whole pass."""
    found = []
    with av.open(str(path)) as container:
        for packet in container.demux(video=0):
            with suppress(av.error.InvalidDataError):  # leading frames without what they refer to
                found += [image.key_frame for image in packet.decode()]
    return found


def remuxed(path: Path, target: Path, from_keyframe: int) -> Path:
    """A copy that starts with a certain keyframe, in order of storing: its leading frames follow it."""
    with av.open(str(path)) as source, av.open(str(target), "w") as container:
        stream: Any = container.add_stream_from_template(source.streams.video[0])
        count = -1
        for packet in source.demux(video=0):
            count += packet.is_keyframe
            if packet.dts is not None and count >= from_keyframe:
                packet.stream = stream
                container.mux(packet)
    return target


def assert_as_in_a_whole_pass(path: Path) -> None:
    """The first image and all keyframes are given, each with its own time and picture, and cover the whole."""
    whole, whole_stats = read(path, Sampling(every_s=0))
    expected = [frame for frame, key in zip(whole, is_key(path), strict=True) if key or frame.index == 0]
    frames, stats = keyframes(path)
    assert [frame.time_s for frame in frames] == pytest.approx([frame.time_s for frame in expected])
    for frame, image in zip(frames, expected, strict=True):
        np.testing.assert_array_equal(frame.image.bgr(), image.image.bgr())
    assert stats.decoded_s == pytest.approx(whole_stats.decoded_s)
    assert sum(frame.duration_s for frame in frames) == pytest.approx(whole_stats.decoded_s)


@pytest.mark.parametrize("name", CODECS)
def test_every_keyframe_is_read_with_its_own_time_and_picture(films: dict[str, Path], name: str) -> None:
    assert 3 <= sum(is_key(films[name])) <= 15
    assert_as_in_a_whole_pass(films[name])


@pytest.mark.parametrize("name", OPEN_OR_RADL)
def test_a_recording_that_starts_with_leading_frames_is_read_as_in_a_whole_pass(
    films: dict[str, Path], tmp_path: Path, name: str
) -> None:
    path = remuxed(films[name], tmp_path / "cut.ts", 1)
    with av.open(str(path)) as container:
        stamps = [packet.pts for packet in container.demux(video=0) if packet.pts is not None]
    assert min(stamps) < stamps[0]
    assert_as_in_a_whole_pass(path)


def test_keyframes_show_what_was_drawn_at_their_times(films: dict[str, Path]) -> None:
    frames, _ = keyframes(films["h264-open"])
    assert [frame.time_s for frame in frames] == pytest.approx([0, 2, 4, 6, 8, 10])
    boxes = [SquareDetector().detect([frame.image.bgr()])[0].boxes[0] for frame in frames]
    assert [box[0] for box in boxes] == pytest.approx([40, 60, 80, 100, 50, 70], abs=1)  # begins again at 7 s


@pytest.mark.parametrize("options", [{}, {"preset": "medium", "bf": "3"}], ids=["plain", "b-frames"])
def test_keyframes_of_a_stream_without_times_are_placed_by_counting_frames(
    tmp_path: Path, options: dict[str, str]
) -> None:
    images = one_person(seconds=3).images()
    path = encoded(tmp_path / "raw.h264", images, options={"sc_threshold": "0", **options})
    frames, stats = keyframes(path)
    assert [frame.time_s for frame in frames] == pytest.approx([0, 1, 2])
    assert stats.decoded_s == pytest.approx(3)


def test_a_keyframe_that_cannot_be_decoded_is_left_out(films: dict[str, Path], tmp_path: Path) -> None:
    with av.open(str(films["h264-open"])) as container:
        third = [packet for packet in container.demux(video=0) if packet.is_keyframe][2]
    assert third.pos is not None
    content = bytearray(films["h264-open"].read_bytes())
    content[third.pos : third.pos + third.size] = np.random.default_rng(0).bytes(third.size)
    path = tmp_path / "torn.mp4"
    path.write_bytes(content)
    frames, _ = keyframes(path)
    assert [frame.time_s for frame in frames] == pytest.approx([0, 2, 6, 8, 10])
    assert [frame.duration_s for frame in frames] == pytest.approx([2, 4, 2, 2, 2])


@pytest.mark.parametrize("name", ["h264-open", "hevc-open", "hevc-long"])
def test_frames_sampled_while_others_are_skipped_have_their_own_times_and_pictures(
    films: dict[str, Path], name: str
) -> None:
    whole, _ = read(films[name], Sampling(every_s=0))
    for every_s in (0.2, 1.0):
        frames, _ = read(films[name], Sampling(every_s))
        assert len(frames) == pytest.approx(SECONDS / every_s, abs=1)
        for frame in frames:
            assert frame.time_s == whole[frame.index].time_s
            np.testing.assert_array_equal(frame.image.bgr(), whole[frame.index].image.bgr())


@pytest.mark.parametrize("name", ["h264-open", "hevc-open", "hevc-radl", "mpeg2-open"])
def test_frames_found_again_by_their_times_are_those_of_a_whole_pass(
    films: dict[str, Path], tmp_path: Path, name: str
) -> None:
    path = remuxed(films[name], tmp_path / "cut.ts", 1)
    every = Sampling(every_s=0)
    expected = {frame.time_s: frame.image.bgr() for frame in read(path, every)[0][::-7]}
    found = {frame.time_s: frame.image.bgr() for frame in frames_at(path, list(expected), every)}
    assert sorted(found) == sorted(expected)
    for time_s, image in expected.items():
        np.testing.assert_array_equal(found[time_s], image)


@pytest.fixture
def swap(tmp_path: Path) -> Callable[[str], Path]:
    """Makes a film of 25 images in which the times of two neighbours are swapped."""

    def swapped(codec: str) -> Path:
        source, path = tmp_path / "source.mp4", tmp_path / "swapped.mkv"
        encoded(source, one_person(seconds=1).images(), codec=codec, options={"bf": "0"})
        with av.open(str(source)) as container, av.open(str(path), "w") as target:
            stream: Any = target.add_stream_from_template(container.streams.video[0])
            base = container.streams.video[0].time_base
            for stamp, packet in zip(SWAPPED, container.demux(video=0), strict=False):
                packet.stream, packet.pts = stream, round((stamp + 2) / FPS / base)
                target.mux(packet)
        return path

    return swapped


def test_a_frame_that_comes_after_a_later_one_is_never_stored_under_another_time(swap: Callable[[str], Path]) -> None:
    with VideoReader(swap(H264), Sampling(every_s=0)) as reader:
        frames = list(reader)
    assert [frame.time_s for frame in frames] == pytest.approx([stamp / FPS for stamp in SWAPPED if stamp != 10])
    assert [frame.index for frame in frames] == [index for index, stamp in enumerate(SWAPPED) if stamp != 10]
    assert reader.decoder_warnings == {"Frame out of order": 1}
    assert reader.stats.frame_count == 25


def test_no_frame_is_left_out_of_a_codec_that_may_pack_two_into_one_packet(swap: Callable[[str], Path]) -> None:
    frames, _ = read(swap("mpeg4"), Sampling(every_s=0))
    assert [frame.index for frame in frames] == list(range(25))
    assert [frame.time_s for frame in frames] == pytest.approx([index / FPS for index in range(25)], abs=0.09)
