"""The plots of an evaluation, each as the bytes of a PNG; the same figures give the same bytes."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from facetally.gender.data.face_sets import ImageArray
from facetally.gender.metrics import CoverageCurve, GenderEvaluation, Reliability, Roc

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DOTS_PER_INCH = 100
CURVES = (
    ("loss", {"train_loss": "train (augmented)", "selection_loss": "selection"}),
    ("accuracy of gender", {"selection_accuracy": "selection"}),
    ("mean error of age, years", {"selection_age_mae": "selection"}),
)
"""A label and the fields of `facetally.gender.training.trainer.EpochResult` that are drawn over it."""
SHEET_COLUMNS = 8


def confusion_png(evaluation: GenderEvaluation, title: str) -> bytes:
    """The confusion matrix: counts, and shares of each true class, coloured by share."""
    counts = np.array(
        [
            [evaluation.female_as_female, evaluation.female_as_male],
            [evaluation.male_as_female, evaluation.male_as_male],
        ]
    )
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure, axes = _square(title)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), share in np.ndenumerate(shares):
        text, colour = f"{counts[row, column]}\n{share:.1%}", "white" if share > 0.5 else "black"
        axes.text(column, row, text, ha="center", va="center", color=colour)
    axes.set_xticks([0, 1], ["female", "male"])
    axes.set_yticks([0, 1], ["female", "male"])
    axes.set(xlabel="predicted", ylabel="labelled")
    return _png(figure)


def roc_png(curve: Roc, title: str) -> bytes:
    """The ROC curve, with the diagonal of a random classifier."""
    figure, axes = _square(title)
    axes.plot([0, 1], [0, 1], linestyle=":", color="black")
    axes.plot(curve.false_positive_rate, curve.true_positive_rate, color="tab:blue")
    axes.text(0.95, 0.05, f"area {curve.area:.4f}", ha="right")
    axes.set(xlabel="share of men predicted female", ylabel="share of women predicted female", xlim=(-0.02, 1.02))
    axes.set_ylim(-0.02, 1.02)
    axes.grid(alpha=0.3)
    return _png(figure)


def reliability_png(table: Reliability, title: str) -> bytes:
    """Accuracy over confidence with the number of predictions in each bin, and the line of perfect calibration."""
    figure, axes = _square(title)
    axes.plot([0.5, 1], [0.5, 1], linestyle=":", color="black")
    axes.plot(table.confidence, table.accuracy, "o", color="tab:blue", markersize=4)
    for confidence, accuracy, count in zip(table.confidence, table.accuracy, table.counts, strict=True):
        axes.annotate(str(count), (confidence, accuracy), (0, -10), textcoords="offset points", ha="center", size=6)
    axes.text(0.99, 0.02, f"calibration error {table.calibration_error:.4f}", ha="right", transform=axes.transAxes)
    axes.set(xlabel="confidence", ylabel="accuracy", xlim=(0.48, 1.04), ylim=(-0.02, 1.02))
    axes.grid(alpha=0.3)
    return _png(figure)


def coverage_png(curve: CoverageCurve, title: str) -> bytes:
    """Accuracy over coverage, as the least confident predictions become unknown."""
    figure, axes = _square(title)
    axes.plot(curve.coverage, curve.accuracy, color="tab:blue")
    axes.set(xlabel="share of faces with a prediction", ylabel="accuracy of predictions", xlim=(0, 1.02))
    axes.grid(alpha=0.3)
    return _png(figure)


def age_png(true_years: npt.NDArray[np.float64], predicted_years: npt.NDArray[np.float64], title: str) -> bytes:
    """Predicted over true age as a density, because thousands of points would hide each other."""
    figure, axes = _square(title)
    oldest = float(max(true_years.max(), predicted_years.max(), 1))
    youngest = float(min(true_years.min(), predicted_years.min(), 0))
    cells = axes.hexbin(
        true_years, predicted_years, gridsize=40, bins="log", mincnt=1, cmap="Blues", extent=(youngest, oldest) * 2
    )
    axes.plot([youngest, oldest], [youngest, oldest], linestyle=":", color="black")
    figure.colorbar(cells, label="faces")
    axes.set(xlabel="true age, years", ylabel="predicted age, years")
    return _png(figure)


def curves_png(history: Sequence[Mapping[str, Any]], title: str) -> bytes:
    """Loss, accuracy and age error over the epochs, where known; a dotted line where a stage begins.

    Args:
        history: at least one epoch, with the fields of `facetally.gender.training.trainer.EpochResult`.
        title: above the panels.
    """
    epochs = [result["epoch"] for result in history]
    values = {name: np.array([r[name] for r in history], float) for _, lines in CURVES for name in lines}
    panels = [(label, lines) for label, lines in CURVES if not all(np.isnan(values[name]).all() for name in lines)]
    figure = _figure(title, (3.6 * len(panels), 3.2))
    for number, (label, lines) in enumerate(panels, start=1):
        axes = figure.add_subplot(1, len(panels), number)
        for name, legend in lines.items():
            colour = "tab:orange" if name == "train_loss" else "tab:blue"
            axes.plot(epochs, values[name], ".-", label=legend, color=colour)
        for before, result in pairwise(history):
            if before["stage"] != result["stage"]:
                axes.axvline(result["epoch"] - 0.5, linestyle=":", color="grey")
        axes.set(xlabel="epoch", ylabel=label)
        axes.locator_params("x", integer=True)
        axes.legend(frameon=False)
        axes.grid(alpha=0.3)
    return _png(figure)


def contact_sheet_png(crops: Sequence[ImageArray], captions: Sequence[str], title: str) -> bytes:
    """Crops in rows, each with a caption below.

    Args:
        crops: at least one (S, S, 3) uint8 RGB.
        captions: one for each crop, of at most two short lines.
        title: above them.
    """
    rows = -(-len(crops) // SHEET_COLUMNS)
    figure = _figure(title, (1.25 * SHEET_COLUMNS, 1.6 * rows + 0.4))
    for number, (crop, caption) in enumerate(zip(crops, captions, strict=True), start=1):
        axes = figure.add_subplot(rows, SHEET_COLUMNS, number)
        axes.imshow(crop)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_xlabel(caption, fontsize=7)
    return _png(figure)


def _square(title: str) -> tuple[Figure, Axes]:
    figure = _figure(title, (4.6, 4.2))
    return figure, figure.add_subplot()


def _figure(title: str, size_inches: tuple[float, float]) -> Figure:
    """A figure outside pyplot: it needs no window, and pyplot does not keep a reference to it."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(size_inches, DOTS_PER_INCH, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=10, parse_math=False)
    return figure


def _png(figure: Figure) -> bytes:
    content = io.BytesIO()
    figure.savefig(content, format="png", metadata={"Software": None})
    return content.getvalue()
