"""The videos of a run are found where they were, or where they were moved to, if they are what they were."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import pytest

from facetally.inputs import shown_path
from facetally.inspection.videos import CHANGED, NOT_FOUND, VideoFinder
from facetally.results.ledger import Ledger, VideoRow
from facetally.results.tables import FACES, TRACKS

CONTENT = b"the content of a video"


@pytest.fixture
def row(tmp_path: Path) -> VideoRow:
    """Of in/day/a.mp4, stored in out."""
    path = tmp_path / "in" / "day" / "a.mp4"
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    digest = hashlib.sha256(CONTENT).hexdigest()
    row = VideoRow("id", "day/a.mp4", shown_path(path), "ok", size_bytes=len(CONTENT), content_sha256=digest)
    Ledger(tmp_path / "out").store(row, FACES.empty_table(), TRACKS.empty_table(), provenance={})
    return row


def found(tmp_path: Path, row: VideoRow, *folders: str) -> tuple[Path | None, str]:
    return VideoFinder(Ledger(tmp_path / "out"), [tmp_path / folder for folder in folders]).find(row)


def test_a_video_is_found_where_it_was(tmp_path: Path, row: VideoRow) -> None:
    assert found(tmp_path, row) == (tmp_path / "in" / "day" / "a.mp4", "")


def test_a_video_that_is_gone_is_not_found(tmp_path: Path, row: VideoRow) -> None:
    Path(row.path).unlink()
    assert found(tmp_path, row) == (None, NOT_FOUND)


@pytest.mark.parametrize("place", ["day/a.mp4", "a.mp4", "deep/er/a.mp4"])
def test_a_moved_video_is_found_by_its_name(tmp_path: Path, row: VideoRow, place: str) -> None:
    target = tmp_path / "new" / place
    target.parent.mkdir(parents=True)
    Path(row.path).rename(target)
    assert found(tmp_path, row, "elsewhere", "new") == (target, "")


@pytest.mark.parametrize("content", [CONTENT + b"more", CONTENT[::-1]], ids=["size", "content"])
def test_another_file_of_its_name_has_changed(tmp_path: Path, row: VideoRow, content: bytes) -> None:
    Path(row.path).write_bytes(content)
    assert found(tmp_path, row) == (None, CHANGED)


def test_of_several_files_with_its_name_the_right_one_is_taken(tmp_path: Path, row: VideoRow) -> None:
    for place, content in (("new/1/a.mp4", b"x"), ("new/2/a.mp4", CONTENT), ("new/3/a.mp4", CONTENT[::-1])):
        (tmp_path / place).parent.mkdir(parents=True)
        (tmp_path / place).write_bytes(content)
    Path(row.path).unlink()
    assert found(tmp_path, row, "new") == (tmp_path / "new" / "2" / "a.mp4", "")


def test_a_file_that_is_older_than_its_results_is_not_hashed(
    tmp_path: Path, row: VideoRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = Ledger(tmp_path / "out").path("videos", row.video_id)
    os.utime(stored, ns=(2**62, 2**62))
    monkeypatch.setattr("facetally.inspection.videos.sha256_of_first", lambda *_: "not asked for")
    assert found(tmp_path, row)[1] == ""


def test_a_name_that_is_stored_escaped_is_found_again(tmp_path: Path, row: VideoRow) -> None:
    odd = Path(row.path).rename(tmp_path / "in" / "day" / "a\n.mp4")
    assert found(tmp_path, replace(row, path=shown_path(odd))) == (odd, "")
