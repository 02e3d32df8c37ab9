"""Writes the evaluation of a model on labelled faces: figures, plots and its most confident mistakes, in a folder."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from facetally.csv_cells import as_cell
from facetally.files import write_whole
from facetally.gender.age_metrics import LIFE_BANDS, AgeEvaluation, band_masks, by_age_band
from facetally.gender.data.face_sets import ImageArray
from facetally.gender.metrics import (
    GenderEvaluation,
    accuracy_against_coverage,
    expected_calibration_error,
    reliability,
    roc,
)
from facetally.training.evaluation_plots import (
    age_png,
    confusion_png,
    contact_sheet_png,
    coverage_png,
    curves_png,
    reliability_png,
    roc_png,
)

Figures = dict[str, Any]

ADULT_YEARS = (18, 80)
"""Youngest and oldest of the adults, both included."""
COVERAGE_AT = (0.95, 0.98, 0.99)
"""Accuracies for which the widest coverage is reported."""
SHEET_COUNT = 48
"""Mistakes on the contact sheet."""
RELIABILITY_BINS = 15
MISTAKE_COLUMNS = ["file", "set", "truth", "predicted", "female_prob", "age_years"]
FILES = (
    "classification_report.txt",
    "confusion_matrix.png",
    "roc.png",
    "reliability.png",
    "coverage.png",
    "misclassified.csv",
    "misclassified.png",
    "age_scatter.png",
    "curves.png",
    "metrics.json",
)
"""All files that may be written. Those that do not apply are removed: no file of an earlier evaluation stays."""


def write_evaluation(
    folder: Path,
    faces: pd.DataFrame,
    *,
    female_prob: npt.ArrayLike | None,
    age_years: npt.ArrayLike | None,
    crops: Callable[[int], ImageArray] | None,
    history: Sequence[Mapping[str, Any]] | None,
    title: str,
) -> Figures:
    """Compares predictions with labels and writes those of `FILES` that apply, metrics.json last.

    Args:
        folder: created if it does not exist.
        faces: N > 0 rows with the columns file, set, group ("" if unknown), female (1, 0, NaN if unknown) and age_years
            (NaN if unknown); faces without a label are left out of the figures that need it.
        female_prob: (N,) in [0, 1], above 0.5 is "female"; None for a network without a gender output.
        age_years: (N,) predicted; None for a network without an age output.
        crops: gives the (S, S, 3) uint8 RGB crop of a row, counted from 0; None: no contact sheet.
        history: the epochs, with the fields of `facetally.gender.training.trainer.EpochResult`; None or empty: no
            curves.
        title: above every plot.

    Returns:
        The content of metrics.json.

    Raises:
        ValueError: no faces, no label for any predicted attribute, or predictions that do not match the faces.
    """
    predictions = _predictions(faces, female_prob, age_years)
    gendered = predictions[predictions["female"].notna() & predictions["female_prob"].notna()]
    aged = predictions[predictions["age_years"].notna() & predictions["predicted_years"].notna()]
    if not len(gendered) and not len(aged):
        raise ValueError("no face has a label for what the network predicts")
    metrics = {
        "title": title,
        "count": len(predictions),
        "gender": _gender_metrics(gendered) if len(gendered) else None,
        "age": _age_metrics(aged) if len(aged) else None,
    }
    files: dict[str, bytes] = {}
    if len(gendered):
        files |= _gender_files(gendered, crops, title)
    if len(aged):
        files["age_scatter.png"] = age_png(aged["age_years"].to_numpy(), aged["predicted_years"].to_numpy(), title)
    if history:
        files["curves.png"] = curves_png(history, title)
    files["metrics.json"] = (json.dumps(metrics, indent=1, allow_nan=False) + "\n").encode()
    _write(folder, files)
    return metrics


def _predictions(
    faces: pd.DataFrame, female_prob: npt.ArrayLike | None, age_years: npt.ArrayLike | None
) -> pd.DataFrame:
    """The labels with columns for the row and the predictions, female_prob and predicted_years; NaN without output."""
    if not len(faces):
        raise ValueError("there is no face to evaluate")
    labels = faces[["file", "set", "group", "female", "age_years"]]
    predictions = labels.astype({"female": float, "age_years": float}).assign(row=np.arange(len(faces)))
    if not predictions["female"].dropna().isin((0, 1)).all():
        raise ValueError("female must be 1, 0 or NaN")
    for name, values in {"female_prob": female_prob, "predicted_years": age_years}.items():
        predicted = np.full(len(faces), np.nan) if values is None else np.asarray(values, np.float64)
        if predicted.shape != (len(faces),):
            raise ValueError(f"expected ({len(faces)},) {name}, got {predicted.shape}")
        if values is not None and not np.isfinite(predicted).all():
            raise ValueError(f"{name} must be finite numbers")
        predictions[name] = predicted
    return predictions


def _gender_metrics(predictions: pd.DataFrame) -> Figures:
    """The figures of gender over all faces, and by set, each with its groups."""
    by_set = {
        str(name): _gender_figures(part) | {"by_group": _by_group(part)} for name, part in predictions.groupby("set")
    }
    return _gender_figures(predictions) | {"by_set": by_set}


def _gender_figures(predictions: pd.DataFrame) -> Figures:
    """The figures of some faces, of the adults among them, and by age."""
    adults = predictions[predictions["age_years"].between(*ADULT_YEARS)]
    bands = band_masks(predictions["age_years"].to_numpy(), LIFE_BANDS)
    return _quality(predictions) | {
        "adults": _quality(adults) if len(adults) else None,
        "by_age": {name: _accuracies(predictions[mask]) for name, mask in bands.items()},
    }


def _quality(predictions: pd.DataFrame) -> Figures:
    is_female, probs = _labels_and_probs(predictions)
    evaluation, coverage = _evaluation(predictions), accuracy_against_coverage(is_female, probs)
    points = [(accuracy, *coverage.widest(accuracy)) for accuracy in COVERAGE_AT]
    return evaluation.as_dict() | {
        "recall_gap": _rounded(evaluation.recall_gap),
        "calibration_error": _rounded(expected_calibration_error(is_female, probs, RELIABILITY_BINS)),
        "roc_area": _rounded(roc(is_female, probs).area if _has_both(evaluation) else math.nan),
        "coverage": [
            {"accuracy": accuracy, "coverage": _rounded(share), "min_confidence": _rounded(confidence)}
            for accuracy, share, confidence in points
        ],
    }


def _by_group(predictions: pd.DataFrame) -> Figures:
    grouped = predictions[predictions["group"] != ""]
    return {str(name): _accuracies(part) for name, part in grouped.groupby("group")}


def _accuracies(predictions: pd.DataFrame) -> Figures:
    """Count and accuracy of some faces, and of the women and the men among them."""
    evaluation = _evaluation(predictions)
    figures: Figures = {"count": evaluation.count, "accuracy": _rounded(evaluation.accuracy)}
    if evaluation.female_count:
        figures["female"] = {"count": evaluation.female_count, "accuracy": _rounded(evaluation.female_recall)}
    if evaluation.male_count:
        figures["male"] = {"count": evaluation.male_count, "accuracy": _rounded(evaluation.male_recall)}
    return figures


def _age_metrics(predictions: pd.DataFrame) -> Figures:
    """The figures of age over all faces, and by set, each with its bands."""
    by_set = {str(name): _age_figures(part) for name, part in predictions.groupby("set")}
    return _age_figures(predictions) | {"by_set": by_set}


def _age_figures(predictions: pd.DataFrame) -> Figures:
    true, predicted = predictions["age_years"].to_numpy(), predictions["predicted_years"].to_numpy()
    by_band = {name: band.as_dict() for name, band in by_age_band(true, predicted).items()}
    return AgeEvaluation.of(true, predicted).as_dict() | {"by_band": by_band}


def classification_report(evaluation: GenderEvaluation) -> str:
    """Precision, recall, F1 and support of each class and their means, in the format of scikit-learn."""
    e = evaluation
    values = np.array(
        [[e.female_precision, e.female_recall, e.female_f1], [e.male_precision, e.male_recall, e.male_f1]]
    )
    weighted = np.average(values, axis=0, weights=[e.female_count, e.male_count])
    lines = [
        " " * 13 + "".join(f" {name:>9}" for name in ("precision", "recall", "f1-score", "support")),
        "",
        _report_line("female", values[0], e.female_count),
        _report_line("male", values[1], e.male_count),
        "",
        f"{'accuracy':>12} {e.accuracy:>30.4f} {e.count:>9}",
        _report_line("macro avg", values.mean(axis=0), e.count),
        _report_line("weighted avg", weighted, e.count),
    ]
    return "\n".join(lines) + "\n"


def _report_line(name: str, values: npt.NDArray[np.float64], support: int) -> str:
    return f"{name:>12} " + "".join(f" {value:>9.4f}" for value in values) + f" {support:>9}"


def _mistakes(predictions: pd.DataFrame) -> pd.DataFrame:
    """The misclassified faces, the most confident first, with the added columns truth, predicted and confidence."""
    is_female, probs = _labels_and_probs(predictions)
    predicted_female = probs > 0.5
    predicted = predictions.assign(
        truth=np.where(is_female, "female", "male"),
        predicted=np.where(predicted_female, "female", "male"),
        confidence=np.maximum(probs, 1 - probs),
    )
    return predicted[is_female != predicted_female].sort_values("confidence", ascending=False, kind="stable")


def _gender_files(predictions: pd.DataFrame, crops: Callable[[int], ImageArray] | None, title: str) -> dict[str, bytes]:
    is_female, probs = _labels_and_probs(predictions)
    evaluation, wrong = _evaluation(predictions), _mistakes(predictions)
    files = {
        "classification_report.txt": classification_report(evaluation).encode(),
        "confusion_matrix.png": confusion_png(evaluation, title),
        "reliability.png": reliability_png(reliability(is_female, probs, RELIABILITY_BINS), title),
        "coverage.png": coverage_png(accuracy_against_coverage(is_female, probs), title),
        "misclassified.csv": wrong[MISTAKE_COLUMNS].round(5).map(_plain).to_csv(index=False).encode(),
    }
    if _has_both(evaluation):
        files["roc.png"] = roc_png(roc(is_female, probs), title)
    if crops and len(wrong):
        shown = wrong.head(SHEET_COUNT)
        captions = [_caption(number, mistake) for number, mistake in enumerate(shown.to_dict("records"), start=1)]
        files["misclassified.png"] = contact_sheet_png([crops(row) for row in shown["row"]], captions, title)
    return files


def _plain(value: object) -> object:
    return as_cell(value) if isinstance(value, str) else value


def _caption(number: int, mistake: Mapping[Any, Any]) -> str:
    age = "" if math.isnan(mistake["age_years"]) else f", {mistake['age_years']:g} years"
    return f"{number}: {mistake['truth']}{age}\npredicted {mistake['predicted']}, {mistake['confidence']:.1%}"


def _labels_and_probs(predictions: pd.DataFrame) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.float64]]:
    return (predictions["female"] == 1).to_numpy(), predictions["female_prob"].to_numpy()


def _evaluation(predictions: pd.DataFrame) -> GenderEvaluation:
    is_female, probs = _labels_and_probs(predictions)
    return GenderEvaluation.of(is_female, probs > 0.5)


def _has_both(evaluation: GenderEvaluation) -> bool:
    return evaluation.male_count > 0 and evaluation.female_count > 0


def _rounded(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 5)


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Removes the other files of `FILES`, then writes each file to a temporary name and renames it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in set(FILES) - files.keys():
        (folder / name).unlink(missing_ok=True)
    for name, content in files.items():
        write_whole(folder / name, content)
