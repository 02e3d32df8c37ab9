"""What is written beside a face: the number of its track, perceived gender, its probability, and age."""

from __future__ import annotations

import math
from typing import cast

import pandas as pd

from facetally.drawing.overlay import FaceLabel
from facetally.drawing.placement import Box
from facetally.tracks.appearances import PredictedGender


def track_labels(tracks: pd.DataFrame) -> dict[int, tuple[str, PredictedGender]]:
    """Text and gender by the number of the track.

    Args:
        tracks: rows of tracks/ of one video, with a column `corrected` that marks what was corrected by hand.
    """
    return {int(row.track_id): (caption(row), cast("PredictedGender", row.gender)) for row in tracks.itertuples()}


def caption(row: object) -> str:
    """The text for a row: "#12 female 97 %, 41"; "#12 unknown (61 % female)"; corrected by hand: "#12 male*"."""
    gender, female_prob, age_years = (getattr(row, name) for name in ("gender", "female_prob", "age_years"))
    number = f"#{row.track_id} "  # type: ignore[attr-defined]
    if getattr(row, "corrected", False):
        return f"{number}{gender}*"
    if gender == "unknown":
        text = f"{gender} ({100 * female_prob:.0f} % female)"
    else:
        text = f"{gender} {100 * max(female_prob, 1 - female_prob):.0f} %"
    return f"{number}{text}" if math.isnan(age_years) else f"{number}{text}, {age_years:.0f}"


def label_at(box: Box, track_id: int, labels: dict[int, tuple[str, PredictedGender]]) -> FaceLabel:
    """The label of a face of a track."""
    text, gender = labels[track_id]
    return FaceLabel(box, text, gender)
