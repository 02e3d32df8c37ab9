"""Prints how a run compares with hand labels, or with another run."""

from __future__ import annotations

import math

import click
from rich.table import Column, Table

from facetally.cli.printing import add_ratio, console
from facetally.formatting import percent
from facetally.validation.metrics import Figures


def print_validation(figures: Figures) -> None:
    """Prints the verdict and the figures it is based on."""
    table = Table("", *(Column(name, justify="right") for name in ("correct", "of", "accuracy", "95 % interval")))
    people = figures["people"]
    for label, group in (
        ("people found", people),
        ("  women", people["female"]),
        ("  men", people["male"]),
        ("  gender predicted", people["predicted"]),
        ("end to end, a missed person is an error", people["end_to_end"]),
        ("tracks", figures["tracks"]),
    ):
        add_ratio(table, label, group)
    console().print(table)
    for unit, name in (("appearance", "share"), ("screen time", "screen_time")):
        women = figures[name]["female"]
        predicted, true = (percent(math.nan if women[key] is None else women[key]) for key in ("raw", "true"))
        click.echo(f"Share of women by {unit}: predicted {predicted}, labelled {true}{_matchable(figures, name)}")
    if left_out := figures["truth"]["left_out"]:
        people = "1 labelled person is" if len(left_out) == 1 else f"{len(left_out)} labelled people are"
        click.echo(f"{people} not in the table above: never alone in view, or in no sampled frame")
    click.echo(f"Target {percent(figures['target'])}: {figures['verdict']}{_advice(figures)}")


def _matchable(figures: Figures, name: str) -> str:
    """The labelled share of the people to whom tracks can be given, where these are not all."""
    if not figures["truth"]["left_out"]:
        return ""
    share = figures[name]["female"]["matchable"]
    return f" (people who can be matched: {percent(math.nan if share is None else share)})"


def _advice(figures: Figures) -> str:
    if figures["exit_code"] != 3:
        return ""
    more = figures["further_people"]
    return f"; label about {more} more people" if more else "; more labels would not decide it at this accuracy"


def print_comparison(figures: Figures, first: str, second: str) -> None:
    """Prints two runs' accuracy over the same people, and the difference."""
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
