"""The list of public media files, and how it is checked."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from scripts import public_media
from scripts.public_media import Times, commit_of, main, read_list, read_times


def test_the_list_has_sixty_real_videos_and_each_once() -> None:
    files = read_list()
    videos = [file for file in files if file.times.frames and not file.path.endswith(".gif")]
    assert len(videos) >= 60
    assert len({(file.repository, file.path) for file in files}) == len(files)
    assert all(len(file.commit) == 40 for file in files)


def test_times_agree_only_frame_by_frame() -> None:
    times = Times.of([1.0, 1.04, 1.08])
    assert times == Times(3, 0.08, 0.12)
    assert times.agrees(Times.of([0, 0.041, 0.081]))
    assert not times.agrees(Times.of([0, 0.04]))
    assert not times.agrees(Times.of([0, 0.06, 0.08]))
    assert not times.agrees(Times.of([0, 0.04, 0.09]))


def test_a_file_that_cannot_be_read_has_no_frames(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("text")
    assert read_times(tmp_path / "a.mp4") == Times(0, 0.0, 0.0)


@pytest.mark.parametrize(("frames", "exit_code"), [(50, 0), (49, 1)])
def test_a_wrong_answer_is_named(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, frames: int, exit_code: int
) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    shutil.copy(clip, tmp_path / "a" / "b" / "clip.mp4")
    (tmp_path / "a" / "b" / "COMMIT").write_text("0" * 40 + "\n")
    monkeypatch.setattr(public_media, "LIST", tmp_path / "list.csv")
    header = "repository,commit,path,frames,last_s,sum_s,why\n"
    (tmp_path / "list.csv").write_text(f"{header}a/b,{'0' * 40},clip.mp4,{frames},1.96,49.0,\na/b,0,gone.mp4,1,0,0,\n")
    result = CliRunner().invoke(main, [str(tmp_path)])
    assert result.exit_code == exit_code
    assert ("clip.mp4: expected" in result.output, "not there" in result.output) == (bool(exit_code), True)
    assert commit_of(tmp_path / "a" / "b") == "0" * 40
