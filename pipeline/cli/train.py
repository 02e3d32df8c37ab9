"""The commands that make and judge classifiers."""

from __future__ import annotations

import difflib
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from facetally.cli.options import DETECTOR, FOLDER, MODELS_DIR
from facetally.errors import OptionError

if TYPE_CHECKING:
    from facetally.datasets.labelled_images import ImageSource
    from facetally.gender.training.recipes import Recipe

FILE = click.Path(path_type=Path, dir_okay=False, exists=True)
DATA = click.option(
    "--data",
    "sources",
    multiple=True,
    required=True,
    metavar="[NAME=]PICTURES[+TABLE]",
    help="Folder, .zip or .tar: UTKFace, male/ and female/ folders, or anything with a table (.csv) joined by '+'.",
)
ALIGNED = click.option("--aligned", is_flag=True, help="The pictures are aligned crops already: only resize them.")
CACHE = click.option("--cache", type=FOLDER, help="Keep the cut crops here.  [default: OUTPUT/crops]")
LIMIT = click.option("--limit", type=click.IntRange(1), help="Only so many pictures of each source, to try things out.")


@click.command()
@click.argument("recipe_name", metavar="RECIPE")
@DATA
@click.option("-o", "--output", type=FOLDER, required=True, help="Folder for weights, card and evaluation.")
@click.option("--backbone", type=FILE, help="Start from these weights of the backbone.  [default: from scratch]")
@click.option("--start", type=FILE, help="Go on from a finished .pth of RECIPE, with the recipe's last stage only.")
@click.option(
    "--teacher",
    "teachers",
    type=FILE,
    multiple=True,
    help="Learn what these weights (.onnx, .pth) say of the pictures beside the labels; may be repeated.",
)
@DETECTOR
@ALIGNED
@MODELS_DIR
@CACHE
@LIMIT
@click.option("--epochs", type=click.IntRange(1), help="At most so many epochs a stage.")
@click.option("--seed", default=0, show_default=True)
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
@click.option(
    "--workers", type=click.IntRange(0, 64), default=1, show_default=True, help="Processes that prepare crops."
)
def train(
    recipe_name: str,
    sources: tuple[str, ...],
    output: Path,
    backbone: Path | None,
    start: Path | None,
    teachers: tuple[Path, ...],
    detector: str,
    aligned: bool,
    models_dir: Path | None,
    cache: Path | None,
    limit: int | None,
    epochs: int | None,
    seed: int,
    device: str,
    workers: int,
) -> None:
    """Trains a classifier by RECIPE and writes its weights, card and evaluation.

    RECIPE is one of gender-utkface, genderage, age-resnet50, age-resnet34, age-efficientnet-b0, gender-focal,
    gender-age-128, facetally. The same command goes on where a stopped training was; more --epochs go on
    from fewer, where a recipe's learning rate does not come down to the end on a cosine.

    Example: facetally train genderage --data UTKFace.zip -o genderage
    """
    from facetally.cli.training_progress import print_trained, shown_training

    try:
        from facetally.training.train import TrainingJob, train_model
    except ImportError as error:
        raise OptionError(
            f"training needs {error.name}, which is not installed", fix="pip install 'facetally[train]'"
        ) from error

    if backbone and start:
        raise OptionError("--backbone and --start are two beginnings", fix="give one of them")
    recipe = _recipe(recipe_name)
    if start:
        recipe = recipe.last_stage()
    elif not backbone:
        click.echo("No --backbone: training starts from scratch, with nothing frozen.", err=True)
        recipe = recipe.thawed()
    job = TrainingJob(
        recipe=recipe.shortened(epochs),
        sources=parsed_sources(sources),
        out=output,
        detector=None if aligned else detector_path(detector, models_dir),
        backbone=backbone,
        start=start,
        teachers=teachers,
        cache=cache,
        limit=limit,
        seed=seed,
        device=device,
        workers=workers,
        command=f"facetally train {shlex.join(sys.argv[2:])}",
    )
    with shown_training() as watcher:
        trained = train_model(job, watcher)
    print_trained(trained)


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="[NAME=]PICTURES[+TABLE]...")
@click.option("--model", default="facetally", show_default=True, help="Name, .onnx or .pth file.")
@click.option("-o", "--output", type=FOLDER, required=True, help="Folder for the evaluation.")
@DETECTOR
@ALIGNED
@MODELS_DIR
@CACHE
@LIMIT
@click.option("--held-out", is_flag=True, help="Only what the model's training held back of these sets.")
def evaluate(
    sources: tuple[str, ...],
    model: str,
    output: Path,
    detector: str,
    aligned: bool,
    models_dir: Path | None,
    cache: Path | None,
    limit: int | None,
    held_out: bool,
) -> None:
    """Judges a classifier on labelled pictures: accuracy by class, set, group and age, plots, and its worst mistakes.

    Faces are found and aligned first; pictures without a face are counted and left out.

    Example: facetally evaluate pictures/ --model facetally -o evaluation
    """
    from facetally.cli.training_progress import print_evaluation, shown_training
    from facetally.detection.crops import CropRecipe
    from facetally.gender.classifier import FaceGenderClassifier
    from facetally.gender.data.face_sets import all_faces
    from facetally.models.engines import loaded
    from facetally.models.weights import find_model
    from facetally.training.evaluate import evaluate_classifier, held_out_faces
    from facetally.training.face_crops import cut_sources

    classifier = loaded(find_model(model, "classifier", models_dir), FaceGenderClassifier)
    with shown_training() as watcher:
        sets, cutting = cut_sources(
            parsed_sources(sources),
            None if aligned else detector_path(detector, models_dir),
            CropRecipe(**classifier.card.crop),
            cache or output / "crops",
            limit,
            watcher.cutting,
        )
    faces = held_out_faces(sets, classifier.card) if held_out else all_faces(sets)
    print_evaluation(evaluate_classifier(classifier, faces, output), cutting)
    click.echo(f"Written to {output}", err=True)


def _recipe(name: str) -> Recipe:
    from facetally.gender.training.recipes import RECIPES

    if name not in RECIPES:
        near = difflib.get_close_matches(name, RECIPES, n=1)
        meant = f"did you mean {near[0]}? " if near else ""
        raise OptionError(f"no recipe is called {name!r}", fix=f"{meant}choose one of: {', '.join(RECIPES)}")
    return RECIPES[name]


def parsed_sources(texts: tuple[str, ...]) -> tuple[ImageSource, ...]:
    """The values of --data; raises OptionError for one that is no source."""
    from facetally.datasets.labelled_images import ImageSource

    try:
        return tuple(ImageSource.parse(text) for text in texts)
    except ValueError as error:
        raise OptionError(str(error), fix="write NAME=PICTURES+TABLE, as in fairface=train.zip+labels.csv") from error


def detector_path(name: str, models_dir: Path | None) -> Path:
    """The value of --detector; raises ModelError where it is not here."""
    from facetally.models.weights import find_model

    return find_model(name, "detector", models_dir).path
