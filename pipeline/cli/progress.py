"""Shows the progress of a run on stderr: a bar with the remaining time on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from facetally.models.engines import Engines
from facetally.results.ledger import VideoRow


@contextmanager
def shown_progress() -> Iterator[LineProgress | BarProgress]:
    """Progress as a bar on a terminal, as lines elsewhere."""
    if not sys.stderr.isatty():
        yield LineProgress()
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        yield BarProgress(bar)


def models_line(engines: Engines) -> str:
    """A line about the networks of a run and their device."""
    return f"{', '.join(f'{role} {model.name}' for role, model in engines.models.items())}, on {engines.device}"


def outcome(row: VideoRow) -> str:
    """A line about a finished video."""
    people = "1 appearance" if row.track_count == 1 else f"{row.track_count} appearances"
    found = f"{people}, {row.decoded_s:.1f} s" if row.status != "failed" else row.reason
    return f"{row.status:<7} {row.video}: {found}"


class LineProgress:
    """A line for each finished video."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._total = self._finished = 0

    def loaded(self, engines: Engines) -> None:
        print(models_line(engines), file=sys.stderr)

    def planned(self, todo: Sequence[VideoRow], done: Sequence[VideoRow]) -> None:
        self._total = len(todo)
        print(f"{len(todo)} videos to do, {len(done)} done before", file=sys.stderr)

    def advanced(self, video_id: str, time_s: float) -> None:
        """Prints nothing: only finished videos get a line."""

    def finished(self, row: VideoRow) -> None:
        self._finished += 1
        left_s = (time.monotonic() - self._started) / self._finished * (self._total - self._finished)
        print(f"[{self._finished}/{self._total}, about {left_s:.0f} s left] {outcome(row)}", file=sys.stderr)


class BarProgress:
    """A bar that grows with each finished video, and a line about it."""

    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._task = bar.add_task("videos", total=None)

    def loaded(self, engines: Engines) -> None:
        self._bar.console.print(escape(models_line(engines)), highlight=False)

    def planned(self, todo: Sequence[VideoRow], done: Sequence[VideoRow]) -> None:
        self._bar.update(self._task, total=len(todo))
        self._bar.console.print(f"{len(todo)} videos to do, {len(done)} done before")

    def advanced(self, video_id: str, time_s: float) -> None:
        self._bar.update(self._task, description=f"{escape(video_id[:30])} at {time_s:.0f} s")

    def finished(self, row: VideoRow) -> None:
        self._bar.advance(self._task)
        self._bar.console.print(escape(outcome(row)), highlight=False)
