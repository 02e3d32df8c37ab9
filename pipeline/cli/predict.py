"""The command that looks at pictures instead of videos."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from facetally.cli.options import CLASSIFIER, DETECTOR, DEVICE, FOLDER, MODELS_DIR
from facetally.options import PeopleOptions, RunOptions

if TYPE_CHECKING:
    from facetally.images.predict import PredictedImage, UnreadImage


@click.command()
@click.argument("images", nargs=-1, required=True)
@click.option("--format", "format_name", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.option("--annotate", type=FOLDER, metavar="FOLDER", help="Write copies there with boxes and answers drawn in.")
@DETECTOR
@CLASSIFIER
@DEVICE
@MODELS_DIR
@click.option(
    "--min-confidence",
    type=click.FloatRange(0.5, 1),
    default=PeopleOptions.min_confidence,
    show_default=True,
    help="Answers below are unknown.",
)
def predict(
    images: tuple[str, ...],
    format_name: str,
    annotate: Path | None,
    detector: str,
    classifier: str,
    device: str,
    models_dir: Path | None,
    min_confidence: float,
) -> None:
    """Finds the faces in pictures and tells perceived gender and age of each.

    IMAGES are files, folders (searched through) or globs. A picture that cannot be read is named at the end, and the
    exit code is 1.

    Example: facetally predict photos/ --annotate seen/
    """
    from facetally.images.annotate import annotated_paths
    from facetally.images.predict import (
        STILL_DETECTION,
        PredictedImage,
        UnreadImage,
        find_images,
        predict_images,
    )
    from facetally.models.engines import load_engines

    people = PeopleOptions(min_confidence=min_confidence)
    options = RunOptions(detector=detector, classifier=classifier, detection=STILL_DETECTION, people=people)
    paths = find_images(images)
    targets = annotated_paths(paths, annotate) if annotate else {}
    engines = load_engines(options, device, 0, models_dir, unit="crop")
    models = ", ".join(f"{role} {model.name}" for role, model in engines.models.items())
    click.echo(f"{models}, on {engines.device}", err=True)
    predictions = list(_followed(predict_images(paths, engines, options.people), len(paths), targets))
    predicted = [prediction for prediction in predictions if isinstance(prediction, PredictedImage)]
    unread = [prediction for prediction in predictions if isinstance(prediction, UnreadImage)]
    if format_name == "json":
        click.echo(json.dumps([image.as_dict() for image in predicted], indent=2))
    else:
        _print_table(predicted)
    if annotate:
        click.echo(f"Annotated copies are in {annotate}: {len(predicted)}", err=True)
    for bad in unread:
        click.echo(f"failed: {click.format_filename(bad.path)}: {bad.reason}\n  Fix: {bad.fix}", err=True)
    if unread:
        sys.exit(1)


def _followed(
    predictions: Iterable[PredictedImage | UnreadImage], count: int, targets: Mapping[Path, Path]
) -> Iterator[PredictedImage | UnreadImage]:
    """Passes `count` answers on, with a bar on a terminal, and writes the annotated copies on the way."""
    from rich.console import Console
    from rich.progress import track

    from facetally.images.annotate import write_annotated
    from facetally.images.predict import PredictedImage

    hidden = not sys.stderr.isatty()
    for prediction in track(predictions, "pictures", count, console=Console(stderr=True), disable=hidden):
        if targets and isinstance(prediction, PredictedImage):
            write_annotated(prediction, targets[prediction.path])
        yield prediction


def _print_table(predicted: Sequence[PredictedImage]) -> None:
    """A line for each face; a picture's name stands on the first of its lines."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Column, Table

    from facetally.cli.printing import PLAIN_WIDTH
    from facetally.formatting import percent

    numbers = (Column(name, justify="right") for name in ("score", "gender", "female", "age"))
    table = Table(Column("picture", overflow="fold"), "face at x1, y1, x2, y2", *numbers)
    for image in predicted:
        name = escape(click.format_filename(image.path))
        if not image.faces:
            table.add_row(name, "no face")
        for face in image.faces:
            at = ", ".join(f"{edge:.0f}" for edge in face.box)
            age = "-" if math.isnan(face.age_years) else f"{face.age_years:.0f}"
            table.add_row(name, at, f"{face.score:.2f}", face.gender, percent(face.female_prob), age)
            name = ""
    console = Console()
    (console if console.is_terminal else Console(width=PLAIN_WIDTH)).print(table)
