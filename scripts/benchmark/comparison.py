"""Runs jobs in turn and compares their times, and writes figures of `scripts/benchmark/` with date and command."""

from __future__ import annotations

import json
import platform
import statistics
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from scripts.provenance import made

Figures = dict[str, Any]
Jobs = dict[str, Callable[[], Figures]]
"""By name: each call is timed; what it returns are counts of what it did."""


def compared(jobs: Jobs, repeats: int, title: str = "") -> Figures:
    """Repeats all jobs; prints and returns seconds, medians, and medians as multiples of the first job's median."""
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    counts: dict[str, Figures] = {}
    for _ in range(repeats):
        for name, job in jobs.items():
            started = time.perf_counter()
            counts[name] = job()
            seconds[name].append(time.perf_counter() - started)
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    first_s = next(iter(medians.values()))
    units = list(dict.fromkeys(key for figures in counts.values() for key in figures))
    table = Table(title, "median s", "x the first", *units)
    for name, median_s in medians.items():
        shown = (str(counts[name].get(key, "")) for key in units)
        table.add_row(name, f"{median_s:.2f}", f"{median_s / first_s:.2f}", *shown)
    Console(width=100).print(table)
    return {
        "seconds": {name: [round(value, 3) for value in times] for name, times in seconds.items()},
        "median_s": {name: round(value, 3) for name, value in medians.items()},
        "times_first": {name: round(value / first_s, 3) for name, value in medians.items()},
        "counts": counts,
    }


def write(reports: Path, name: str, figures: Figures) -> None:
    """Writes figures with date, machine and command."""
    reports.mkdir(parents=True, exist_ok=True)
    path = reports / f"{date.today()}-{name}.json"
    head = made("benchmark", note=f", {platform.system()}")
    path.write_text(json.dumps(head | figures, indent=2) + "\n")
    click.echo(path, err=True)
