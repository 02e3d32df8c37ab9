"""Prints tallies, differences between groups, and corrected shares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click
import pandas as pd
from rich.markup import escape
from rich.table import Column, Table

from facetally.cli.printing import console
from facetally.formatting import clock, percent
from facetally.tallies.shares import Figure, Shares

if TYPE_CHECKING:  # SciPy loads late: a run prints none of these
    from facetally.quantification.correction import Correction
    from facetally.tallies.comparison import GroupDifference
    from facetally.tallies.corrected import Quotes
    from facetally.tallies.summary import Summary

COLUMNS = ("appearances", "women", "men", "unknown", "women by appearance", "screen time", "women by screen time")
PEOPLE_COLUMNS = ("people", "women among people")
"""In a run that counted them."""
HIDDEN = "hidden"
UNIT_NAMES = {"appearances": "appearance", "screen_time_s": "screen time"}


def print_summary(summary: Summary) -> None:
    """Prints the groups, their differences and corrected shares to stdout, and what a reader must know to stderr."""
    print_lines([*summary.lines, summary.total])
    if summary.differences:
        print_differences(summary.differences)
    if summary.has_group_corrections:
        print_group_corrections([*summary.lines, summary.total], summary.quotes)
        if len(summary.quotes[-1]) < len(summary.corrections):
            _print_refusals(summary.corrections)
    elif summary.corrections:
        print_corrections(summary.corrections)
        for unit, quote in summary.quotes[-1].items():
            of = "all videos, " if summary.lines else ""
            click.echo(f"To quote, {of}by {UNIT_NAMES[unit]}: {quote.sentence}")
    for sentence in sentences(summary):
        click.echo(sentence, err=True)


def sentences(summary: Summary) -> list[str]:
    """What a reader of a tally must know."""
    from facetally.quantification.differences import METHOD
    from facetally.tallies.summary import longer_than_videos

    found = [summary.published.hidden_sentence, summary.disclosure, longer_than_videos(summary.total, summary.rows)]
    found += [*summary.notes, summary.mixed_note]
    if summary.differences:
        found.append(METHOD)
    if not summary.corrections and summary.forecast.sentence:
        found.append(f"{summary.forecast.sentence}. To measure it: facetally truth template, then facetally validate")
    return [f"{_begun(sentence)}." for sentence in found if sentence]


def _begun(sentence: str) -> str:
    """With a capital letter, unless it begins with the name of a file or folder: "groups.csv has", "out: 1"."""
    return sentence[0].upper() + sentence[1:] if sentence.split()[0].isalpha() else sentence


def print_tally(tallies: pd.DataFrame, by: str = "all") -> None:
    """Prints the sum of a tally in one line.

    Args:
        tallies: with the columns of `tables.TALLIES`.
        by: only "all".
    """
    print_lines([Shares.of(by, tallies)])


def print_lines(lines: Sequence[Shares]) -> None:
    """Prints a table of lines, of which the last is their total."""
    has_people = lines[-1].people.total > 0
    table = Table("", *(COLUMNS + PEOPLE_COLUMNS if has_people else COLUMNS))
    table.columns[0].overflow = "fold"
    for column in table.columns[1:]:
        column.justify = "right"
    for line in lines:
        *counts, share = line.figures("appearances").values()
        seconds = line.figures("screen_time_s")
        cells = [*(_count(value) for value in counts), _percent(share)]
        cells += [_clock(seconds["screen_time_s"]), _percent(seconds["women_by_screen_time"])]
        people = line.figures("people")
        more = [_count(people["people"]), _percent(people["women_by_person"])] if has_people else []
        table.add_row(escape(line.label), *cells, *more)
    console().print(table)


def print_differences(differences: Sequence[GroupDifference]) -> None:
    """Prints differences between shares of women, in percentage points."""
    from facetally.tallies.comparison import points

    columns = (Column(name, justify="right") for name in ("by appearance", "by screen time"))
    table = Table("difference in the share of women, points", *columns)
    table.columns[0].overflow = "fold"
    for one in differences:
        table.add_row(escape(one.label), points(one.by_appearance), points(one.by_screen_time))
    console().print(table)


def _count(value: Figure) -> str:
    return HIDDEN if value is None else f"{value:,.0f}"


def _percent(value: Figure) -> str:
    return HIDDEN if value is None else percent(value)


def _clock(value: Figure) -> str:
    return HIDDEN if value is None else clock(value)


def print_corrections(corrected: dict[str, dict[str, Correction]]) -> None:
    """Prints counted and corrected shares of women side by side.

    Args:
        corrected: as from `run_shares.run_corrections`.
    """
    from facetally.quantification.run_shares import METHODS

    methods = list(dict.fromkeys(name for by_method in corrected.values() for name in by_method))
    table = Table("share of women, unknowns included", *(Column(METHODS[name], justify="right") for name in methods))
    for unit, by_method in corrected.items():
        table.add_row(f"by {UNIT_NAMES[unit]}", *(_corrected_cell(by_method[name]) for name in methods))
    console().print(table)
    _print_refusals(corrected)


def _print_refusals(corrected: dict[str, dict[str, Correction]]) -> None:
    from facetally.quantification.run_shares import METHODS

    refusals = [(name, c.refusal) for by_method in corrected.values() for name, c in by_method.items() if c.refusal]
    for name, refusal in dict.fromkeys(refusals):
        click.echo(f"Refused: {METHODS[name]}: {refusal}", err=True)


def print_group_corrections(lines: Sequence[Shares], quotes: Sequence[Quotes]) -> None:
    """Prints the corrected share to quote of each line, with its 95 % interval."""
    from facetally.tallies.corrected import method_names

    method = method_names(quotes)
    names = (f"by {UNIT_NAMES[unit]}" for unit in UNIT_NAMES)
    how = f"corrected ({method}), with 95 % interval" if method else "corrected"
    table = Table(f"share of women to quote, {how}", *(Column(name, justify="right") for name in names))
    table.columns[0].overflow = "fold"
    for line, own in zip(lines, quotes, strict=True):
        nothing = HIDDEN if line.hidden else "–"
        table.add_row(escape(line.label), *(own[unit].text if unit in own else nothing for unit in UNIT_NAMES))
    console().print(table)


def _corrected_cell(correction: Correction) -> str:
    if correction.refusal:
        return "–"
    interval = correction.interval
    return percent(correction.share) + (f"\n{percent(interval.low)} – {percent(interval.high)}" if interval else "")
