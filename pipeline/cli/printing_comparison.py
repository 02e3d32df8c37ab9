"""Prints how two runs compare."""

from __future__ import annotations

from collections.abc import Sequence

import click
from rich.markup import escape
from rich.table import Column, Table

from facetally.cli.printing import add_ratio, console
from facetally.formatting import clock, counted, percent, player_time, printable
from facetally.validation.metrics import Figures

LISTED = 20
"""Appearances and people that are listed; the file of --out holds all."""
SHARE_COLUMNS = ("appearances", "women", "men", "unknown", "share of women", "screen time", "share of women")


def print_comparison(figures: Figures, first: str, second: str) -> None:
    """Prints both runs' accuracy where there are labels, their shares, and the appearances that differ."""
    if "difference" in figures:
        _print_accuracy(figures, first, second)
    _print_shares(figures, first, second)
    _print_appearances(figures["appearances"])
    for name, by_hand in zip((first, second), figures["corrections_ignored"].values(), strict=True):
        if by_hand:
            click.echo(printable(f"Compared as predicted: {by_hand} in {name}, ignored here"), err=True)


def _print_accuracy(figures: Figures, first: str, second: str) -> None:
    """Both runs' accuracy over the same people, the difference, and the people of whom it is made."""
    table = Table("", *(Column(name, justify="right") for name in ("correct", "of", "accuracy", "95 % interval")))
    add_ratio(table, first, figures["first"])
    add_ratio(table, second, figures["second"])
    console().print(table)
    difference = figures["difference"]
    low, high = difference["low"], difference["high"]
    click.echo(
        f"Difference {difference['points']:+.1f} points (95 % interval {low:+.1f} to {high:+.1f}); "
        f"correct only in the first {figures['only_first_right']}, only in the second {figures['only_second_right']}"
    )
    better = second if low > 0 else first if high < 0 else ""
    click.echo(f"{better} is better" if better else "The difference may be chance")
    for person in _listed(figures["changed"]):
        predicted = f"{person['first']} in the first, {person['second']} in the second"
        click.echo(f"  {person['person']} in {person['video']}, labelled {person['true']}: {predicted}")


def _print_shares(figures: Figures, first: str, second: str) -> None:
    table = Table(
        f"in {counted(figures['videos'], 'video')} of both", *(Column(name, justify="right") for name in SHARE_COLUMNS)
    )
    table.columns[0].overflow = "fold"
    for name, shares in zip((first, second), figures["shares"].values(), strict=True):
        counts = (f"{shares[key]:,}" for key in ("appearances", "female", "male", "unknown"))
        by_time = clock(shares["screen_time_s"]), percent(shares["screen_time_share"])
        table.add_row(escape(name), *counts, percent(shares["share"]), *by_time)
    console().print(table)


def _print_appearances(figures: Figures) -> None:
    both = figures["same"] + figures["other_gender"]
    click.echo(
        f"{counted(both, 'appearance')} in both runs, {figures['other_gender']} of them with another gender; "
        f"only in the first {figures['only_first']}, only in the second {figures['only_second']}; "
        f"pieces of an appearance that the other run follows as one {figures['cut_differently']}"
    )
    if not figures["changed"]:
        return
    table = Table(Column("video", overflow="fold"), "from", "to", "in the first", "in the second")
    for one in _listed(figures["changed"]):
        times = player_time(one["first_s"]), player_time(one["last_s"])
        table.add_row(escape(one["video"]), *times, *(_prediction(one, name) for name in ("first", "second")))
    console().print(table)
    if (more := len(figures["changed"]) - LISTED) > 0:
        click.echo(f"and {more} more: -o FILE writes all of them")


def _listed(values: Sequence[Figures]) -> Sequence[Figures]:
    return values[:LISTED]


def _prediction(appearance: Figures, run: str) -> str:
    gender, female_prob = appearance[run], appearance[f"{run}_female_prob"]
    return "not there" if gender is None else f"{gender} ({percent(female_prob)} female)"
