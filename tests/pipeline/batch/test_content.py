"""A file that is written to while it is read is noticed, however it is done."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest

from facetally.batch import content as content_module
from facetally.batch.content import Content


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"0123456789" * 1000)
    return path


@pytest.fixture(params=[False, True], ids=["old", "fresh"])
def content(file: Path, request: pytest.FixtureRequest) -> Content:
    """Of a file that was old enough for its times to be trusted, or not."""
    return replace(Content.of(file), is_fresh=request.param)


def overwrite(file: Path) -> None:
    file.write_bytes(b"x" * file.stat().st_size)


def overwrite_keeping_times(file: Path) -> None:
    status = file.stat()
    overwrite(file)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


def replace_by_another(file: Path) -> None:
    other = file.with_name("other")
    shutil.copy2(file, other)
    overwrite_keeping_times(other)
    other.replace(file)


def cut(file: Path) -> None:
    os.truncate(file, 100)


@pytest.mark.parametrize(
    "way", [overwrite, overwrite_keeping_times, replace_by_another, cut], ids=lambda way: way.__name__
)
def test_other_content_is_noticed(file: Path, content: Content, way: object) -> None:
    time.sleep(0.02)  # longer than a tick of the file system's clock
    assert callable(way)
    way(file)
    assert content.change(file) == "changed"


def test_content_that_is_written_again_or_deleted_did_not_change(file: Path, content: Content) -> None:
    file.write_bytes(file.read_bytes())
    os.utime(file, (1, 1))
    assert content.change(file) == ""
    file.unlink()
    assert content.change(file) == ""


def test_a_longer_file_has_grown_only_if_its_beginning_is_the_same(file: Path, content: Content) -> None:
    with file.open("ab") as more:
        more.write(b"more")
    assert content.change(file) == "grown"
    file.write_bytes(b"y" * file.stat().st_size)
    assert content.change(file) == "changed"


def test_an_old_file_is_not_read_twice_and_a_fresh_one_is(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = time.time()
    assert Content.of(file).is_fresh
    monkeypatch.setattr(time, "time", lambda: now_s + 60)
    old = Content.of(file)
    assert not old.is_fresh
    monkeypatch.setattr(content_module, "sha256_of_first", lambda *_: "other")
    assert (old.change(file), replace(old, is_fresh=True).change(file)) == ("", "changed")
