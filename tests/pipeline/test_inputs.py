"""Inputs become a list of videos, each with a unique name and id."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from facetally.errors import OptionError
from facetally.inputs import InputVideo, find_inputs, find_videos


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """in/a.mp4, in/b/c.MOV, in/b/notes.txt, in/b/d.unknown"""
    for name in ("a.mp4", "b/c.MOV", "b/notes.txt", "b/d.unknown"):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path / "in"


def names(*inputs: str | Path) -> list[str]:
    return [video.name for video in find_videos([str(text) for text in inputs])]


def test_a_folder_is_searched_recursively_for_videos(folder: Path) -> None:
    assert names(folder) == ["a.mp4", "b/c.MOV"]


def test_a_file_that_is_given_itself_is_taken_whatever_its_ending(folder: Path) -> None:
    assert names(folder / "b" / "d.unknown") == ["d.unknown"]


def test_globs_are_expanded_to_files_and_folders(folder: Path) -> None:
    assert names(f"{folder}/*.mp4") == ["a.mp4"]
    assert names(f"{folder}/**/*.MOV") == ["c.MOV"]
    assert names(f"{folder}/?") == ["c.MOV"]  # the folder b


def test_a_list_has_one_input_per_line_and_may_have_comments(folder: Path, tmp_path: Path) -> None:
    listed = tmp_path / "list.txt"
    listed.write_text(f"\ufeff# mine\n\n{folder}/a.mp4\r\n  {folder}/b  \n", encoding="utf-8")
    assert names(f"@{listed}") == ["a.mp4", "c.MOV"]


def test_a_video_given_twice_is_taken_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    assert names(folder / "a.mp4", "in/a.mp4", folder / "b" / ".." / "a.mp4", folder) == ["a.mp4", "b/c.MOV"]


def test_videos_are_sorted_by_name(folder: Path) -> None:
    assert names(folder / "b" / "d.unknown", folder / "a.mp4") == ["a.mp4", "d.unknown"]


def test_equal_names_in_two_folders_stay_distinguishable(tmp_path: Path) -> None:
    paths = [tmp_path / day / "cam" / "clip.mp4" for day in ("monday", "tuesday")]
    for path in paths:
        path.parent.mkdir(parents=True)
        path.touch()
    videos = find_videos(map(str, paths))
    assert [video.name for video in videos] == ["monday/cam/clip.mp4", "tuesday/cam/clip.mp4"]
    assert [video.path for video in videos] == paths
    assert names(tmp_path / "monday", tmp_path / "tuesday") == [video.name for video in videos]


def test_names_are_unique_even_if_a_longer_name_equals_another(tmp_path: Path) -> None:
    paths = [tmp_path / place / "clip.mp4" for place in ("x", "y", "z/x")]
    for path in paths:
        path.parent.mkdir(parents=True)
        path.touch()
    found = names(paths[0], paths[1], tmp_path / "z")  # clip.mp4 twice, and x/clip.mp4
    assert len(set(found)) == 3


@pytest.mark.parametrize("text", ["no/such/file.mp4", "no-such-*.mp4", "@no-such-list.txt"])
def test_an_input_that_does_not_exist_is_an_error_that_names_it(text: str) -> None:
    with pytest.raises(OptionError, match=re.escape(text.lstrip("@"))) as caught:
        find_videos([text])
    assert caught.value.fix


def test_a_pattern_of_numbered_images_is_an_error_with_the_command_to_make_a_video(tmp_path: Path) -> None:
    pattern = str(tmp_path / "frame_%04d.png")
    (tmp_path / "frame_0001.png").touch()
    with pytest.raises(OptionError, match="stands for a sequence of images") as caught:
        find_videos([pattern])
    assert f"ffmpeg -framerate 25 -i {pattern} " in caught.value.fix


def test_a_folder_without_videos_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(OptionError, match="no video found"):
        find_videos([str(tmp_path)])


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "a b/ç d.mp4", ".hidden.mp4", "x" * 300 + ".mp4", "日本.mp4", "-rf.mp4", "bad\udcff.mp4"],
)
def test_an_id_is_a_safe_file_name(name: str) -> None:
    video_id = InputVideo(Path("x"), name).video_id
    assert re.fullmatch(r"(?:[A-Za-z0-9][A-Za-z0-9._-]*)?-[0-9a-f]{8}", video_id)
    assert len(video_id) <= 89


def test_ids_differ_even_if_their_safe_parts_are_equal() -> None:
    ids = {InputVideo(Path("x"), name).video_id for name in ("a b.mp4", "a_b.mp4", "a/b.mp4", "日.mp4", "本.mp4")}
    assert len(ids) == 5


def test_an_id_does_not_depend_on_the_location_of_the_folder(folder: Path, tmp_path: Path) -> None:
    before = [video.video_id for video in find_videos([str(folder)])]
    moved = folder.rename(tmp_path / "moved")
    assert [video.video_id for video in find_videos([str(moved)])] == before


def passed_over(*inputs: Path) -> dict[str, str]:
    return {file.name: file.reason for file in find_inputs([str(path) for path in inputs]).passed_over}


def test_a_link_to_a_folder_is_not_followed_but_passed_over_with_the_fix(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "e.mp4").write_text("e")
    for name in ("one", "b/two"):
        (folder / name).symlink_to(tmp_path / "disk")
    assert names(folder) == ["a.mp4", "b/c.MOV"]
    links = {name: reason for name, reason in passed_over(folder).items() if name.endswith("/")}
    assert links.keys() == {"one/", "b/two/"}
    assert all("give the linked folder itself" in reason for reason in links.values())
    assert names(folder / "one", folder) == ["a.mp4", "b/c.MOV", "e.mp4"]
    assert "b/two/" not in passed_over(folder, folder / "one")


def test_a_link_to_a_folder_that_is_searched_anyway_is_not_named(folder: Path) -> None:
    (folder / "latest").symlink_to(folder / "b")
    (folder / "b" / "loop").symlink_to(folder)
    (folder / ".old").mkdir()
    (folder / "old").symlink_to(folder / ".old")
    assert [name for name in passed_over(folder) if name.endswith("/")] == [".old/", "old/"]


def test_a_folder_of_links_to_folders_says_why_it_has_no_video(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "my links").mkdir()
    (tmp_path / "my links" / "a").symlink_to(folder)
    with pytest.raises(OptionError, match="passed over: 1 link to a folder") as caught:
        find_videos([str(tmp_path / "my links")])
    assert caught.value.fix == f"give the linked folders themselves, such as '{tmp_path}/my links/a'"
