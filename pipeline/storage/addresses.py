"""Addresses in object storage: s3://bucket/key."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from facetally.errors import OptionError
from facetally.formatting import command, printable

PATTERN = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<rest>.*)", re.DOTALL)
S3_SCHEMES = frozenset(("s3", "s3a", "s3n"))
ARROW_SCHEMES = frozenset(("gs", "gcs", "abfs", "abfss", "hdfs", "viewfs", "file"))
"""Read through the file systems of pyarrow."""
WEB_SCHEMES = frozenset(("http", "https", "ftp"))
LIVE_SCHEMES = frozenset(("rtsp", "rtsps", "rtmp", "rtp", "udp", "srt"))


@dataclass(frozen=True)
class Address:
    """A place in object storage: an object, or all objects whose keys begin alike."""

    scheme: str
    bucket: str
    """Of S3: the bucket; elsewhere what stands between :// and the next slash, such as a server."""
    key: str
    """Without a slash at its beginning; may be empty."""

    def __str__(self) -> str:
        return f"{self.scheme}://{self.bucket}/{self.key}" if self.key else f"{self.scheme}://{self.bucket}"

    @property
    def is_s3(self) -> bool:
        return self.scheme == "s3"

    @property
    def name(self) -> str:
        """The last part of the key; of the bucket without a key."""
        return PurePosixPath(self.key).name or self.bucket

    def inside(self, relative: str) -> Address:
        """The address of what lies in this folder."""
        folder = self.key.rstrip("/")
        return Address(self.scheme, self.bucket, f"{folder}/{relative}" if folder else relative)


def is_address(text: object) -> bool:
    """Whether a text is meant as an address and not as a path."""
    return isinstance(text, str) and PATTERN.fullmatch(text) is not None


def parsed_address(text: str) -> Address:
    """The parts of an address.

    Raises:
        OptionError: it has no bucket, holds a password, or is of a kind that cannot be read.
    """
    found = PATTERN.fullmatch(text)
    if not found:
        raise OptionError(f"{text} is no address", fix="give an address such as s3://bucket/folder/")
    scheme, (place, _, key) = found["scheme"].lower(), found["rest"].partition("/")
    _refuse_secrets(scheme, place, key)
    if scheme in WEB_SCHEMES:
        raise OptionError(f"{text} is a web address", fix="download the file, then give its path")
    if scheme in LIVE_SCHEMES:
        raise OptionError(f"{text} is a live stream", fix=f"watch it with {command('facetally', 'live', text)}")
    scheme = "s3" if scheme in S3_SCHEMES else scheme
    if scheme not in {"s3"} | ARROW_SCHEMES:
        known = ", ".join(sorted({"s3"} | ARROW_SCHEMES))
        raise OptionError(f"{scheme}:// is not read by facetally", fix=f"copy the files to one of: a folder, {known}")
    if not place and scheme not in ("file", "hdfs"):
        raise OptionError(f"{text} names no bucket", fix=f"give {scheme}://BUCKET/FOLDER/")
    return Address(scheme, place, key)


def _refuse_secrets(scheme: str, place: str, key: str) -> None:
    """Raises OptionError, which repeats nothing of them, for an address with a user or a password."""
    if "@" in place and scheme not in ("abfs", "abfss"):  # abfs://container@account
        what = f"an address with a user or password in it is not accepted: {scheme}://...@{place.rpartition('@')[2]}"
        fix = "give the address without them; credentials are read from AWS_PROFILE, AWS_ACCESS_KEY_ID, ..."
        raise OptionError(what, fix=fix)
    if re.search(r"[?&](X-Amz-|AWSAccessKeyId|Signature|sig|access_key|secret_key)", key, re.IGNORECASE):
        what = f"a signed address is not accepted: {scheme}://{printable(place)}/..."
        raise OptionError(
            what,
            fix="give the address without what follows the question mark, and credentials by "
            "AWS_PROFILE, AWS_ACCESS_KEY_ID, ...",
        )
