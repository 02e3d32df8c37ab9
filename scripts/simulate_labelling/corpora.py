"""Corpora drawn at random: a run of each kind, and the truth about it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import brentq
from scipy.special import expit

from facetally.labelling.progress import Outcome
from facetally.quantification.run_shares import UNITS, Unit

Floats = npt.NDArray[np.float64]
MOST_VIDEOS = 60
OTHER: tuple[Outcome, ...] = ("unsure", "not_a_face", "several")


@dataclass(frozen=True)
class Kind:
    """What a corpus is like."""

    name: str
    tracks: int = 400
    tracks_per_video: float = 4.0
    tracks_per_person: float = 2.0
    women: float = 0.45
    accuracy: float = 0.9
    video_spread: float = 0.0
    """Standard deviation between videos of the log-odds of a correct prediction."""
    person_spread: float = 0.0
    steepness: float = 1.0
    """Of the predicted log-odds; above 1 the classifier is too sure of itself."""
    other: float = 0.1
    """Share of appearances without a right answer."""
    length_spread: float = 1.0
    """Standard deviation of the logarithm of screen time."""


KINDS = (
    Kind("independent errors"),
    Kind("small run", tracks=80),
    Kind("large run", tracks=3000),
    Kind("clustered by video and person", video_spread=1.5, person_spread=1.5),
    Kind("five long videos", tracks_per_video=80, video_spread=2.0, person_spread=2.0, tracks_per_person=10),
    Kind("few women", tracks=1000, women=0.05, video_spread=1.0),
    Kind("few errors", accuracy=0.97, person_spread=1.0),
    Kind("many errors", accuracy=0.75, video_spread=1.0),
    Kind("too sure of itself", steepness=3.0, video_spread=1.0, length_spread=1.6),
)


@dataclass(frozen=True)
class Corpus:
    """A run, and the truth about it."""

    table: pd.DataFrame
    """As `draw_tracks` takes it, with the columns outcome and true_gender."""
    found: Floats
    """(F,) faces that the run found in each sampled frame of all videos."""
    missed: Floats
    """(F,) faces that it did not find."""

    @cached_property
    def true_shares(self) -> dict[str, float]:
        """Of all appearances, by estimate and unit."""
        outcome, gender = self.table["outcome"].to_numpy(object), self.table["true_gender"].to_numpy(object)
        shares = {}
        for unit in UNITS:
            amount = amounts(self.table, unit)
            people = amount[gender != ""].sum()
            shares[f"accuracy, {unit}"] = float(amount[outcome == "correct"].sum() / people)
            shares[f"women, {unit}"] = float(amount[gender == "female"].sum() / people)
            shares[f"false, {unit}"] = float(amount[outcome == "not_a_face"].sum() / amount.sum())
        return shares


def amounts(table: pd.DataFrame, unit: Unit) -> Floats:
    """(N,) how much each appearance counts."""
    return table["screen_time_s"].to_numpy() if unit == "screen_time_s" else np.ones(len(table))


def make_corpus(kind: Kind, random: np.random.Generator) -> Corpus:
    """A corpus of a kind."""
    count = kind.tracks
    video = _groups(count, kind.tracks_per_video, random)
    person = _groups(count, kind.tracks_per_person, random) + 1_000_000 * video
    _, person = np.unique(person, return_inverse=True)
    is_female = (random.random(person.max() + 1) < kind.women)[person]
    height = np.exp(random.normal(4.2, 0.7, count))
    odds = 0.8 * (np.log(height) - 4.2)
    odds += kind.video_spread * random.normal(size=video.max() + 1)[video]
    odds += kind.person_spread * random.normal(size=person.max() + 1)[person]
    offset = brentq(lambda x: float(expit(odds + x).mean()) - kind.accuracy, -30, 30)
    is_right = random.random(count) < expit(odds + offset)
    sureness = np.abs(np.where(is_right, random.normal(2.8, 1.3, count), random.normal(0.8, 0.9, count)))
    prob = expit(kind.steepness * np.where(is_female == is_right, sureness, -sureness))
    confidence = np.maximum(prob, 1 - prob)
    predicted = np.where(confidence < 0.75, "unknown", np.where(prob > 0.5, "female", "male"))
    outcome = np.where(is_right, "correct", "incorrect").astype(object)
    is_other = random.random(count) < kind.other * np.clip(60 / height, 0.3, 3)
    outcome[is_other] = random.choice(np.array(OTHER, object), is_other.sum(), p=[0.3, 0.5, 0.2])
    seconds = np.clip(np.exp(random.normal(1.0, kind.length_spread, count)), 0.3, None)
    table = pd.DataFrame(
        {
            "video": video,
            "video_id": video,
            "track_id": np.arange(count),
            "first_s": 0.0,
            "last_s": seconds,
            "screen_time_s": seconds,
            "face_height_px": height,
            "female_prob": prob,
            "gender": pd.Series(predicted, dtype=object),
            "outcome": pd.Series(outcome, dtype=object),
            "true_gender": pd.Series(np.where(is_other, "", np.where(is_female, "female", "male")), dtype=object),
        }
    )
    return Corpus(table, *_frames(kind, random))


def _groups(count: int, mean: float, random: np.random.Generator) -> npt.NDArray[np.int64]:
    """(N,) neighbours in groups of geometric sizes."""
    starts = random.random(count) < 1 / mean
    starts[0] = True
    return np.asarray(np.cumsum(starts) - 1)


def _frames(kind: Kind, random: np.random.Generator) -> tuple[Floats, Floats]:
    """Faces found and missed in all sampled frames. People stay for a while, and some are missed most of the time."""
    videos = int(np.clip(kind.tracks / kind.tracks_per_video / 2, 3, MOST_VIDEOS))
    lengths = np.maximum(np.exp(random.normal(5.0, 0.8, videos)), 20).astype(int)  # in frames
    counts = np.zeros((2, lengths.sum()))
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    shift = (0.5 + kind.video_spread) * random.normal(size=videos)
    for v, (start, length) in enumerate(zip(starts.tolist(), lengths.tolist(), strict=True)):
        for _ in range(random.poisson(4)):
            first = start + int(random.integers(length))
            last = min(first + 1 + int(random.exponential(60)), start + length)
            is_hard = random.random() < expit(shift[v] - 2)
            missed = random.random(last - first) < (0.9 if is_hard else 0.03)
            counts[1, first:last] += missed
            counts[0, first:last] += ~missed
    return counts[0], counts[1]
