"""Writes a validation as report.json, report.md and validation.png."""

from __future__ import annotations

import json
from collections.abc import Sequence
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import jinja2
import numpy as np

from facetally.files import write_whole
from facetally.formatting import one_line, percent
from facetally.images.face_pictures import time_span
from facetally.quantification.run_shares import METHODS
from facetally.validation.labelling import exceeds_run
from facetally.validation.metrics import Figures, independent_figures
from facetally.validation.outcomes import TrackOutcome
from facetally.validation.unmatched import WORDS
from facetally.validation.validate import Validation

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HEADINGS = {
    "face_height_px": "face height, px",
    "face_quality": "face quality",
    "age_band": "age band",
    "people_in_view": "people in view",
}
FIGURE_INCHES, DOTS_PER_INCH = (11, 8), 90
RELIABILITY_BINS = (0.0, 0.05, 0.2, 0.4, 0.6, 0.8, 0.95, 1.0)


def write_validation(validation: Validation, folder: Path) -> Path:
    """Writes the three files, and returns the path of report.md.

    Raises:
        OutputError: the folder cannot be written.
    """
    write_json(validation.figures, folder / "report.json")
    write_whole(folder / "report.md", as_markdown(validation.figures))
    plot = BytesIO()
    summary_figure(validation).savefig(plot, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
    write_whole(folder / "validation.png", plot.getvalue())
    return folder / "report.md"


def write_json(figures: Figures, path: Path) -> None:
    """Writes figures as indented JSON.

    Raises:
        OutputError: the file cannot be written.
    """
    write_whole(path, json.dumps(figures, indent=1, allow_nan=False) + "\n")


def as_markdown(figures: Figures) -> str:
    """The report as Markdown."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=False,  # Markdown, in which names are escaped by `cell`
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.ChainableUndefined,
    )
    environment.filters |= {"percent": percent, "number": _number, "cell": cell, "in_view": _in_view}
    template = environment.get_template("validation.md")
    return template.render(
        **figures, exceeds_run=exceeds_run(figures), methods=METHODS, headings=HEADINGS, unmatched_words=WORDS
    )


def cell(text: str) -> str:
    """A name as the cell of a table, with all characters of Markdown and HTML escaped."""
    flat = one_line(" ".join(str(text).split()))
    return "".join(f"&#{ord(character)};" if character in "|<>&`*_~[]\\" else character for character in flat)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}" if abs(value) < 10 else f"{value:.0f}"


def _in_view(error: Figures) -> str:
    """When the person of an error is in view, as players show it; an en dash if the figures do not state it."""
    first_s, last_s = error.get("first_s"), error.get("last_s")
    return "–" if first_s is None or last_s is None else time_span(first_s, last_s)


def summary_figure(validation: Validation) -> Figure:
    """Accuracy by face height, reliability, abstention, and shares of women, in a figure that pyplot does not know."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(FIGURE_INCHES, layout="constrained")
    FigureCanvasAgg(figure)
    heights, reliability, abstention, shares = (figure.add_subplot(2, 2, number) for number in range(1, 5))
    _plot_heights(heights, validation.figures)
    _plot_reliability(reliability, validation.outcomes.tracks)
    _plot_abstention(abstention, validation.figures)
    _plot_shares(shares, validation.figures)
    return figure


def _plot_heights(axes: Axes, figures: Figures) -> None:
    groups = {name: group for name, group in figures["by"]["face_height_px"].items() if group["count"]}
    places = np.arange(len(groups))
    for place, group in zip(places, groups.values(), strict=True):
        axes.plot([place, place], [group["low"], group["high"]], color="grey")
        axes.plot(place, group["accuracy"], "o", color="tab:blue")
    axes.axhline(figures["target"], linestyle=":", color="black")
    axes.set_xticks(places, [f"{name}\n({group['count']})" for name, group in groups.items()])
    axes.set(title="Accuracy over people, by face height", xlabel="face height, px (people)", ylim=(0, 1.02))


def _plot_reliability(axes: Axes, tracks: Sequence[TrackOutcome]) -> None:
    counted = [track for track in tracks if track.counts]
    axes.plot([0, 1], [0, 1], linestyle=":", color="black")
    for low, high in pairwise(RELIABILITY_BINS):
        members = [t for t in counted if low <= t.female_prob < high or t.female_prob == high == 1]
        if not members:
            continue
        women = independent_figures(track.truth == "female" for track in members)
        mean_prob = float(np.mean([track.female_prob for track in members]))
        axes.plot([mean_prob, mean_prob], [women["low"], women["high"]], color="grey")
        axes.plot(mean_prob, women["accuracy"], "o", color="tab:blue")
        axes.annotate(str(len(members)), (mean_prob, women["accuracy"]), textcoords="offset points", xytext=(6, -4))
    axes.set(title="Labelled women, by predicted probability (tracks)", xlabel="female_prob", xlim=(-0.05, 1.1))
    axes.set_ylabel("share of women")


def _plot_abstention(axes: Axes, figures: Figures) -> None:
    points = [point for point in figures["abstention"]["curve"] if point["accuracy"] is not None]
    axes.plot([point["coverage"] for point in points], [point["accuracy"] for point in points], ".-")
    for point in points[::2]:
        place = (point["coverage"], point["accuracy"])
        axes.annotate(f"{point['min_confidence']:.2f}", place, textcoords="offset points", xytext=(4, 4))
    axes.set(title="Unknown below a confidence", xlabel="share of tracks with a prediction", ylabel="accuracy of these")


def _plot_shares(axes: Axes, figures: Figures) -> None:
    names = list(figures["share"]["female"]["run"])
    for unit, key, colour, shift in (
        ("by appearance", "share", "tab:purple", 0.12),
        ("by screen time", "screen_time", "tab:green", -0.12),
    ):
        shares = figures[key]["female"]["run"]
        known = [(place + shift, shares[name]) for place, name in enumerate(names) if shares[name]["share"] is not None]
        for place, share in known:
            axes.plot([share["low"], share["high"]], [place, place], color="grey")
        axes.plot([share["share"] for _, share in known], [place for place, _ in known], "o", color=colour, label=unit)
    axes.set_yticks(range(len(names)), [METHODS[name].replace(" adjusted", "\nadjusted") for name in names])
    axes.set(title="Share of women in the run", xlim=(0, 1), ylim=(-0.5, max(len(names), 1) - 0.5))
    axes.invert_yaxis()
    axes.legend(loc="lower right")
