"""Estimates the accuracy to expect before anything is labelled, from the sizes of the faces alone."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from facetally.models.weights import UNTRAINED, bundled_folder
from facetally.quantification.run_shares import classifier_sha256
from facetally.results.ledger import Ledger, VideoRow
from facetally.results.tables_of_run import TablesOfRun

SMALL_PX = 30
MEASURED_FILE = "facetally_by_face_height.json"
"""Beside the bundled weights; `scripts.measure_face_heights` writes it."""


@dataclass(frozen=True)
class AccuracyByHeight:
    """Gender accuracy of a classifier by face height."""

    heights_px: tuple[float, ...]
    """Ascending."""
    accuracy: tuple[float, ...]
    """In [0, 1], one for each height."""
    source: str
    """Where the figures come from, as a noun phrase for texts."""


PUBLISHED = AccuracyByHeight(
    heights_px=(10, 15, 20, 25, 30, 40, 50, 75, 100),
    accuracy=(0.637, 0.769, 0.835, 0.885, 0.909, 0.933, 0.943, 0.950, 0.954),
    source="the published accuracy of another classifier (inaFaceAnalyzer) on faces of these sizes",
)
"""As inaFaceAnalyzer's authors measured it on shrunk FairFace faces; for classifiers that we have not measured."""


@dataclass(frozen=True)
class Forecast:
    """The accuracy to expect from faces of the sizes in a run."""

    small_share: float
    """Share of faces under `SMALL_PX`, in [0, 1]; NaN without faces."""
    accuracy: float
    """Expected mean over all faces, in [0, 1]; NaN without faces."""
    source: str = PUBLISHED.source
    """Of the accuracies by height."""
    count: int = 1
    """Faces that it is about, one for each appearance."""

    @property
    def sentence(self) -> str:
        """In plain words; empty without faces."""
        if math.isnan(self.accuracy):
            return ""
        return (
            f"{100 * self.small_share:.0f} % of the appearances have faces under {SMALL_PX} px: "
            f"expect about {100 * self.accuracy:.0f} % of all to be classified correctly"
        )


def forecast(face_heights_px: npt.NDArray[np.floating], accuracies: AccuracyByHeight = PUBLISHED) -> Forecast:
    """Interpolates the accuracies at these heights; beyond the first and the last height they stay the same.

    Args:
        face_heights_px: (N,) one for each appearance.
        accuracies: of the classifier.
    """
    if not len(face_heights_px):
        return Forecast(math.nan, math.nan, accuracies.source, 0)
    expected = np.interp(face_heights_px, accuracies.heights_px, accuracies.accuracy)
    small_share = float((face_heights_px < SMALL_PX).mean())
    return Forecast(small_share, float(expected.mean()), accuracies.source, len(face_heights_px))


def joined(forecasts: Sequence[Forecast]) -> Forecast:
    """The forecast for the faces of several together; of one run, that one."""
    filled = [one for one in forecasts if one.count] or list(forecasts)
    counts = [one.count for one in filled]
    if not sum(counts):
        return filled[0]
    small_share, accuracy = (
        float(np.average([getattr(one, name) for one in filled], weights=counts))
        for name in ("small_share", "accuracy")
    )
    source = " and ".join(dict.fromkeys(one.source for one in filled))
    return Forecast(small_share, accuracy, source, sum(counts))


def run_forecast(ledger: Ledger, rows: Iterable[VideoRow], tables: TablesOfRun | None = None) -> Forecast:
    """The forecast for the videos of a run, by the accuracies of its own classifier where we have measured it.

    There is none for a run without a trained classifier.

    Args:
        ledger: the run.
        rows: of its videos.
        tables: of the run, where corrections by hand count: without the tracks that these drop.

    Raises:
        OutputError: a damaged file.
    """
    tables = tables or TablesOfRun(ledger, is_corrected=False)
    models = ledger.provenance().get("models", {})
    if models.get("classifier", {}).get("name") == UNTRAINED:
        return forecast(np.zeros(0))
    parts = [tracks["face_height_px"].to_numpy(np.float64) for tracks in tables.tracks(list(rows))]
    heights_px = np.concatenate([np.zeros(0), *parts])
    return forecast(heights_px, accuracies_of(models))


def accuracies_of(models: Mapping[str, Any]) -> AccuracyByHeight:
    """Our own figures where the classifier is the one that they were measured with, otherwise `PUBLISHED`.

    Args:
        models: of a run's provenance.
    """
    path = bundled_folder() / MEASURED_FILE
    if not path.is_file():
        return PUBLISHED
    measured = json.loads(path.read_text(encoding="utf-8"))
    if measured["classifier_sha256"] != classifier_sha256(models):
        return PUBLISHED
    source = f"our measurement of this classifier on {measured['count']:,} FairFace faces shrunk to these sizes"
    return AccuracyByHeight(tuple(measured["heights_px"]), tuple(measured["accuracy"]), source)
