"""Compares cut detectors and trackers on films with known cuts (`scripts/cut_films/`).

    python -m scripts.cut_benchmark FOLDER -o cuts.json

Everything runs on the frames that a run samples. A cut is found if a detection lies within one sample of it, a
transition if one lies between its start and one sample after its end; each detection counts once. Thresholds of
PySceneDetect's detectors (package scenedetect, left out where it is not installed) are its defaults, and those with
the best F1 of hard cuts and of transitions on the films of one half. The other half is what counts. How to add a
detector or tracker: `scripts/cut_films/methods.py`.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import numpy as np
import rich_click as click

from facetally.detection.scrfd import ScrfdDetector
from facetally.formatting import percent
from facetally.models.weights import find_model
from facetally.options import RunOptions
from facetally.video.reader import Frame, VideoReader
from scripts.cut_films.answers import Film, Half, read_answers
from scripts.cut_films.methods import (
    CUT_METHODS,
    TRACKERS,
    CutMethod,
    Measures,
    Setting,
    Track,
    available_methods,
    method_images,
)
from scripts.cut_films.scoring import CutCounts, Times, TrackCounts, count_cuts, count_tracks
from scripts.provenance import made

FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)
HALVES: tuple[Half, ...] = get_args(Half)
GOALS = ("hard", "soft")


@dataclass
class Measured:
    """What one cut detector measured in each film."""

    method: CutMethod
    films: list[tuple[Film, Times, Measures]] = field(default_factory=list)
    seconds: float = 0.0
    """Of processor time."""
    frame_count: int = 0

    def add(self, film: Film, frames: Sequence[Frame], own_wh: Callable[[tuple[int, int]], tuple[int, int]]) -> None:
        """Runs the detector over a film."""
        images = method_images(self.method, frames, own_wh)
        started = time.process_time()
        measures = self.method.measure(images)
        self.seconds += time.process_time() - started
        self.frame_count += len(images)
        self.films.append((film, np.array([frame.time_s for frame in frames]), measures))

    def counts(self, setting: Setting, half: Half) -> CutCounts:
        """The counts of one half with a setting."""
        own = [row for row in self.films if row[0].half == half]
        return sum((count_cuts(f, times, self.method.decide(m, setting)) for f, times, m in own), CutCounts())

    def best(self, goal: str) -> Setting:
        """The setting with the best F1 on the films for choosing."""
        candidates = self.method.candidates or (self.method.default,)
        return max(candidates, key=lambda setting: self.counts(setting, "choose").figures()[goal]["f1"] or 0.0)


@click.command(help=__doc__)
@click.argument("folder", type=FOLDER)
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="JSON to write.")
@click.option(
    "--method", "methods", multiple=True, type=click.Choice(list(CUT_METHODS)), help="Default: all there are."
)
@click.option("--tracker", "trackers", multiple=True, type=click.Choice(list(TRACKERS)), help="Default: all.")
@click.option("--half", "halves_", multiple=True, type=click.Choice(HALVES), help="Default: both.")
@click.option("--kind", "kinds", multiple=True, help="Only films of these kinds.")
@click.option("--no-cuts", is_flag=True, help="Trackers only.")
@click.option("--no-tracks", is_flag=True, help="Cut detectors only.")
def main(
    folder: Path,
    output: Path | None,
    methods: tuple[str, ...],
    trackers: tuple[str, ...],
    halves_: tuple[Half, ...],
    kinds: tuple[str, ...],
    no_cuts: bool,
    no_tracks: bool,
) -> None:
    films = [
        film for film in read_answers(folder) if film.half in (halves_ or HALVES) and film.kind in (kinds or film.kind)
    ]
    measured = {} if no_cuts else {name: Measured(CUT_METHODS[name]()) for name in methods or available_methods()}
    tracks = {} if no_tracks else {name: TRACKERS[name]() for name in trackers or TRACKERS}
    counts = run(folder, films, measured, tracks)
    figures = {
        **made("cut_benchmark"),
        "films": {half: sum(film.half == half for film in films) for half in HALVES},
        "cuts": {name: cut_figures(own) for name, own in measured.items()},
        "tracks": {
            name: {half: counts[name, half].figures() for half in HALVES if (name, half) in counts} for name in tracks
        },
    }
    if output:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(json.dumps(figures, indent=1) + "\n")
    click.echo("\n\n".join(table(figures)))


def run(
    folder: Path, films: Iterable[Film], measured: dict[str, Measured], tracks: dict[str, Track]
) -> dict[tuple[str, Half], TrackCounts]:
    """Reads each film once; all detectors measure in it, and each tracker's counts are added up by half."""
    counts: defaultdict[tuple[str, Half], TrackCounts] = defaultdict(TrackCounts)
    own_wh = ScrfdDetector(find_model(RunOptions().detector, "detector", None).path).input_wh
    for film in films:
        with VideoReader(folder / film.file, RunOptions().sampling, threads=1) as reader:
            frames = list(reader)
        for own in measured.values():
            own.add(film, frames, own_wh)
        for name, track in tracks.items():
            counts[name, film.half] += count_tracks(film, track(frames))
        click.echo(film.file, err=True)
    return dict(counts)


def cut_figures(measured: Measured) -> dict[str, Any]:
    """A cut detector's figures by half: with its default setting and with those chosen for each goal."""
    settings = {"default": measured.method.default}
    if measured.method.candidates:
        settings |= {f"chosen for {goal}": measured.best(goal) for goal in GOALS}
    rows = {
        name: {"setting": setting} | {half: measured.counts(setting, half).figures() for half in HALVES}
        for name, setting in settings.items()
    }
    return {"milliseconds": round(1000 * measured.seconds / max(measured.frame_count, 1), 3), "settings": rows}


# Tables


def table(figures: dict[str, Any]) -> list[str]:
    """The figures of the half for reporting as Markdown tables; of the other half where there are no others."""
    half = "report" if figures["films"]["report"] else "choose"
    parts = [f"Films of the half `{half}`: {figures['films'][half]}"]
    if figures["cuts"]:
        parts.append("\n".join(_cut_rows(figures["cuts"], half)))
    for name, own in figures["tracks"].items():
        parts.append("\n".join(_track_rows(name, own[half])))
    return parts


def _cut_rows(cuts: dict[str, Any], half: str) -> list[str]:
    rows = [
        "| cut detector | setting | hard F1 | precision | recall | F1 without jumps | soft F1 | precision | recall |"
    ]
    rows[0] += " traps held | ms a frame |"
    rows.append("|---|---" + "|---:" * 9 + "|")
    for name, own in cuts.items():
        for setting, row in own["settings"].items():
            values = ", ".join(f"{value:.3g}" for value in row["setting"])
            found = row[half]
            cells = [found["hard"][key] for key in ("f1", "precision", "recall")]
            cells += [found["hard_without_jumps"]["f1"], *(found["soft"][key] for key in ("f1", "precision", "recall"))]
            traps = f"{found['traps']['held']} of {found['traps']['count']}"
            words = [name, f"{setting} {values}".strip(), *map(_decimal, cells), traps, f"{own['milliseconds']:.2f}"]
            rows.append(f"| {' | '.join(words)} |")
    return rows


def _track_rows(name: str, figures: dict[str, Any]) -> list[str]:
    rows = [
        f"| {name}: films | new track at a change of person | stays divided | samples tracked |",
        "|---|---:|---:|---:|",
    ]
    for kind in figures["samples"]:
        parts = [(figures["changes"], "separated"), (figures["stays"], "divided"), (figures["samples"], "tracked")]
        rows.append(f"| {kind} | {' | '.join(_share(part.get(kind), own) for part, own in parts)} |")
    rows += ["", "| same person at one place | a new track begins |", "|---|---:|"]
    rows += [
        f"| {kind} | {_share(row, 'separated')} |" for kind, row in figures["same_person"].items() if kind != "all"
    ]
    rows += ["", "| trap | stays divided |", "|---|---:|"]
    rows += [f"| {kind} | {_share(row, 'divided')} |" for kind, row in figures["stays_by_trap"].items()]
    return rows


def _decimal(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _share(row: dict[str, Any] | None, name: str) -> str:
    """ "98.1 % (52 of 53)" """
    if not row or not row["count"]:
        return ""
    return f"{percent(row['share'])} ({row[name]} of {row['count']})"


if __name__ == "__main__":
    main()
