"""The accuracy to expect from face sizes: interpolated, and measured with the run's own classifier where we have it."""

from __future__ import annotations

import json
import math
from pathlib import Path

import labelled_world
import numpy as np
import numpy.typing as npt
import pytest

from facetally.models.weights import bundled_folder, manifest_by_name
from facetally.tallies import forecast as module
from facetally.tallies.forecast import MEASURED_FILE, PUBLISHED, AccuracyByHeight, accuracies_of, forecast, run_forecast

Heights = npt.NDArray[np.float64]


def of(*heights_px: float) -> Heights:
    return np.array(heights_px, np.float64)


def measured_with(folder: Path, sha256: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts a measurement of the classifier with this hash in the place of the bundled one."""
    figures = {"classifier_sha256": sha256, "count": 1500, "heights_px": [10, 50], "accuracy": [0.5, 0.9]}
    (folder / MEASURED_FILE).write_text(json.dumps(figures), encoding="utf-8")
    monkeypatch.setattr(module, "bundled_folder", lambda: folder)


@pytest.mark.parametrize(
    ("height_px", "accuracy"), list(zip(PUBLISHED.heights_px, PUBLISHED.accuracy, strict=True)), ids=str
)
def test_a_measured_height_has_its_measured_accuracy(height_px: float, accuracy: float) -> None:
    assert forecast(of(height_px)).accuracy == pytest.approx(accuracy)


@pytest.mark.parametrize(
    ("height_px", "accuracy"),
    [(12.5, 0.703), (35, 0.921), (87.5, 0.952), (3, 0.637), (0, 0.637), (2000, 0.954)],
)
def test_accuracies_are_interpolated_and_constant_beyond_the_ends(height_px: float, accuracy: float) -> None:
    assert forecast(of(height_px)).accuracy == pytest.approx(accuracy)


def test_every_appearance_has_the_same_weight() -> None:
    found = forecast(np.array([10, 29.9, 30, 100], np.float32))
    # the second and the third are nearly the same: (0.637 + 0.9085 + 0.909 + 0.954) / 4
    assert found.accuracy == pytest.approx(0.8521, abs=1e-4)
    assert found.small_share == 0.5


def test_the_sentence_is_in_plain_words() -> None:
    found = forecast(of(*[20.0] * 62 + [100.0] * 38))  # 0.62 * 0.835 + 0.38 * 0.954 = 0.880
    assert found.sentence == (
        "62 % of the appearances have faces under 30 px: expect about 88 % of all to be classified correctly"
    )


def test_without_faces_there_is_no_expectation() -> None:
    found = forecast(of())
    assert math.isnan(found.accuracy)
    assert math.isnan(found.small_share)
    assert found.sentence == ""


def test_published_accuracies_rise_with_the_height() -> None:
    expected = [forecast(of(height_px)).accuracy for height_px in range(150)]
    assert (np.diff(expected) >= 0).all()


def test_our_own_classifier_has_our_own_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measured_with(tmp_path, labelled_world.CLASSIFIER, monkeypatch)
    own = accuracies_of({"classifier": {"name": "facetally", "sha256": labelled_world.CLASSIFIER}})
    assert own == AccuracyByHeight((10, 50), (0.5, 0.9), own.source)
    assert "our measurement of this classifier on 1,500 FairFace faces" in own.source


@pytest.mark.parametrize("models", [{}, {"classifier": {"name": "facetally", "sha256": "d" * 64}}])
def test_any_other_classifier_has_the_published_figures(
    models: dict[str, dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured_with(tmp_path, labelled_world.CLASSIFIER, monkeypatch)
    assert accuracies_of(models) is PUBLISHED


def test_without_a_measurement_the_published_figures_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "bundled_folder", lambda: tmp_path)
    assert accuracies_of({"classifier": {"sha256": labelled_world.CLASSIFIER}}) is PUBLISHED


def test_a_run_is_forecast_by_its_own_classifier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measured_with(tmp_path, labelled_world.CLASSIFIER, monkeypatch)
    rows = [labelled_world.track_row(0, 0.9, height_px=10), labelled_world.track_row(1, 0.1, height_px=30)]
    ledger = labelled_world.stored(tmp_path / "out", {"a.mp4": rows})
    found = run_forecast(ledger, ledger.rows())
    assert found.small_share == 0.5
    assert found.accuracy == pytest.approx(0.6)  # (0.5 + 0.7) / 2
    assert "our measurement" in found.source


def test_there_is_no_forecast_without_a_trained_classifier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = labelled_world.stored(tmp_path / "out", {"a.mp4": [labelled_world.track_row(0, 0.5)]})
    models = {"classifier": {"name": "untrained", "sha256": ""}}
    monkeypatch.setattr(type(ledger), "provenance", lambda *_: {"models": models})
    assert run_forecast(ledger, ledger.rows()).sentence == ""


def test_the_bundled_measurement_is_of_the_bundled_classifier() -> None:
    figures = json.loads((bundled_folder() / MEASURED_FILE).read_text(encoding="utf-8"))
    (weights,) = manifest_by_name()[figures["classifier"]]
    assert figures["classifier_sha256"] == weights.sha256
    assert {"date", "machine", "command", "count"} <= figures.keys()
    own = accuracies_of({"classifier": {"sha256": weights.sha256}})
    assert own.heights_px == PUBLISHED.heights_px
    assert len(own.accuracy) == len(own.heights_px)
    assert all(0.5 < accuracy < 1 for accuracy in own.accuracy)
