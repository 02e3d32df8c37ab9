"""Shows how an export proceeds, and what was written."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import rich_click as click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from facetally.formatting import counted, place
from facetally.jobs.export import Exported

PATIENCE_S = 1.0
"""Only an export that takes longer shows its progress."""


@contextmanager
def shown_export_progress() -> Iterator[Callable[[str, int, int], None]]:
    """A bar on stderr that appears after a second, if that is a terminal; to be called as `export_run.on_video`."""
    if not sys.stderr.isatty():
        yield lambda *_: None
        return
    started = time.monotonic()
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("videos", markup=False),
    )
    with Progress(*columns, console=Console(stderr=True, emoji=False), transient=True) as bar:
        task = bar.add_task("", visible=False)

        def show(table: str, count: int, total: int) -> None:
            is_visible = time.monotonic() - started > PATIENCE_S
            bar.update(task, description=table, completed=count, total=total, visible=is_visible)

        yield show


def print_exported(exported: Exported) -> None:
    """Prints notes and counts to stderr, and to stdout the files, or the one folder that they are in."""
    for note in exported.notes:
        click.echo(f"{note}.", err=True)
    if exported.folder is None:
        click.echo(", ".join(f"{name} {count:,}" for name, count in exported.rows.items()) + " rows", err=True)
        for file in exported.files:
            click.echo(place(file))
        return
    videos, tracks, boxes = (exported.rows[name] for name in ("videos", "tracks", "boxes"))
    labels = f"{boxes:,} box{'es' * (boxes != 1)}"
    click.echo(f"{counted(tracks, 'track')} with {labels} in {counted(videos, 'video')}", err=True)
    click.echo(f"How to open it: {place(exported.files[-1])}", err=True)
    click.echo(place(exported.folder))
