from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np
import pytest

from facetally.gender.metrics import CoverageCurve, GenderEvaluation, Reliability, Roc
from facetally.training import evaluation_plots
from facetally.training.evaluation_plots import (
    CURVES,
    age_png,
    confusion_png,
    contact_sheet_png,
    coverage_png,
    curves_png,
    reliability_png,
    roc_png,
)

TITLE = "costs $5 a_b"


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Collects the figures that would be rendered to PNG."""
    drawn: list[Any] = []
    monkeypatch.setattr(evaluation_plots, "_png", drawn.append)
    return drawn


def epoch(number: int, stage: int = 0, accuracy: float | None = math.nan, mae: float = math.nan) -> dict[str, Any]:
    losses = {"train_loss": 1 / number, "selection_loss": 2 / number}
    return losses | {"stage": stage, "epoch": number, "selection_accuracy": accuracy, "selection_age_mae": mae}


def points(axes: Any) -> list[list[tuple[float, float]]]:
    return [[(float(x), float(y)) for x, y in line.get_xydata()] for line in axes.lines]


def test_the_confusion_matrix_shows_counts_and_shares_of_each_class(figures: list[Any]) -> None:
    confusion_png(GenderEvaluation(male_as_male=9, male_as_female=1, female_as_male=1, female_as_female=3), TITLE)
    (axes,) = figures[0].axes
    cells = {(text.get_text(), text.get_position()) for text in axes.texts}
    assert cells == {
        ("3\n75.0%", (0, 0)),
        ("1\n25.0%", (1, 0)),
        ("1\n10.0%", (0, 1)),
        ("9\n90.0%", (1, 1)),
    }
    assert [label.get_text() for label in axes.get_xticklabels()] == ["female", "male"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["female", "male"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted", "labelled")


def test_a_class_that_does_not_occur_has_empty_cells(figures: list[Any]) -> None:
    confusion_png(GenderEvaluation(4, 0, 0, 0), TITLE)
    assert figures[0].axes[0].texts[0].get_text() == "0\n0.0%"


def test_the_roc_is_drawn_with_its_area(figures: list[Any]) -> None:
    roc_png(Roc(np.array([0, 0.5, 1]), np.array([0, 1, 1])), TITLE)
    (axes,) = figures[0].axes
    assert points(axes)[1] == [(0, 0), (0.5, 1), (1, 1)]
    assert axes.texts[0].get_text() == "area 0.7500"


def test_the_reliability_shows_each_bin_and_its_count(figures: list[Any]) -> None:
    reliability_png(Reliability(np.array([0.6, 0.9]), np.array([0.5, 0.9]), np.array([10, 30])), TITLE)
    (axes,) = figures[0].axes
    assert points(axes) == [[(0.5, 0.5), (1, 1)], [(0.6, 0.5), (0.9, 0.9)]]
    assert [text.get_text() for text in axes.texts] == ["10", "30", "calibration error 0.0250"]


def test_the_coverage_is_drawn_under_accuracy(figures: list[Any]) -> None:
    coverage_png(CoverageCurve(np.array([0.9, 0.6]), np.array([0.5, 1.0]), np.array([1.0, 0.8])), TITLE)
    assert points(figures[0].axes[0]) == [[(0.5, 1), (1, 0.8)]]


def test_ages_are_counted_in_cells_of_true_and_predicted_age(figures: list[Any]) -> None:
    age_png(np.array([20.0, 20, 80]), np.array([30.0, 30, -5]), TITLE)
    axes = figures[0].axes[0]
    (cells,) = axes.collections
    assert sorted(cells.get_array()) == [1, 2]
    assert cells.get_offsets()[list(cells.get_array()).index(2)] == pytest.approx([20, 30], abs=2.5)
    assert axes.get_xlabel() == "true age, years"


def test_curves_of_two_heads_have_three_panels_and_a_line_where_a_stage_begins(figures: list[Any]) -> None:
    curves_png([epoch(1, 0, 0.7, 9), epoch(2, 0, 0.8, 8), epoch(3, 1, 0.9, 7)], TITLE)
    loss, accuracy, age = figures[0].axes
    assert points(loss)[:2] == [[(1, 1), (2, 1 / 2), (3, 1 / 3)], [(1, 2), (2, 1), (3, 2 / 3)]]
    assert points(accuracy)[0] == [(1, 0.7), (2, 0.8), (3, 0.9)]
    assert points(age)[0] == [(1, 9), (2, 8), (3, 7)]
    assert all(points(axes)[-1] == [(2.5, 0), (2.5, 1)] for axes in (loss, accuracy, age))
    assert [text.get_text() for text in loss.get_legend().get_texts()] == ["train (augmented)", "selection"]


@pytest.mark.parametrize(("accuracy", "mae", "label"), [(0.9, math.nan, CURVES[1][0]), (None, 5, CURVES[2][0])])
def test_an_attribute_that_is_not_predicted_has_no_panel(
    accuracy: float | None, mae: float, label: str, figures: list[Any]
) -> None:
    curves_png([epoch(1, 0, accuracy, mae)], TITLE)
    assert [axes.get_ylabel() for axes in figures[0].axes] == ["loss", label]


def test_curves_are_drawn_from_fields_of_an_epoch() -> None:
    pytest.importorskip("torch")
    from facetally.gender.training.trainer import EpochResult

    used = {name for _, lines in CURVES for name in lines} | {"stage", "epoch"}
    assert used <= set(EpochResult.__dataclass_fields__)


def test_a_sheet_shows_every_crop_with_its_caption(figures: list[Any]) -> None:
    crops = [np.full((4, 4, 3), value, np.uint8) for value in range(9)]
    contact_sheet_png(crops, [f"face {value}" for value in range(9)], TITLE)
    panels = figures[0].axes
    assert [axes.images[0].get_array()[0, 0, 0] for axes in panels] == list(range(9))
    assert [axes.get_xlabel() for axes in panels] == [f"face {value}" for value in range(9)]
    rows = [axes.get_subplotspec().rowspan.start for axes in panels]
    assert rows == [0] * 8 + [1]


def test_a_plot_is_a_png_unknown_to_pyplot_and_always_the_same() -> None:
    curve = Roc(np.array([0, 1.0]), np.array([0, 1.0]))
    known_before = sys.modules["matplotlib.pyplot"].get_fignums() if "matplotlib.pyplot" in sys.modules else []
    first, second = roc_png(curve, TITLE), roc_png(curve, TITLE)
    assert first == second
    assert first.startswith(b"\x89PNG\r\n")
    assert b"Software" not in first
    if "matplotlib.pyplot" in sys.modules:
        assert sys.modules["matplotlib.pyplot"].get_fignums() == known_before


def test_a_title_is_shown_as_it_is_written(figures: list[Any]) -> None:
    roc_png(Roc(np.array([0, 1.0]), np.array([0, 1.0])), TITLE)
    assert figures[0].get_suptitle() == TITLE
    assert not figures[0]._suptitle.get_parse_math()
