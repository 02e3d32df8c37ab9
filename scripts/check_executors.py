"""Checks that every executor and every kind of storage gives the same tables.

    python -m scripts.check_executors ../shared/videos --report reports/executors.json

Runs the videos with the local executor and on Ray, with one worker and with two, from a folder and from S3 to S3 (a
server on loopback). faces/ and tracks/ must have the same bytes as those of the first run, and videos/ the same values
but for the place of the video.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import click

from facetally.formatting import command
from scripts.benchmark_storage import differing, tables
from scripts.provenance import machine
from scripts.s3_server import RESULTS, VIDEOS, Server, s3_server

WAYS = tuple(itertools.product(("a folder", "S3 to S3"), ("local", "ray"), (1, 2)))


@click.command(help=__doc__)
@click.argument("videos", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--report", type=click.Path(path_type=Path, dir_okay=False), help="JSON to write.")
def main(videos: Path, report: Path | None) -> None:
    with tempfile.TemporaryDirectory() as work, s3_server(Path(work) / "cache") as server:
        server.upload(videos)
        first: Mapping[str, Any] = {}
        runs = []
        for number, (storage, executor, workers) in enumerate(WAYS):
            started_s = time.monotonic()
            found = tables_of(videos, server, Path(work) / str(number), storage == "S3 to S3", executor, workers)
            first = first or found
            runs.append(
                {"from": storage, "executor": executor, "workers": workers, "tables": len(found)}
                | {
                    "tables that differ": sorted(differing(first, found)),
                    "seconds": round(time.monotonic() - started_s, 1),
                }
            )
            click.echo(json.dumps(runs[-1]))
    figures = {"date": date.today().isoformat(), "machine": machine(), "runs": runs}
    if report:
        report.write_text(json.dumps(figures, indent=1) + "\n")
    if any(run["tables that differ"] for run in runs):
        sys.exit(1)


def tables_of(
    videos: Path, server: Server, out: Path, is_s3: bool, executor: str, workers: int
) -> Mapping[str, bytes | Mapping[str, Any]]:
    """What a run over the videos stores, by the name of its table."""
    places = [f"s3://{VIDEOS}/", "-o", f"s3://{RESULTS}/{out.name}"] if is_s3 else [str(videos), "-o", str(out)]
    words = ["run", *places, "--executor", executor, "--workers", str(workers)]
    done = subprocess.run(
        [sys.executable, "-m", "facetally", *words],
        env=dict(server.environment),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise click.ClickException(f"{command('facetally', *words)} ended with {done.returncode}:\n{done.stderr}")
    if is_s3:
        server.download(f"{out.name}/", out)
    return tables(out)


if __name__ == "__main__":
    main()
