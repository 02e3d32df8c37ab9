"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from facetally.options import RunOptions

FOLDER = click.Path(path_type=Path, file_okay=False)
OUT = click.argument("out", type=FOLDER)
DETECTOR = click.option(
    "--detector",
    default=RunOptions.detector,
    show_default=True,
    metavar="ours|scrfd_500m|scrfd_2.5g|PATH",
    help="Finds the faces.",
)
CLASSIFIER = click.option(
    "--classifier", default=RunOptions.classifier, show_default=True, help="A name, or an .onnx or .pth file."
)
DEVICE = click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
MODELS_DIR = click.option("--models-dir", type=FOLDER, help="Look for weights here first.")
