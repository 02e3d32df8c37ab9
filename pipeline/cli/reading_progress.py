"""Shows on stderr how many tables of a run were read, if that takes longer than a second."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

PATIENCE_S = 1.0
"""Work that is done sooner is not shown."""
TABLES = ("videos", "tracks")
"""Those of which each file is read."""


@contextmanager
def reading_progress(outs: Sequence[Path]) -> Iterator[Callable[[int], None]]:
    """A function to call with numbers of files that were read: a bar on a terminal, one line elsewhere.

    Args:
        outs: the output folders that are read.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    total, started, files = _file_count(outs), time.monotonic(), 0
    columns = (TextColumn("reading tables", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=Console(stderr=True, emoji=False), transient=True)
    task = bar.add_task("", total=total)
    is_shown = is_over = False

    def advanced(count: int) -> None:
        nonlocal files, is_shown
        files += count
        if not (is_shown or is_over) and files < total and time.monotonic() - started > PATIENCE_S:
            is_shown = True
            if sys.stderr.isatty():
                bar.start()
            else:
                print(f"reading {total:,} files ...", file=sys.stderr)
        if bar.live.is_started:
            bar.update(task, completed=min(files, total))

    try:
        yield advanced
    finally:
        is_over = True
        if bar.live.is_started:
            bar.stop()


def _file_count(outs: Sequence[Path]) -> int:
    count = 0
    for out in outs:
        for table in TABLES:
            with suppress(OSError):
                count += sum(1 for _ in os.scandir(out / table))
    return count
