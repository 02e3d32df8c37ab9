"""Calibrates a classifier for tracks on one half of the sources of a labelled run, and reports both halves.

    facetally run ../shared/videos -o out
    python -m scripts.calibrate_tracks out --truth ../shared/truth --report reports/models/facetally_on_video.json

The line is stored in the card of models/facetally.pth and of its exported ONNX copy; the run must then be repeated. On
the new OUT this script finds a line near slope 1 and offset 0, and reports the new figures (--dry-run changes nothing).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import rich_click as click

from facetally.gender.calibration import Calibration, fit_calibration
from facetally.gender.metrics import expected_calibration_error
from facetally.gender.model.card import FORMAT_VERSION, ModelCard
from facetally.gender.model.checkpoint import load_checkpoint, save_checkpoint
from facetally.gender.model.export import export_onnx
from facetally.gender.model.networks import FaceNetwork
from facetally.models.weights import record_in_manifest
from facetally.results.ledger import Ledger
from facetally.tracks.appearances import log_odds
from facetally.truth.files import read_truth
from facetally.validation.metrics import halves, people_figures
from facetally.validation.outcomes import PersonOutcome, TrackOutcome
from facetally.validation.validate import ValidateOptions, validate_run

FOLDER = click.Path(path_type=Path, file_okay=False)
FILE = click.Path(path_type=Path, dir_okay=False)
BINS = 5
"""Of the calibration error; few, because the tracks are few."""
SPREAD = 0.25
"""Prior spread of the line: half of the sources have a hundred tracks and a few errors, which must not dominate it."""


@click.command(help=__doc__)
@click.argument("out", type=FOLDER)
@click.option("--truth", type=FOLDER, required=True)
@click.option("--checkpoint", type=FILE, default=Path("models/facetally.pth"), show_default=True)
@click.option("--report", type=FILE, help="Write the figures here, as JSON.")
@click.option("--dry-run", is_flag=True, help="Change no file.")
def main(out: Path, truth: Path, checkpoint: Path, report: Path | None, dry_run: bool) -> None:
    outcomes = validate_run(Ledger(out), read_truth(truth), ValidateOptions()).outcomes
    fitted_on, reported_on = halves(track.source for track in outcomes.tracks)
    tracks = [track for track in outcomes.tracks if track.counts]
    line = fit_calibration(*_trials([track for track in tracks if track.source in fitted_on]), SPREAD)
    figures: dict[str, Any] = {"line": asdict(line)}
    for name, sources in {"fitted_on": fitted_on, "reported_on": reported_on, "all": fitted_on | reported_on}.items():
        own = [track for track in tracks if track.source in sources]
        people = [person for person in outcomes.people if person.source in sources]
        figures[name] = half_figures(own, people, line) | {"sources": len(sources)}
    text = json.dumps(figures, indent=1)
    click.echo(text)
    if report:
        report.write_text(text + "\n")
    if not dry_run:
        store(checkpoint, line)


def half_figures(tracks: Sequence[TrackOutcome], people: Sequence[PersonOutcome], line: Calibration) -> dict[str, Any]:
    """Accuracy of people, and the calibration error of the tracks' probabilities before and after applying the line."""
    is_female, predicted = _trials(tracks)
    errors = {}
    for name, odds in {"calibration_error": predicted, "calibration_error_along_line": line.apply(predicted)}.items():
        errors[name] = round(expected_calibration_error(is_female, 1 / (1 + np.exp(-odds)), BINS), 4)
    return {"tracks": len(tracks), **errors, "people": people_figures(people)}


def store(checkpoint: Path, line: Calibration) -> None:
    """Composes the line with the one in the card, and exports again."""
    network, card = load_checkpoint(checkpoint)
    before = card.calibration_of("track")
    both = replace(before, slope=line.slope * before.slope, offset=line.slope * before.offset + line.offset)
    save_both(checkpoint, network, replace(card, calibration=card.calibration | {"track": asdict(both)}))


def save_both(checkpoint: Path, network: FaceNetwork, card: ModelCard) -> None:
    """Writes a checkpoint and its exported ONNX copy, and the hash of the copy into the manifest beside them."""
    card = replace(card, format_version=FORMAT_VERSION)  # an older card is written with the current fields
    save_checkpoint(checkpoint, network, card)
    onnx = checkpoint.with_suffix(".onnx")
    export_onnx(onnx, network, card)
    record_in_manifest(checkpoint.parent / "manifest.csv", card.name, onnx)


def _trials(tracks: Sequence[TrackOutcome]) -> tuple[np.ndarray, np.ndarray]:
    """(N,) whether each is a woman, and (N,) predicted log-odds of it."""
    is_female = np.array([track.truth == "female" for track in tracks])
    return is_female, log_odds(np.array([track.female_prob for track in tracks]))


if __name__ == "__main__":
    main()
