"""Compares the time of a run on Ray with that of the local worker processes, and the bytes of their tables.

    python -m scripts.benchmark_executors ../shared/videos --clips 20 --rounds 3 --report reports/benchmarks/ray.json

Both run in turn, with the same number of workers and one thread each. The time in which Ray and its workers start is
measured apart, by the log of the run: a cluster that is running already does not need it. Processor time is that of all
processes of a run, those of Ray included; it depends less than the time on what else the machine does.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import click
import psutil

from facetally.inputs import find_videos
from scripts.clip_links import linked
from scripts.provenance import made

SAMPLE_S = 0.25
EXECUTORS = ("local", "ray")


@dataclass(frozen=True)
class Measured:
    """One run."""

    seconds: float
    """From the start of the command to its end."""
    start_seconds: float
    """Of these, until the videos were given out: with Ray, until its workers were there."""
    processor_seconds: float
    """Of all processes of the run."""
    start_processor_seconds: float
    """Of these, in the start."""
    ray_processor_seconds: float
    """Processes of Ray that are not workers, from start to end."""
    command_processor_seconds: float
    """The process of the command, from start to end: plan, classification, tables."""
    peak_worker_mb: float
    """Largest memory of a single worker of Ray."""

    @property
    def work_seconds(self) -> float:
        return self.seconds - self.start_seconds

    @property
    def work_processor_seconds(self) -> float:
        return self.processor_seconds - self.start_processor_seconds


@click.command(help=__doc__)
@click.argument("videos", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--clips", default=20, show_default=True, help="Number of clips, evenly chosen by size; 0: all.")
@click.option("--rounds", default=3, show_default=True)
@click.option("--workers", default=2, show_default=True)
@click.option("--busy", is_flag=True, help="Note in the report that the machine had other work.")
@click.option("--report", type=click.Path(path_type=Path, dir_okay=False), help="JSON to write.")
def main(videos: Path, clips: int, rounds: int, workers: int, busy: bool, report: Path | None) -> None:
    with tempfile.TemporaryDirectory() as work:
        folder = linked(chosen(videos, clips), Path(work) / "clips")
        runs: dict[str, list[Measured]] = {name: [] for name in EXECUTORS}
        tables: dict[str, dict[str, bytes]] = {}
        for _ in range(rounds):
            for name in EXECUTORS:
                out = Path(work) / "out"
                runs[name].append(measured(folder, out, name, workers))
                tables[name] = {str(path.relative_to(out)): path.read_bytes() for path in out.glob("*/*.parquet")}
                shutil.rmtree(out)
        count = len(list(folder.iterdir()))
    result = summary(runs, is_same=tables["local"] == tables["ray"]) | {"clips": count, "workers": workers}
    text = json.dumps(made("benchmark_executors", note=", busy machine" if busy else "") | result, indent=1)
    print(text)
    if report:
        report.write_text(text + "\n")
    if not result["same tables"]:
        sys.exit(1)


def chosen(videos: Path, clips: int) -> list[Path]:
    """So many of the videos, evenly by size; 0: all."""
    paths = sorted((video.path for video in find_videos([str(videos)])), key=lambda path: path.stat().st_size)
    step = max(1, len(paths) // clips) if clips else 1
    return paths[::step][: clips or None]


def measured(videos: Path, out: Path, executor: str, workers: int) -> Measured:
    """Runs the command and samples its processes."""
    words = ["run", str(videos), "-o", str(out), "--workers", str(workers), "--threads", "1", "--executor", executor]
    started_s = time.time()
    command = [sys.executable, "-m", "facetally", *words]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    ours = psutil.Process(process.pid)
    used: dict[tuple[int, float], tuple[str, float]] = {}
    totals: list[tuple[float, float]] = []
    peak_mb = 0.0
    while process.poll() is None:
        with suppress(psutil.NoSuchProcess):
            for one in [ours, *ours.children(recursive=True)]:
                with suppress(psutil.NoSuchProcess):
                    kind, times = "command" if one == ours else kind_of(one), one.cpu_times()
                    used[one.pid, one.create_time()] = kind, times.user + times.system
                    if kind == "worker":
                        peak_mb = max(peak_mb, one.memory_info().rss / 1e6)
        totals.append((time.time(), sum(seconds for _, seconds in used.values())))
        time.sleep(SAMPLE_S)
    begun_s = begin_of_work(out / "log.txt", workers)
    return Measured(
        seconds=time.time() - started_s,
        start_seconds=begun_s - started_s,
        processor_seconds=totals[-1][1],
        start_processor_seconds=max((total for at_s, total in totals if at_s <= begun_s), default=0.0),
        ray_processor_seconds=sum(seconds for kind, seconds in used.values() if kind == "ray"),
        command_processor_seconds=sum(seconds for kind, seconds in used.values() if kind == "command"),
        peak_worker_mb=peak_mb,
    )


def kind_of(process: psutil.Process) -> str:
    """What a process below the command is: a worker of Ray, another part of Ray, or a process of ours."""
    words = " ".join(process.cmdline())
    if "RayWorker" in words:
        return "worker"
    return "ray" if "ray::" in words or "/ray/" in words else "ours"


def begin_of_work(log: Path, workers: int) -> float:
    """When the videos were given out, by the log of a run: local workers start then, those of Ray were there."""
    lines = log.read_text(encoding="utf-8").splitlines()
    begun = [line for line in lines if " INFO worker on " in line][:workers] or lines[:2]
    return datetime.fromisoformat(begun[-1][:23].replace(",", ".")).timestamp()


def summary(runs: dict[str, list[Measured]], *, is_same: bool) -> dict[str, Any]:
    """The ratios of the medians, and all figures."""

    def median(name: str, field: str) -> float:
        return float(statistics.median(getattr(run, field) for run in runs[name]))

    fields = {"time without start": "work_seconds", "processor time without start": "work_processor_seconds"}
    return {
        "same tables": is_same,
        **{f"ratio of {what}": round(median("ray", of) / median("local", of), 3) for what, of in fields.items()},
        "start of Ray in seconds": round(median("ray", "start_seconds") - median("local", "start_seconds"), 1),
        "runs": {name: [{key: round(value, 2) for key, value in asdict(run).items()} for run in runs[name]]
                 for name in runs},
    }  # fmt: skip


if __name__ == "__main__":
    main()
