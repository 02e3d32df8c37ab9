"""Corrects a run's shares of women by the errors that a validation found.

`validate` keeps in report.json what was said and what is true of every labelled track; later runs with the same
weights are corrected by it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from facetally.errors import TruthError
from facetally.quantification.correction import Correction, corrected_shares
from facetally.quantification.estimators import Calibration, Ints, Predictions
from facetally.results.ledger import Ledger, VideoRow
from facetally.results.tables import TRACKS, read_table
from facetally.truth.labels import folder_sources

UNITS = {"appearances": "share", "screen_time_s": "screen_time"}
"""Columns of `tables.TALLIES`, and what the share of women in them is called in report.json."""
METHODS = {
    "raw": "as counted",
    "adjusted_count": "adjusted count",
    "probabilistic_adjusted_count": "probabilistic adjusted count",
    "em": "EM",
    "prediction_powered": "prediction-powered",
}
"""What the shares are called in texts."""
LABELLED_COLUMNS = {"female_prob": "float64", "is_female": "bool", "screen_time_s": "float64", "source": "int64"}
"""Of the labelled tracks as report.json keeps them, where a source is a number."""


def run_tracks(
    ledger: Ledger, rows: Iterable[VideoRow], known_sources: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """All tracks of these videos: columns female_prob, screen_time_s, face_height_px and source.

    Args:
        ledger: the run.
        rows: of its videos.
        known_sources: by video, where more is known than its folder.

    Raises:
        OutputError: a damaged file.
    """
    rows = [row for row in rows if row.status != "failed"]
    sources = folder_sources(row.video for row in rows) | dict(known_sources or {})
    parts = [
        read_table(ledger.path("tracks", row.video_id), TRACKS).to_pandas().assign(source=sources[row.video])
        for row in rows
    ]
    columns = ["female_prob", "screen_time_s", "face_height_px", "source"]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame([], columns=columns)


def corrections(
    labelled: pd.DataFrame, run: pd.DataFrame, unit: str, labels_sampled: bool = False
) -> dict[str, Correction]:
    """The share of women in a run, as counted and as corrected in each way; empty for a run without tracks.

    Args:
        labelled: as from `labelled_tracks`.
        run: as from `run_tracks`.
        unit: appearances or screen_time_s.
        labels_sampled: whether the labelled videos were drawn at random from the run; a source has one name in both.
    """
    if not len(run):
        return {}
    sources = pd.factorize(pd.concat([labelled["source"], run["source"]]).astype(str))[0].astype(np.int64)
    predictions = _predictions(labelled, unit, sources[: len(labelled)])
    calibration = Calibration(predictions, labelled["is_female"].to_numpy(bool))
    return corrected_shares(calibration, _predictions(run, unit, sources[len(labelled) :]), labels_sampled)


def run_corrections(ledger: Ledger, rows: Sequence[VideoRow], report: Path) -> dict[str, dict[str, Correction]]:
    """The corrected shares of women in a run, by appearance and by screen time.

    Args:
        ledger: the run.
        rows: of its videos.
        report: of a validation of the same weights; report.json, or its folder.

    Raises:
        OutputError: a damaged run.
        TruthError: no such report, a damaged one, or one of other weights.
    """
    labelled = read_calibration(report, ledger.provenance().get("models", {}))
    tracks = run_tracks(ledger, rows)
    return {unit: corrections(labelled, tracks, unit) for unit in UNITS}


def as_figures(labelled: pd.DataFrame, models: Mapping[str, Any]) -> dict[str, Any]:
    """What report.json keeps: the labelled tracks, without names, and the weights that made them."""
    return {
        "classifier_sha256": classifier_sha256(models),
        "female_prob": labelled["female_prob"].round(4).tolist(),
        "is_female": labelled["is_female"].tolist(),
        "screen_time_s": labelled["screen_time_s"].round(3).tolist(),
        "source": pd.factorize(labelled["source"])[0].tolist(),
    }


def read_calibration(report: Path, models: Mapping[str, Any]) -> pd.DataFrame:
    """The labelled tracks of a validation, as from `labelled_tracks`.

    Args:
        report: report.json, or the folder that holds it.
        models: of the run that is to be corrected.

    Raises:
        TruthError: no such report, a damaged one, or one of other weights.
    """
    path = report / "report.json" if report.is_dir() else report
    fix = "give the folder or report.json that `facetally validate OUT --truth DIR -o FOLDER` wrote"
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))["calibration"]
        made_by = str(kept.pop("classifier_sha256"))
        labelled = pd.DataFrame(kept).astype(LABELLED_COLUMNS)
        _predictions(labelled, "screen_time_s", labelled["source"].to_numpy())  # raises where a figure cannot be
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise TruthError(f"{path} is no report of a validation: {error}", fix=fix) from error
    if made_by != classifier_sha256(models):
        raise TruthError(
            f"{path} measures other weights than this run's: classifier {made_by[:12]}, "
            f"here {classifier_sha256(models)[:12]}",
            fix="validate a run that was made with the same --classifier",
        )
    return labelled


def classifier_sha256(models: Mapping[str, Any]) -> str:
    """The hash of the classifier's weights in a run's provenance."""
    return str(models.get("classifier", {}).get("sha256", ""))


def _predictions(tracks: pd.DataFrame, unit: str, clusters: Ints) -> Predictions:
    amount = np.ones(len(tracks)) if unit == "appearances" else tracks["screen_time_s"].to_numpy(np.float64)
    return Predictions(tracks["female_prob"].to_numpy(np.float64), amount, clusters)
