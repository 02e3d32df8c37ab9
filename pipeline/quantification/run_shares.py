"""Corrects a run's shares of women for the errors that a validation measured.

`validate` stores the prediction and the label of every labelled track in report.json; later runs with the same weights
are corrected with them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from facetally.errors import TruthError
from facetally.files import parsed_json
from facetally.quantification.correction import Correction, corrected_shares
from facetally.quantification.estimators import Calibration, Ints, Predictions
from facetally.results.ledger import Ledger, VideoRow
from facetally.results.tables_of_run import TablesOfRun
from facetally.truth.labels import folder_sources

Unit = Literal["appearances", "screen_time_s"]
UNITS: dict[Unit, str] = {"appearances": "share", "screen_time_s": "screen_time"}
"""Columns of `tables.TALLIES`, and the key of the share of women by them in report.json."""
METHODS = {
    "raw": "as counted",
    "adjusted_count": "adjusted count",
    "probabilistic_adjusted_count": "probabilistic adjusted count",
    "em": "EM",
    "prediction_powered": "prediction-powered",
}
"""Names of the shares in texts."""
QUOTED = ("prediction_powered", "em", "probabilistic_adjusted_count", "adjusted_count")
"""Methods of correction in the order of preference: the first that the labels allow is quoted. In 1,800
simulated runs with 40 or 150 labels and classifiers of 84 to 98 % accuracy, the error (root mean square) of EM was 9 to
21 % smaller than that of the probabilistic adjusted count, and that one's 5 to 16 % smaller than that of the adjusted
count. Where the labels were a random sample of the run, prediction-powered inference was at least as near as any."""
REPORT_SCHEMA_VERSION = 2
"""Of report.json; facetally 0.1 wrote none, and other names for some figures (`CHANGELOG.md`)."""
LABELLED_COLUMNS = {"female_prob": "float64", "is_female": "bool", "screen_time_s": "float64", "source": "int64"}
"""Of the labelled tracks as stored in report.json, where a source is a number."""


def run_tracks(
    ledger: Ledger,
    rows: Iterable[VideoRow],
    known: Mapping[str, str] | None = None,
    tables: TablesOfRun | None = None,
) -> pd.DataFrame:
    """All tracks of these videos: columns female_prob, screen_time_s, face_height_px and source.

    Args:
        ledger: the run.
        rows: of its videos.
        known: sources by video; they override those derived from the folders.
        tables: of the run, where corrections by hand count: without the tracks that these drop.

    Raises:
        OutputError: a damaged file.
    """
    rows = [row for row in rows if row.status != "failed"]
    sources = folder_sources(row.video for row in rows) | dict(known or {})
    source_of = {row.video_id: sources[row.video] for row in rows}
    columns = ["female_prob", "screen_time_s", "face_height_px", "source"]
    tables = tables or TablesOfRun(ledger, is_corrected=False)
    parts = [tracks.assign(source=tracks["video_id"].map(source_of.get))[columns] for tracks in tables.tracks(rows)]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame([], columns=columns)


def corrections(
    labelled: pd.DataFrame, run: pd.DataFrame, unit: Unit, labels_sampled: bool = False
) -> dict[str, Correction]:
    """The share of women in a run, as counted and by each correction; empty for a run without tracks.

    Args:
        labelled: as from `labelled_tracks`.
        run: as from `run_tracks`.
        unit: by which cases count.
        labels_sampled: whether the labelled videos were drawn at random from the run. A source must have the same name
            in both tables.
    """
    if not len(run):
        return {}
    sources = pd.factorize(pd.concat([_source_names(labelled["source"]), run["source"]]))[0].astype(np.int64)
    predictions = _predictions(labelled, unit, sources[: len(labelled)])
    calibration = Calibration(predictions, labelled["is_female"].to_numpy(bool))
    return corrected_shares(calibration, _predictions(run, unit, sources[len(labelled) :]), labels_sampled)


def numbered_source(number: int) -> str:
    """The name of a source of a report.json, which no folder can have."""
    return f"\0{number}"


def _source_names(sources: pd.Series) -> pd.Series:
    return sources.map(numbered_source) if pd.api.types.is_integer_dtype(sources) else sources


def sources_by_content(labelled: pd.DataFrame, source_of: Mapping[str, str]) -> dict[str, int]:
    """The sources of the labelled videos for report.json: numbers as in `as_figures`, by the hash of the content.

    A folder of another run may have another name, and names must not leave the machine.

    Args:
        labelled: as from `labelled_tracks`.
        source_of: the source of each labelled video by its content_sha256; without videos that have none.
    """
    names = pd.factorize(pd.concat([labelled["source"], pd.Series(list(source_of.values()), dtype=object)]))[0]
    numbers = names[len(labelled) :].tolist()
    return dict(sorted(zip(source_of, numbers, strict=True)))


def known_sources(report: Path, rows: Iterable[VideoRow]) -> dict[str, str]:
    """The sources that a validation states for videos of a run, by their names; empty for reports without them.

    Args:
        report: as for `read_calibration`, which checks it.
        rows: of the run.
    """
    path = report / "report.json" if report.is_dir() else report
    stored = parsed_json(path.read_text(encoding="utf-8")).get("sources", {})
    pairs = stored.items() if isinstance(stored, dict) else ()
    known = {key: number for key, number in pairs if isinstance(number, int)}
    return {row.video: numbered_source(known[row.content_sha256]) for row in rows if row.content_sha256 in known}


def run_corrections(
    ledger: Ledger, rows: Sequence[VideoRow], report: Path, tables: TablesOfRun | None = None
) -> dict[str, dict[str, Correction]]:
    """The corrected shares of women in a run, by appearance and by screen time.

    Args:
        ledger: the run.
        rows: of its videos.
        report: of a validation with the same weights; report.json, or its folder.
        tables: as in `run_tracks`.

    Raises:
        OutputError: a damaged run.
        TruthError: no such report, a damaged one, or one made with other weights.
    """
    labelled = read_calibration(report, ledger.provenance().get("models", {}))
    tracks = run_tracks(ledger, rows, known_sources(report, rows), tables=tables)
    return {unit: corrections(labelled, tracks, unit) for unit in UNITS}


def as_figures(labelled: pd.DataFrame, models: Mapping[str, Any]) -> dict[str, Any]:
    """The labelled tracks for report.json, without names, with the hash of the classifier's weights."""
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
        models: of the run to correct.

    Raises:
        TruthError: no such report, a damaged one, or one made with other weights.
    """
    path = report / "report.json" if report.is_dir() else report
    fix = "give the folder or report.json that `facetally validate OUT --truth DIR -o FOLDER` wrote"
    try:
        figures = parsed_json(path.read_text(encoding="utf-8"))
        written_as, kept = int(figures.get("schema_version", 1)), figures["calibration"]
        made_by = str(kept.pop("classifier_sha256"))
        labelled = pd.DataFrame(kept).astype(LABELLED_COLUMNS)
        _predictions(labelled, "screen_time_s", labelled["source"].to_numpy())  # raises for impossible values
    except (OSError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise TruthError(f"{path} is not a validation report: {error}", fix=fix) from error
    if written_as > REPORT_SCHEMA_VERSION:
        raise TruthError(
            f"{path} was written by a newer facetally: its schema version is {written_as}, and this one reads up to "
            f"{REPORT_SCHEMA_VERSION}",
            fix="pip install --upgrade facetally",
        )
    if made_by != classifier_sha256(models):
        raise TruthError(
            f"{path} was made with other weights than this run: classifier {made_by[:12]}, "
            f"here {classifier_sha256(models)[:12]}",
            fix="validate a run that was made with the same --classifier",
        )
    return labelled


def classifier_sha256(models: Mapping[str, Any]) -> str:
    """The hash of the classifier's weights in a run's provenance."""
    return str(models.get("classifier", {}).get("sha256", ""))


def _predictions(tracks: pd.DataFrame, unit: Unit, clusters: Ints) -> Predictions:
    amount = np.ones(len(tracks)) if unit == "appearances" else tracks["screen_time_s"].to_numpy(np.float64)
    return Predictions(tracks["female_prob"].to_numpy(np.float64), amount, clusters)
