"""Prints tallies and corrected shares."""

from __future__ import annotations

from typing import Literal

import click
import pandas as pd
from rich.markup import escape
from rich.table import Column, Table

from facetally.cli.printing import console
from facetally.formatting import clock, percent
from facetally.quantification.correction import Correction
from facetally.quantification.run_shares import METHODS
from facetally.tallies.aggregator import Shares, grouped

COLUMNS = ("appearances", "women", "men", "unknown", "share of women", "screen time", "share of women")
PEOPLE_COLUMNS = ("people", "share of women")
"""In a run that counted them."""
UNIT_NAMES = {"appearances": "appearance", "screen_time_s": "screen time"}
Grouping = Literal["all", "video", "time"]


def print_tally(tallies: pd.DataFrame, by: Grouping) -> None:
    """Prints a tally.

    Args:
        tallies: with the columns of `tables.TALLIES`.
        by: all (one line), video, or time (a line per time bin).
    """
    lines: list[Shares] = []
    if by == "video":
        lines = list(grouped(tallies, "video"))
    elif by == "time":
        lines = list(grouped(tallies, "bin_start_s", lambda start: f"from {clock(float(start))}"))
    total = Shares.of("all", tallies)
    has_people = total.people.total > 0
    table = Table("", *(COLUMNS + PEOPLE_COLUMNS if has_people else COLUMNS))
    table.columns[0].overflow = "fold"
    for column in table.columns[1:]:
        column.justify = "right"
    for line in [*lines, total]:
        cells = [
            f"{line.appearances.total:,.0f}",
            f"{line.appearances.female:,.0f}",
            f"{line.appearances.male:,.0f}",
            f"{line.appearances.unknown:,.0f}",
            percent(line.appearances.female_share),
            clock(line.screen_time.total),
            percent(line.screen_time.female_share),
        ]
        people = [f"{line.people.total:,.0f}", percent(line.people.female_share)] if has_people else []
        table.add_row(escape(line.label), *cells, *people)
    console().print(table)


def print_corrections(corrected: dict[str, dict[str, Correction]]) -> None:
    """Prints counted and corrected shares of women side by side.

    Args:
        corrected: as from `run_shares.run_corrections`.
    """
    methods = list(dict.fromkeys(name for by_method in corrected.values() for name in by_method))
    table = Table("share of women, unknowns included", *(Column(METHODS[name], justify="right") for name in methods))
    refusals = []
    for unit, by_method in corrected.items():
        table.add_row(f"by {UNIT_NAMES[unit]}", *(_corrected_cell(by_method[name]) for name in methods))
        refusals += [f"{METHODS[name]}: {c.refusal}" for name, c in by_method.items() if c.refusal]
    console().print(table)
    for refusal in dict.fromkeys(refusals):
        click.echo(f"Refused: {refusal}", err=True)


def _corrected_cell(correction: Correction) -> str:
    if correction.refusal:
        return "–"
    interval = correction.interval
    return percent(correction.share) + (f"\n{percent(interval.low)} – {percent(interval.high)}" if interval else "")
