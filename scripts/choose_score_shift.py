"""Chooses the shift of our detector's scores on one half of the sources of labelled runs, and reports the other half.

    python -m scripts.train_scrfd ... -o DIR --score-shift 0.3
    facetally run ../shared/videos -o OUT_0.3 --detector DIR/facetally_scrfd_500m.onnx
    python -m scripts.choose_score_shift --run 0=OUT_0 --run 0.3=OUT_0.3 --truth ../shared/truth

A network trained for a short time gives lower scores than one trained for long. The chosen shift maximises the number
of people found minus a fifth of the number of tracks on nobody: those tracks are short, and most remain unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from facetally.results.ledger import Ledger
from facetally.truth.files import read_truth
from facetally.validation.metrics import halves
from facetally.validation.outcomes import NOBODY, Outcomes
from facetally.validation.validate import ValidateOptions, validate_run

ON_NOBODY_COST = 0.2
"""Cost of a track on nobody, in people found."""
FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)


@dataclass(frozen=True)
class Finds:
    """What a detector finds in some sources."""

    found_count: int
    """People."""
    on_nobody_count: int
    """Tracks."""

    @property
    def worth(self) -> float:
        """In people found."""
        return self.found_count - ON_NOBODY_COST * self.on_nobody_count


@click.command(help=__doc__)
@click.option("--run", "runs", multiple=True, required=True, help="SHIFT=OUT of a run over labelled video.")
@click.option("--truth", type=FOLDER, required=True, help="The labels of that video.")
def main(runs: tuple[str, ...], truth: Path) -> None:
    labels, outs = read_truth(truth), dict(map(split, runs))
    outcomes = {shift: validate_run(Ledger(out), labels, ValidateOptions()).outcomes for shift, out in outs.items()}
    sources = halves(person.source for own in outcomes.values() for person in own.people)
    chosen_on, reported_on = ({shift: finds(own, half) for shift, own in outcomes.items()} for half in sources)
    chosen = chosen_shift(chosen_on)
    columns = [f"{half}: {what}" for half in ("chosen on", "reported on") for what in ("people", "on nobody")]
    table = Table("shift", *columns)
    for shift, own in sorted(chosen_on.items()):
        theirs = reported_on[shift]
        counts = own.found_count, own.on_nobody_count, theirs.found_count, theirs.on_nobody_count
        table.add_row(f"{shift}{' *' if shift == chosen else ''}", *map(str, counts))
    Console(width=100).print(table)


def split(run: str) -> tuple[float, Path]:
    """Shift and folder.

    Raises:
        BadParameter: not SHIFT=OUT.
    """
    shift, _, out = run.partition("=")
    try:
        return float(shift), Path(out)
    except ValueError:
        raise click.BadParameter(f"{run!r} is not SHIFT=OUT") from None


def finds(outcomes: Outcomes, sources: frozenset[str]) -> Finds:
    """People found and tracks on nobody in these sources."""
    people = [person for person in outcomes.people if person.label.counts and person.source in sources]
    tracks = [track for track in outcomes.tracks if track.truth == NOBODY and track.source in sources]
    return Finds(sum(person.is_found for person in people), len(tracks))


def chosen_shift(by_shift: Mapping[float, Finds]) -> float:
    """The shift with the highest `worth`; of equal ones the smallest shift."""
    return max(by_shift, key=lambda shift: (by_shift[shift].worth, -abs(shift)))


if __name__ == "__main__":
    main()
