"""A recording joined to another one is read, or its loss is reported."""

from __future__ import annotations

from pathlib import Path

import pytest
from drawn_world import encoded, one_person

from facetally.options import Sampling
from facetally.video.reader import VideoReader

CODECS = {"wmv": "wmv2", "avi": "mpeg4", "mpg": "mpeg2video"}
UNREAD = ["mp4", "mov", "flv", "wmv"]
READ = ["mkv", "avi", "ts", "mpg", "h264"]


def part(folder: Path, ending: str, faststart: bool = False) -> Path:
    muxer = {"movflags": "faststart"} if faststart else {}
    images = one_person().images()
    return encoded(folder / f"part.{ending}", images, codec=CODECS.get(ending, "libx264"), muxer=muxer)


def read(path: Path) -> VideoReader:
    with VideoReader(path, Sampling(0)) as reader:
        assert list(reader)
        return reader


@pytest.mark.parametrize("ending", UNREAD)
def test_a_recording_that_is_not_read_is_reported_with_the_command_that_cuts_it_off(
    tmp_path: Path, ending: str
) -> None:
    first = part(tmp_path, ending)
    joined = tmp_path / f"joined.{ending}"
    joined.write_bytes(first.read_bytes() * 2)
    error = read(joined).unread()
    assert error is not None
    assert f"tail -c +{first.stat().st_size + 1} " in error.fix


@pytest.mark.parametrize("ending", READ)
def test_a_recording_that_is_read_is_not_reported(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"joined.{ending}"
    path.write_bytes(part(tmp_path, ending).read_bytes() * 2)
    reader = read(path)
    assert reader.unread() is None
    assert reader.stats.decoded_s == pytest.approx(4, abs=0.15)


@pytest.mark.parametrize("faststart", [True, False])
@pytest.mark.parametrize("ending", UNREAD + READ)
def test_a_single_recording_is_whole(tmp_path: Path, ending: str, faststart: bool) -> None:
    assert read(part(tmp_path, ending, faststart and ending in ("mp4", "mov"))).unread() is None
