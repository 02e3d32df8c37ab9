"""The command that joins the small files of a run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from facetally.cli.options import OUT

if TYPE_CHECKING:
    from facetally.results.compaction import Compaction

INTERRUPTED = 130
MAX_NAMED = 5
"""Videos that are left out and named; more are counted."""


@click.command()
@OUT
@click.option(
    "--remove-originals",
    is_flag=True,
    help="Then delete the small files of the videos that were joined; every command reads the large ones instead.",
)
def compact(out: Path, remove_originals: bool) -> None:
    """Joins a run's many small files into a few large ones, in OUT/compacted/, for runs of many thousand videos.

    Tally and report read them faster, and DuckDB, Spark and Athena read them directly. After new videos were run, the
    same command adds what is new.

    Example: facetally compact out

    Example: facetally compact out --remove-originals
    """
    from facetally.cli.reading_progress import reading_progress
    from facetally.jobs.compact import compact_run

    try:
        with reading_progress([out]) as advanced:
            done = compact_run(out, remove=remove_originals, advanced=advanced)
    except KeyboardInterrupt:
        click.echo("Stopped. No results are lost; the same command does the rest.", err=True)
        sys.exit(INTERRUPTED)
    _print_done(out, done)
    if done.left_out:
        sys.exit(1)


def _print_done(out: Path, done: Compaction) -> None:
    from facetally.formatting import counted, place, printable

    megabytes = sum(file.size for file in done.files) / 1e6
    changes = [f"{done.added_count:,} new or changed"] if done.added_count else []
    changes += [f"{done.dropped_count:,} no longer in it"] if done.dropped_count else []
    what = f"{counted(done.video_count, 'video')} in {counted(len(done.files), 'file')}, {megabytes:,.1f} MB"
    click.echo(f"{printable(place(out / 'compacted'))}: {what}: {', '.join(changes) or 'nothing was new'}")
    if done.removed_count:
        click.echo(f"the small files of {counted(done.removed_count, 'video')} were deleted")
    for damage in done.left_out[:MAX_NAMED]:
        click.echo(f"left out: {damage.video}: {damage.what}\n  Fix: {damage.fix}", err=True)
    if len(done.left_out) > MAX_NAMED:
        click.echo(f"left out: {len(done.left_out) - MAX_NAMED:,} more videos with damaged files", err=True)
