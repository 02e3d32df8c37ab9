"""Times the whole job against decoding alone, and against the loop one would write with insightface.

    python -m scripts.benchmark ../shared/videos --repeats 3

All three read the same files and look at the same frames; the loop runs the same detector weights at the same size
and the same classifier, a frame and a face at a time, as insightface's own interface does. Repeats are interleaved
and medians compared, so that a noisy machine disturbs all alike: the ratios mean something, the seconds less.
"""

from __future__ import annotations

import json
import os
import platform
import shlex
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import av
import click
import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from pipeline.engines import Engines, load_engines
from pipeline.inputs import InputVideo, find_videos
from pipeline.ledger import Ledger, VideoRow
from pipeline.options import RunOptions, Sampling
from pipeline.plan import plan_run
from pipeline.run import run_videos


class Silent:
    """Shows no progress."""

    def planned(self, todo: Sequence[VideoRow], done: Sequence[VideoRow]) -> None:
        pass

    def advanced(self, video_id: str, time_s: float) -> None:
        pass

    def finished(self, row: VideoRow) -> None:
        pass


@click.command(help=__doc__)
@click.argument("inputs", nargs=-1, required=True)
@click.option("--repeats", default=3, show_default=True)
@click.option("--take-every", default=1, show_default=True, help="Use every n-th video only.")
@click.option("--detector", default=RunOptions.detector, show_default=True)
@click.option("--every", "every_s", default=Sampling.every_s, show_default=True)
@click.option("--reports", type=click.Path(path_type=Path), default=Path("reports/benchmarks"), show_default=True)
def main(inputs: tuple[str, ...], repeats: int, take_every: int, detector: str, every_s: float, reports: Path) -> None:
    videos = find_videos(inputs)[::take_every]
    options = RunOptions(detector=detector, sampling=Sampling(every_s))
    engines = load_engines(options, device="cpu")
    jobs: dict[str, Callable[[], dict[str, Any]]] = {
        "decoding alone": lambda: decode_all(videos),
        "facetally, whole job": lambda: run_whole_job(videos, engines, options),
        "insightface loop": lambda: run_insightface_loop(videos, engines, options),
    }
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    counts: dict[str, dict[str, Any]] = {}
    for _ in range(repeats):
        for name, job in jobs.items():
            started = time.perf_counter()
            counts[name] = job()
            seconds[name].append(time.perf_counter() - started)
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    result = {
        "date": str(date.today()),
        "machine": f"{machine()}, {platform.system()}",
        "command": f"python -m scripts.benchmark {shlex.join(sys.argv[1:])}",
        "detector": engines.models["detector"].name,
        "videos": len(videos),
        "seconds": {name: [round(value, 2) for value in times] for name, times in seconds.items()},
        "median_s": {name: round(value, 2) for name, value in medians.items()},
        "times_decoding": {name: round(value / medians["decoding alone"], 2) for name, value in medians.items()},
        "counts": counts,
    }
    reports.mkdir(parents=True, exist_ok=True)
    path = reports / f"{date.today()}-whole-job-{engines.models['detector'].name}.json"
    path.write_text(json.dumps(result, indent=2) + "\n")
    print_result(result)
    click.echo(path, err=True)


def decode_all(videos: Sequence[InputVideo]) -> dict[str, Any]:
    """Every frame of every video through PyAV on FFmpeg's threads, nothing else."""
    frame_count = 0
    for video in videos:
        with av.open(str(video.path)) as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            frame_count += sum(1 for _ in container.decode(stream))
    return {"frames": frame_count}


def run_whole_job(videos: Sequence[InputVideo], engines: Engines, options: RunOptions) -> dict[str, Any]:
    """What `facetally run` does, tables and ledger included, into a folder that is thrown away."""
    with tempfile.TemporaryDirectory() as out:
        ledger = Ledger(Path(out))
        plan = plan_run(videos, ledger, options.digest(engines.model_hashes))
        rows = run_videos(plan, ledger, engines, options, Silent())
    return {
        "frames": sum(row.frame_count for row in rows),
        "sampled": sum(row.sampled_count for row in rows),
        "faces": sum(row.face_count for row in rows),
    }


def run_insightface_loop(videos: Sequence[InputVideo], engines: Engines, options: RunOptions) -> dict[str, Any]:
    """OpenCV decodes, insightface's SCRFD looks at every sampled frame at 640, each face is classified by itself."""
    from insightface.model_zoo.scrfd import SCRFD
    from insightface.utils.face_align import norm_crop

    detector = SCRFD(str(engines.models["detector"].path))
    detector.prepare(0, input_size=(options.detection.input_px, options.detection.input_px))
    sampled = faces = 0
    for video in videos:
        capture = cv2.VideoCapture(str(video.path))
        next_due_s = 0.0
        while capture.grab():
            time_s = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
            if time_s < next_due_s - 1e-3:
                continue
            next_due_s = options.sampling.every_s * (int((time_s + 1e-3) / options.sampling.every_s) + 1)
            image = capture.retrieve()[1]
            sampled += 1
            _, landmarks = detector.detect(image)
            for points in landmarks:
                crop = cv2.cvtColor(norm_crop(image, points), cv2.COLOR_BGR2RGB)
                engines.classifier.predict(np.ascontiguousarray(crop[None]))
                faces += 1
        capture.release()
    return {"sampled": sampled, "faces": faces}


def processor() -> str:
    """The processor's name, as far as the system tells."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def machine() -> str:
    """Processor and cores, as reports name them."""
    return f"{processor()}, {os.cpu_count()} cores"


def print_result(result: dict[str, Any]) -> None:
    """The medians as a table, on stdout."""
    table = Table("", "median s", "x decoding", "frames", "looked at", "faces")
    for name, median_s in result["median_s"].items():
        found = result["counts"][name]
        shown = (str(found.get(key, "")) for key in ("frames", "sampled", "faces"))
        table.add_row(name, f"{median_s:.1f}", f"{result['times_decoding'][name]:.2f}", *shown)
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
