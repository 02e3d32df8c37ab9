"""What `scripts/benchmark_against/` measures of a build: each function runs a command of it, and gives figures."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from scripts.benchmark_against.builds import Build
from scripts.benchmark_against.processes import finished

Figures = dict[str, float]
Job = Callable[[Build], Figures]

FILM_NAMES = ("360p", "720p", "1080p")


def help_times(build: Build) -> Figures:
    """`facetally --help`, and an empty Python."""
    command, empty = finished([build.command, "--help"]), finished([build.python, "-c", "pass"])
    figures = {"help, s": command.wall_s, "help, core s": command.core_s}
    return figures | {"help / empty Python": command.core_s / empty.core_s, "empty, core s": empty.core_s}


def start_and_end(build: Build, videos: Sequence[str]) -> Figures:
    """From the command to the first decoded frame, and from the last one to the prompt."""
    with tempfile.TemporaryDirectory() as out:
        done = finished([build.command, "run", *videos, "-o", out, "--workers", "2"], with_marks=True)
    start_s, end_s = min(done.marks["first"]) - done.started_s, done.ended_s - max(done.marks["last"])
    return {"start, s": start_s, "end, s": end_s, "start and end, s": start_s + end_s, "few clips, core s": done.core_s}


def whole_run(build: Build, inputs: Sequence[str]) -> Figures:
    """A whole run with two workers."""
    with tempfile.TemporaryDirectory() as out:
        done = finished([build.command, "run", *inputs, "-o", out, "--workers", "2"], with_marks=True)
    end_s = done.ended_s - max(done.marks["last"])
    return {"clips, s": done.wall_s, "clips, core s": done.core_s, "end of the clips, s": end_s}


def memory(build: Build, inputs: Sequence[str]) -> Figures:
    """The largest memory of a whole run with two workers."""
    with tempfile.TemporaryDirectory() as out:
        done = finished([build.command, "run", *inputs, "-o", out, "--workers", "2"], with_memory=True)
    return {"peak memory, MB": done.peak_mb}


def predicted(build: Build, images: Sequence[str]) -> Figures:
    """`facetally predict`."""
    done = finished([build.command, "predict", *images, "--format", "json"])
    return {"predict, s": done.wall_s, "predict, core s": done.core_s}


def evaluated(build: Build, data: str, limit: int) -> Figures:
    """`facetally evaluate`."""
    with tempfile.TemporaryDirectory() as out:
        done = finished([build.command, "evaluate", data, "-o", out, "--limit", str(limit)])
    return {"evaluate, s": done.wall_s, "evaluate, core s": done.core_s}


def films_in_decoding(build: Build, inputs: Sequence[str], count: int) -> Figures:
    """The whole job over films of a minute, made of the inputs, as multiples of decoding them alone."""
    names = [word for name in FILM_NAMES for word in ("--film", name)]
    with tempfile.TemporaryDirectory() as folder:
        words = ["films", *inputs, *names, "--count", str(count), "--minutes", "1", "--repeats", "1"]
        chosen = ["--every", "1", "--every", "0.2", "--reports", folder]
        command = [build.python, "-m", "scripts.benchmark", *words, *chosen]
        subprocess.run(command, cwd=build.checkout, check=True, stdout=subprocess.DEVNULL)
        (report,) = Path(folder).glob("*.json")
        films = json.loads(report.read_text())["films"]
    return {
        f"{count} x {film}, {job}, x decoding": multiple
        for film, figures in films.items()
        for job, multiple in list(figures["times_first"].items())[1:]
    }
