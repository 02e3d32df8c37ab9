"""An S3 server on loopback (moto) whose answers can be made to fail, and fixtures that start and end it."""

from __future__ import annotations

import importlib
import logging
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

Environ = dict[str, Any]
Fault = Callable[[Environ, Callable[[], Iterable[bytes]]], Iterable[bytes] | None]
"""Takes a request, and the function that answers it; None where it lets the request pass."""


@dataclass
class S3:
    """A bucket of its own for a test."""

    bucket: str
    client: Any
    requests: list[tuple[str, str, str]]
    """Method, path and query, or the range, of each request since the test began."""
    faults: list[Fault] = field(default_factory=list)

    def put(self, key: str, content: bytes) -> str:
        return str(self.client.put_object(Bucket=self.bucket, Key=key, Body=content)["ETag"]).strip('"')

    def get(self, key: str) -> bytes:
        return bytes(self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read())

    def names(self, prefix: str = "") -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return [one["Key"] for page in pages for one in page.get("Contents", ())]

    def contents(self, prefix: str) -> dict[str, bytes]:
        return {key.removeprefix(prefix): self.get(key) for key in self.names(prefix)}

    def address(self, key: str = "") -> str:
        return f"s3://{self.bucket}/{key}"

    def count(self, method: str, part: str) -> int:
        return sum(1 for verb, path, _ in self.requests if verb == method and part in path)

    @contextmanager
    def failing(self, fault: Fault) -> Iterator[None]:
        self.faults.append(fault)
        try:
            yield
        finally:
            self.faults.remove(fault)


def error(status: str, code: str, method: str = "", part: str = "", times: int = 10**9) -> Fault:
    """Answers the first such requests with an error."""
    left = [times]

    def fault(environ: Environ, _: Callable[[], Iterable[bytes]]) -> Iterable[bytes] | None:
        if not _fits(environ, method, part) or left[0] <= 0:
            return None
        left[0] -= 1
        body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>m</Message></Error>".encode()
        environ["start"](status, [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
        return [body]

    return fault


def broken_off(part: str, after_bytes: int, times: int = 1) -> Fault:
    """The connection of the first such requests ends in the middle of the object."""
    left = [times]

    def fault(environ: Environ, answer: Callable[[], Iterable[bytes]]) -> Iterable[bytes] | None:
        if not _fits(environ, "GET", part) or left[0] <= 0:
            return None
        left[0] -= 1
        return _first(b"".join(answer()), after_bytes)

    return fault


def _first(body: bytes, count: int) -> Iterator[bytes]:
    yield body[:count]
    raise ConnectionResetError("broken off")


def slow(part: str, pause_s: float) -> Fault:
    def fault(environ: Environ, _: Callable[[], Iterable[bytes]]) -> None:
        if _fits(environ, "GET", part):
            time.sleep(pause_s)

    return fault


def _fits(environ: Environ, method: str, part: str) -> bool:
    return method in ("", environ["REQUEST_METHOD"]) and part in f"{environ['PATH_INFO']}?{environ['QUERY_STRING']}"


class _App:
    """moto's application behind the faults of the present test."""

    def __init__(self, inner: Any) -> None:
        self.inner, self.s3 = inner, S3("", None, [])
        self.client: Any = None

    def __call__(self, environ: Environ, start: Any) -> Iterable[bytes]:
        about = environ.get("HTTP_RANGE") or environ["QUERY_STRING"]
        self.s3.requests.append((environ["REQUEST_METHOD"], environ["PATH_INFO"], about))
        environ["start"] = start
        for fault in list(self.s3.faults):
            if (given := fault(environ, lambda: self.inner(environ, start))) is not None:
                return given
        return self.inner(environ, start)  # type: ignore[no-any-return]


@pytest.fixture(scope="session")
def s3_server() -> Iterator[tuple[str, _App]]:
    """The address of a server, and its application."""
    moto = pytest.importorskip("moto.server")
    serving = pytest.importorskip("werkzeug.serving")
    pytest.importorskip("boto3")
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    app = _App(moto.DomainDispatcherApplication(moto.create_backend_app))
    server = serving.make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", app
    server.shutdown()
    thread.join(10)
    server.server_close()


@pytest.fixture
def s3(s3_server: tuple[str, _App], monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> S3:
    """An empty bucket; the environment names the server and credentials for it, and a cache folder of the test."""
    url, app = s3_server
    cache = str(tmp_path_factory.mktemp("cache"))
    environment = {
        **{"AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "hidden-word"},
        **{"AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true", "FACETALLY_CACHE": cache},
        **{"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull},
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    app.client = app.client or importlib.import_module("boto3").client("s3")
    bucket = f"test-{secrets.token_hex(4)}"
    app.client.create_bucket(Bucket=bucket)
    app.s3 = S3(bucket, app.client, [])
    return app.s3
