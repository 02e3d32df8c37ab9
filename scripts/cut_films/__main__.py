"""Makes short films with cuts, transitions and traps out of labelled clips, with the exact answers beside them.

    python -m scripts.cut_films -o FOLDER [--videos ../shared/videos --truth ../shared/truth --seed 1]

The sources of the clips are divided into two halves; each film uses sources of one of them only. Thresholds are chosen
on the films of one half and reported on those of the other (`scripts/cut_benchmark.py`). The films show people from
clips of others: they may be measured, but never published. The same seed gives the same films.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import get_args

import numpy as np
import rich_click as click

from facetally.truth.files import read_truth
from facetally.validation.metrics import halves
from scripts.cut_films.answers import Film, Half, write_answers
from scripts.cut_films.maker import Maker
from scripts.cut_films.recipes import RECIPES
from scripts.cut_films.stock import Stretch, read_stretches
from scripts.cut_films.timeline import write_film

FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command(help=__doc__)
@click.option("-o", "--output", type=FOLDER, required=True)
@click.option("--videos", type=FOLDER, default=Path("../shared/videos"), show_default=True)
@click.option("--truth", type=FOLDER, default=Path("../shared/truth"), show_default=True)
@click.option("--seed", default=1, show_default=True)
@click.option("--kind", "kinds", multiple=True, type=click.Choice(sorted(RECIPES)), help="Only films of these kinds.")
def main(output: Path, videos: Path, truth: Path, seed: int, kinds: tuple[str, ...]) -> None:
    labels = read_truth(truth)
    output.mkdir(parents=True, exist_ok=True)
    films: list[Film] = []
    sources = halves(labels.source(video) for video in labels.people)
    for half, own in zip(get_args(Half), sources, strict=True):
        stock = read_stretches(videos, labels, own)
        for film in make_films(stock, half, output, seed, kinds or tuple(RECIPES)):
            films.append(film)
            click.echo(f"{film.file}: {film.seconds:.1f} s", err=True)
    write_answers(output, films, seed)
    click.echo(summary(films))


def make_films(
    stock: Sequence[Stretch], half: Half, output: Path, seed: int, kinds: Sequence[str] = tuple(RECIPES)
) -> Iterator[Film]:
    """Writes the films of one half and gives their answers."""
    for position, (kind, recipe) in enumerate(RECIPES.items()):
        if kind not in kinds:
            continue
        for number in range(recipe.count):
            rng = np.random.default_rng([seed, get_args(Half).index(half), position, number])
            plan = recipe.plan(Maker(rng, stock), f"{half}-{kind.replace(' ', '-')}-{number}", half)
            write_film(plan, output)
            yield plan.answers()


def summary(films: Sequence[Film]) -> str:
    """How much there is in each half, as a Markdown table."""
    rows = ["| half | films | minutes | hard cuts | of these jumps | soft transitions | traps | stays | changes |"]
    rows.append("|---" * 9 + "|")
    for half in get_args(Half):
        own = [film for film in films if film.half == half]
        jumps = sum(cut.kind == "jump" for film in own for cut in film.cuts)
        changes = sum(change.is_other_person for film in own for change in film.changes)
        counts = [sum(len(part) for part in parts) for parts in zip(*map(_parts, own), strict=True)] or [0] * 4
        minutes = sum(film.seconds for film in own) / 60
        cells = (half, len(own), f"{minutes:.1f}", counts[0], jumps, *counts[1:], changes)
        rows.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(rows)


def _parts(film: Film) -> tuple[Sequence[object], ...]:
    return film.cuts, film.transitions, film.traps, film.stays


if __name__ == "__main__":
    main()
