"""Prints corrections by hand."""

from __future__ import annotations

from collections.abc import Sequence

import click
from rich.markup import escape
from rich.table import Table

from facetally.cli.printing import console
from facetally.jobs.corrections import ListedCorrection

COLUMNS = ("video", "track", "time", "predicted", "corrected to", "by", "on")
NOT_APPLIED = "not applied: the run has no such appearance"


def print_corrections(corrections: Sequence[ListedCorrection]) -> None:
    """Prints a line for each correction, those that are not applied too."""
    if not corrections:
        click.echo("No corrections.")
        return
    table = Table(*COLUMNS)
    table.columns[0].overflow = "fold"
    for name in ("time", "on"):
        table.columns[COLUMNS.index(name)].no_wrap = True
    for listed in corrections:
        row = listed.row
        cells = [
            row.video,
            "" if row.track_id is None else str(row.track_id),
            row.anchor.text if row.anchor else "",
            listed.predicted,
            listed.corrected if listed.is_found else f"{listed.corrected} ({NOT_APPLIED})",
            row.who,
            row.when[: len("2026-01-31")],
        ]
        table.add_row(*map(escape, cells))
    console().print(table)
