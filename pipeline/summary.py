"""What the commands print: tables on stdout, in plain words."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click
import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from pipeline.ledger import VideoRow
from pipeline.options import Sampling
from pipeline.report import clock, percent
from pipeline.tally import Amounts, grouped
from pipeline.video import VideoReader
from pipeline.weights import located, manifest_by_name

COLUMNS = ("appearances", "women", "men", "unknown", "share of women", "screen time", "share of women")
PLAIN_WIDTH = 120
"""Columns where stdout is no terminal."""


def print_tally(tallies: pd.DataFrame, by: str) -> None:
    """Prints a tally.

    Args:
        tallies: with the columns of `tables.TALLIES`.
        by: all (one line), video, or time (a line a time bin).
    """
    lines: list[tuple[str, Amounts, Amounts]] = []
    if by == "video":
        lines = [(str(name), a, s) for name, a, s in grouped(tallies, "video")]
    elif by == "time":
        lines = [(f"from {clock(float(str(start)))}", a, s) for start, a, s in grouped(tallies, "bin_start_s")]
    lines.append(("all", Amounts.of(tallies, "appearances"), Amounts.of(tallies, "screen_time_s")))
    table = Table("", *COLUMNS)
    table.columns[0].overflow = "fold"
    for column in table.columns[1:]:
        column.justify = "right"
    for label, appearances, screen_time in lines:
        table.add_row(
            escape(label),
            f"{appearances.total:,.0f}",
            f"{appearances.female:,.0f}",
            f"{appearances.male:,.0f}",
            f"{appearances.unknown:,.0f}",
            percent(appearances.female_share),
            clock(screen_time.total),
            percent(screen_time.female_share),
        )
    _console().print(table)


def print_trouble(rows: Iterable[VideoRow]) -> None:
    """Names the videos that are not ok, with reason and fix, on stderr."""
    for row in rows:
        if row.status != "ok":
            click.echo(f"{row.status}: {row.video}: {row.reason}\n  Fix: {row.fix}", err=True)


def print_info(path: Path) -> None:
    """Prints what a container says and what decoding all of it gives.

    Raises:
        VideoError: no video.
    """
    with VideoReader(path, Sampling(every_s=1.0)) as reader:
        shown = [f"{frame.image.shape[1]}x{frame.image.shape[0]}" for frame in reader]
        info, account = reader.info, reader.account
    click.echo(f"container    {info.container}")
    click.echo(f"codec        {info.codec}")
    click.echo(f"stored       {info.width_px}x{info.height_px}")
    click.echo(f"displayed    {', '.join(dict.fromkeys(shown)) or 'nothing'}")
    click.echo(f"rate         {info.fps:.3f} frames/s by the container")
    click.echo(f"duration     {info.duration_s:.3f} s by the container, {account.decoded_s:.3f} s decoded")
    click.echo(f"coverage     {percent(account.coverage)}, {account.bad_packet_count} bad packets")
    click.echo(f"frames       {account.frame_count}")


def print_models(models_dir: Path | None) -> None:
    """Prints the known weights and where they lie."""
    table = Table("name", "for", "licence", Column("on this machine", overflow="fold"))
    here = located(models_dir)
    for name, entries in manifest_by_name().items():
        can_be_fetched = any(model.url for model in entries)
        missing = f"no; fetch: facetally models pull {name}" if can_be_fetched else "no"
        where = str(here[name][0][0]) if here[name] else missing
        table.add_row(name, entries[0].kind, entries[0].licence, escape(where))
    _console().print(table)


def _console() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=PLAIN_WIDTH)
