"""Reading videos with any frame rate, rotation, start time and damage."""

from __future__ import annotations

import shutil
import struct
from collections.abc import Container, Iterator
from contextlib import closing
from dataclasses import astuple
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from drawn_world import CODEC, Film, Shot, Square, SquareDetector, encoded, one_person

from facetally.errors import VideoError
from facetally.options import Sampling
from facetally.video import decoder, nal, packets
from facetally.video.reader import DecodeStats, Frame, VideoReader

EVERY_FRAME = Sampling(every_s=0)
UNEVEN_MS = [0, 40, 140, 640, 700]
QUARTER_TURNS = {0: (1, 0, 0, 1), 90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}
"""a, b, c, d of the display matrix by degrees clockwise."""
B_FRAMES = {"preset": "medium", "bf": "3"}


def read(path: Path, sampling: Sampling = EVERY_FRAME) -> tuple[list[Frame], DecodeStats]:
    with VideoReader(path, sampling) as reader:
        return list(reader), reader.stats


def box_in(frame: Frame) -> list[float]:
    """The one square in a frame."""
    faces = SquareDetector().detect([frame.image.bgr()])[0]
    assert len(faces) == 1
    return [float(edge) for edge in faces.boxes[0]]


def with_noise(path: Path, start: float, stop: float) -> Path:
    """A copy of a file, overwritten with random bytes from one fraction of its length to another."""
    content = bytearray(path.read_bytes())
    first, last = int(start * len(content)), int(stop * len(content))
    content[first:last] = np.random.default_rng(0).bytes(last - first)
    copy = path.with_name(f"broken-{path.name}")
    copy.write_bytes(content)
    return copy


def turned(path: Path, matrix: tuple[int, int, int, int]) -> Path:
    """A copy of an mp4 with another display matrix in its track header."""
    content = bytearray(path.read_bytes())
    at = content.index(b"tkhd") + 4 + 40  # after version, times, id, duration, layer and volume
    a, b, c, d = (number << 16 for number in matrix)
    content[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    copy = path.with_name(f"turned-{path.name}")
    copy.write_bytes(content)
    return copy


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_times_and_durations_are_the_containers_at_an_uneven_rate(tmp_path: Path, suffix: str) -> None:
    images = one_person().images()[:5]
    path = encoded(tmp_path / f"uneven{suffix}", images, pts=UNEVEN_MS, time_base=Fraction(1, 1000))
    frames, stats = read(path)
    assert [frame.index for frame in frames] == [0, 1, 2, 3, 4]
    assert [frame.time_s for frame in frames] == pytest.approx([0, 0.04, 0.14, 0.64, 0.7])
    assert [frame.duration_s for frame in frames] == pytest.approx([0.04, 0.1, 0.5, 0.06, 0.04])
    assert stats.decoded_s == pytest.approx(0.74)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
def test_the_times_of_a_video_that_starts_at_8_s_count_from_0(tmp_path: Path, suffix: str) -> None:
    images = one_person().images()[:25]
    muxer = {"avoid_negative_ts": "disabled"}
    path = encoded(tmp_path / f"late{suffix}", images, pts=range(200, 225), muxer=muxer)
    with av.open(str(path)) as container:
        assert next(container.decode(video=0)).time >= 8  # the file really starts late
    frames, stats = read(path)
    assert [frame.time_s for frame in frames] == pytest.approx([index / 25 for index in range(25)])
    assert stats.coverage == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(
    ("fps", "indices"),
    [
        (Fraction(25), [0, 5, 10, 15, 20, 25, 30, 35, 40, 45]),
        (Fraction(30000, 1001), [0, 6, 12, 18, 24, 30, 36, 42, 48, 54]),
        (Fraction(24), [0, 5, 10, 15, 20, 24, 29, 34, 39, 44]),  # at 0.2 k the first frame of at least 4.8 k
    ],
)
def test_sampling_takes_the_first_frame_at_or_after_each_fifth_of_a_second(
    tmp_path: Path, fps: Fraction, indices: list[int]
) -> None:
    images = one_person(seconds=3).images()[: indices[-1] + 3]
    frames, stats = read(encoded(tmp_path / "clip.mp4", images, fps=fps), Sampling(every_s=0.2))
    assert [frame.index for frame in frames] == indices
    assert [frame.time_s for frame in frames] == pytest.approx([float(index / fps) for index in indices], abs=1e-3)
    assert (stats.frame_count, stats.sampled_count) == (indices[-1] + 3, len(indices))


@pytest.mark.parametrize("every_s", [0, 0.2, 0.3, 1.0, 60])
def test_durations_of_the_sampled_frames_sum_to_the_clips(clip: Path, every_s: float) -> None:
    frames, stats = read(clip, Sampling(every_s=every_s))
    assert sum(frame.duration_s for frame in frames) == pytest.approx(2.0, abs=0.04)
    assert (stats.decoded_s, stats.expected_s) == pytest.approx((2.0, 2.0))


def test_an_interval_of_0_gives_every_frame(clip: Path) -> None:
    frames, stats = read(clip, EVERY_FRAME)
    assert [frame.index for frame in frames] == list(range(50))
    assert astuple(stats) == pytest.approx((50, 50, 0, 2.0, 2.0))


def test_sampling_keyframes_only_gives_one_frame_per_second(tmp_path: Path) -> None:
    path = encoded(tmp_path / "clip.mp4", one_person(seconds=3).images(), options={"sc_threshold": "0"})
    frames, _ = read(path, Sampling(keyframes=True))
    assert [frame.time_s for frame in frames] == pytest.approx([0, 1, 2])
    assert [box_in(frame)[0] for frame in frames] == [40, 50, 60]


def test_the_durations_of_keyframes_cover_the_whole_video(tmp_path: Path) -> None:
    path = encoded(tmp_path / "clip.mp4", one_person(seconds=3).images(), options={"sc_threshold": "0"})
    frames, stats = read(path, Sampling(keyframes=True))
    assert [frame.duration_s for frame in frames] == pytest.approx([1, 1, 1])
    assert stats.coverage == pytest.approx(1)


@pytest.mark.parametrize(
    "options", [{"sc_threshold": "0"}, B_FRAMES | {"sc_threshold": "0"}], ids=["plain", "b-frames"]
)
def test_a_film_that_an_edit_list_makes_begin_between_two_keyframes_is_covered(
    tmp_path: Path, options: dict[str, str]
) -> None:
    images = one_person(seconds=4).images()
    path = encoded(tmp_path / "clip.mp4", images, range(-30, 70), options=options)  # keyframes at -1.2, -0.2, 0.8, 1.8
    frames, stats = read(path, Sampling(keyframes=True))
    assert [frame.time_s for frame in frames] == pytest.approx([0, 0.8, 1.8])
    assert [box_in(frame)[0] for frame in frames] == pytest.approx([52, 60, 70], abs=1)
    assert sum(frame.duration_s for frame in frames) == pytest.approx(2.8)
    assert stats.coverage == pytest.approx(1)


def test_frames_come_in_the_order_of_display_when_stored_in_another(tmp_path: Path) -> None:
    film = Film((Shot(1, (Square("red", (20, 40), (50, 0)),)),))  # two pixels a frame
    path = encoded(tmp_path / "clip.mp4", film.images(), options=B_FRAMES)
    with av.open(str(path)) as container:
        stored = [packet.pts for packet in container.demux(video=0) if packet.pts is not None]
    assert stored != sorted(stored)
    frames, _ = read(path)
    assert [box_in(frame)[0] for frame in frames] == pytest.approx([20 + 2 * index for index in range(25)], abs=1)


@pytest.mark.parametrize(
    ("degrees", "shape", "box"),
    [
        (0, (120, 160, 3), [20, 10, 60, 50]),
        (90, (160, 120, 3), [70, 20, 110, 60]),
        (180, (120, 160, 3), [100, 70, 140, 110]),
        (270, (160, 120, 3), [10, 100, 50, 140]),
    ],
)
def test_a_rotated_video_is_read_as_displayed(
    tmp_path: Path, degrees: int, shape: tuple[int, int, int], box: list[float]
) -> None:
    film = Film((Shot(0.2, (Square("red", (20, 10)),)),))
    path = turned(encoded(tmp_path / "clip.mp4", film.images()), QUARTER_TURNS[degrees])
    frames, _ = read(path)
    assert frames[0].image.bgr().shape == shape
    assert box_in(frames[0]) == pytest.approx(box, abs=1)
    assert frames[0].image.bgr().flags["C_CONTIGUOUS"]
    half_wh = shape[1] // 2, shape[0] // 2
    half = frames[0].image.bgr(half_wh)
    assert half.shape == (half_wh[1], half_wh[0], 3)
    averaged = cv2.resize(frames[0].image.bgr(), half_wh, interpolation=cv2.INTER_AREA)
    assert np.abs(half.astype(int) - averaged).mean() < 4


def test_a_mirrored_video_is_read_as_displayed(tmp_path: Path) -> None:
    film = Film((Shot(0.2, (Square("red", (20, 10)),)),))
    frames, _ = read(turned(encoded(tmp_path / "clip.mp4", film.images()), (-1, 0, 0, 1)))
    assert box_in(frames[0]) == pytest.approx([100, 10, 140, 50], abs=1)


def test_a_truncated_file_gives_what_is_there(tmp_path: Path) -> None:
    path = encoded(tmp_path / "clip.mp4", one_person(seconds=4).images(), muxer={"movflags": "faststart"})
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 6 // 10])
    frames, stats = read(path)
    assert 10 <= len(frames) <= 80
    assert stats.expected_s == pytest.approx(4.0)
    assert stats.decoded_s == pytest.approx(len(frames) / 25)
    assert stats.coverage == pytest.approx(len(frames) / 100)


@pytest.mark.parametrize("threads", ["1", "2"])  # of the encoder: the bytes, and what damage does to them, differ
@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv"])
def test_noise_in_the_middle_costs_only_the_frames_it_hits(tmp_path: Path, name: str, threads: str) -> None:
    muxer = {"cluster_time_limit": "400"} if name.endswith("mkv") else {}
    path = encoded(tmp_path / name, one_person(seconds=4).images(), options={"threads": threads}, muxer=muxer)
    frames, stats = read(with_noise(path, 0.5, 0.6))
    assert stats.bad_packet_count > 0
    assert 60 <= len(frames) < 100
    assert frames[-1].time_s == pytest.approx(3.96)
    assert box_in(frames[-1])[0] == pytest.approx(80, abs=1)  # 40 px + 10 px/s
    assert stats.decoded_s == pytest.approx(len(frames) / 25)


def test_frames_destroyed_by_noise_count_as_lost_in_a_video_with_b_frames(tmp_path: Path) -> None:
    path = encoded(tmp_path / "clip.mp4", one_person(seconds=4).images(), options=B_FRAMES)
    frames, stats = read(with_noise(path, 0.5, 0.6))
    assert 50 <= len(frames) < 95
    assert stats.coverage == pytest.approx(len(frames) / 100, abs=0.03)
    assert max(frame.duration_s for frame in frames) <= 0.13


class Hiccups:
    """A container that fails after some packets: with an error, or a packet without content."""

    def __init__(self, container: Any, after: Container[int], kind: str) -> None:
        self._container, self._after, self._kind, self._count = container, after, kind, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._container, name)

    def demux(self, stream: Any) -> Iterator[Any]:
        if self._kind == "nothing but errors":
            raise av.error.InvalidDataError(0, "hiccup")
        for packet in self._container.demux(stream):
            yield packet
            self._count += 1
            if self._count in self._after and self._kind == "error":
                raise av.error.InvalidDataError(0, "hiccup")
            if self._count in self._after:
                empty = av.Packet(0)
                empty.stream, empty.pts, empty.dts, empty.time_base = stream, packet.pts, packet.dts, packet.time_base
                yield empty


def read_all_of(path: Path, sampling: Sampling, monkeypatch: pytest.MonkeyPatch) -> tuple[list[Frame], DecodeStats]:
    """As `read`, but with every frame decoded."""
    with monkeypatch.context() as patch:
        patch.setattr(nal, "CODECS", frozenset())
        return read(path, sampling)


def decoded_count(path: Path, sampling: Sampling) -> int:
    """How many frames the decoder gives."""
    with closing(decoder.Decoder(path, sampling)) as opened:
        return sum(1 for _ in opened.images())


@pytest.mark.parametrize("every_s", [0.05, 0.2, 1.0, 1 / 3])
@pytest.mark.parametrize("name", ["late.ts", "clip.mkv", "uneven.mp4"])
def test_skipped_frames_still_count_in_times_and_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, every_s: float
) -> None:
    stamps = {"late.ts": range(200, 300), "uneven.mp4": [index + index // 7 for index in range(100)]}
    path = encoded(tmp_path / name, one_person(seconds=4).images(), stamps.get(name), options=B_FRAMES)
    sampling = Sampling(every_s)
    frames, stats = read(path, sampling)
    expected, expected_stats = read_all_of(path, sampling, monkeypatch)
    assert astuple(stats) == pytest.approx(astuple(expected_stats))
    assert len(frames) == len(expected)
    for frame, due in zip(frames, expected, strict=True):
        assert due.time_s <= frame.time_s <= due.time_s + every_s / 4
    assert sum(f.duration_s for f in frames) == pytest.approx(stats.decoded_s)
    times_s, images = zip(*((f.time_s, f.image.bgr()) for f in read(path)[0]), strict=True)
    for frame in frames:
        assert frame.time_s == times_s[frame.index]
        np.testing.assert_array_equal(frame.image.bgr(), images[frame.index])
    exact, _ = read(path, Sampling(every_s, patience=0))
    assert [(f.index, f.time_s) for f in exact] == [(f.index, f.time_s) for f in expected]
    assert (decoded_count(path, sampling) < 85) == (every_s > 0.1)


@pytest.mark.parametrize("kind", ["stored in order", "interlaced", "every frame", "another codec"])
def test_no_frame_is_skipped_if_that_is_unsafe_or_useless(tmp_path: Path, kind: str) -> None:
    options = B_FRAMES | ({"flags": "+ildct+ilme", "x264-params": "tff=1"} if kind == "interlaced" else {})
    codec = "mpeg4" if kind == "another codec" else CODEC
    options = {} if kind in ("stored in order", "another codec") else options
    path = encoded(tmp_path / "clip.mp4", one_person(seconds=4).images(), options=options, codec=codec)
    sampling = EVERY_FRAME if kind == "every frame" else Sampling(1.0)
    assert decoded_count(path, sampling) == 100


def test_no_frame_is_skipped_after_times_jump_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    part = encoded(tmp_path / "part.ts", one_person(seconds=3).images(), range(100, 175), options=B_FRAMES).read_bytes()
    path = tmp_path / "joined.ts"
    path.write_bytes(part + part)
    sampling = Sampling(0.2, patience=0)
    (frames, stats), (expected, expected_stats) = read(path, sampling), read_all_of(path, sampling, monkeypatch)
    assert 75 + 50 < decoded_count(path, sampling) < 150
    assert stats.frame_count == expected_stats.frame_count == 150
    assert stats.decoded_s == pytest.approx(expected_stats.decoded_s, abs=0.05)
    assert len(frames) == pytest.approx(len(expected), abs=1)


def test_damage_between_the_sampled_frames_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = encoded(tmp_path / "clip.mp4", one_person(seconds=4).images(), options=B_FRAMES)
    broken = with_noise(path, 0.4, 0.6)
    (_, stats), (_, expected) = read(broken, Sampling(0.2)), read_all_of(broken, Sampling(0.2), monkeypatch)
    assert stats.bad_packet_count > 0
    assert stats.coverage == pytest.approx(expected.coverage, abs=0.08)
    assert stats.coverage < 0.95


@pytest.mark.parametrize("kind", ["error", "empty packet"])
def test_a_hiccup_while_reading_does_not_end_the_video(clip: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(decoder, "opened", lambda path: Hiccups(av.open(str(path)), {10, 11, 30}, kind))
    frames, stats = read(clip)
    assert [round(frame.time_s, 2) for frame in frames] == [index / 25 for index in range(50)]
    assert kind == "empty packet" or stats.bad_packet_count == 3


def test_reading_a_file_that_only_gives_errors_ends(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoder, "opened", lambda path: Hiccups(av.open(str(path)), set(), "nothing but errors"))
    frames, stats = read(clip)
    assert frames == []
    assert astuple(stats) == pytest.approx((0, 0, packets.MAX_FAILED_READS, 0.0, 2.0))
    with VideoReader(clip) as reader:
        assert list(reader) == []
        assert list(reader.decoder_warnings.values()) == [packets.MAX_FAILED_READS]  # counted, not repeated


@pytest.mark.parametrize("kind", ["missing", "empty", "text", "sound only", "folder"])
def test_a_file_that_is_not_a_video_is_an_error_with_a_fix(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "clip.mp4"
    if kind == "empty":
        path.touch()
    elif kind == "text":
        path.write_text("no video at all\n" * 50)
    elif kind == "sound only":
        _sound(path)
    elif kind == "folder":
        path.mkdir()
    with pytest.raises(VideoError) as caught:
        VideoReader(path)
    assert str(path) in caught.value.what
    assert caught.value.fix


def _sound(path: Path) -> None:
    """A tenth of a second of silence."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100, layout="mono")
        for start in range(0, 4096, 1024):
            silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            silence.rate, silence.pts = 44100, start
            container.mux(stream.encode(silence))
        container.mux(stream.encode(None))


@pytest.mark.parametrize(
    ("name", "codec", "container"),
    [
        ("clip.gif", "gif", "gif"),
        ("clip.mkv", CODEC, "matroska,webm"),
        ("clip.avi", "mpeg4", "avi"),
        ("clip.ts", "mpeg2video", "mpegts"),
    ],
)
def test_other_containers_and_codecs_are_read(tmp_path: Path, name: str, codec: str, container: str) -> None:
    path = encoded(tmp_path / name, one_person(seconds=1).images(), codec=codec)
    with VideoReader(path, Sampling(every_s=0.2)) as reader:
        frames = list(reader)
        assert reader.info.container == container
    assert [frame.time_s for frame in frames] == pytest.approx([0, 0.2, 0.4, 0.6, 0.8])
    assert box_in(frames[0]) == pytest.approx([40, 40, 80, 80], abs=2)
    assert reader.stats.coverage == pytest.approx(1, abs=0.05)


def test_a_file_with_odd_characters_in_its_name_is_read(clip: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(clip, tmp_path / "día 1 %d [50%] 'x'.mp4"))
    frames, _ = read(path)
    assert len(frames) == 50


def test_an_image_that_was_freed_is_converted_again(clip: Path) -> None:
    with VideoReader(clip) as reader:
        image = next(iter(reader)).image
        full, small = image.bgr(), image.bgr((32, 24))
        image.forget_full_size()
        again = image.bgr()
    assert again is not full and np.array_equal(again, full)
    assert image.bgr((32, 24)) is small
