"""Prints appearances: as a table, as CSV or JSON, as commands of a player, and as images in a terminal."""

from __future__ import annotations

import json
import math
import sys
from typing import Any, Literal

import click
import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from facetally.cli.terminal_images import ImageProtocol, escapes
from facetally.csv_cells import as_cell
from facetally.formatting import player_time
from facetally.images.face_pictures import time_span
from facetally.inspection.cells import described_age, described_gender
from facetally.inspection.players import installed_player
from facetally.inspection.sheet import Sheet
from facetally.jobs.show import Shown, counted

UNLIMITED = 10_000
"""Width of tables in characters if stdout is not a terminal: a line for each appearance, however long its name."""
DECIMALS = 4
"""As probabilities are stored."""
EXPORTED = (
    *("video", "track_id", "first_s", "last_s", "first_time", "last_time", "screen_time_s", "gender", "female_prob"),
    *("age_years", "age_band", "face_height_px", "corrected", "why_unknown", "play"),
)


def print_shown(shown: Shown, format_name: Literal["table", "csv", "json"]) -> None:
    """Prints the appearances on stdout, and what there is to know about them on stderr."""
    if format_name == "csv":
        click.echo(_exported(shown).map(_cell).to_csv(index=False), nl=False)
    elif format_name == "json":
        rows = [{name: _plain(value) for name, value in row.items()} for row in _exported(shown).to_dict("records")]
        click.echo(json.dumps(rows, indent=1))
    elif len(shown.table):
        _print_table(shown)
    more = "; --limit 0 shows all" if len(shown.table) < shown.count else ""
    click.echo(f"{counted(shown)}{more}", err=True)
    _print_notes(shown)


def print_play(shown: Shown) -> None:
    """Prints the command that plays each appearance."""
    for line in filter(None, shown.play):
        click.echo(line)
    if shown.play and not installed_player():
        click.echo("Note: no player was found on this machine; install mpv, vlc or ffplay", err=True)
    _print_notes(shown)


def print_sheet(sheet: Sheet, protocol: ImageProtocol) -> None:
    """Shows a sheet on the terminal, line by line."""
    for png in sheet.band_pngs():
        sys.stdout.write(escapes(png, protocol))
    sys.stdout.flush()


def _print_notes(shown: Shown) -> None:
    for note in shown.notes:
        click.echo(f"Note: {note}", err=True)


def _print_table(shown: Shown) -> None:
    """Prints a line for each appearance; on a terminal a video is named on the first of its lines only."""
    console = Console(emoji=False)
    has_reasons = any(shown.table["why_unknown"])
    names = ["track", "time", "seconds", "gender", "age", *["why unknown"] * has_reasons]
    right = ("track", "time", "seconds", "age")
    columns = [Column(name, justify="right" if name in right else "left", no_wrap=True) for name in names]
    table = Table(Column("", justify="right"), Column("video", overflow="fold"), *columns, box=SIMPLE_HEAD)
    before = ""
    for number, track in enumerate(shown.table.itertuples(), start=1):
        # no markup, in which :red_heart: would become a heart
        video = Text("" if console.is_terminal and track.video == before else track.video)
        times, seconds = time_span(track.first_s, track.until_s), f"{track.screen_time_s:.1f}"
        cells = (str(track.track_id), times, seconds, described_gender(track), described_age(track))
        table.add_row(str(number), video, *cells, *[track.why_unknown] * has_reasons)
        before = track.video
    (console if console.is_terminal else Console(width=UNLIMITED, emoji=False)).print(table)


def _exported(shown: Shown) -> pd.DataFrame:
    times = {f"{end}_time": shown.table[f"{end}_s"].map(player_time) for end in ("first", "last")}
    floats = shown.table.select_dtypes("floating").astype("float64").round(DECIMALS)  # else 0.9993000030517578
    return shown.table.assign(**floats, **times, play=list(shown.play))[list(EXPORTED)]


def _cell(value: Any) -> Any:
    return as_cell(value) if isinstance(value, str) else value


def _plain(value: Any) -> Any:
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and math.isnan(value) else value
