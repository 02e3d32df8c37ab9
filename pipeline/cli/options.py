"""Options that are shared by several commands."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from facetally.options import RunOptions


def _show_log(_: click.Context, __: click.Parameter, is_wanted: bool) -> None:
    if is_wanted:
        from facetally.log import show_log

        show_log()


FOLDER = click.Path(path_type=Path, file_okay=False)
OUT = click.argument("out", type=FOLDER)
DETECTOR = click.option(
    "--detector",
    default=RunOptions.detector,
    show_default=True,
    metavar="ours|scrfd_500m|scrfd_2.5g|PATH",
    help="The network that finds faces.",
)
CLASSIFIER = click.option(
    "--classifier",
    default=RunOptions.classifier,
    show_default=True,
    help="The network that estimates gender and age: a name, or an .onnx or .pth file.",
)
DEVICE = click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="Where the networks run.",
)
MODELS_DIR = click.option("--models-dir", type=FOLDER, help="Search this folder for weights first.")
VERBOSE = click.option(
    "-v", "--verbose", is_flag=True, expose_value=False, callback=_show_log, help="Also write the log to stderr."
)
