"""Fits the constants by which people are followed, on films with known cuts and on labelled clips.

    python -m scripts.cut_films -o FILMS
    python -m scripts.fit_following FILMS --videos ../shared/videos --truth ../shared/truth -o fit.json

Everything is chosen on one half of the sources; the other half decides nothing and is reported. In turn:

1. the weights of the four differences between two faces (`WEIGHTS` in detection/descriptors.py), from consecutive faces
   of one person and faces of different people in the clips;
2. the rule that joins them with the embedding (`JOINT_OFFSET` and others there), from changes of person at one place in
   the films: its offset is the lowest that ends 98.5 % of them;
3. the evidence for a cut (`CUT_WEIGHTS`, `CUT_OFFSET` in detection/shots.py), from hard cuts without jumps; its offset
   has the best F1 of these, with an F1 of transitions of at least 0.9;
4. the likenesses from which tracks are joined (`LinkOptions`): of those that keep 98 % of the changes apart and mix
   people in no more tracks than the present ones, those that divide the fewest stays; of equal ones, by IDF1, then the
   nearest to the present ones;
5. the likeness from which appearances are one person, and what it loses by gender and age (`PeopleOptions`): of those
   by which the people of the clips are counted to within 5 %, the best B-cubed F1.

The weights of step 1 are kept where the new ones break no fewer pairs of faces of one person by the rule of step 2,
those of step 3 where the new ones have no better F1.
Without films only step 5 is done, with the present constants. Prints the constants to paste and all figures, with those
of the present constants beside them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, replace
from functools import partial
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import Any, get_args

import numpy as np
import rich_click as click

from facetally.detection.linking import LinkOptions
from facetally.models.weights import find_model
from facetally.options import PeopleOptions, RunOptions
from facetally.validation.tracking_figures import tracking_figures
from scripts.cut_films.answers import Half
from scripts.fit_following.films import WHOLE_FRAMES, Followed, ReadFilm, followed, read, sources_in
from scripts.fit_following.rules import (
    Constants,
    Pairs,
    broken_share,
    change_figures,
    cut_figures,
    cut_score,
    fitted_cuts,
    fitted_joint_rule,
    fitted_weights,
    other_people,
    pairs_of,
)
from scripts.provenance import made

FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)
HALVES: tuple[Half, ...] = get_args(Half)
PROCESSES = 2
SEPARATED_SHARE = 0.98
"""Of the changes of person at one place at which a new track must begin."""
LIKENESSES = (0.45, 0.55)
"""To join tracks within a shot."""
LIKENESSES_AT_CUT = (0.65, 0.75, 0.85)
PEOPLE_LIKENESSES = tuple(np.round(np.arange(0.35, 0.66, 0.05), 2).tolist())
MAX_COUNT_ERROR = 0.05
"""By how much the people counted may differ from those labelled, as a share of these."""
GENDER_WEIGHTS, AGE_WEIGHTS = (0.0, 0.2, 0.4), (0.0, 0.005, 0.01, 0.015)
Figures = dict[str, Any]
FollowAll = Callable[[Sequence[RunOptions], Half, bool], list[Followed]]
"""Follows the people of all films (True: of the clips only) of one half, once with each of the options."""


@click.command(help=__doc__)
@click.argument("films", type=FOLDER, required=False)
@click.option("--videos", type=FOLDER, required=True)
@click.option("--truth", type=FOLDER, required=True)
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="JSON with all figures.")
def main(films: Path | None, videos: Path, truth: Path, output: Path | None) -> None:
    sources = sources_in(films, videos, truth)
    with ProcessPoolExecutor(PROCESSES, get_context("spawn")) as pool:
        films_read = list(pool.map(read, sources))
        click.echo(f"{len(films_read)} films and clips read", err=True)
        present = Constants.present()
        if films is None:
            follow_all: FollowAll = partial(_follow_all, pool, films_read, present)
            people, figures = chosen_people(follow_all, LinkOptions())
            figures["reported"] = {half: people_figures(follow_all, people, half) for half in HALVES}
            _write(figures, output)
            click.echo(to_paste(present, LinkOptions(), people))
            return
        constants, figures = fitted_constants(films_read, present)
        click.echo(json.dumps(figures, indent=1), err=True)
        named = {"present": present, "fitted": constants}
        follow_with: dict[str, FollowAll] = {
            name: partial(_follow_all, pool, films_read, own) for name, own in named.items()
        }
        linking, figures["linking"] = chosen_linking(follow_with["fitted"])
        click.echo(json.dumps(figures["linking"], indent=1), err=True)
        people, figures["people"] = chosen_people(follow_with["fitted"], linking)
        figures["whole"] = whole_figures(follow_with, linking, people)
    figures |= {"constants": asdict(constants), "present_constants": asdict(present)}
    _write(figures, output)
    click.echo(json.dumps(figures["whole"], indent=1))
    click.echo(to_paste(constants, linking, people))


def _write(figures: Figures, output: Path | None) -> None:
    weights = {"embedder_sha256": find_model(RunOptions().embedder, "embedder", None).sha256}
    if output:
        output.write_text(json.dumps(figures | made("fit_following") | weights, indent=1) + "\n")


def fitted_constants(films: Sequence[ReadFilm], present: Constants) -> tuple[Constants, Figures]:
    """Steps 1 to 3, and the figures of the present and the fitted constants on both halves."""
    by_half = {half: [film for film in films if film.film.half == half] for half in HALVES}
    pairs: dict[Half, Pairs] = {half: pairs_of(own) for half, own in by_half.items()}
    others = {half: other_people(own) for half, own in by_half.items()}
    refitted = fitted_weights(present, pairs["choose"], others["choose"])
    joint = {
        "refitted": fitted_joint_rule(refitted, pairs["choose"]),
        "kept": fitted_joint_rule(present, pairs["choose"]),
    }
    fitted = min(joint.values(), key=lambda own: broken_share(own, pairs["choose"]))
    cuts = max(fitted_cuts(fitted, by_half["choose"]), fitted, key=lambda own: cut_score(by_half["choose"], own))
    named = {"present": present, "weights refitted": joint["refitted"], "weights kept": joint["kept"], "fitted": cuts}
    return cuts, {
        "changes": {
            name: {half: change_figures(own, pairs[half], others[half]) for half in HALVES}
            for name, own in named.items()
        },
        "cuts": {
            name: {half: cut_figures(by_half[half], named[name]) for half in HALVES} for name in ("present", "fitted")
        },
    }


def _follow_all(
    pool: ProcessPoolExecutor,
    films: Sequence[ReadFilm],
    constants: Constants,
    settings: Sequence[RunOptions],
    half: Half,
    clips_only: bool = False,
) -> list[Followed]:
    own = [replace(f, seen=[], thumbnails=[]) for f in films if f.film.half == half and (f.is_clip or not clips_only)]
    results = pool.map(partial(followed, settings=settings, prepare=constants.use), own)
    return [sum(parts, Followed()) for parts in zip(*results, strict=True)]


def chosen_linking(follow_all: FollowAll) -> tuple[LinkOptions, Figures]:
    """Step 4."""
    tried = [
        LinkOptions(min_likeness=within, min_likeness_at_cut=at_cut)
        for within, at_cut in product(LIKENESSES, LIKENESSES_AT_CUT)
        if within <= at_cut
    ]
    tried = [LinkOptions(), *(own for own in tried if own != LinkOptions())]
    results = follow_all([options(own) for own in tried], "choose", False)
    rows = [
        {"min_likeness": own.min_likeness, "min_likeness_at_cut": own.min_likeness_at_cut} | summary(result)
        for own, result in zip(tried, results, strict=True)
    ]
    return tried[best_linking(rows)], {"tried_on_choose": rows}


def best_linking(rows: Sequence[Figures]) -> int:
    """The position of the best figures; the first are those of the present options.

    If none keeps enough changes apart, those that keep most apart are compared.
    """
    needed = min(SEPARATED_SHARE, max(row["changes_separated"] for row in rows))
    allowed = [
        n
        for n, row in enumerate(rows)
        if row["changes_separated"] >= needed and row["mixed_tracks"] <= rows[0]["mixed_tracks"]
    ]
    return min(allowed or [0], key=lambda n: (rows[n]["stays_divided"], -rows[n]["idf1"], _distance(rows[n], rows[0])))


def _distance(one: Figures, other: Figures) -> float:
    return float(sum(abs(one[name] - other[name]) for name in ("min_likeness", "min_likeness_at_cut")))


def chosen_people(follow_all: FollowAll, linking: LinkOptions) -> tuple[PeopleOptions, Figures]:
    """Step 5."""
    values = product(PEOPLE_LIKENESSES, GENDER_WEIGHTS, AGE_WEIGHTS)
    tried = [PeopleOptions(True, likeness, gender, age) for likeness, gender, age in values]
    results = follow_all([options(linking, own) for own in tried], "choose", True)
    rows = [asdict(own) | people_summary(result) for own, result in zip(tried, results, strict=True)]
    return tried[best_people(rows)], {"tried_on_choose": rows}


def best_people(rows: Sequence[Figures]) -> int:
    """The position of the best figures of step 5; of those that are equally good the middle one."""
    errors = [abs(row["counted"] / row["labelled"] - 1) for row in rows]
    needed = max(MAX_COUNT_ERROR, min(errors))
    scores = [row["f1"] if error <= needed else -1.0 for row, error in zip(rows, errors, strict=True)]
    best = [number for number, score in enumerate(scores) if score == max(scores)]
    return best[len(best) // 2]


def people_figures(follow_all: FollowAll, people: PeopleOptions, half: Half) -> Figures:
    """Those of the present and of the chosen options on the clips of a half."""
    named = {"present": replace(PeopleOptions(), count=True), "chosen": people}
    results = follow_all([options(LinkOptions(), own) for own in named.values()], half, True)
    return {name: people_summary(result) for name, result in zip(named, results, strict=True)}


def options(linking: LinkOptions, people: PeopleOptions | None = None) -> RunOptions:
    """Those of a run over faces that are known."""
    return RunOptions(sparse=WHOLE_FRAMES, linking=linking, people=people or PeopleOptions())


def whole_figures(follow_with: dict[str, FollowAll], linking: LinkOptions, people: PeopleOptions) -> Figures:
    """All films and clips followed by the present and by the fitted constants, on both halves."""
    chosen = {"present": (LinkOptions(), replace(PeopleOptions(), count=True)), "fitted": (linking, people)}
    figures: Figures = {}
    for name, own in chosen.items():
        figures[name] = {}
        for half in HALVES:
            (result,) = follow_with[name]([options(*own)], half, False)
            figures[name][half] = summary(result) | {"people": people_summary(result)}
    return figures


def summary(result: Followed) -> Figures:
    """The figures by which options are compared."""
    tracks, clips = result.tracks.figures(), tracking_figures(result.clips)
    return {
        "changes_separated": tracks["changes"]["all"]["share"],
        "changes": tracks["changes"]["all"]["count"],
        "stays_divided": tracks["stays"]["all"]["divided"],
        "stays": tracks["stays"]["all"]["count"],
        "idf1": clips["idf1"]["score"],
        "assa": clips["assa"]["score"],
        "switches": clips["switches"],
        "mixed_tracks": clips["mixed"]["right"],
        "tracks": clips["mixed"]["count"],
    }


def people_summary(result: Followed) -> Figures:
    """B-cubed of the people counted in the clips, and how many they are."""
    people = tracking_figures(result.clips)["people"]
    return {**people["b_cubed"], "counted": people["counted"], "labelled": people["labelled"]}


def to_paste(constants: Constants, linking: LinkOptions, people: PeopleOptions) -> str:
    """The constants as Python."""

    def line(name: str) -> str:
        value = getattr(constants, name)
        shown = f"np.array({list(value)})" if isinstance(value, tuple) else repr(value)
        return f"{name.upper()} = {shown}"

    names = list(asdict(constants))
    return "\n".join(
        [
            "# detection/descriptors.py",
            *(line(name) for name in names if not name.startswith("cut_")),
            "# detection/shots.py",
            *(line(name) for name in names if name.startswith("cut_")),
            "# LinkOptions in detection/linking.py",
            f"min_likeness = {linking.min_likeness}",
            f"min_likeness_at_cut = {linking.min_likeness_at_cut}",
            "# PeopleOptions in pipeline/options.py",
            *(f"{name} = {value}" for name, value in asdict(people).items() if name != "count"),
        ]
    )


if __name__ == "__main__":
    main()
