"""Prints what `facetally draw` does: a bar with the remaining time on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from facetally.formatting import counted, printable

if TYPE_CHECKING:
    from facetally.drawing.videos import DrawnVideo
    from facetally.jobs.draw import Drawn

NAME_LENGTH = 40
"""Characters of a name beside the bar."""


@contextmanager
def shown_drawing() -> Iterator[DrawingBar]:
    """Shows progress on stderr. A name such as ":red_heart:.mp4" stays as it is."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %", markup=False),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    is_terminal = sys.stderr.isatty()
    console = Console(stderr=True, emoji=False)
    with Progress(*columns, console=console, disable=not is_terminal, transient=True) as bar:
        yield DrawingBar(bar, is_terminal)


class DrawingBar:
    """A bar that grows with the seconds of video that are done; without a terminal a line for each video."""

    def __init__(self, bar: Progress, is_terminal: bool) -> None:
        self._bar, self._is_terminal = bar, is_terminal
        self._task = bar.add_task("drawing", total=None)
        self._started, self._done_s, self._total_s = time.monotonic(), 0.0, 0.0
        self._number = self._count = 0

    def planned(self, seconds: float, count: int, done_count: int) -> None:
        self._total_s, self._count = seconds, count - done_count
        self._bar.update(self._task, total=seconds)
        click.echo(f"{counted(count - done_count, 'video')} to do, {done_count} done before", err=True)

    def advanced(self, name: str, seconds: float) -> None:
        self._done_s += seconds
        self._bar.update(self._task, advance=seconds, description=printable(name)[-NAME_LENGTH:])

    def finished(self, video: DrawnVideo) -> None:
        self._number += 1
        if self._is_terminal:
            return
        passed_s = time.monotonic() - self._started
        left_s = passed_s / self._done_s * max(self._total_s - self._done_s, 0) if self._done_s else 0.0
        click.echo(f"[{self._number}/{self._count}, about {left_s:.0f} s left] {printable(video.video)}", err=True)


def print_drawn(drawn: Drawn, folder: Path) -> None:
    """Prints what was written, notes, and errors with their fixes."""
    made = [video for video in drawn.videos if not video.was_done]
    before = len(drawn.videos) - len(made)
    also = f"; {counted(before, 'file')} written before" if before else ""
    click.echo(f"{counted(len(made), 'file')} written to {click.format_filename(folder)}{also}")
    for note in drawn.notes:
        click.echo(f"note: {printable(note)}", err=True)
    for error in drawn.failed:
        click.echo(f"Error: {printable(error.what)}\nFix: {printable(error.fix)}", err=True)
