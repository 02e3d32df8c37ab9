"""Shows the progress of a run on stderr: a bar with the remaining time on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import TYPE_CHECKING

from facetally.child_processes import free_unused_memory
from facetally.formatting import counted

if TYPE_CHECKING:
    from rich.progress import Progress

    from facetally.models.engines import Engines
    from facetally.results.ledger import VideoRow


AT_END = (
    *("facetally.cli.printing_run", "facetally.cli.printing_tally", "facetally.results.rematching"),
    *("facetally.results.run_tables", "facetally.tallies.aggregator"),
)
"""Modules that a run needs when all videos are done."""


@contextmanager
def shown_progress() -> Iterator[LineProgress | BarProgress]:
    """Progress as a bar on a terminal, as lines elsewhere. A name such as ":red_heart:.mp4" stays as it is."""
    if not sys.stderr.isatty():
        yield LineProgress()
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True, emoji=False)) as bar:
        yield BarProgress(bar)


def models_line(engines: Engines) -> str:
    """A line about the networks of a run and their device."""
    return f"{', '.join(f'{role} {model.name}' for role, model in engines.models.items())}, on {engines.device}"


def planned_line(todo: Sequence[VideoRow], done: Sequence[VideoRow]) -> str:
    """A line about how much is to do."""
    failed = sum(row.status == "failed" for row in done)
    return f"{counted(len(todo), 'video')} to do, {len(done) - failed} done before" + (
        f", {failed} failed before" if failed else ""
    )


def outcome(row: VideoRow) -> str:
    """A line about a finished video."""
    known = f"{counted(row.track_count, 'appearance')}, length {row.decoded_s:.1f} s"
    found = row.reason if row.status == "failed" else known
    return f"{row.status:<7} {row.video}: {found}"


class _LoadingTheEnd:
    """Loads what the end of a run needs as soon as its first frame is done, so that nobody waits for it later."""

    def __init__(self) -> None:
        self._is_loading = False

    def advanced(self, video_id: str, time_s: float) -> None:  # noqa: ARG002 (the signature of `Progress`)
        if not self._is_loading:
            self._is_loading = True
            threading.Thread(target=_load_end, name="load-end", daemon=True).start()


def _load_end() -> None:
    with suppress(Exception):  # the run then meets the same error when it needs them
        for name in AT_END:
            import_module(name)
        free_unused_memory()


class LineProgress(_LoadingTheEnd):
    """A line for each finished video."""

    def __init__(self) -> None:
        super().__init__()
        self._started = time.monotonic()
        self._total = self._finished = 0

    def loaded(self, engines: Engines) -> None:
        print(models_line(engines), file=sys.stderr)

    def noted(self, sentence: str) -> None:
        print(f"note: {sentence}", file=sys.stderr)

    def planned(self, todo: Sequence[VideoRow], done: Sequence[VideoRow]) -> None:
        self._total = len(todo)
        print(planned_line(todo, done), file=sys.stderr)

    def finished(self, row: VideoRow) -> None:
        self._finished += 1
        left_s = (time.monotonic() - self._started) / self._finished * (self._total - self._finished)
        print(f"[{self._finished}/{self._total}, about {left_s:.0f} s left] {outcome(row)}", file=sys.stderr)


class BarProgress(_LoadingTheEnd):
    """A bar that grows with each finished video, and a line about it."""

    def __init__(self, bar: Progress) -> None:
        super().__init__()
        self._bar = bar
        self._task = bar.add_task("videos", total=None)

    def loaded(self, engines: Engines) -> None:
        self._bar.console.print(models_line(engines), highlight=False, markup=False)

    def noted(self, sentence: str) -> None:
        self._bar.console.print(f"note: {sentence}", highlight=False, markup=False, soft_wrap=True)

    def planned(self, todo: Sequence[VideoRow], done: Sequence[VideoRow]) -> None:
        self._bar.update(self._task, total=len(todo))
        self._bar.console.print(planned_line(todo, done))

    def advanced(self, video_id: str, time_s: float) -> None:
        super().advanced(video_id, time_s)
        self._bar.update(self._task, description=f"{video_id[:30]} at {time_s:.0f} s")

    def finished(self, row: VideoRow) -> None:
        self._bar.advance(self._task)
        self._bar.console.print(outcome(row), highlight=False, markup=False)
