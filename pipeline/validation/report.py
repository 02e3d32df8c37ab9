"""Writes a validation as report.json, report.md and validation.png."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import jinja2
import numpy as np

from facetally.errors import OutputError
from facetally.formatting import percent
from facetally.quantification.run_shares import METHODS
from facetally.validation.metrics import Figures, independent_figures
from facetally.validation.outcomes import TrackOutcome
from facetally.validation.validate import Validation

HEADINGS = {
    "face_height_px": "face height, px",
    "face_quality": "face quality",
    "age_band": "age band",
    "people_in_view": "people in view",
}
RELIABILITY_BINS = (0.0, 0.05, 0.2, 0.4, 0.6, 0.8, 0.95, 1.0)


def write_validation(validation: Validation, folder: Path) -> Path:
    """Writes the three files, and returns the path of report.md.

    Raises:
        OutputError: the folder cannot be written.
    """
    write_json(validation.figures, folder / "report.json")
    try:
        (folder / "report.md").write_text(as_markdown(validation.figures), encoding="utf-8", errors="replace")
        _write_plots(validation, folder / "validation.png")
    except OSError as error:
        raise OutputError(f"cannot write {folder}: {error.strerror}", fix="choose another folder with -o") from error
    return folder / "report.md"


def write_json(figures: Figures, path: Path) -> None:
    """Writes figures so that people and programs can read them.

    Raises:
        OutputError: the place cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(figures, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}", fix="choose another place with -o") from error


def as_markdown(figures: Figures) -> str:
    """The report as text."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=False,  # Markdown; names go through `cell`
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.ChainableUndefined,
    )
    environment.filters |= {"percent": _percent, "number": _number, "cell": cell}
    return environment.get_template("validation.md").render(**figures, methods=METHODS, headings=HEADINGS)


def cell(text: str) -> str:
    """A name as the cell of a table: nothing in it is taken for Markdown or HTML."""
    flat = " ".join(str(text).split())
    return "".join(f"&#{ord(character)};" if character in "|<>&`*_~[]\\" else character for character in flat)


def _percent(share: float | None) -> str:
    return percent(math.nan if share is None else share)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}" if abs(value) < 10 else f"{value:.0f}"


def _write_plots(validation: Validation, path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(2, 2, figsize=(11, 8), layout="constrained")
    _plot_heights(axes[0, 0], validation.figures)
    _plot_reliability(axes[0, 1], validation.outcomes.tracks)
    _plot_abstention(axes[1, 0], validation.figures)
    _plot_shares(axes[1, 1], validation.figures)
    figure.savefig(path, dpi=90, metadata={"Software": None})
    plt.close(figure)


def _plot_heights(axes, figures: Figures) -> None:  # type: ignore[no-untyped-def]
    groups = {name: group for name, group in figures["by"]["face_height_px"].items() if group["count"]}
    places = np.arange(len(groups))
    for place, group in zip(places, groups.values(), strict=True):
        axes.plot([place, place], [group["low"], group["high"]], color="grey")
        axes.plot(place, group["accuracy"], "o", color="tab:blue")
    axes.axhline(figures["target"], linestyle=":", color="black")
    axes.set_xticks(places, [f"{name}\n({group['count']})" for name, group in groups.items()])
    axes.set(title="People told right, by face height", xlabel="face height, px (people)", ylim=(0, 1.02))


def _plot_reliability(axes, tracks: Sequence[TrackOutcome]) -> None:  # type: ignore[no-untyped-def]
    counted = [track for track in tracks if track.counts]
    axes.plot([0, 1], [0, 1], linestyle=":", color="black")
    for low, high in pairwise(RELIABILITY_BINS):
        members = [t for t in counted if low <= t.female_prob < high or t.female_prob == high == 1]
        if not members:
            continue
        women = independent_figures(track.truth == "female" for track in members)
        said = float(np.mean([track.female_prob for track in members]))
        axes.plot([said, said], [women["low"], women["high"]], color="grey")
        axes.plot(said, women["accuracy"], "o", color="tab:blue")
        axes.annotate(str(len(members)), (said, women["accuracy"]), textcoords="offset points", xytext=(6, -4))
    axes.set(
        title="Truly women, by probability (tracks)", xlabel="female_prob", ylabel="share of women", xlim=(-0.05, 1.1)
    )


def _plot_abstention(axes, figures: Figures) -> None:  # type: ignore[no-untyped-def]
    points = [point for point in figures["abstention"]["curve"] if point["accuracy"] is not None]
    axes.plot([point["coverage"] for point in points], [point["accuracy"] for point in points], ".-")
    for point in points[::2]:
        place = (point["coverage"], point["accuracy"])
        axes.annotate(f"{point['min_confidence']:.2f}", place, textcoords="offset points", xytext=(4, 4))
    axes.set(title="Saying unknown below a confidence", xlabel="tracks given an answer", ylabel="right among them")


def _plot_shares(axes, figures: Figures) -> None:  # type: ignore[no-untyped-def]
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
