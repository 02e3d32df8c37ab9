"""Compares runs over a folder with runs from S3 to S3 on loopback, and two ways to read a video in object storage.

    python -m scripts.benchmark_storage ../shared/videos --report reports/benchmarks/storage.json

Runs over the folder and over S3 alternate. Processor time is that of the run and its workers, without the server's. Of
the ways to read a video, one fetches the object to a file and decodes that; the other decodes a file object that reads
ranges of the object, and must read the whole object a second time for its hash.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import av
import click
import moto
import psutil
import pyarrow.parquet as pq

from scripts.provenance import machine
from scripts.s3_server import RESULTS, VIDEOS, Server, s3_server

Figures = dict[str, Any]
RANGES_MB = (1, 8)
"""Sizes of the ranges that are read."""
TICK_S = 0.1
"""Between two looks at the processor time of a run."""


@click.command(help=__doc__)
@click.argument("videos", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--repeats", default=3, show_default=True)
@click.option("--films", default=5, show_default=True, help="The largest videos, for the ways to read one.")
@click.option("--is-busy", is_flag=True, help="Note that other programs ran on the machine.")
@click.option("--report", type=click.Path(path_type=Path, dir_okay=False), help="JSON to write.")
def main(videos: Path, repeats: int, films: int, is_busy: bool, report: Path | None) -> None:
    with tempfile.TemporaryDirectory() as work, s3_server(Path(work) / "cache") as server:
        server.upload(videos)
        os.environ.update(server.environment)
        figures = {
            "date": date.today().isoformat(),
            "machine": machine() + (", a busy machine: other programs ran" if is_busy else ""),
            "server": f"moto {moto.__version__} on loopback",
            "runs": runs(videos, server, Path(work), repeats),
            "reading": reading(server, films),
        }
    text = json.dumps(figures, indent=1)
    click.echo(text)
    if report:
        report.write_text(text + "\n")


def runs(videos: Path, server: Server, work: Path, repeats: int) -> Figures:
    """Seconds and processor seconds of each run, and whether the tables are the same."""
    folder, objects = [], []
    for number in range(repeats):
        folder.append(timed([str(videos), "-o", str(work / f"out{number}")]))
        objects.append(timed([f"s3://{VIDEOS}/", "-o", f"s3://{RESULTS}/out{number}"]))
    server.download(f"out{repeats - 1}/", work / "s3")
    return {
        "folder": folder,
        "S3 to S3": objects,
        "ratio of medians": {key: _median(objects, key) / _median(folder, key) for key in folder[0]},
        "same tables": tables(work / f"out{repeats - 1}") == tables(work / "s3"),
        "videos": len(list((work / "s3" / "videos").iterdir())),
    }


def timed(words: list[str]) -> Figures:
    """Times a run in a process of its own, with its workers: their processor time is read while they run."""
    start_s = time.monotonic()
    command = [sys.executable, "-m", "facetally", "run", *words]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    used_s: dict[int, float] = {}
    while process.poll() is None:
        with suppress(psutil.NoSuchProcess):
            ours = psutil.Process(process.pid)
            for one in (ours, *ours.children(recursive=True)):
                with suppress(psutil.NoSuchProcess):
                    used_s[one.pid] = one.cpu_times().user + one.cpu_times().system
        time.sleep(TICK_S)
    return {"seconds": time.monotonic() - start_s, "processor seconds": sum(used_s.values())}


def _median(figures: list[Figures], key: str) -> float:
    return float(statistics.median(one[key] for one in figures))


def tables(out: Path) -> Figures:
    """The bytes of faces/ and tracks/, and the rows of videos/ without what names the place of the video."""
    found: Figures = {}
    for table in ("faces", "tracks"):
        found |= {f"{table}/{path.name}": path.read_bytes() for path in (out / table).glob("*.parquet")}
    for path in (out / "videos").glob("*.parquet"):
        (row,) = pq.read_table(path).to_pylist()
        found[path.name] = {name: value for name, value in row.items() if name not in ("path", "reason", "fix")}
    return found


def differing(first: Mapping[str, Any], second: Mapping[str, Any]) -> set[str]:
    """The names of what is not the same in both, as `tables` gives it."""
    return {name for name in first.keys() | second.keys() if first.get(name) != second.get(name)}


def reading(server: Server, films: int) -> Figures:
    """Seconds and processor seconds for each way to read the largest videos."""
    objects = server.client.list_objects_v2(Bucket=VIDEOS)["Contents"]
    keys = [one["Key"] for one in sorted(objects, key=lambda one: -one["Size"])[:films]]
    ways: dict[str, Callable[[str], None]] = {"fetched to a file": partial(fetched, server)}
    for size_mb in RANGES_MB:
        ways[f"ranges of {size_mb} MB, and a second time for the hash"] = partial(in_ranges, server, size_mb * 2**20)
    figures: Figures = {"megabytes": sum(one["Size"] for one in objects if one["Key"] in keys) / 1e6}
    for name, way in ways.items():
        start_s, before_s = time.monotonic(), time.process_time()
        for key in keys:
            way(key)
        figures[name] = {"seconds": time.monotonic() - start_s, "processor seconds": time.process_time() - before_s}
    return figures


def fetched(server: Server, key: str) -> None:
    with tempfile.NamedTemporaryFile(suffix=Path(key).suffix) as file:
        digest = hashlib.sha256()
        body = server.client.get_object(Bucket=VIDEOS, Key=key)["Body"]
        while chunk := body.read(2**20):
            digest.update(chunk)
            file.write(chunk)
        file.flush()
        with av.open(file.name) as container:
            decode(container)


def in_ranges(server: Server, size_bytes: int, key: str) -> None:
    with av.open(io.BufferedReader(Ranges(server.client, key), size_bytes)) as container:
        decode(container)
    digest, body = hashlib.sha256(), server.client.get_object(Bucket=VIDEOS, Key=key)["Body"]
    while chunk := body.read(2**20):
        digest.update(chunk)


def decode(container: Any) -> None:
    for _ in container.decode(video=0):
        pass


class Ranges(io.RawIOBase):
    """A file object that reads an object by ranges."""

    def __init__(self, client: Any, key: str) -> None:
        self._client, self._key, self._at = client, key, 0
        self._size = client.head_object(Bucket=VIDEOS, Key=key)["ContentLength"]

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def readinto(self, buffer: Any) -> int:
        if self._at >= self._size:
            return 0
        last = min(self._at + len(buffer), self._size) - 1
        body = self._client.get_object(Bucket=VIDEOS, Key=self._key, Range=f"bytes={self._at}-{last}")["Body"].read()
        buffer[: len(body)] = body
        self._at += len(body)
        return len(body)


if __name__ == "__main__":
    main()
