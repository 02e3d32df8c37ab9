"""The command that shows single appearances of a run."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import rich_click as click

from facetally.cli.options import OUT

if TYPE_CHECKING:
    from facetally.inspection.appearances import Order
    from facetally.jobs.show import Shown

SHEET_NAME = "show.png"
Format = Literal["table", "csv", "json"]


@click.command()
@OUT
@click.argument("video", nargs=-1, metavar="[VIDEO]...")
@click.option(
    "--gender",
    "genders",
    multiple=True,
    type=click.Choice(["female", "male", "unknown"]),
    help="Only this perceived gender; may be repeated.",
)
@click.option(
    "--age",
    "ages",
    multiple=True,
    type=click.Choice(["child", "teen", "young", "mid", "old", "unknown"]),
    help="Only this perceived age band; may be repeated.",
)
@click.option("--at", metavar="TIME", help="Only those in view at this time: 1:23, 83.5, or from 1:20-1:40.")
@click.option("--track", type=click.IntRange(0), metavar="N", help="Only this track of VIDEO.")
@click.option(
    "--sort",
    type=click.Choice(["time", "longest", "shortest", "uncertain"]),
    default="time",
    show_default=True,
    help="By video and time, by screen time, or by how uncertain the gender is.",
)
@click.option(
    "--limit",
    type=click.IntRange(0),
    help="Show at most this many; 0: all.  [default: 60; all with --format csv or json, and with --play]",
)
@click.option(
    "-o",
    "--out",
    "sheet_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the contact sheet to this PNG file.  [default: OUT/show.png, if the terminal shows no images]",
)
@click.option("--no-sheet", is_flag=True, help="Only list the appearances: no video is read, no face is shown.")
@click.option(
    "--pictures",
    type=click.IntRange(1, 24),
    help="Pictures of each appearance.  [default: 1, or 6 if there is only one appearance]",
)
@click.option(
    "--videos",
    multiple=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder that the videos were moved to; may be repeated.",
)
@click.option(
    "--terminal",
    type=click.Choice(["auto", "kitty", "iterm2", "sixel", "none"]),
    default="auto",
    show_default=True,
    help="How to show the sheet in the terminal; auto asks the terminal what it can show.",
)
@click.option(
    "--format",
    "format_name",
    type=click.Choice(["table", "csv", "json"]),
    default="table",
    show_default=True,
    help="How to print the appearances; with csv and json only -o makes a sheet.",
)
@click.option("--play", is_flag=True, help="Print only the commands that play the videos at these seconds.")
def show(
    out: Path,
    video: tuple[str, ...],
    genders: tuple[str, ...],
    ages: tuple[str, ...],
    at: str | None,
    track: int | None,
    sort: Order,
    limit: int | None,
    sheet_path: Path | None,
    no_sheet: bool,
    pictures: int | None,
    videos: tuple[Path, ...],
    terminal: str,
    format_name: Format,
    play: bool,
) -> None:
    """Lists appearances with their clock times, and shows a contact sheet of their faces.

    OUT is the folder that `facetally run` wrote; VIDEO is the name of one of its videos, a part of it, or a glob; it
    may be given several times. A run stores no faces: they are cut from the videos again. The sheet is an image of
    people: it is made by this command only, so delete it when you no longer need it. Corrections made by hand are
    applied, and marked *.

    Example: facetally show out film.mp4 --gender female --at 1:23

    Example: facetally show out 'channel-two/* 20*'
    """
    from facetally.cli.printing_show import print_play, print_sheet, print_shown
    from facetally.cli.terminal_images import TerminalImages, terminal_images
    from facetally.inspection.sheet import WIDTH_PX
    from facetally.jobs.show import DEFAULT_LIMIT, show_run

    if limit is None:
        limit = DEFAULT_LIMIT if format_name == "table" and not play else 0
    wants_sheet = not (no_sheet or play) and (format_name == "table" or sheet_path is not None)
    inline = TerminalImages(None)
    if wants_sheet and (sheet_path is None or terminal != "auto"):
        inline = terminal_images(terminal)
    if wants_sheet and sheet_path is None and inline.protocol is None:
        sheet_path = _default_path(out)
        wants_sheet = sheet_path is not None
    printed: Callable[[Shown], None] = print_play if play else lambda shown: print_shown(shown, format_name)
    with _shown_bar(printed, wants_sheet) as (on_chosen, on_video):
        shown = show_run(
            out,
            video or None,
            gender=genders,
            age=ages,
            at=at,
            track=track,
            sort=sort,
            limit=limit,
            path=sheet_path if wants_sheet else None,
            with_sheet=wants_sheet,
            pictures=pictures or 0,
            width_px=min(inline.width_px or WIDTH_PX, WIDTH_PX) if inline.protocol else WIDTH_PX,
            videos=videos,
            on_chosen=on_chosen,
            on_video=on_video,
        )
    if shown.sheet and inline.protocol:
        print_sheet(shown.sheet, inline.protocol)
    if shown.path:
        name = click.format_filename(shown.path)
        click.echo(f"Contact sheet: {name} (it shows people: delete it after use)", err=True)


def _default_path(out: Path) -> Path | None:
    """Where a sheet goes that was not given a place; None if the output folder cannot be written."""
    if out.is_dir() and not os.access(out, os.W_OK):
        click.echo("No contact sheet: OUT cannot be written. Give a file with -o", err=True)
        return None
    return out / SHEET_NAME


@contextmanager
def _shown_bar(
    printed: Callable[[Shown], None], is_wanted: bool
) -> Iterator[tuple[Callable[[Shown], None], Callable[[str, int], None]]]:
    """Shows a progress bar on a terminal while the sheet is made, after the table is printed.

    Args:
        printed: prints the table.
        is_wanted: whether a sheet is made.

    Yields:
        What to call with the table, and after each video.
    """
    from rich.console import Console
    from rich.progress import Progress

    bar = Progress(console=Console(stderr=True, emoji=False), disable=not sys.stderr.isatty(), transient=True)
    task = bar.add_task("cutting faces", total=None)

    def on_chosen(shown: Shown) -> None:
        printed(shown)
        if is_wanted and len(shown.table):
            bar.start()

    def on_video(_: str, count: int) -> None:
        bar.update(task, advance=1, total=count)

    try:
        yield on_chosen, on_video
    finally:
        bar.stop()
