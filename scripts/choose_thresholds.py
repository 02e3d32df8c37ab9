"""Chooses the default thresholds on one half of the sources of a labelled run, and reports them on the other.

    facetally run ../shared/videos -o out
    python -m scripts.choose_thresholds out --truth ../shared/truth

Two thresholds of `pipeline/options.py`: `ClassificationOptions.min_confidence` is the lowest at which 95 % of the
predictions are correct; `FollowOptions.min_screen_time_s` is the highest that loses at most 1 % of the people found.
The run must have been made with a minimum screen time no higher than the lowest candidate.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from facetally.formatting import percent
from facetally.options import ClassificationOptions, FollowOptions
from facetally.results.ledger import Ledger
from facetally.truth.files import read_truth
from facetally.validation.abstention import chosen_threshold, coverage_figures
from facetally.validation.metrics import halves
from facetally.validation.outcomes import NOBODY, TrackOutcome
from facetally.validation.validate import ValidateOptions, validate_run

MIN_ACCURACY = 0.95
MAX_LOST = 0.01
SCREEN_TIMES_S = (0.3, 0.5, 0.7, 1.0)
CONFIDENCES = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9)
FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command(help=__doc__)
@click.argument("out", type=FOLDER)
@click.option("--truth", type=FOLDER, required=True)
def main(out: Path, truth: Path) -> None:
    tracks = validate_run(Ledger(out), read_truth(truth), ValidateOptions()).outcomes.tracks
    first, second = halves(track.source for track in tracks)
    chosen_on = [track for track in tracks if track.source in first]
    reported_on = [track for track in tracks if track.source in second]
    counted = [track for track in chosen_on if track.counts]

    confidence = chosen_threshold(counted, MIN_ACCURACY)
    click.echo(f"min_confidence: {confidence}; the default is {ClassificationOptions().min_confidence}")
    _print_confidences(counted, [track for track in reported_on if track.counts], confidence)

    screen_time_s = chosen_screen_time_s(chosen_on)
    click.echo(f"min_screen_time_s: {screen_time_s}; the default is {FollowOptions().min_screen_time_s}")
    _print_screen_times(chosen_on, reported_on)


def chosen_screen_time_s(tracks: Sequence[TrackOutcome]) -> float:
    """The highest of `SCREEN_TIMES_S` that loses at most `MAX_LOST` of the people that the lowest one finds."""
    found = {screen_time_s: found_count(tracks, screen_time_s) for screen_time_s in SCREEN_TIMES_S}
    return max(s for s in SCREEN_TIMES_S if found[s] >= (1 - MAX_LOST) * found[SCREEN_TIMES_S[0]])


def found_count(tracks: Sequence[TrackOutcome], min_screen_time_s: float) -> int:
    """Number of people with a track of at least this screen time."""
    kept = [track for track in tracks if track.counts and track.screen_time_s >= min_screen_time_s - 1e-6]
    return len({(track.video, track.person) for track in kept})


def _print_confidences(
    chosen_on: Sequence[TrackOutcome], reported_on: Sequence[TrackOutcome], chosen: float | None
) -> None:
    table = Table("min_confidence", "chosen on: accuracy", "coverage", "reported on: accuracy", "coverage")
    for threshold in sorted({*CONFIDENCES, *([chosen] if chosen else [])}):
        cells = []
        for tracks in (chosen_on, reported_on):
            figures = coverage_figures(tracks, threshold)
            cells += [percent(figures["accuracy"] or 0.0), percent(figures["coverage"] or 0.0)]
        table.add_row(f"{threshold:.2f}{' *' if threshold == chosen else ''}", *cells)
    Console(width=100).print(table)


def _print_screen_times(chosen_on: Sequence[TrackOutcome], reported_on: Sequence[TrackOutcome]) -> None:
    on_half = ("people", "tracks on nobody")
    table = Table(
        "min_screen_time_s", *(f"{half}: {name}" for half in ("chosen on", "reported on") for name in on_half)
    )
    for min_screen_time_s in SCREEN_TIMES_S:
        cells = []
        for tracks in (chosen_on, reported_on):
            on_nobody = [t for t in tracks if t.truth == NOBODY and t.screen_time_s >= min_screen_time_s - 1e-6]
            cells += [str(found_count(tracks, min_screen_time_s)), str(len(on_nobody))]
        table.add_row(f"{min_screen_time_s:.1f}", *cells)
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
