"""Classifies tracks: one prediction per appearance, pooled over its best crops, in batches across videos."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
import numpy.typing as npt

from facetally.gender.attributes import Attributes, age_band
from facetally.options import ClassificationOptions

if TYPE_CHECKING:  # the module below loads the decoder
    from facetally.tracks.open_tracks import Track

PROBABILITY_MARGIN = 1e-4
"""Probabilities are clipped to this distance from 0 and 1, which limits the weight of a single crop."""
STORED_DECIMALS = 4
"""Few enough that rounding hides the small differences that depend on which other crops were in the batch."""
PredictedGender = Literal["female", "male", "unknown"]


class Classifier(Protocol):
    """Predicts attributes for a batch of crops."""

    def predict(self, crops: np.ndarray) -> Attributes: ...


@dataclass(frozen=True)
class Appearance:
    """One appearance with its predicted attributes: a row of the table `tracks/`."""

    track_id: int
    first_s: float
    last_s: float
    screen_time_s: float
    face_count: int
    face_height_px: float
    quality: float
    """Of the best crop, in [0, 1]."""
    female_prob: float
    """In [0, 1]."""
    gender: PredictedGender
    """unknown if the face is too small or too young, or the prediction is too uncertain."""
    age_years: float
    """NaN if the model predicts no age."""
    age_band: str


def appearances_of(tracks: Iterable[Track], classifier: Classifier, options: ClassificationOptions) -> list[Appearance]:
    """Classifies the crops of all tracks together, `batch_crops` at a time, and pools the predictions by track."""
    tracks = list(tracks)
    if not tracks:
        return []
    predictions = classified([track.crops for track in tracks], classifier, options.batch_crops)
    return [appearance_of(track, own, options) for track, own in zip(tracks, predictions, strict=True)]


def classified(groups: Sequence[np.ndarray], classifier: Classifier, batch_crops: int) -> list[Attributes]:
    """The predictions for each group of crops, all of them classified together, `batch_crops` at a time.

    Args:
        groups: at least one (K, S, S, 3) uint8 RGB; K may be 0.
        classifier: predicts the attributes.
        batch_crops: the largest batch.
    """
    crops = np.concatenate(groups)
    starts = range(0, max(len(crops), 1), batch_crops)
    predictions = Attributes.concatenate([classifier.predict(crops[start : start + batch_crops]) for start in starts])
    edges = np.cumsum([len(group) for group in groups])[:-1]
    parts = zip(np.split(predictions.female_prob, edges), np.split(predictions.age_years, edges), strict=True)
    return [Attributes(female_prob, age_years) for female_prob, age_years in parts]


def appearance_of(track: Track, predictions: Attributes, options: ClassificationOptions) -> Appearance:
    """Pools the predictions for the K crops of a track, weighted by quality."""
    weights = np.maximum(track.crop_quality.astype(np.float64), 1e-3)
    female_prob = pooled_female_prob(predictions.female_prob, weights)
    age_years = round(float(np.average(predictions.age_years, weights=weights)), 1)
    return Appearance(
        track_id=track.track_id,
        first_s=track.first_s,
        last_s=track.last_s,
        screen_time_s=track.screen_time_s,
        face_count=track.face_count,
        face_height_px=track.face_height_px,
        quality=float(track.crop_quality[0]),
        female_prob=female_prob,
        gender=predicted_gender(female_prob, track.face_height_px, age_years, options=options),
        age_years=age_years,
        age_band=age_band(age_years),
    )


def pooled_female_prob(female_prob: npt.NDArray[np.floating], weights: npt.NDArray[np.float64]) -> float:
    """Pools several probabilities of the same person: the weighted mean of their log-odds; rounded as stored.

    Args:
        female_prob: (K,) in [0, 1].
        weights: (K,) positive.
    """
    mean = np.average(log_odds(female_prob), weights=weights)
    return round(float(1 / (1 + np.exp(-mean))), STORED_DECIMALS)


def log_odds(female_prob: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """(N,) log-odds of (N,) probabilities, clipped by `PROBABILITY_MARGIN`."""
    prob = np.clip(female_prob.astype(np.float64), PROBABILITY_MARGIN, 1 - PROBABILITY_MARGIN)
    return np.asarray(np.log(prob / (1 - prob)))


def predicted_gender(
    female_prob: float, face_height_px: float, age_years: float, *, options: ClassificationOptions
) -> PredictedGender:
    """The gender by probability, height and age; even odds are always unknown, and an age of NaN is ignored."""
    confidence = round(max(female_prob, 1 - female_prob), STORED_DECIMALS)
    if female_prob == 0.5 or confidence < options.min_confidence:
        return "unknown"
    if face_height_px < options.min_face_height_px or age_years < options.min_age_years:
        return "unknown"
    return "female" if female_prob > 0.5 else "male"
