"""How long a video should last: whole files are whole, whatever else their containers hold, and cut ones are not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from drawn_world import encoded, one_person
from sounding_films import with_sound

from facetally.options import Sampling
from facetally.video.reader import DecodeStats, VideoReader

WHOLE: dict[str, dict[str, Any]] = {
    "sound-goes-on": {"sound_s": 7},
    "picture-comes-late": {"sound_s": 7, "late_s": 3},
    "sound-is-shorter": {"sound_s": 1},
    "starts-at-an-hour": {"sound_s": 4, "start_s": 3600},
    "starts-at-an-hour-sound-goes-on": {"sound_s": 7, "start_s": 3600},
}


def stats_of(path: Path) -> DecodeStats:
    with VideoReader(path, Sampling(1.0)) as reader:
        assert list(reader)
        return reader.stats


def without_word(path: Path, word: bytes) -> Path:
    """A copy in which a tag has another name, so that nothing reads it."""
    content = path.read_bytes()
    assert word in content
    copy = path.with_name(f"no-tags-{path.name}")
    copy.write_bytes(content.replace(word, b"X" + word[1:]))
    return copy


def cut(path: Path, share: float) -> Path:
    copy = path.with_name(f"cut-{path.name}")
    content = path.read_bytes()
    copy.write_bytes(content[: int(len(content) * share)])
    return copy


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("ending", ["flv", "mkv", "mp4", "ts", "mpg", "wmv", "avi", "nut", "mov"])
def test_a_whole_file_is_covered_whatever_its_sound_does(tmp_path: Path, name: str, ending: str) -> None:
    if ending == "avi" and name not in ("sound-goes-on", "sound-is-shorter"):
        pytest.skip("AVI has no start times")
    codec = {"mpg": "mpeg2video", "wmv": "wmv2", "avi": "mpeg4"}.get(ending, "libx264")
    stats = stats_of(with_sound(tmp_path / f"{name}.{ending}", codec=codec, **WHOLE[name]))
    assert stats.frame_count == 100
    assert stats.decoded_s == pytest.approx(4, abs=0.05)
    assert stats.coverage > 0.97


@pytest.mark.parametrize("name", ["sound-goes-on", "picture-comes-late", "starts-at-an-hour"])
@pytest.mark.parametrize(("ending", "word"), [("mkv", b"DURATION"), ("flv", b"duration")])
def test_a_whole_file_without_a_stated_duration_is_covered(tmp_path: Path, name: str, ending: str, word: bytes) -> None:
    stats = stats_of(without_word(with_sound(tmp_path / f"{name}.{ending}", **WHOLE[name]), word))
    assert stats.frame_count == 100
    assert stats.decoded_s == pytest.approx(4, abs=0.05)
    assert stats.coverage > 0.97


@pytest.mark.parametrize("name", ["sound-goes-on", "picture-comes-late", "starts-at-an-hour"])
@pytest.mark.parametrize(("ending", "word"), [("mkv", b""), ("mkv", b"DURATION"), ("flv", b"")])
def test_a_file_that_is_cut_off_is_not_covered(tmp_path: Path, name: str, ending: str, word: bytes) -> None:
    path = with_sound(tmp_path / f"{name}.{ending}", 8, **WHOLE[name] | {"sound_s": 11})
    stats = stats_of(cut(without_word(path, word) if word else path, 0.6))
    assert stats.frame_count < 160
    assert stats.coverage < 0.9


def test_a_stream_without_a_container_is_covered(tmp_path: Path) -> None:
    for name, codec in (("raw.m1v", "mpeg1video"), ("raw.h264", "libx264"), ("raw.m4v", "mpeg4")):
        stats = stats_of(encoded(tmp_path / name, one_person(seconds=4).images(), codec=codec))
        assert stats.frame_count == 100
        assert stats.coverage == pytest.approx(1, abs=0.03)
