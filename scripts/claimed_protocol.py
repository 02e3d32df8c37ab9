"""Trains a recipe by the protocol of published figures, and reports those figures beside honest ones.

    python -m scripts.claimed_protocol genderage --data UTKFace.zip -o work/claimed/genderage

A published model card counts 47,373 images of a data set that has 23,708: each is there twice, and a random fifth of
all copies is the test set. Four of five test images are then trained on as well. This script trains with the same
protocol and evaluates the same weights on four groups of faces: the test set (the figures as claimed), its images with
a copy in training, its images without one (the honest figures), and the training images themselves. It writes
claimed.json and claimed.md into the output folder. `--ages 1 80` and `--aligned` (the whole image without a search for
the face) are other choices that a description may leave open; `--copies 1` draws the fifth from single images.
"""

from __future__ import annotations

import json
import shlex
import sys
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rich_click as click

from facetally.cli.options import DETECTOR, FOLDER, MODELS_DIR
from facetally.cli.train import ALIGNED, BACKBONE, CACHE, DATA, LIMIT, backbone_path, detector_path, parsed_sources
from facetally.cli.training_progress import shown_training
from facetally.detection.crops import CropRecipe
from facetally.errors import PipelineError
from facetally.files import write_whole
from facetally.gender.age_metrics import AgeEvaluation
from facetally.gender.attributes import Attributes
from facetally.gender.classifier import FaceGenderClassifier
from facetally.gender.data.face_sets import FaceCorpus, join_with_copies
from facetally.gender.metrics import GenderEvaluation
from facetally.gender.model.outputs import OutputLayout
from facetally.gender.training.recipes import RECIPES
from facetally.training.evaluate import predictions_for
from facetally.training.face_crops import cut_sources
from facetally.training.train import TrainingJob, train_model
from scripts.provenance import machine

Figures = dict[str, dict[str, Any]]
GROUPS = {
    "claimed": "test faces, as claimed",
    "seen": "test faces with a copy in training",
    "unseen": "test faces without one: honest",
    "train": "training faces",
}
COLUMNS = {
    "faces": "d",
    "accuracy": ".1%",
    "mae_years": ".2f",
    "r2": ".3f",
    "within_5": ".1%",
    "within_10": ".1%",
    "mse_per_100": ".4f",
}
"""Of the table, and how they are printed; `mse_per_100` is the squared error of ages in hundreds of years."""


def group_masks(corpus: FaceCorpus) -> dict[str, npt.NDArray[np.bool_]]:
    """(N,) masks of the faces in each of `GROUPS`."""
    is_test = (corpus.faces["split"] == "test").to_numpy()
    is_train = (corpus.faces["split"] == "train").to_numpy()
    has_copy = corpus.faces["digest"].isin(corpus.faces["digest"][is_train]).to_numpy()
    return {"claimed": is_test, "seen": is_test & has_copy, "unseen": is_test & ~has_copy, "train": is_train}


def figures_by_group(corpus: FaceCorpus, predictions: Attributes, layout: OutputLayout) -> Figures:
    """The figures of each of `GROUPS`; those of what is not predicted or labelled are missing.

    Args:
        corpus: N faces of `join_with_copies`.
        predictions: for all of them.
        layout: says what the network predicts.
    """
    female, years = corpus.faces["female"].to_numpy(float), corpus.faces["age_years"].to_numpy(float)
    has_gender = np.isfinite(female) & (layout.gender != "none")
    has_age = np.isfinite(years) & (layout.age != "none")
    results: Figures = {}
    for name, mask in group_masks(corpus).items():
        results[name] = {"faces": int(mask.sum())}
        if (rows := mask & has_gender).any():
            found = GenderEvaluation.of(female[rows] == 1, predictions.female_prob[rows] > 0.5)
            results[name]["accuracy"] = round(found.accuracy, 5)
        if (rows := mask & has_age).any():
            ages = AgeEvaluation.of(years[rows], predictions.age_years[rows]).as_dict()
            results[name] |= ages | {"mse_per_100": round(ages["mse"] / 1e4, 5)}
    return results


def table(figures: Figures) -> str:
    """The figures as a table in Markdown."""
    heads = "faces", "gender", "age error, years", "R2", "within 5", "within 10", "squared error of age / 100"
    rows = [f"| evaluated on | {' | '.join(heads)} |", "|---" * (1 + len(heads)) + "|"]
    for name, title in GROUPS.items():
        values = (figures[name].get(column) for column in COLUMNS)
        cells = ("" if v is None else f"{v:{form}}" for v, form in zip(values, COLUMNS.values(), strict=True))
        rows.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join(rows)


def evaluated(job: TrainingJob, weights: Path, cache: Path) -> Figures:
    """The figures of trained weights, on the faces that their training drew."""
    classifier = FaceGenderClassifier(weights)
    crops = CropRecipe(**classifier.card.crop)
    sets, _ = cut_sources(job.sources, job.detector, crops, cache, job.limit, lambda *_: None)
    corpus = join_with_copies(sets, job.seed, job.copies or 1, job.recipe.ages)
    return figures_by_group(corpus, predictions_for(classifier, corpus), classifier.card.layout)


@click.command(help=__doc__)
@click.argument("recipe_name", metavar="RECIPE", type=click.Choice(list(RECIPES)))
@DATA
@click.option("-o", "--out", type=FOLDER, required=True, help="Folder for weights and figures.")
@BACKBONE
@click.option("--copies", type=click.IntRange(1), default=2, show_default=True, help="How often each image is there.")
@click.option("--ages", type=int, nargs=2, help="Youngest and oldest age, both included.  [default: the recipe's]")
@DETECTOR
@ALIGNED
@MODELS_DIR
@CACHE
@LIMIT
@click.option("--epochs", type=click.IntRange(1), help="At most this many epochs per stage.")
@click.option("--seed", default=0, show_default=True)
@click.option("--workers", type=click.IntRange(0, 64), default=1, show_default=True)
def main(
    recipe_name: str,
    sources: tuple[str, ...],
    out: Path,
    backbone: Path | str | None,
    copies: int,
    ages: tuple[int, int] | None,
    detector: str,
    aligned: bool,
    models_dir: Path | None,
    cache: Path | None,
    limit: int | None,
    epochs: int | None,
    seed: int,
    workers: int,
) -> None:
    recipe = RECIPES[recipe_name] if backbone else RECIPES[recipe_name].thawed()
    crops = cache or out / "crops"
    command = f"python -m scripts.claimed_protocol {shlex.join(sys.argv[1:])}"
    try:
        job = TrainingJob(
            replace(recipe, ages=ages or recipe.ages).shortened(epochs),
            parsed_sources(sources),
            out,
            None if aligned else detector_path(detector, models_dir),
            backbone_path(backbone, recipe),
            cache=crops,
            limit=limit,
            copies=copies,
            seed=seed,
            workers=workers,
            command=command,
        )
        with shown_training() as watcher:
            train_model(job, watcher)
        figures = evaluated(job, out / f"{recipe.name}.pth", crops)
        facts = {"date": str(date.today()), "machine": machine(), "command": command, "recipe": asdict(job.recipe)}
        write_whole(out / "claimed.json", json.dumps(facts | {"figures": figures}, indent=1) + "\n")
        text = f"{table(figures)}\n\n{date.today()}, {machine()}.\n\n```\n{command}\n```\n"
        write_whole(out / "claimed.md", text)
    except PipelineError as error:
        raise click.ClickException(f"{error}\nFix: {error.fix}") from error
    click.echo(text)


if __name__ == "__main__":
    main()
