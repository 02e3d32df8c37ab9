"""Options that are shared by several commands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import rich_click as click

from facetally.options import RunOptions
from facetally.storage.addresses import is_address


def _show_log(_: click.Context, __: click.Parameter, is_wanted: bool) -> None:
    if is_wanted:
        from facetally.log import show_log

        show_log()


class _Folder(click.Path):
    """A folder on this machine."""

    def __init__(self) -> None:
        super().__init__(path_type=Path, file_okay=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if is_address(value) and not Path(value).exists():
            self.fail(f"{value} is an address; here a folder on this machine is needed.", param, ctx)
        return super().convert(value, param, ctx)


class _Output(_Folder):
    """The output folder of a run, or its address, which stays a text."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return value if is_address(value) else super().convert(value, param, ctx)


class _FinishedOutput(_Folder):
    """The output folder of a run; of one at an address the local folder that is equal to it."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if ctx and is_address(value):
            from facetally.storage.outputs import output_folder

            return ctx.with_resource(output_folder(value))
        return super().convert(value, param, ctx)


FOLDER = _Folder()
OUTPUT, FINISHED_OUTPUT = _Output(), _FinishedOutput()
OUT = click.argument("out", type=FINISHED_OUTPUT)
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
