"""The videos below an address are those of a folder with the same files, found by one listing."""

from __future__ import annotations

from pathlib import Path

import pytest
from s3_server import S3, error

from facetally.errors import OptionError
from facetally.inputs import find_inputs, find_videos
from facetally.storage.listing import listed_videos

NAMES = (
    *("a.mp4", "b/c.MOV", "b/notes.txt", "._a.mp4", ".hidden/d.mp4", "__MACOSX/e.mp4", "ü ö#?%20[1].mkv"),
    *("old/run.json", "old/videos/x.parquet", "old/clip.mp4", "GL010001.LRV", "GX010001.MP4", "alone.lrv"),
)


@pytest.fixture
def folder(tmp_path: Path, s3: S3) -> Path:
    """The same files in a folder and below in/ in the bucket."""
    for name in NAMES:
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * (9 if name.endswith("MP4") else 1))
        s3.put(f"in/{name}", path.read_bytes())
    return tmp_path / "in"


@pytest.mark.parametrize("ending", ["", "/"])
def test_names_ids_and_what_is_passed_over_are_those_of_a_folder(folder: Path, s3: S3, ending: str) -> None:
    here, there = find_inputs([str(folder)]), find_inputs([s3.address("in") + ending])
    assert [(one.name, one.video_id) for one in there.videos] == [(one.name, one.video_id) for one in here.videos]
    reasons = {one.name: one.reason for one in there.passed_over}
    assert reasons.keys() == {one.name for one in here.passed_over}
    assert reasons["old/"] == "results of facetally"
    assert reasons["GL010001.LRV"] == "low-resolution copy of GX010001.MP4"
    assert reasons["b/notes.txt"].startswith("no video by its ending")


def test_a_video_at_an_address_knows_its_version_and_place(s3: S3) -> None:
    stamp = s3.put("in/a.mp4", b"123")
    (video,) = find_inputs([s3.address("in/")]).videos
    assert video.place == s3.address("in/a.mp4")
    assert video.source
    assert (video.source.size_bytes, video.source.stamp) == (3, stamp)


def test_an_object_that_is_given_itself_is_taken_whatever_its_ending(folder: Path, s3: S3) -> None:
    assert folder
    assert [one.name for one in find_inputs([s3.address("in/b/notes.txt")]).videos] == ["notes.txt"]


@pytest.mark.parametrize(
    ("glob", "names"),
    [("in/*.mp4", ["a.mp4", "._a.mp4"]), ("in/**/*.MOV", ["c.MOV"]), ("in/?/[a-d].M*", ["c.MOV"])],
)
def test_globs_work_as_in_folders(folder: Path, s3: S3, glob: str, names: list[str]) -> None:
    assert folder
    assert sorted(one.name for one in find_inputs([s3.address(glob)]).videos) == sorted(names)


def test_keys_that_no_folder_can_hold_are_found(s3: S3) -> None:
    for key in ("in//a.mp4", "in/x/../b.mp4", "in/marker/"):
        s3.put(key, b"" if key.endswith("/") else b"1")
    assert sorted(one.name for one in find_inputs([s3.address("in/")]).videos) == ["/a.mp4", "x/../b.mp4"]


def test_many_objects_are_listed_page_by_page_and_once(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "10")
    for number in range(25):
        s3.put(f"in/{number:04}.mp4", b"1")
    s3.requests.clear()
    assert len(find_inputs([s3.address("in/")]).videos) == 25
    assert [method for method, _, _ in s3.requests] == ["GET"] * 3
    assert all("list-type=2" in about for _, _, about in s3.requests)


def test_equal_names_at_two_addresses_and_in_a_folder_stay_distinguishable(s3: S3, tmp_path: Path) -> None:
    for key in ("monday/clip.mp4", "tuesday/clip.mp4"):
        s3.put(key, b"1")
    given = [s3.address("monday/"), s3.address("tuesday/")]
    assert [one.name for one in find_inputs(given).videos] == ["monday/clip.mp4", "tuesday/clip.mp4"]
    (tmp_path / "clip.mp4").write_bytes(b"1")
    assert len({one.name for one in find_inputs([*given, str(tmp_path)]).videos}) == 3


def test_lists_may_hold_addresses(s3: S3, tmp_path: Path) -> None:
    s3.put("in/a.mp4", b"1")
    (tmp_path / "list.txt").write_text(s3.address("in/"))
    assert [one.name for one in find_inputs([f"@{tmp_path}/list.txt"]).videos] == ["a.mp4"]


def test_nothing_at_an_address_is_an_error_that_names_it(s3: S3) -> None:
    with pytest.raises(OptionError, match=f"there is nothing at {s3.address('none/')}"):
        find_inputs([s3.address("none/")])


def test_a_listing_without_permission_names_the_rights_that_are_needed(s3: S3) -> None:
    with s3.failing(error("403 Forbidden", "AccessDenied")), pytest.raises(OptionError) as caught:
        listed_videos(s3.address("in/"))
    assert "s3:ListBucket" in caught.value.fix


def test_commands_that_need_files_refuse_addresses(s3: S3) -> None:
    with pytest.raises(OptionError, match="only `facetally run` reads videos"):
        find_videos([s3.address("in/")])
