"""Compares two builds of facetally: each command is run by the one and the other in turn, in a process of its own.

    python -m scripts.benchmark_against --against ../before clips ../shared/videos
    python -m scripts.benchmark_against --against ../before films ../shared/videos
    python -m scripts.benchmark_against --against ../before stills photos/

A build is a checkout with an environment in `.venv`, in which it is installed. Repeats are interleaved and medians
compared, as in `scripts/benchmark.py`. On a busy machine compare the processor time: it depends less on what else runs.

`clips` tells the time to the first decoded frame and from the last one to the end of the process, the time of the whole
job, and the largest memory; `films` the time of the whole job in that of decoding alone, as each build's own
`scripts.benchmark films` measures it; `help` the time of `facetally --help`, in that of an empty Python; `stills` the
time of `facetally predict`, and `evaluate` that of `facetally evaluate`.
"""

from __future__ import annotations

import ctypes
import json
import os
import platform
import shlex
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from facetally.inputs import find_videos
from scripts.long_films import Film, distinct_copy, looped
from scripts.provenance import machine

Figures = dict[str, float]
Job = Callable[["Build"], Figures]

OURS, BEFORE = "now", "before"
PR_SET_CHILD_SUBREAPER = 36
SAMPLE_S = 0.1
"""Seconds between two readings of the memory."""
FEW_CLIPS = 2
"""For the time to the first frame and from the last: one for each of two workers."""
FILM_NAMES = ("360p", "720p", "1080p")
MARKS = "FACETALLY_BENCHMARK_MARKS"
PROBE = f'''
"""Writes when the first frame of a video was given by VideoReader and when the last one was, in any process."""
import importlib.abc, importlib.machinery, os, sys, time

def mark(what):
    with open(os.environ["{MARKS}"], "a") as file:
        file.write(f"{{what}} {{time.monotonic()}}\\n")

def marked(frames):
    def iterate(self):
        for number, frame in enumerate(frames(self)):
            if number == 0:
                mark("first")
            yield frame
        mark("last")
    return iterate

class Loader(importlib.machinery.SourceFileLoader):
    def exec_module(self, module):
        super().exec_module(module)
        module.VideoReader.__iter__ = marked(module.VideoReader.__iter__)

class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name not in ("pipeline.video", "facetally.video.reader"):
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        if spec is not None:
            spec.loader = Loader(name, spec.origin)
        return spec

sys.meta_path.insert(0, Finder())
'''
"""A `sitecustomize.py`, which Python imports when it starts."""


@dataclass(frozen=True)
class Build:
    """A checkout and its environment."""

    name: str
    checkout: Path

    @property
    def python(self) -> str:
        return str(self.checkout / ".venv" / "bin" / "python")

    @property
    def command(self) -> str:
        return str(self.checkout / ".venv" / "bin" / "facetally")

    @property
    def commit(self) -> str:
        """With "+" if files differ from it."""
        done = subprocess.run(
            ["git", "-C", str(self.checkout), "describe", "--always", "--dirty=+", "--abbrev=7"],
            capture_output=True,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},  # only reads
            text=True,
            check=True,
        )
        return done.stdout.strip()


@dataclass
class Finished:
    """What a process and all its descendants took."""

    started_s: float
    ended_s: float
    """On the monotonic clock; of the command itself."""
    core_s: float
    """Processor time of the command and of all processes that it started."""
    peak_mb: float
    """Largest sum of their proportional set sizes, which count a page that N processes share as 1/N; 0 if unasked."""
    marks: dict[str, list[float]] = field(default_factory=dict)

    @property
    def wall_s(self) -> float:
        return self.ended_s - self.started_s


def adopt_orphans() -> None:
    """Makes this process the parent of orphaned descendants, so that their processor time can be read."""
    if ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError("this system has no child subreaper")


def finished(words: Sequence[str], *, with_memory: bool = False, with_marks: bool = False) -> Finished:
    """Runs a command, and waits until all that it started has ended.

    Raises:
        subprocess.CalledProcessError: its exit code is not 0.
    """
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    environment.pop("PYTHONPATH", None)  # a build is what its environment holds
    with tempfile.TemporaryDirectory() as folder:
        marks = Path(folder) / "marks.txt"
        if with_marks:
            (Path(folder) / "sitecustomize.py").write_text(PROBE)
            environment |= {"PYTHONPATH": folder, MARKS: str(marks)}
        started_s = time.monotonic()
        process = subprocess.Popen(
            words,
            cwd=folder,  # older builds import modules of the working folder
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        peak = _Peak(process.pid if with_memory else 0)
        ended_s, core_s, status, message = _ended(process)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, words, stderr=message)
        found: dict[str, list[float]] = {}
        for line in marks.read_text().splitlines() if marks.exists() else []:
            what, time_s = line.split()
            found.setdefault(what, []).append(float(time_s))
        return Finished(started_s, ended_s, core_s, peak.stop(), found)


def _ended(process: subprocess.Popen[bytes]) -> tuple[float, float, int, bytes]:
    """When the process ended, the processor time of it and its descendants, its status, and what it wrote to stderr."""
    chunks: list[bytes] = []
    assert process.stderr
    reader = threading.Thread(target=lambda stream: chunks.append(stream.read()), args=(process.stderr,))
    reader.start()
    _, status, usage = os.wait4(process.pid, 0)
    ended_s, core_s = time.monotonic(), usage.ru_utime + usage.ru_stime
    while True:  # the server that workers are forked from, and workers
        try:
            _, _, usage = os.wait4(-process.pid, 0)  # of its process group, which none of them leaves
        except ChildProcessError:
            break
        core_s += usage.ru_utime + usage.ru_stime
    reader.join()
    process.stderr.close()
    return ended_s, core_s, status, b"".join(chunks)


class _Peak:
    """Samples the memory of a session of processes, until it is stopped."""

    def __init__(self, session: int) -> None:
        self._session, self._peak_kb, self._is_over = session, 0, threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        if session:
            self._thread.start()

    def _sample(self) -> None:
        while not self._is_over.wait(SAMPLE_S):
            self._peak_kb = max(self._peak_kb, proportional_kb(self._session))

    def stop(self) -> float:
        """The peak in megabytes."""
        self._is_over.set()
        if self._session:
            self._thread.join()
        return self._peak_kb * 1024 / 1e6


def proportional_kb(session: int) -> int:
    """Sum of the proportional set sizes of the processes of a session."""
    total = 0
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if int((path / "stat").read_text().rpartition(")")[2].split()[3]) == session:
                lines = (path / "smaps_rollup").read_text().splitlines()
                total += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        except (OSError, StopIteration, IndexError):  # it has ended meanwhile
            continue
    return total


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


def in_turn(jobs: Sequence[Job], builds: Sequence[Build], repeats: int) -> dict[str, dict[str, list[float]]]:
    """The figures of all jobs by figure and build, from repeats that are interleaved."""
    samples: dict[str, dict[str, list[float]]] = {}
    for number in range(repeats):
        for job in jobs:
            for build in builds if number % 2 else reversed(builds):
                for name, value in job(build).items():
                    samples.setdefault(name, {build.name: [] for build in builds})[build.name].append(value)
    return samples


def compared(samples: dict[str, dict[str, list[float]]]) -> dict[str, Figures]:
    """Medians by figure, and that of now in that of before; printed as a table."""
    rows = {}
    table = Table("median", BEFORE, OURS, "ratio")
    for name, values in samples.items():
        before, now = (statistics.median(values[build]) for build in (BEFORE, OURS))
        rows[name] = {BEFORE: round(before, 4), OURS: round(now, 4), "ratio": round(now / before, 3)}
        table.add_row(name, f"{before:.3f}", f"{now:.3f}", f"{now / before:.2f}")
    Console(width=100).print(table)
    return rows


def _without_folders(word: str) -> str:
    """A word of the command line; of an absolute path only its last name."""
    return Path(word).name if word.startswith("/") else word


@click.group(help=__doc__)
@click.option("--against", type=click.Path(path_type=Path, exists=True), required=True, help="The other checkout.")
@click.option("--repeats", default=5, show_default=True)
@click.option("--busy", is_flag=True, help="Note in the figures that the machine was busy with other work.")
@click.option("--reports", type=click.Path(path_type=Path), default=Path("reports/benchmarks"), show_default=True)
@click.pass_context
def main(context: click.Context, against: Path, repeats: int, busy: bool, reports: Path) -> None:
    context.obj = Run((Build(BEFORE, against.resolve()), Build(OURS, Path.cwd())), repeats, busy, reports)


@dataclass(frozen=True)
class Run:
    """What all comparisons share."""

    builds: tuple[Build, Build]
    repeats: int
    is_busy: bool
    reports: Path

    def write(self, name: str, jobs: Sequence[Job], **about: object) -> None:
        """Runs the jobs and writes their figures with date, machine and command."""
        adopt_orphans()
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        samples = in_turn(jobs, self.builds, self.repeats)
        rounded = {
            name: {build: [round(v, 4) for v in all_] for build, all_ in of.items()} for name, of in samples.items()
        }
        figures = {
            "date": str(date.today()),
            "machine": f"{machine()}, {platform.system()}" + (", busy machine" if self.is_busy else ""),
            "command": shlex.join(["python", "-m", "scripts.benchmark_against", *map(_without_folders, sys.argv[1:])]),
            "builds": {build.name: build.commit for build in self.builds},
            "repeats": self.repeats,
            **about,
            "median": compared(samples),
            "samples": rounded,
        }
        self.reports.mkdir(parents=True, exist_ok=True)
        path = self.reports / f"{date.today()}-against-{name}.json"
        path.write_text(json.dumps(figures, indent=2) + "\n")
        click.echo(path, err=True)


@main.command(name="clips")
@click.argument("inputs", nargs=-1, required=True)
@click.option("--every-th", default=1, show_default=True, help="Use every so many clips.")
@click.pass_obj
def clips(run: Run, inputs: tuple[str, ...], every_th: int) -> None:
    """Start, end, whole job and memory of runs over clips."""
    videos = [str(video.path.resolve()) for video in find_videos(inputs)][::every_th]
    few = sorted(videos, key=lambda path: Path(path).stat().st_size)[:FEW_CLIPS]
    jobs: list[Job] = [
        lambda build: start_and_end(build, few),
        lambda build: whole_run(build, videos),
        lambda build: memory(build, videos),
    ]
    run.write("clips", jobs, videos=len(videos))


@main.command()
@click.argument("inputs", nargs=-1, required=True)
@click.option("--count", "counts", type=int, multiple=True, default=[1, 2], show_default=True, help="Films in a job.")
@click.pass_obj
def films(run: Run, inputs: tuple[str, ...], counts: tuple[int, ...]) -> None:
    """The whole job over films of a minute, in decoding them alone."""
    paths = [str(Path(path).resolve()) for path in inputs]
    run.write("films", [partial(films_in_decoding, inputs=paths, count=count) for count in counts])


@main.command(name="memory")
@click.argument("inputs", nargs=-1, required=True)
@click.option("--count", default=1, show_default=True, help="Films in a run.")
@click.option("--minutes", default=60.0, show_default=True, help="Length of each.")
@click.pass_obj
def memory_(run: Run, inputs: tuple[str, ...], count: int, minutes: float) -> None:
    """The largest memory of runs over films of 1080p."""
    with tempfile.TemporaryDirectory() as folder:
        film = looped([video.path for video in find_videos(inputs)], Path(folder) / "film.mp4", minutes, Film())
        films = [str(film), *(str(distinct_copy(film, number)) for number in range(1, count))]
        run.write(f"memory-{count}-films", [lambda build: memory(build, films)], films=count, minutes=minutes)


@main.command(name="help")
@click.pass_obj
def help_(run: Run) -> None:
    """The time of `facetally --help`."""
    run.write("help", [help_times])


@main.command(name="stills")
@click.argument("images", nargs=-1, required=True)
@click.pass_obj
def stills(run: Run, images: tuple[str, ...]) -> None:
    """The time of `facetally predict`."""
    run.write("stills", [lambda build: predicted(build, [str(Path(image).resolve()) for image in images])])


@main.command(name="evaluate")
@click.argument("data")
@click.option("--limit", default=3000, show_default=True)
@click.pass_obj
def evaluate(run: Run, data: str, limit: int) -> None:
    """The time of `facetally evaluate`."""
    run.write("evaluate", [lambda build: evaluated(build, str(Path(data).resolve()), limit)], images=limit)


if __name__ == "__main__":
    main()
