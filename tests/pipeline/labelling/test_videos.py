"""Videos that were moved or renamed since they were run, and others in their place."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from label_server import DrawnRun

from facetally.errors import VideoError
from facetally.labelling.videos import find_files


@pytest.fixture
def moved(drawn_run: DrawnRun, tmp_path: Path) -> Path:
    """A copy of the videos in another place."""
    return Path(shutil.copytree(drawn_run.videos, tmp_path / "moved"))


def test_videos_are_where_they_were(drawn_run: DrawnRun) -> None:
    files = find_files(drawn_run.ledger.rows())
    assert sorted(path.name for path in files.values()) == ["first.mp4", "second.mp4"]
    assert all(drawn_run.videos in path.parents for path in files.values())


def test_moved_videos_are_found_by_name(drawn_run: DrawnRun, moved: Path) -> None:
    files = find_files(drawn_run.ledger.rows(), [str(moved)])
    assert {path.relative_to(moved).as_posix() for path in files.values()} == {"a/first.mp4", "second.mp4"}


def test_renamed_videos_are_found_by_content(drawn_run: DrawnRun, moved: Path) -> None:
    (moved / "a" / "first.mp4").rename(moved / "new name.mp4")
    files = find_files(drawn_run.ledger.rows(), [str(moved)])
    rows = {row.video_id: row.video for row in drawn_run.ledger.rows()}
    assert {rows[key]: path.name for key, path in files.items()} == {
        "a/first.mp4": "new name.mp4",
        "second.mp4": "second.mp4",
    }


def test_a_missing_video_is_an_error_with_its_fix(drawn_run: DrawnRun, moved: Path) -> None:
    (moved / "second.mp4").unlink()
    with pytest.raises(VideoError, match=r"not found in --videos, by name or by content: second\.mp4") as caught:
        find_files(drawn_run.ledger.rows(), [str(moved)])
    assert "--videos" in caught.value.fix


def test_another_file_of_the_same_name_is_an_error(drawn_run: DrawnRun, moved: Path) -> None:
    with (moved / "second.mp4").open("ab") as file:
        file.write(b"more")
    with pytest.raises(VideoError, match=r"second\.mp4 is not the file that was run"):
        find_files(drawn_run.ledger.rows(), [str(moved)])


def test_videos_that_are_gone_are_asked_for(drawn_run: DrawnRun, moved: Path) -> None:
    rows = [replace(row, path=str(moved / "gone.mp4")) for row in drawn_run.ledger.rows()]
    with pytest.raises(VideoError, match="not where the run read them: ") as caught:
        find_files(rows)
    assert "--videos" in caught.value.fix
