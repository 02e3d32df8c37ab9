"""The options of a run. Defaults are defined here, and beside the detector and tracker that they configure.

This module imports no heavy library: the command line reads its defaults here before it loads anything else.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from facetally.errors import OptionError

if TYPE_CHECKING:
    from facetally.detection.linking import LinkOptions
    from facetally.detection.scrfd import ScrfdOptions
    from facetally.detection.shots import ShotCutOptions
    from facetally.detection.sparse import SparseOptions
    from facetally.detection.tracker import TrackerOptions


Device = Literal["auto", "cpu", "cuda"]
"""Where networks are asked to run; auto: on a GPU if onnxruntime can use one."""
ExecutorName = Literal["local", "ray"]
"""Where videos are processed: by processes of this machine, or by a Ray cluster."""
TIME_TOLERANCE_S = 1e-6
"""Tolerance for comparing times of frames: they are rounded in files."""


@dataclass(frozen=True)
class Sampling:
    """Which frames of a video are sampled.

    Raises:
        OptionError: an interval outside of 0 to 3600 s, a patience outside of [0, 1], or a stream below -1.
    """

    every_s: float = 0.2
    """Seconds between two sampled frames; 0 samples every frame."""
    keyframes: bool = False
    """Only keyframes, however far apart: fastest, and coarse."""
    patience: float = 0.25
    """How much later than due a frame may be sampled if that avoids decoding another one, as a share of `every_s` in
    [0, 1]."""
    stream: int = -1
    """Which video stream of each file is read, counted from 0; -1: the one that players show."""

    def __post_init__(self) -> None:
        if self.stream < -1:
            raise OptionError(f"--stream {self.stream} is no number of a stream", fix="count the streams from 0")
        if not 0 <= self.patience <= 1:
            raise OptionError(f"patience must be in [0, 1], got {self.patience:g}", fix="give a share of the interval")
        if not 0 <= self.every_s <= 3600:
            raise OptionError(
                f"--every {self.every_s:g} is not a number of seconds from 0 to 3600",
                fix="give the seconds between two sampled frames, for example --every 0.2",
            )

    def is_due(self, before_s: float, time_s: float) -> bool:
        """Whether the frame at `time_s` is sampled, given the time of the frame before it.

        The first frame at or after each multiple of `every_s` is. The grid is fixed, so that rounding errors do not
        accumulate.
        """
        if not self.every_s or self.keyframes:
            return True
        return int((time_s + TIME_TOLERANCE_S) / self.every_s) > int((before_s + TIME_TOLERANCE_S) / self.every_s)


@dataclass(frozen=True)
class FollowOptions:
    """How faces become appearances."""

    batch_frames: int = 8
    """Frames that go through the detector together."""
    best_crops: int = 4
    """Crops kept of each track, the best by quality: more of them do not improve accuracy."""
    min_screen_time_s: float = 0.3
    """Shorter tracks are not appearances: most are false detections."""


@dataclass(frozen=True)
class ClassificationOptions:
    """How crops are classified, and when a gender is predicted rather than unknown."""

    batch_crops: int = 64
    """Crops that go through the classifier together, across tracks and videos."""
    min_confidence: float = 0.75
    """Gender is unknown if the more likely one has a lower probability. At 0.75 more than 95 % of the predicted genders
    are correct on either half of the sources of labelled video (`scripts/choose_thresholds.py`)."""
    min_face_height_px: float = 16.0
    """Gender is unknown if the mean height of the track's faces is less."""
    min_age_years: float = 4.0
    """Gender is unknown if the predicted age is less: labels of infants are little better than guesses, and so are the
    predictions of a network trained on them (`reports/MODELS.md`, accuracy by age)."""

    @classmethod
    def of_run(cls, stored: dict[str, Any]) -> ClassificationOptions:
        """Those among the options that a run stored; facetally 0.1 called them people."""
        return cls(**(stored["classification"] if "classification" in stored else stored.get("people", {})))


@dataclass(frozen=True)
class PeopleOptions:
    """How appearances of the same person within one video are recognised.

    Raises:
        OptionError: a likeness outside of [-1, 1], or a weight outside of [0, 2].
    """

    count: bool = False
    """Whether this is done."""
    min_likeness: float = 0.4
    """Lowest mean likeness of two groups of appearances that are joined: the cosine of the embeddings of their faces,
    less the two below."""
    gender_weight: float = 0.4
    """What the likeness loses if one is surely a woman and the other surely a man."""
    age_weight: float = 0.01
    """What it loses for each year between their ages."""

    def __post_init__(self) -> None:
        limits = {"min_likeness": (-1, 1), "gender_weight": (0, 2), "age_weight": (0, 2)}
        for name, (low, high) in limits.items():
            if not low <= getattr(self, name) <= high:
                what = f"[people] {name} must be in [{low}, {high}], got {getattr(self, name):g}"
                raise OptionError(what, fix="give a number in this range")


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


def _linking() -> LinkOptions:
    from facetally.detection.linking import LinkOptions

    return LinkOptions()


@dataclass(frozen=True)
class RunOptions:
    """Everything that the results of a run depend on, besides videos and weights."""

    detector: str = "ours"
    """A name from the manifest, "ours", or the path of an ONNX file."""
    classifier: str = "facetally"
    """A name from the manifest, or the path of an .onnx or .pth file."""
    embedder: str = "facetally_face_embedding"
    """A name from the manifest, or the path of an ONNX file."""
    sampling: Sampling = field(default_factory=Sampling)
    detection: ScrfdOptions = field(default_factory=_scrfd)
    sparse: SparseOptions = field(default_factory=_sparse)
    shots: ShotCutOptions = field(default_factory=_shots)
    tracking: TrackerOptions = field(default_factory=_tracker)
    linking: LinkOptions = field(default_factory=_linking)
    following: FollowOptions = field(default_factory=FollowOptions)
    classification: ClassificationOptions = field(default_factory=ClassificationOptions)
    people: PeopleOptions = field(default_factory=PeopleOptions)

    def as_dict(self) -> dict[str, Any]:
        """All options as nested dictionaries."""
        return asdict(self)

    def digest(self, model_hashes: dict[str, str]) -> str:
        """Identifies these options and weights: 16 hexadecimal digits."""
        text = json.dumps([self.as_dict(), model_hashes], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class WorkerOptions:
    """How many videos are processed at the same time, and when one is given up. Results do not depend on these."""

    count: int = 1
    stall_s: float = 60.0
    """A video is given up after this many seconds without progress."""
    share: int = 100
    """Videos after which a worker is replaced."""
    threads: int = 0
    """Threads of each worker, for decoding and for inference; 0 lets the libraries choose."""
