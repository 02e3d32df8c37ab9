"""What a run can be told. Defaults live here and beside the detector and tracker they configure, nowhere else.

Light on purpose: the command line reads its defaults here before anything heavy is loaded.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from facetally.errors import OptionError

if TYPE_CHECKING:
    from facetally.detection.scrfd import ScrfdOptions
    from facetally.detection.shots import ShotCutOptions
    from facetally.detection.sparse import SparseOptions
    from facetally.detection.tracker import TrackerOptions


TIME_TOLERANCE_S = 1e-6
"""Times of frames are compared with so much to spare: they are rounded in files."""


@dataclass(frozen=True)
class Sampling:
    """Which frames of a video are looked at.

    Raises:
        OptionError: a negative interval.
    """

    every_s: float = 0.2
    """Seconds between two sampled frames; 0 takes every frame."""
    keyframes: bool = False
    """Only keyframes, however far apart: fastest, and coarse."""
    patience: float = 0.25
    """Of `every_s`: as much later than due a frame may be looked at, where that spares decoding another; in [0, 1]."""

    def __post_init__(self) -> None:
        if not 0 <= self.patience <= 1:
            raise OptionError(f"patience must be in [0, 1], got {self.patience:g}", fix="give a share of the interval")
        if not 0 <= self.every_s <= 3600:
            raise OptionError(
                f"--every {self.every_s:g} is not a number of seconds from 0 to 3600",
                fix="give the seconds between two looks, for example --every 0.2",
            )

    def is_due(self, before_s: float, time_s: float) -> bool:
        """Whether a frame is looked at, given the time of the frame before: the first one at or after each multiple of
        `every_s` is. A fixed grid, so that rounding never adds up."""
        if not self.every_s or self.keyframes:
            return True
        return int((time_s + TIME_TOLERANCE_S) / self.every_s) > int((before_s + TIME_TOLERANCE_S) / self.every_s)


@dataclass(frozen=True)
class FollowOptions:
    """How faces become appearances."""

    batch_frames: int = 8
    """Frames that go through the detector together."""
    best_crops: int = 4
    """Crops kept of each track, the best by quality: more of them tell no better."""
    min_screen_time_s: float = 0.3
    """A track seen for less is no appearance: most are flickers of the detector."""


@dataclass(frozen=True)
class PeopleOptions:
    """When an answer is good enough to be given."""

    batch_crops: int = 64
    """Crops that go through the classifier together, across tracks and videos."""
    min_confidence: float = 0.75
    """The probability of the likelier gender below which the answer is unknown: three to one. Of those above, more than
    95 in 100 are right on either half of the sources of labelled video (`scripts/choose_thresholds.py`)."""
    min_face_height_px: float = 16.0
    """Smaller faces, by the mean height of a track, are unknown."""
    min_age_years: float = 4.0
    """Younger faces, by the told age, are unknown: labels of infants are little better than guesses, and so is what a
    network learns from them (`reports/MODELS.md`, accuracy by age)."""


def _scrfd() -> ScrfdOptions:
    from facetally.detection.scrfd import ScrfdOptions

    return ScrfdOptions(min_score=0.3)


def _sparse() -> SparseOptions:
    from facetally.detection.sparse import SparseOptions

    return SparseOptions()


def _shots() -> ShotCutOptions:
    from facetally.detection.shots import ShotCutOptions

    return ShotCutOptions()


def _tracker() -> TrackerOptions:
    from facetally.detection.tracker import TrackerOptions

    return TrackerOptions()


@dataclass(frozen=True)
class RunOptions:
    """Everything that a run's results depend on, besides videos and weights."""

    detector: str = "ours"
    """A name from the manifest, "ours", or the path of an ONNX file."""
    classifier: str = "facetally"
    """A name from the manifest, or the path of an .onnx or .pth file."""
    sampling: Sampling = field(default_factory=Sampling)
    detection: ScrfdOptions = field(default_factory=_scrfd)
    sparse: SparseOptions = field(default_factory=_sparse)
    shots: ShotCutOptions = field(default_factory=_shots)
    tracking: TrackerOptions = field(default_factory=_tracker)
    following: FollowOptions = field(default_factory=FollowOptions)
    people: PeopleOptions = field(default_factory=PeopleOptions)

    def as_dict(self) -> dict[str, Any]:
        """Plain nested values."""
        return asdict(self)

    def digest(self, model_hashes: dict[str, str]) -> str:
        """Tells whether a result was made with these options and weights: 16 hexadecimal digits."""
        text = json.dumps([self.as_dict(), model_hashes], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class WorkerOptions:
    """How many videos are worked on side by side, and when one is given up; results do not depend on it."""

    count: int = 1
    stall_s: float = 60.0
    """A video of which nothing new is decoded for so long is given up."""
    share: int = 100
    """Videos after which a worker is replaced."""
    threads: int = 0
    """Of each worker, for decoding and for inference; 0 lets the libraries choose."""
