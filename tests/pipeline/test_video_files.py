"""What is a video is found by looking into files; hidden and companion files are passed over, and named."""

from __future__ import annotations

import os
import shutil
import struct
import wave
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result
from drawn_world import encoded, one_person
from rich_click import Group

from facetally import video_files
from facetally.cli.main import main
from facetally.errors import OptionError
from facetally.inputs import find_inputs

RECORDERS = (
    *("dav", "264", "265", "h265", "dv", "mod", "tod", "insv", "lrv", "3g2", "wtv", "trp", "tp", "ps", "m1v"),
    *("mjpeg", "mjpg", "y4m", "nut", "m4s", "MP_", "rec"),
)


def apple_double(path: Path) -> Path:
    """The companion that macOS writes beside a film on a foreign file system: 4096 bytes, no video."""
    head = struct.pack(">II16sH", 0x00051607, 0x00020000, b"Mac OS X        ", 2)
    entries = struct.pack(">III", 9, 50, 0xEB0) + struct.pack(">III", 2, 0xEE2, 286)
    path.write_bytes((head + entries).ljust(4096, b"\0"))
    return path


def passed_over(folder: Path) -> dict[str, str]:
    return {file.name: file.reason for file in find_inputs([str(folder)]).passed_over}


def videos(folder: Path) -> list[str]:
    return [video.name for video in find_inputs([str(folder)]).videos]


def facetally(*words: Any) -> Result:
    assert isinstance(main, Group)
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.fixture
def folder(clip: Path, tmp_path: Path) -> Path:
    """A folder with known.mp4."""
    (tmp_path / "in").mkdir()
    shutil.copy(clip, tmp_path / "in" / "known.mp4")
    return tmp_path / "in"


def test_recordings_are_found_whatever_their_ending(folder: Path) -> None:
    for ending in RECORDERS:
        shutil.copy(folder / "known.mp4", folder / f"camera.{ending}")
    shutil.copy(folder / "known.mp4", folder / "no-ending")
    assert len(videos(folder)) == len(RECORDERS) + 2
    assert passed_over(folder) == {}


@pytest.mark.parametrize(("name", "codec"), [("a.h264", "libx264"), ("a.m2v", "mpeg2video"), ("a.ts", "libx264")])
def test_streams_under_foreign_endings_are_found(folder: Path, name: str, codec: str) -> None:
    encoded(folder / name, one_person().images(), codec=codec).rename(folder / "recording.001")
    assert videos(folder) == ["known.mp4", "recording.001"]


def test_what_is_no_video_is_passed_over_with_what_it_is(folder: Path) -> None:
    rng = np.random.default_rng(0)
    (folder / "notes.txt").write_text("no video\n" * 10000)
    (folder / "data.bin").write_bytes(rng.bytes(300_000))
    (folder / "list.m3u8").write_text("#EXTM3U\n#EXTINF:2,\nknown.mp4\n")
    (folder / "empty").touch()
    image = cv2.GaussianBlur(rng.integers(0, 256, (480, 640, 3)).astype(np.uint8), (9, 9), 0)
    for name in ("photo.jpg", "photo.png", "photo.webp", "photo.tif", "photo.avif"):
        cv2.imwrite(str(folder / name), image)
    with wave.open(str(folder / "sound.wav"), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(16000))
    (folder / "photo.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + rng.bytes(500))
    os.mkfifo(folder / "pipe.dav")
    assert videos(folder) == ["known.mp4"]
    found = passed_over(folder)
    assert found == found | {"empty": "empty", "sound.wav": "sound only", "pipe.dav": "no regular file"}
    assert found == found | dict.fromkeys(("notes.txt", "data.bin", "list.m3u8", "photo.jpg", "photo.png"), "no video")
    assert found["photo.webp"] == found["photo.heic"] == "an image"


def test_companions_and_hidden_files_are_passed_over(folder: Path) -> None:
    apple_double(folder / "._known.mp4")
    apple_double(folder / "restored.mp4")  # unpacked under another name
    (folder / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    for inner in (".thumbnails", "__MACOSX", "@eaDir"):
        shutil.copytree(folder.parent / "in", folder / inner, ignore=shutil.ignore_patterns("*[!4]"))
    found = passed_over(folder)
    assert videos(folder) == ["known.mp4"]
    assert {name: reason for name, reason in found.items() if "mp4" in name} == {
        "._known.mp4": "companion file of macOS",
        "restored.mp4": "companion file of macOS",
    }
    assert found[".thumbnails/"] == found[".DS_Store"] == "hidden"
    assert found["__MACOSX/"] == found["@eaDir/"] == "folder of the system"


def test_a_low_resolution_copy_is_passed_over_beside_its_recording(folder: Path) -> None:
    for name in ("GX010001.MP4", "GOPR0002.MP4"):
        (folder / name).write_bytes((folder / "known.mp4").read_bytes() + bytes(9))
    for name in ("GL010001.LRV", "GOPR0002.LRV", "alone.LRV"):
        shutil.copy(folder / "known.mp4", folder / name)
    assert videos(folder) == ["GOPR0002.MP4", "GX010001.MP4", "alone.LRV", "known.mp4"]
    assert passed_over(folder)["GL010001.LRV"] == "low-resolution copy of GX010001.MP4"


def test_a_damaged_video_is_taken_so_that_it_gets_its_row(folder: Path) -> None:
    (folder / "empty.mp4").touch()
    (folder / "text.mkv").write_text("no video")
    (folder / "no-index.dav").write_bytes((folder / "known.mp4").read_bytes()[:200])
    assert videos(folder) == ["empty.mp4", "known.mp4", "no-index.dav", "text.mkv"]


def test_a_file_that_is_given_itself_is_always_taken(folder: Path) -> None:
    path = apple_double(folder / "._known.mp4")
    assert [video.path for video in find_inputs([str(path)]).videos] == [path]


def test_a_file_that_crashes_the_child_process_is_taken(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video_files, "CHILD", ("-c", "import os; input(); os._exit(9)"))
    for name in ("a.dav", "b.dav"):
        (folder / name).write_text("x")
    assert videos(folder) == ["a.dav", "b.dav", "known.mp4"]


def test_a_file_that_takes_too_long_is_taken(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video_files, "CHILD", ("-c", "import time; time.sleep(60)"))
    monkeypatch.setattr(video_files, "PROBE_S", 0.1)
    (folder / "a.dav").write_text("x")
    assert videos(folder) == ["a.dav", "known.mp4"]


def test_no_process_is_started_for_files_with_endings_of_videos(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video_files, "_Child", None)
    assert videos(folder) == ["known.mp4"]


def test_a_folder_without_videos_says_what_was_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("text")
    apple_double(tmp_path / "._b.mp4")
    with pytest.raises(OptionError, match=r"passed over: 1 companion file of macOS, 1 no video"):
        find_inputs([str(tmp_path)])


def test_the_results_of_a_run_are_no_input(folder: Path) -> None:
    assert facetally("run", folder, "-o", folder / "out", "--every", "1").exit_code == 0
    assert videos(folder) == ["known.mp4"]
    assert passed_over(folder) == {"out/": "results of facetally"}


def test_run_status_and_dry_run_count_and_list_what_was_passed_over(folder: Path, tmp_path: Path) -> None:
    apple_double(folder / "._known.mp4")
    for index in range(22):
        (folder / f"note{index:02}.txt").write_text("text")
    planned = facetally("run", folder, "-o", tmp_path / "out", "--dry-run")
    assert "pass  ._known.mp4: companion file of macOS\n" in planned.stdout
    assert planned.stdout.count("pass  note") == 22
    for shown in (facetally("run", folder, "-o", tmp_path / "out"), facetally("status", tmp_path / "out")):
        assert shown.exit_code == 0
        assert "23 files were passed over:\n  1 companion file of macOS: ._known.mp4\n" in shown.stdout
        assert "22 no video: note00.txt, note01.txt" in shown.stdout
        assert "note19.txt, and 2 more" in shown.stdout
    assert "passed over: note21.txt: no video" in (tmp_path / "out" / "log.txt").read_text()


def test_a_folder_that_must_not_be_looked_into_is_not_taken_for_results(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "stat", refused)
    assert not video_files.is_results_folder(Path("somewhere"))
