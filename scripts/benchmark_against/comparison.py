"""Measures both builds in turn, compares the medians, and writes them, for `scripts/benchmark_against/`."""

from __future__ import annotations

import json
import platform
import signal
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from scripts.benchmark_against.builds import BEFORE, OURS, Build
from scripts.benchmark_against.measurements import Figures, Job
from scripts.benchmark_against.processes import adopt_orphans
from scripts.provenance import made


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
            **made(
                "benchmark_against",
                note=f", {platform.system()}" + (", busy machine" if self.is_busy else ""),
                words=map(_without_folders, sys.argv[1:]),
            ),
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
