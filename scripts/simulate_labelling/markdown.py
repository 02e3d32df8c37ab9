"""The figures of the simulation as a page of tables."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from scripts.simulate_labelling.simulation import FIRST_LOOK, MOMENTS, SIZES

INTRODUCTION = """# Labelling, simulated

{date}, {machine}, facetally {version}, numpy {numpy}; `{command}`.

Corpora are drawn at random, each with its own appearances, people, videos and errors. From each a sample is drawn by
the code of `facetally label` and labelled without mistakes, and every estimate is compared with the truth of that
corpus. {corpora:,} corpora of each kind; a share of 95 % is then known to within {margin:.1f} points.

## The verdict, looked at after every label

The target is put where the verdict is hardest: just above the true accuracy of the corpus, so that *pass* is wrong, and
exactly at it, so that *fail* is wrong. Every appearance of the run is labelled in turn and the verdict is asked for
each time; one wrong verdict at any look counts. The limits are 2.5 % for each, by construction. The last column is
what happens to somebody who computes Wilson's interval for independent cases after every label from the {first}th on:
how often it excludes the true accuracy at some look.
"""
WHEN = (*(f"{size} labels" for size in SIZES), "labels up to the verdict")
TITLES = {"accuracy": "Accuracy", "women": "Share of women, prediction-powered", "false": "False appearances"}
COVERAGE = """
## How often the 95 % intervals cover the truth

After a fixed number of labels, and, against the rules, after the number at which the verdict on 85 % was there. In a
small run there are not as many appearances as that. Where the share is above 97 %, the interval is wider than it need
be.
"""
RECALL = """
## People missed, and the end-to-end figure

Recall from sampled moments, and its product with accuracy by screen time (from 100 labels). Moments are spread evenly
over the run's time, but the interval treats them as spread at random. It is therefore too wide.

"""
SEQUENCE = """
## The confidence sequence at one look

Its 95 % hold for all looks together, so that it covers more often than that at any single one.

"""
WIDTH_COLUMNS = (
    ("accuracy, fixed size", "width: accuracy, appearances, 100 labels"),
    ("accuracy, confidence sequence", "width: confidence sequence, 100 labels"),
    ("women, prediction-powered", "width: women, appearances, 100 labels"),
    ("women, labels alone", "width: women without predictions, appearances, 100 labels"),
    ("women by screen time, prediction-powered", "width: women, screen_time_s, 100 labels"),
    ("women by screen time, labels alone", "width: women without predictions, screen_time_s, 100 labels"),
)
WIDTHS = """
## Mean widths of intervals after 100 labels

"""
PRICE = """
## What looking at any time costs

Labels until the verdict on a target of 85 % is there, against the number that Wilson's interval needs if that number is
fixed beforehand and one looks once. Nobody knows that number beforehand, since it depends on the accuracy; with it,
half or 90 % of all attempts end with a verdict, while the confidence sequence always ends with one.

"""


def as_text(report: Mapping[str, Any]) -> str:
    """The report as Markdown."""
    kinds = report["kinds"]
    corpora = report["corpora"]
    introduction = INTRODUCTION.format(
        date=report["date"],
        machine=report["machine"],
        version=report["versions"]["facetally"],
        numpy=report["versions"]["numpy"],
        command=report["command"],
        corpora=corpora,
        margin=196 * math.sqrt(0.95 * 0.05 / corpora),
        first=FIRST_LOOK,
    )
    looks = [name for name in next(iter(kinds.values()))["figures"] if name.startswith("wrong")]
    parts = [introduction, _table(("corpora", *looks), _by_kind(kinds, looks))]
    parts.append(COVERAGE)
    for unit, name in (("appearances", "by appearance"), ("screen_time_s", "by screen time")):
        for estimate in ("accuracy", "women", "false"):
            names = [f"covers: {estimate}, {unit}, {when}" for when in WHEN]
            parts.append(f"{TITLES[estimate]}, {name}:\n\n" + _table(("corpora", *WHEN), _by_kind(kinds, names)))
    names = [f"covers: {name}, {count} moments" for name in ("recall", "end to end") for count in MOMENTS]
    parts.append(RECALL + _table(("corpora", *(name[8:] for name in names)), _by_kind(kinds, names)))
    parts.append(
        SEQUENCE
        + _table(("corpora", *WHEN[1:]), _by_kind(kinds, [f"covers: confidence sequence, {when}" for when in WHEN[1:]]))
    )
    parts.append(
        WIDTHS
        + _table(
            ("corpora", *(title for title, _ in WIDTH_COLUMNS)), _by_kind(kinds, [key for _, key in WIDTH_COLUMNS])
        )
    )
    header = [name for name in report["labels_needed"][0] if name != "accuracy"]
    rows = [[f"{row['accuracy']:.0%}", *(f"{row[name]:,.0f}" for name in header)] for row in report["labels_needed"]]
    parts.append(PRICE + _table(("true accuracy", *header), rows))
    return "\n".join(parts)


def _by_kind(kinds: Mapping[str, Any], names: Sequence[str]) -> list[list[str]]:
    rows = []
    for kind, stored in kinds.items():
        figures = stored["figures"]
        rows.append([kind, *(f"{100 * figures[name]:.1f} %" if name in figures else "-" for name in names)])
    return rows


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in (header, ["---"] * len(header), *rows)]
    return "\n".join(lines) + "\n"
