"""A copy has the content of the version that was listed, whatever the connection does meanwhile."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from s3_server import S3, broken_off, error, slow

from facetally.errors import StorageError, VideoError
from facetally.storage import copies
from facetally.storage import s3 as s3_module
from facetally.storage.copies import RemoteVideo, local_copy

CONTENT = os.urandom(3 * 2**20 + 17)


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(copies, "PATIENCE_S", 20)
    monkeypatch.setattr(s3_module, "ATTEMPTS", 1)


@pytest.fixture
def video(s3: S3) -> RemoteVideo:
    return RemoteVideo(s3.address("a.mp4"), len(CONTENT), s3.put("a.mp4", CONTENT))


def test_a_path_is_taken_as_it_is(tmp_path: Path) -> None:
    with local_copy(tmp_path / "a.mp4") as copy:
        assert (copy.path, copy.sha256) == (tmp_path / "a.mp4", "")


def test_a_copy_has_content_hash_and_ending_of_the_object_and_is_deleted_after_use(video: RemoteVideo) -> None:
    arrived: list[int] = []
    with local_copy(video, advanced=arrived.append) as copy:
        assert copy.path.read_bytes() == CONTENT
        assert copy.sha256 == hashlib.sha256(CONTENT).hexdigest()
        assert copy.path.suffix == ".mp4"
    assert sum(arrived) == len(CONTENT)
    assert not copy.path.exists()


def test_a_file_that_breaks_off_continues_from_the_byte_that_was_reached(s3: S3, video: RemoteVideo) -> None:
    with s3.failing(broken_off("a.mp4", 2**20 + 5, times=2)), local_copy(video) as copy:
        assert copy.path.read_bytes() == CONTENT
    ranges = [about for method, path, about in s3.requests if method == "GET" and "a.mp4" in path]
    assert len(ranges) == 3
    assert all(int(one.removeprefix("bytes=").rstrip("-")) >= 2**20 for one in ranges[1:])


@pytest.mark.parametrize(("status", "code"), [("503 Slow Down", "SlowDown"), ("500 Error", "InternalError")])
def test_a_busy_server_is_asked_again(s3: S3, video: RemoteVideo, status: str, code: str) -> None:
    with s3.failing(error(status, code, "GET", "a.mp4", times=3)), local_copy(video) as copy:
        assert copy.path.read_bytes() == CONTENT


def test_a_slow_server_is_waited_for(s3: S3, video: RemoteVideo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_module, "SILENCE_S", 0.3)
    with s3.failing(slow("a.mp4", 0.1)), local_copy(video) as copy:
        assert copy.path.read_bytes() == CONTENT


def test_a_server_that_stays_silent_is_given_up(s3: S3, video: RemoteVideo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_module, "SILENCE_S", 0.05)
    monkeypatch.setattr(copies, "PATIENCE_S", 0.2)
    with s3.failing(slow("a.mp4", 0.3)), pytest.raises(StorageError, match="cannot be read") as caught:
        local_copy(video).__enter__()
    assert "the same command continues" in caught.value.fix


def test_an_object_that_was_replaced_is_not_mixed_with_the_new_one(s3: S3, video: RemoteVideo) -> None:
    def replaced(environ: dict[str, str], _: object) -> None:
        if environ.get("HTTP_RANGE"):
            s3.put("a.mp4", CONTENT[::-1])

    with (
        s3.failing(replaced),
        s3.failing(broken_off("a.mp4", 2**20)),
        pytest.raises(VideoError, match="changed while it was read"),
    ):
        local_copy(video).__enter__()


def test_an_object_that_is_gone_is_an_error_of_that_video(s3: S3, video: RemoteVideo) -> None:
    s3.client.delete_object(Bucket=s3.bucket, Key="a.mp4")
    with pytest.raises(VideoError, match="is gone"):
        local_copy(video).__enter__()


@pytest.mark.parametrize(("code", "what"), [("AccessDenied", "no permission"), ("InvalidObjectState", "archive class")])
def test_an_object_that_may_not_be_read_is_an_error_of_that_video(
    s3: S3, video: RemoteVideo, code: str, what: str
) -> None:
    with s3.failing(error("403 Forbidden", code, "GET", "a.mp4")), pytest.raises(VideoError, match=what):
        local_copy(video).__enter__()


@pytest.mark.parametrize(
    ("status", "code", "what"),
    [
        ("400 Bad Request", "ExpiredToken", "have ended"),
        ("403 Forbidden", "InvalidAccessKeyId", "are refused"),
        ("404 Not Found", "NoSuchBucket", "there is no bucket"),
        ("301 Moved", "PermanentRedirect", "in another region"),
    ],
)
def test_what_concerns_all_objects_is_an_error_of_the_storage(
    s3: S3, video: RemoteVideo, status: str, code: str, what: str
) -> None:
    with s3.failing(error(status, code, "GET", "a.mp4")), pytest.raises(StorageError, match=what) as caught:
        local_copy(video).__enter__()
    assert "hidden-word" not in caught.value.what + caught.value.fix


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_reported_with_what_to_do(video: RemoteVideo, tmp_path: Path) -> None:
    (tmp_path / "full").symlink_to("/dev/full")
    with pytest.raises(StorageError, match="the disk is full") as caught:
        copies.fetched(video, tmp_path / "full")
    assert "FACETALLY_CACHE" in caught.value.fix
    assert "--cache-size" in caught.value.fix


def test_a_server_that_is_not_there_is_reported_with_its_address(
    video: RemoteVideo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setattr(copies, "PATIENCE_S", 0.2)
    with pytest.raises(StorageError, match="Could not connect"):
        local_copy(video).__enter__()


def test_without_credentials_the_error_names_the_variables(video: RemoteVideo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(StorageError, match="no credentials") as caught:
        local_copy(video).__enter__()
    assert "AWS_PROFILE" in caught.value.fix


def test_without_boto3_the_error_names_the_extra(video: RemoteVideo, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "boto3", None)
    monkeypatch.setenv("AWS_REGION", "eu-west-1")  # a client of its own
    with pytest.raises(StorageError) as caught:
        local_copy(video).__enter__()
    assert caught.value.fix == "install it: pip install 'facetally[s3]'"


def test_any_file_system_of_pyarrow_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(CONTENT)
    with local_copy(RemoteVideo(f"file://{path}", len(CONTENT), str(path.stat().st_mtime_ns))) as copy:
        assert copy.path.read_bytes() == CONTENT
    with pytest.raises(VideoError, match="changed"), local_copy(RemoteVideo(f"file://{path}", len(CONTENT), "1")):
        pass
