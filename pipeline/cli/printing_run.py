"""Prints the state of a run, and what is known of a video or of weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import get_args

import click
from rich.markup import escape
from rich.table import Column, Table

from facetally.cli.printing import console
from facetally.formatting import percent
from facetally.inputs import PassedOver
from facetally.models.weights import located, manifest_by_name
from facetally.options import Sampling
from facetally.results.ledger import Ledger, Status, VideoRow
from facetally.video.reader import VideoReader

LISTED_FILES = 20
"""Files of each kind that are listed where they were passed over; log.txt and `--dry-run` list all."""


def print_status(ledger: Ledger) -> bool:
    """Prints the state of a run; returns whether every video is done and none failed.

    Raises:
        OutputError: the folder holds no results, or a damaged file.
    """
    names = ledger.names()
    rows = {row.video_id: row for row in ledger.rows()} if ledger.video_ids() or not names else {}
    left = [name for video_id, name in names.items() if video_id not in rows]
    counts = Counter(row.status for row in rows.values())
    parts = [f"{counts[status]} {status}" for status in get_args(Status) if counts[status]]
    parts += [f"{len(left)} to do"] if left else []
    in_progress = "; a run is in progress" if ledger.is_locked else ""
    click.echo(f"{len(rows) + len(left)} videos: {', '.join(parts)}{in_progress}")
    if copies := sum(bool(row.same_as) for row in rows.values()):
        click.echo(f"{copies} of them have the same content as others: not processed again, but counted")
    print_problems(rows.values())
    print_passed_over(ledger.passed_over())
    if left and not in_progress:
        click.echo("The same `facetally run` command continues with the others.")
    return not left and not counts["failed"]


def print_problems(rows: Iterable[VideoRow]) -> None:
    """Prints the videos that are not ok on stderr, with reason and fix, and what is noted about any of them."""
    for row in rows:
        if row.status != "ok":
            click.echo(f"{row.status}: {row.video}: {row.reason}\n  Fix: {row.fix}", err=True)
        if row.note:
            click.echo(f"note: {row.video}: {row.note}", err=True)


def print_passed_over(files: Sequence[PassedOver]) -> None:
    """Prints how many files of the input folders were passed over and why, and the first of them by name."""
    by_reason: dict[str, list[str]] = {}
    for file in files:
        by_reason.setdefault(file.reason, []).append(file.name)
    if by_reason:
        click.echo(f"{len(files)} {'file was' if len(files) == 1 else 'files were'} passed over:")
    for reason, names in by_reason.items():
        more = f", and {len(names) - LISTED_FILES} more" if len(names) > LISTED_FILES else ""
        click.echo(f"  {len(names)} {reason}: {', '.join(names[:LISTED_FILES])}{more}")


def print_info(path: Path, stream: int = -1) -> None:
    """Prints what a video's container states, and the result of decoding it completely.

    Args:
        path: the file.
        stream: as in `Sampling`.

    Raises:
        VideoError: the file is not a video.
    """
    with VideoReader(path, Sampling(every_s=1.0, stream=stream)) as reader:
        shown = ["{1}x{0}".format(*frame.image.hw) for frame in reader]
        info, stats, notes = reader.info, reader.stats, reader.notes
    click.echo(f"container    {info.container}")
    click.echo(f"codec        {info.codec}")
    click.echo(f"stored       {info.width_px}x{info.height_px}")
    click.echo(f"displayed    {', '.join(dict.fromkeys(shown)) or 'nothing'}")
    click.echo(f"rate         {info.fps:.3f} frames/s by the container")
    click.echo(f"duration     {info.duration_s:.3f} s by the container, {stats.decoded_s:.3f} s decoded")
    click.echo(f"coverage     {percent(stats.coverage)}, {stats.bad_packet_count} bad packets")
    click.echo(f"frames       {stats.frame_count}")
    for note in notes:
        click.echo(f"note         {note}")


def print_models(models_dir: Path | None) -> None:
    """Prints the known weights and their paths on this machine."""
    table = Table("name", "for", "licence", Column("on this machine", overflow="fold"))
    here = located(models_dir)
    for name, entries in manifest_by_name().items():
        can_be_downloaded = any(model.url for model in entries)
        missing = f"no; download: facetally models pull {name}" if can_be_downloaded else "no"
        where = str(here[name][0][0]) if here[name] else missing
        table.add_row(name, entries[0].kind, entries[0].licence, escape(where))
    console().print(table)
