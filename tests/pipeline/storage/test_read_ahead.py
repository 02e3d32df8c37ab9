"""Videos are fetched in advance, in order, and never more of them than the limit allows."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from s3_server import S3, slow

from facetally.errors import StorageError, VideoError
from facetally.storage import read_ahead
from facetally.storage.copies import LocalCopy, RemoteVideo
from facetally.storage.read_ahead import ReadAhead, cache_folder


def videos(s3: S3, count: int, size_bytes: int = 1000) -> list[RemoteVideo]:
    contents = {f"{number}.mp4": bytes([number]) * size_bytes for number in range(count)}
    return [RemoteVideo(s3.address(key), size_bytes, s3.put(key, content)) for key, content in contents.items()]


def taken(ahead: ReadAhead) -> LocalCopy | VideoError:
    for _ in range(1000):
        if found := ahead.take():
            return found
        time.sleep(0.01)
    raise AssertionError("nothing arrived")


def files() -> list[Path]:
    return sorted((cache_folder() / "videos").rglob("*.mp4"))


def test_copies_come_in_the_order_of_the_videos_even_if_the_first_is_slow(s3: S3) -> None:
    with s3.failing(slow("/0.mp4", 0.3)), ReadAhead(videos(s3, 5)) as ahead:
        copies = [taken(ahead) for _ in range(5)]
        assert [one.path.read_bytes()[0] for one in copies if isinstance(one, LocalCopy)] == [0, 1, 2, 3, 4]
    assert files() == []


def test_no_more_is_fetched_than_the_limit_allows_until_a_copy_is_released(s3: S3) -> None:
    with ReadAhead(videos(s3, 5), limit_bytes=2500) as ahead:
        first = taken(ahead)
        assert isinstance(first, LocalCopy)
        time.sleep(0.2)
        assert len(files()) == 2
        taken(ahead)
        assert ahead.take() is None
        ahead.release(first.path)
        taken(ahead)
        assert not first.path.exists()


def test_a_video_that_is_larger_than_the_limit_is_fetched_alone(s3: S3) -> None:
    with ReadAhead(videos(s3, 2), limit_bytes=10) as ahead:
        for _ in range(2):
            copy = taken(ahead)
            assert isinstance(copy, LocalCopy)
            assert files() == [copy.path]
            ahead.release(copy.path)


def test_a_video_that_cannot_be_read_does_not_hold_up_the_others(s3: S3) -> None:
    wanted = videos(s3, 3)
    s3.client.delete_object(Bucket=s3.bucket, Key="1.mp4")
    with ReadAhead(wanted, limit_bytes=1000) as ahead:
        for is_there in (True, False, True):
            copy = taken(ahead)
            assert isinstance(copy, LocalCopy) == is_there
            if isinstance(copy, LocalCopy):
                ahead.release(copy.path)


def test_copies_of_a_killed_run_are_deleted_and_those_of_a_running_one_are_not(s3: S3) -> None:
    old = cache_folder() / "videos" / "1-killed"
    old.mkdir(parents=True)
    (old / "0.mp4").touch()
    with ReadAhead(videos(s3, 1)) as first:
        taken(first)
        with ReadAhead(videos(s3, 1)) as second:
            taken(second)
            assert len(files()) == 2
            assert not old.exists()


def test_a_cache_folder_that_cannot_be_written_is_reported(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(read_ahead.CACHE_VARIABLE, "/dev/null/cache")
    with pytest.raises(StorageError, match="cannot write to /dev/null/cache"):
        ReadAhead(videos(s3, 1)).__enter__()
