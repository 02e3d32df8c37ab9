"""Runs as users start them, watched until they end, and what they leave."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import psutil

STALL_S = 10
TOO_MUCH_MB = 1500


def started(videos: Path, out: Path, *flags: str, **options: Any) -> subprocess.Popen[str]:
    words = ["run", str(videos), "-o", str(out), "--every", "1", "--stall", str(STALL_S), *flags]
    command, pipe = [sys.executable, "-m", "facetally", *words], subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, **options)


def finished(videos: Path, out: Path, **options: Any) -> tuple[int, str]:
    """Exit code and stderr of a run."""
    process = started(videos, out, **options)
    stderr = process.communicate()[1]
    return process.returncode, stderr


def contents(out: Path) -> dict[str, bytes]:
    """All tables of a run."""
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*.parquet"))}


@dataclass(frozen=True)
class Unbroken:
    """The result of an undisturbed run."""

    exit_code: int
    tables: dict[str, bytes]
    seconds: float


def unbroken_run(videos: Path, out: Path) -> Unbroken:
    started_s = time.monotonic()
    code, printed = finished(videos, out)
    if code:
        raise click.ClickException(f"the run without faults ended with {code}: {printed}")
    return Unbroken(code, contents(out), time.monotonic() - started_s)


@dataclass(frozen=True)
class Watched:
    """A finished run."""

    exit_code: int
    samples_mb: list[float]
    """Memory of the run and its workers, every half second."""
    left_over: list[psutil.Process]
    """Processes that outlived the run."""
    stdout: str = ""

    @property
    def peak_mb(self) -> float:
        return max(self.samples_mb, default=0.0)


def watched(process: subprocess.Popen[str]) -> Watched:
    """Monitors a run until it ends."""
    texts: list[str] = []
    reader = threading.Thread(target=lambda: texts.extend(process.communicate()))  # a full pipe would block the run
    reader.start()
    ours = psutil.Process(process.pid)
    family: dict[int, psutil.Process] = {}
    samples_mb: list[float] = []
    while reader.is_alive():
        with suppress(psutil.NoSuchProcess):
            members = [ours, *ours.children(recursive=True)]
            family |= {member.pid: member for member in members}
            samples_mb.append(sum(member.memory_info().rss for member in members) / 1e6)
        reader.join(0.5)
    _, left_over = psutil.wait_procs(family.values(), timeout=10)
    return Watched(process.returncode, samples_mb, left_over, "".join(texts[:1]))
