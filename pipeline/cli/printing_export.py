"""Shows how an export proceeds."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

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
