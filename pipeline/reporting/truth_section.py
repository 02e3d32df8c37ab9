"""The part of the page about hand labels: the verdict, and how good the predictions are, from a validation's figures.

The figures come from a file (`report.json`) that may be older, from few labels, or written by others: what is missing
or not a number is left out, and named at the end.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

import jinja2
from markupsafe import Markup

from facetally.charts.accuracy import AccuracyRow, accuracy_by
from facetally.charts.confusion import confusion
from facetally.charts.reliability import ReliabilityBin, reliability
from facetally.charts.shares import ShareRow, shares_with_intervals
from facetally.formatting import counted, percent
from facetally.quantification.intervals import wilson_interval
from facetally.quantification.run_shares import METHODS
from facetally.reporting.templates import environment
from facetally.validation.labelling import exceeds_run
from facetally.validation.report import HEADINGS, RELIABILITY_BINS

LONGEST_FIGURE = 24
"""Characters of a cell; longer ones are texts, and may be broken."""
MOST_ROWS = 12
"""Groups in a chart; the table has all."""
GROUPS = {**HEADINGS, "source": "source"}
"""Names of `by.<group>` for readers."""
LARGEST = 1e12
"""No figure of a validation is as large."""
UNITS = {"share": "by appearance", "screen_time": "by screen time"}
PREDICTIONS = ("female", "male", "unknown", "missed")
Figures = Mapping[str, Any]


@dataclass(frozen=True)
class Part:
    """One chart with its table."""

    heading: str
    chart: Markup
    head: tuple[str, ...]
    """Of the table's columns: the first holds words, the others figures."""
    rows: tuple[tuple[str, ...], ...]
    text: str = ""
    """Below the heading."""


def truth_section(report: Figures) -> Markup:
    """The section, without a heading of its own: verdict, charts, and a folded table for each.

    Args:
        report: the content of report.json.
    """
    made = {
        "labels against predictions": _confusion(report),
        "people found": _found(report),
        "corrected shares": _shares(report),
        "calibration of the probabilities": _calibration(report),
        **{f"accuracy by {name}": _group(report, key, name) for key, name in GROUPS.items()},
    }
    return Markup(
        _template().render(
            longest_figure=LONGEST_FIGURE,
            verdict=report.get("verdict"),
            sentence=verdict_sentence(report),
            further=further_sentence(report),
            remarks=_remarks(report),
            parts=[part for part in made.values() if part],
            missing=[name for name, part in made.items() if not part],
        )
    )


def verdict_sentence(report: Figures) -> str:
    """Whether the accuracy reaches the target, without a full stop."""
    target, sample = ratio(report.get("target")), at(report, "sample")
    figures = at(sample, "accuracy") if sample else at(report, "people")
    share = number(figures.get("share" if sample else "accuracy"))
    if sample and share is None:
        return "The first appearances that were drawn have no label yet, so nothing is estimated for the whole run"
    if share is None:
        return "No labelled man or woman has an appearance that could be right or wrong, so nothing is decided"
    if sample:
        labelled, drawn = number(sample.get("labelled")), number(sample.get("appearances"))
        known = labelled is not None and drawn is not None
        of = f"the run's appearances, estimated from {labelled:,.0f} labels" if known else "the run's appearances"
    else:
        of = _people(number(figures.get("count")) or 0)
    side = {"pass": "reaches", "fail": "misses"}.get(str(report.get("verdict")), "is not yet settled against")
    limits = interval(figures)
    between = f" (95 % interval {percent(limits[0])} – {percent(limits[1])})" if limits else ""
    aim = f", which {side} the target of {percent(target)}" if target is not None else ""
    return f"The likelier gender is correct for {percent(share)} of {of}{between}{aim}"


def further_sentence(report: Figures) -> str:
    """What to do where nothing is settled; else empty."""
    if report.get("verdict") in ("pass", "fail"):
        return ""
    sample = at(report, "sample")
    further = number(sample.get("further_appearances") if sample else report.get("further_people"))
    if text := exceeds_run(report):
        return text[0].upper() + text[1:]
    if further:
        noun = "appearance" if sample else "person"
        return f"Label about {counted(math.ceil(further), noun).replace(' ', ' more ', 1)} to settle it"
    return "At this accuracy no number of labels would settle it" if number(_share(report)) is not None else ""


def _share(report: Figures) -> object:
    sample = at(report, "sample")
    return at(sample, "accuracy").get("share") if sample else at(report, "people").get("accuracy")


def _remarks(report: Figures) -> list[str]:
    """What a reader must know of the labels, without full stops."""
    labelling, remarks = at(report, "labelling"), []
    labelled, of = number(labelling.get("labelled")), number(labelling.get("of"))
    if labelled is not None and of is not None and labelled < of:
        remarks.append(f"{labelled:,.0f} of {of:,.0f} people are labelled so far; the others do not count yet")
    if flaw := labelling.get("not_a_sample"):
        remarks.append(f"The labels do not count as a random sample: {flaw}")
    left_out = at(report, "truth").get("left_out")
    if isinstance(left_out, list) and left_out:
        verb = "is" if len(left_out) == 1 else "are"
        remarks.append(f"{_people(len(left_out))} could not be compared and {verb} left out")
    return remarks


def _people(count: float) -> str:
    return f"{count:,.0f} labelled {'person' if count == 1 else 'people'}"


def _confusion(report: Figures) -> Part | None:
    found = {true: row for true, row in at(report, "people", "confusion").items() if isinstance(row, Mapping)}
    counts = {
        (true, word): max(int(number(row.get(word)) or 0), 0) for true, row in found.items() for word in PREDICTIONS
    }
    if not any(counts.values()):
        return None
    rows = tuple((true, *(f"{counts[true, predicted]:,}" for predicted in PREDICTIONS)) for true in found)
    title = "Labelled people, by label and prediction"
    text = "Missed: a labelled person without a track."
    return Part("Labels and predictions", Markup(confusion(counts, title)), ("labelled", *PREDICTIONS), rows, text)


def _found(report: Figures) -> Part | None:
    sources: tuple[tuple[str, Figures, str], ...]
    if sample := at(report, "sample"):
        sources = (
            ("faces found", at(sample, "recall"), "share"),
            ("found and correct", at(sample, "end_to_end"), "share"),
        )
    else:
        sources = (
            ("people found", at(report, "detection", "people"), "recall"),
            ("boxes found", at(report, "detection", "boxes"), "recall"),
            ("found and correct", at(report, "people", "end_to_end"), "accuracy"),
        )
    rows = [row for label, figures, key in sources if (row := accuracy_row(label, figures, key)).accuracy is not None]
    if not rows:
        return None
    chart = Markup(accuracy_by(rows, None, "Recall of people, and end to end"))
    text = "Of all labelled men and women, how many have a track, and how many of all are classified correctly."
    return Part("People found, and end to end", chart, ("", *RATIO), tuple(map(_cells, rows)), text)


RATIO = ("share", "95 % interval", "of")


def _group(report: Figures, key: str, name: str) -> Part | None:
    groups = {label: f for label, f in at(report, "by", key).items() if isinstance(f, Mapping)}
    rows = [accuracy_row(str(label), figures, "accuracy") for label, figures in groups.items()]
    known = [row for row in rows if row.accuracy is not None]
    if not known:
        return None
    largest = sorted(known, key=lambda row: -(row.count or 0))[:MOST_ROWS]
    shown = largest if len(largest) < len(known) else known
    missed = [number(figures.get("missed")) for figures in groups.values()]
    cells = tuple((*_cells(row), "–" if m is None else f"{m:,.0f}") for row, m in zip(rows, missed, strict=True))
    title = f"Accuracy by {name}"
    chart = Markup(accuracy_by(shown, ratio(report.get("target")), title))
    text = f"The {len(shown)} of {len(known)} with the most labels." if len(shown) < len(known) else ""
    return Part(title, chart, (name, "accuracy", "95 % interval", "of", "missed"), cells, text)


def _calibration(report: Figures) -> Part | None:
    figures = at(report, "calibration")
    probs, women = figures.get("female_prob"), figures.get("is_female")
    if not isinstance(probs, list) or not isinstance(women, list) or len(probs) != len(women):
        return None
    pairs = [(ratio(prob), bool(is_woman)) for prob, is_woman in zip(probs, women, strict=True)]
    bins = list(reliability_bins([(prob, is_woman) for prob, is_woman in pairs if prob is not None]))
    if not bins:
        return None
    rows = tuple(
        (percent(one.predicted), percent(one.share), f"{percent(one.low)} – {percent(one.high)}", f"{one.count:,}")
        for one in bins
    )
    chart = Markup(reliability(bins, "Share of women by the labels, by predicted probability"))
    head = ("mean probability of a woman", "women by the labels", "95 % interval", "tracks")
    text = "On the dashed line the probabilities are right. The numbers count labelled tracks; intervals are Wilson's."
    return Part("Calibration of the probabilities", chart, head, rows, text)


def reliability_bins(pairs: Sequence[tuple[float, bool]]) -> Iterator[ReliabilityBin]:
    """Labelled tracks by their predicted probability, in the bins of `validation.png`.

    Args:
        pairs: the probability, and whether the label is female.
    """
    for low, high in pairwise(RELIABILITY_BINS):
        members = [(prob, is_woman) for prob, is_woman in pairs if low <= prob < high or prob == high == 1]
        if members:
            count, women = len(members), sum(is_woman for _, is_woman in members)
            ends = wilson_interval(women, count)
            yield ReliabilityBin(sum(prob for prob, _ in members) / count, women / count, ends.low, ends.high, count)


def _shares(report: Figures) -> Part | None:
    shown, cells = [], []
    for key, unit in UNITS.items():
        figures = at(report, key, "female")
        method = str(at(figures, "quote").get("method"))
        for name, share in at(figures, "run").items():
            if not isinstance(share, Mapping):
                continue
            limits = interval(share) or (None, None)
            row = ShareRow(f"{unit}, {METHODS.get(name, name)}", ratio(share.get("share")), *limits)
            if row.share is None:
                cells.append((row.label, str(share.get("refusal") or "–"), ""))
                continue
            cells.append((row.label, percent(row.share), _between(row.interval)))
            if name in ("raw", method):
                word = "as counted" if name == "raw" else "corrected"
                shown.append(ShareRow(f"{unit}, {word}", row.share, row.low, row.high))
    if not shown:
        return None
    chart = Markup(shares_with_intervals(shown, "Shares of women as counted and corrected"))
    head = ("share of women in all videos of the run", "share", "95 % interval")
    return Part("Corrected shares beside the counted ones", chart, head, tuple(cells), _shares_text(report))


def _shares_text(report: Figures) -> str:
    sentences = []
    for key, unit in UNITS.items():
        quote = at(report, key, "female", "quote")
        method, share, limits = quote.get("method"), ratio(quote.get("share")), interval(quote)
        if share is not None:
            between = f" ({_between(limits)})" if limits else ""
            name = METHODS.get(str(method), method)
            sentences.append(f"To quote {unit}: {percent(share)} women{between}, by the method {name}.")
        elif refusal := quote.get("refusal"):
            sentences.append(f"No corrected share {unit}: {refusal}.")
    return " ".join(sentences)


def accuracy_row(label: str, figures: Figures, key: str) -> AccuracyRow:
    """One ratio of report.json as a row of a chart."""
    count = number(figures.get("count"))
    share = ratio(figures.get(key)) if count is None or count > 0 else None
    return AccuracyRow(label, None if count is None else int(count), share, *(interval(figures) or (None, None)))


def _cells(row: AccuracyRow) -> tuple[str, ...]:
    count = "" if row.count is None else f"{row.count:,}"
    return row.label, percent(row.accuracy), _between(row.interval) if row.accuracy is not None else "–", count


def _between(limits: tuple[float, float] | None) -> str:
    return f"{percent(limits[0])} – {percent(limits[1])}" if limits else "–"


def at(figures: object, *keys: str) -> Figures:
    """The mapping at a path of keys; an empty one where there is none."""
    for key in keys:
        figures = figures.get(key) if isinstance(figures, Mapping) else None
    return figures if isinstance(figures, Mapping) else {}


def number(value: object) -> float | None:
    """A finite number; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return value if abs(value) < LARGEST else None  # also false for NaN


def ratio(value: object) -> float | None:
    """A number from 0 to 1; None for anything else."""
    found = number(value)
    return found if found is not None and 0 <= found <= 1 else None


def interval(figures: Figures) -> tuple[float, float] | None:
    """The ends of an interval of a ratio."""
    low, high = ratio(figures.get("low")), ratio(figures.get("high"))
    return None if low is None or high is None or low > high else (low, high)


@cache
def _template() -> jinja2.Template:
    return environment().get_template("truth_section.html")
