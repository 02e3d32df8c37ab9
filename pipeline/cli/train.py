"""The commands that train and evaluate classifiers."""

from __future__ import annotations

import difflib
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from facetally.cli.options import DETECTOR, FOLDER, MODELS_DIR
from facetally.errors import ModelError, OptionError
from facetally.networks import ComputeDevice

if TYPE_CHECKING:
    from facetally.datasets.labelled_images import ImageSource
    from facetally.gender.training.recipes import Recipe

FILE = click.Path(path_type=Path, dir_okay=False, exists=True)
IMAGENET = "imagenet"


class BackboneFile(click.Path):
    """A file that exists, or the word for torchvision's weights."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return value if value == IMAGENET else super().convert(value, param, ctx)


BACKBONE = click.option(
    "--backbone",
    type=BackboneFile(path_type=Path, dir_okay=False, exists=True),
    metavar="FILE|imagenet",
    help="Start from these weights of the first layers: a .pth of another recipe with this backbone, or in the names "
    "of torchvision; imagenet: torchvision's own, which are fetched.  [default: from scratch]",
)
DATA = click.option(
    "--data",
    "sources",
    multiple=True,
    required=True,
    metavar="[NAME=]IMAGES[+TABLE]",
    help="Folder, .zip or .tar: UTKFace, male/ and female/ folders, or any images with a table (.csv, "
    ".tsv, .txt) joined by '+'.",
)
ALIGNED = click.option("--aligned", is_flag=True, help="The images are aligned crops already: only resize them.")
GENDER_WORDS = click.option(
    "--gender-words",
    metavar="WORD=GENDER,...",
    help="What words or numbers for a gender mean in the labels, as in 0=male,1=female.",
)
CACHE = click.option("--cache", type=FOLDER, help="Keep the face crops here.  [default: OUT/crops]")
LIMIT = click.option("--limit", type=click.IntRange(1), help="Use at most this many images of each data set.")


@click.command()
@click.argument("recipe_name", metavar="RECIPE")
@DATA
@click.option("-o", "--out", type=FOLDER, required=True, help="Folder for weights, model card and evaluation.")
@BACKBONE
@click.option("--start", type=FILE, help="Continue from a finished .pth of RECIPE, with the recipe's last stage only.")
@click.option(
    "--teacher",
    "teachers",
    type=FILE,
    multiple=True,
    help="Also learn the predictions of these weights (.onnx, .pth) for the images; may be repeated.",
)
@click.option(
    "--soft-labels",
    multiple=True,
    metavar="NAME=TABLE",
    help="Probabilities of gender by another network for some images of a data set: a .csv with the columns file and "
    "female_prob. It counts as one more teacher, and only for these images are there teachers then.",
)
@GENDER_WORDS
@DETECTOR
@ALIGNED
@MODELS_DIR
@CACHE
@LIMIT
@click.option("--epochs", type=click.IntRange(1), help="At most this many epochs per stage.")
@click.option("--seed", default=0, show_default=True, help="Of all random numbers.")
@click.option(
    "--device",
    type=click.Choice(["cpu", "cuda"]),
    default="cpu",
    show_default=True,
    help="Where the network is trained.",
)
@click.option(
    "--workers", type=click.IntRange(0, 64), default=1, show_default=True, help="Processes that prepare crops."
)
def train(
    recipe_name: str,
    sources: tuple[str, ...],
    out: Path,
    backbone: Path | str | None,
    start: Path | None,
    teachers: tuple[Path, ...],
    soft_labels: tuple[str, ...],
    gender_words: str | None,
    detector: str,
    aligned: bool,
    models_dir: Path | None,
    cache: Path | None,
    limit: int | None,
    epochs: int | None,
    seed: int,
    device: ComputeDevice,
    workers: int,
) -> None:
    """Trains a classifier by RECIPE and writes its weights, model card and evaluation.

    RECIPE is one of gender-utkface, genderage, age-resnet50, age-resnet34, age-efficientnet-b0, gender-focal,
    gender-age-128, facetally, and, to make backbones of, faces-resnet50, faces-resnet34, faces-efficientnet-b0.
    A training that was stopped resumes with the same command. With more --epochs a finished training continues, unless
    the recipe's learning rate falls along a cosine.

    Example: facetally train genderage --data UTKFace.zip -o genderage
    """
    from facetally.cli.training_progress import print_note, print_trained, shown_training

    try:
        from facetally.training.train import TrainingJob, train_model
    except ImportError as error:
        raise OptionError(
            f"training needs {error.name}, which is not installed", fix="pip install 'facetally[train]'"
        ) from error

    if backbone and start:
        raise OptionError("--backbone and --start both give the first weights", fix="give one of them")
    recipe = _recipe(recipe_name)
    if start:
        recipe = recipe.last_stage()
    elif not backbone:
        click.echo("No --backbone: training starts from scratch, with nothing frozen.", err=True)
        recipe = recipe.thawed()
    job = TrainingJob(
        recipe=recipe.shortened(epochs),
        sources=parsed_sources(sources, gender_words),
        out=out,
        detector=None if aligned else detector_path(detector, models_dir),
        backbone=backbone_path(backbone, recipe),
        start=start,
        teachers=teachers,
        soft_labels=tuple(_parsed_soft_labels(text) for text in soft_labels),
        cache=cache,
        limit=limit,
        seed=seed,
        device=device,
        workers=workers,
        command=f"facetally train {shlex.join(sys.argv[2:])}",
    )
    with shown_training() as watcher:
        trained = train_model(job, watcher, on_note=print_note)
    print_trained(trained)


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="[NAME=]IMAGES[+TABLE]...")
@click.option("--model", default="facetally", show_default=True, help="Name, .onnx or .pth file.")
@click.option("-o", "--out", type=FOLDER, required=True, help="Folder for the evaluation.")
@GENDER_WORDS
@DETECTOR
@ALIGNED
@MODELS_DIR
@CACHE
@LIMIT
@click.option(
    "--held-out", is_flag=True, help="Only use images that the model's training held out: it did not learn from them."
)
def evaluate(
    sources: tuple[str, ...],
    model: str,
    out: Path,
    gender_words: str | None,
    detector: str,
    aligned: bool,
    models_dir: Path | None,
    cache: Path | None,
    limit: int | None,
    held_out: bool,
) -> None:
    """Evaluates a classifier on labelled images: accuracy by class, set, group and age, plots, and its worst mistakes.

    IMAGES is a folder, .zip or .tar: UTKFace, male/ and female/ folders, or any images with a TABLE (.csv, .tsv, .txt)
    of labels. Faces are found and aligned first; images without a face are counted and left out.

    Example: facetally evaluate images/ --model facetally -o evaluation
    """
    from facetally.cli.training_progress import print_evaluation, print_note, shown_training
    from facetally.gender.classifier import FaceGenderClassifier
    from facetally.gender.data.face_sets import all_faces
    from facetally.models.engines import crop_recipe, loaded
    from facetally.models.weights import find_model
    from facetally.threads import usable_cores
    from facetally.training.evaluate import evaluate_classifier, held_out_faces
    from facetally.training.face_crops import cut_sources

    model_file = find_model(model, "classifier", models_dir)
    cores = usable_cores()
    classifier = loaded(model_file, lambda path: FaceGenderClassifier(path, threads=1 if cores > 1 else 0))
    with shown_training() as watcher:
        sets, cutting = cut_sources(
            parsed_sources(sources, gender_words),
            None if aligned else detector_path(detector, models_dir),
            crop_recipe(classifier, model_file),
            cache=cache or out / "crops",
            limit=limit,
            on_image=watcher.cutting,
        )
    for name, report in cutting.items():
        for note in report.notes.splitlines():
            print_note(f"{name}: {note}")
    faces = held_out_faces(sets, classifier.card) if held_out else all_faces(sets)
    print_evaluation(evaluate_classifier(classifier, faces, out, threads=cores), cutting)
    click.echo(f"Written to {out}", err=True)


def _recipe(name: str) -> Recipe:
    from facetally.gender.training.recipes import RECIPES

    if name not in RECIPES:
        close = difflib.get_close_matches(name, RECIPES, n=1)
        suggestion = f"did you mean {close[0]}? " if close else ""
        raise OptionError(f"no recipe is called {name!r}", fix=f"{suggestion}choose one of: {', '.join(RECIPES)}")
    return RECIPES[name]


def backbone_path(backbone: Path | str | None, recipe: Recipe) -> Path | None:
    """The file for the value of --backbone; raises ModelError if torchvision's weights cannot be had."""
    if backbone is None or isinstance(backbone, Path):
        return backbone
    from facetally.gender.model.pretrained import imagenet_backbone

    fix = "give a file of weights, or leave out --backbone to start from scratch"
    try:
        return imagenet_backbone(recipe.network.backbone)
    except ValueError as error:
        raise ModelError(f"--backbone {IMAGENET}: {error}", fix=fix) from error
    except (OSError, RuntimeError) as error:  # torch raises the latter for a file with another hash
        problem = f"torchvision's weights could not be fetched: {error}"
        raise ModelError(f"--backbone {IMAGENET}: {problem}", fix=fix) from error


def _parsed_soft_labels(text: str) -> tuple[str, Path]:
    name, _, table = text.partition("=")
    if not name or not table:
        raise OptionError(f"--soft-labels: {text!r} is not NAME=TABLE", fix="write it as in utk=female_prob.csv")
    return name, Path(table).expanduser()


def parsed_sources(texts: tuple[str, ...], gender_words: str | None = None) -> tuple[ImageSource, ...]:
    """Parses the values of --data and of --gender-words; raises OptionError for an invalid one."""
    from facetally.datasets.labelled_images import ImageSource, parse_gender_words

    try:
        words = parse_gender_words(gender_words or "")
    except ValueError as error:
        raise OptionError(
            f"--gender-words: {error}", fix="write WORD=female or WORD=male, as in 0=male,1=female"
        ) from error
    try:
        return tuple(replace(ImageSource.parse(text), gender_words=words) for text in texts)
    except ValueError as error:
        raise OptionError(str(error), fix="write NAME=IMAGES+TABLE, as in fairface=train.zip+labels.csv") from error


def detector_path(name: str, models_dir: Path | None) -> Path:
    """The path for the value of --detector; raises ModelError if it is not on this machine."""
    from facetally.models.weights import find_model

    return find_model(name, "detector", models_dir).path
