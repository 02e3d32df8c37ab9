"""Starts an S3 server on loopback in a process of its own (moto), for measurements and campaigns."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PATIENCE_S = 60.0
VIDEOS, RESULTS = "videos", "results"


@dataclass(frozen=True)
class Server:
    """A running server."""

    process: subprocess.Popen[bytes]
    environment: Mapping[str, str]
    """Variables that name it, and credentials that it accepts."""
    client: Any
    """Of boto3."""

    def upload(self, folder: Path) -> None:
        """Puts all files of a folder into the bucket of videos."""
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            self.client.upload_file(str(path), VIDEOS, path.relative_to(folder).as_posix())

    def download(self, prefix: str, folder: Path) -> None:
        """Writes all objects of the bucket of results whose keys begin alike to a folder."""
        for page in self.client.get_paginator("list_objects_v2").paginate(Bucket=RESULTS, Prefix=prefix):
            for one in page.get("Contents", ()):
                path = folder / one["Key"].removeprefix(prefix)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(self.client.get_object(Bucket=RESULTS, Key=one["Key"])["Body"].read())


@contextmanager
def s3_server(cache: Path) -> Iterator[Server]:
    """A server with two empty buckets.

    Args:
        cache: a folder for the copies that facetally makes.
    """
    import boto3

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    keys = {"AWS_ACCESS_KEY_ID": "loopback", "AWS_SECRET_ACCESS_KEY": "loopback", "AWS_DEFAULT_REGION": "us-east-1"}
    try:
        client = boto3.client(
            "s3",
            endpoint_url=url,
            region_name="us-east-1",
            aws_access_key_id="loopback",
            aws_secret_access_key="loopback",
        )
        _wait_for(port)
        for bucket in (VIDEOS, RESULTS):
            client.create_bucket(Bucket=bucket)
        yield Server(process, os.environ | keys | {"AWS_ENDPOINT_URL": url, "FACETALLY_CACHE": str(cache)}, client)
    finally:
        process.terminate()
        process.wait()


def _wait_for(port: int) -> None:
    end_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < end_s:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise TimeoutError("the S3 server did not start")
