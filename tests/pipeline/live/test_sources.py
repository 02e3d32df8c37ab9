"""What a source may be called, and that nothing shows its password."""

from __future__ import annotations

from pathlib import Path

import pytest

from facetally.errors import OptionError
from facetally.live.sources import parse_source


@pytest.mark.parametrize(
    ("text", "kind", "address", "shown"),
    [
        ("0", "camera", "0", "camera 0"),
        ("/dev/video2", "camera", "2", "camera 2"),
        ("rtsp://cam.local/a", "stream", "rtsp://cam.local/a", "rtsp://cam.local/a"),
        ("RTSP://ann:pw@cam/a", "stream", "rtsp://ann:pw@cam/a", "rtsp://***@cam/a"),
        ("http://cam/a.mjpg?key=s3cret", "stream", "http://cam/a.mjpg?key=s3cret", "http://cam/a.mjpg?***"),
        ("rtsp://ann:a@b/c?d@cam/a", "stream", "rtsp://ann:a@b/c?d@cam/a", "rtsp://***@cam/a"),
    ],
)
def test_a_source_is_a_camera_or_an_address(text: str, kind: str, address: str, shown: str) -> None:
    source = parse_source(text)
    assert (source.kind, source.address, source.shown) == (kind, address, shown)


def test_a_file_is_a_source_whatever_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a@b.mp4").touch()
    source = parse_source("a@b.mp4")
    assert (source.kind, source.shown, source.path) == ("file", "a@b.mp4", str(tmp_path / "a@b.mp4"))


@pytest.mark.parametrize(
    "text",
    [
        *("ftp://ann:s3cret@h/x", "concat:a|s3cret@b", "rtsp:ann:s3cret@h/x", "rtsp://", "ann:s3cret@h/x"),
        *("rtsp://ann:s3cret@", "file:///etc/passwd", "rtmp://ann:s3cret@h", "", "missing.mp4", "/tmp"),
    ],
)
def test_anything_else_is_refused_without_its_password(text: str) -> None:
    with pytest.raises(OptionError) as refused:
        parse_source(text)
    assert "s3cret" not in refused.value.what + refused.value.fix
    assert refused.value.fix


@pytest.mark.parametrize(
    "text",
    [
        "cannot open 'rtsp://ann:p%40ss%20word@cam/a?key=t0ken'",
        *("user ann:p@ss word", "password p@ss word is wrong", "p%40ss%20word", "GET /a?key=t0ken", "the key t0ken"),
    ],
)
def test_a_text_of_ffmpeg_is_free_of_every_form_of_the_password(text: str) -> None:
    redacted = parse_source("rtsp://ann:p%40ss%20word@cam/a?key=t0ken").redacted(text)
    assert not any(secret in redacted for secret in ("p@ss", "p%40ss", "t0ken"))


def test_the_address_with_the_password_is_not_part_of_what_python_prints() -> None:
    assert "s3cret" not in repr(parse_source("rtsp://ann:s3cret@cam/a"))


def test_the_name_and_id_of_a_stream_hold_no_password() -> None:
    video = parse_source("rtsp://ann:s3cret@cam.local:8554/a").video
    assert video.name == "cam.local:8554/a"
    assert video.video_id.startswith("cam.local_8554_a-")
