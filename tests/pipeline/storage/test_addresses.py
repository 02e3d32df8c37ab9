"""Addresses are told from paths, and hold no secrets."""

from __future__ import annotations

from pathlib import Path

import pytest

from facetally.errors import OptionError
from facetally.storage.addresses import is_address, parsed_address


def test_an_address_has_a_scheme_a_bucket_and_a_key() -> None:
    address = parsed_address("s3://archive/2026/a b.mp4")
    assert (address.scheme, address.bucket, address.key) == ("s3", "archive", "2026/a b.mp4")
    assert (str(address), address.name) == ("s3://archive/2026/a b.mp4", "a b.mp4")
    assert str(parsed_address("s3a://archive")) == "s3://archive"


@pytest.mark.parametrize("folder", ["s3://b/out", "s3://b/out/"])
def test_what_lies_in_a_folder_has_one_slash_in_between(folder: str) -> None:
    assert str(parsed_address(folder).inside("run.json")) == "s3://b/out/run.json"


@pytest.mark.parametrize("text", ["videos", "/a/b.mp4", "C:/films", "C:\\films", "a:b", "://", "", Path("s3://a")])
def test_paths_are_no_addresses(text: object) -> None:
    assert not is_address(text)


@pytest.mark.parametrize(
    "text",
    [
        "s3://AKIA:secret@bucket/a",
        "s3://secret@bucket/a",
        "s3://bucket/a.mp4?X-Amz-Signature=secret",
        "s3://bucket/a.mp4?AWSAccessKeyId=secret&Signature=secret",
    ],
)
def test_an_address_with_credentials_is_refused_without_repeating_them(text: str) -> None:
    with pytest.raises(OptionError) as caught:
        parsed_address(text)
    assert "secret" not in caught.value.what + caught.value.fix
    assert "AWS_PROFILE" in caught.value.fix


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("https://example.org/a.mp4", "download the file"),
        ("rtsp://camera/1", "facetally live rtsp://camera/1"),
        ("magnet://x/y", "copy the files to one of: a folder"),
        ("s3:///key", "give s3://BUCKET/FOLDER/"),
    ],
)
def test_other_addresses_are_refused_with_what_to_do(text: str, fix: str) -> None:
    with pytest.raises(OptionError) as caught:
        parsed_address(text)
    assert fix in caught.value.fix
