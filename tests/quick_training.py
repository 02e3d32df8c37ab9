"""Trainings without their slow parts, for tests that do not use them."""

from __future__ import annotations

import pytest

from facetally.training import evaluation_report, train

PLOTS = ("age_png", "confusion_png", "contact_sheet_png", "coverage_png", "reliability_png", "roc_png")


def skip_plots(patched: pytest.MonkeyPatch) -> None:
    """All plots of an evaluation are empty, but for the curves of the training."""
    for plot in PLOTS:
        patched.setattr(evaluation_report, plot, lambda *_, **__: b"")


def skip_plots_and_export(patched: pytest.MonkeyPatch) -> None:
    """All plots are empty, and no .onnx is written."""
    skip_plots(patched)
    patched.setattr(evaluation_report, "curves_png", lambda *_, **__: b"")
    patched.setattr(train, "export_onnx", lambda *_: None)
