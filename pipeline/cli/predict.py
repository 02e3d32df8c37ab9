"""The command for images instead of videos."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from facetally.cli.options import CLASSIFIER, DETECTOR, DEVICE, FOLDER, MODELS_DIR
from facetally.options import ClassificationOptions, Device

if TYPE_CHECKING:
    from facetally.images.predict import PredictedImage


@click.command()
@click.argument("images", nargs=-1, required=True)
@click.option(
    "--format",
    "format_name",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="How to print the faces.",
)
@click.option(
    "--annotate", type=FOLDER, metavar="FOLDER", help="Write copies to this folder with boxes and predictions drawn in."
)
@DETECTOR
@CLASSIFIER
@DEVICE
@MODELS_DIR
@click.option(
    "--min-confidence",
    type=click.FloatRange(0.5, 1),
    default=ClassificationOptions.min_confidence,
    show_default=True,
    help="Genders of a lower probability are unknown.",
)
def predict(
    images: tuple[str, ...],
    format_name: str,
    annotate: Path | None,
    detector: str,
    classifier: str,
    device: Device,
    models_dir: Path | None,
    min_confidence: float,
) -> None:
    """Finds the faces in images and estimates perceived gender and age of each.

    IMAGES are files, folders (searched recursively) or globs. Images that cannot be read are listed at the end, and
    the exit code is then 1.

    Example: facetally predict photos/ --annotate annotated/
    """
    from facetally.cli.progress import models_line
    from facetally.jobs.images import predict_images

    with _shown_bar() as on_image:
        predictions = predict_images(
            images,
            detector=detector,
            classifier=classifier,
            device=device,
            models_dir=models_dir,
            min_confidence=min_confidence,
            annotate=annotate,
            on_loaded=lambda engines: click.echo(models_line(engines), err=True),
            on_image=on_image,
        )
    if format_name == "json":
        click.echo(json.dumps([image.as_dict() for image in predictions.images], indent=2))
    elif predictions.images:
        _print_table(predictions.images)
    if annotate:
        click.echo(f"Annotated copies are in {annotate}: {len(predictions.images)}", err=True)
    for bad in predictions.unread:
        click.echo(f"failed: {click.format_filename(bad.path)}: {bad.reason}\n  Fix: {bad.fix}", err=True)
    if predictions.unread:
        sys.exit(1)


@contextmanager
def _shown_bar() -> Iterator[Callable[[object, int], None]]:
    """Shows a progress bar on a terminal; gives a function to call after each image."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True, emoji=False), disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("images", total=None)
        yield lambda _, count: bar.update(task, advance=1, total=count)


def _print_table(predicted: Sequence[PredictedImage]) -> None:
    """Prints a line for each face; the image's name is on the first of its lines only."""
    from rich.markup import escape
    from rich.table import Column, Table

    from facetally.cli.printing import console
    from facetally.formatting import percent

    numbers = (Column(name, justify="right") for name in ("score", "gender", "female", "age"))
    table = Table(Column("image", overflow="fold"), "face at x1, y1, x2, y2", *numbers)
    for image in predicted:
        name = escape(click.format_filename(image.path))
        if not image.faces:
            table.add_row(name, "no face")
        for face in image.faces:
            at = ", ".join(f"{edge:.0f}" for edge in face.box)
            age = "-" if math.isnan(face.age_years) else f"{face.age_years:.0f}"
            table.add_row(name, at, f"{face.score:.2f}", face.gender, percent(face.female_prob), age)
            name = ""
    console().print(table)
