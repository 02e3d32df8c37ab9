"""Cut detectors and trackers that can be compared on films with cuts.

To add a cut detector, write a `CutMethod` and add it to `CUT_METHODS`. To add a tracker, write a function that takes
nothing, loads what it needs and gives a function from the sampled frames of one film to a list of `TrackedSample`, and
add it to `TRACKERS`. Both are then run by `scripts/cut_benchmark.py`; nothing else has to change.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from facetally.detection.faces import ImageArray
from facetally.detection.shots import ShotCutDetector
from facetally.detection.tracker import NO_TRACK
from facetally.models.engines import load_engines
from facetally.options import RunOptions
from facetally.tracks.follow import FaceRows, FollowedFrame, follow
from facetally.video.reader import Frame
from scripts.cut_films.scoring import Bools, TrackedSample

Measures = npt.NDArray[np.float64]
Setting = tuple[float, ...]
RIVALS_WIDTH_PX = 256
"""PySceneDetect scales wider frames to this width by default."""


@dataclass(frozen=True)
class CutMethod:
    """A cut detector in two steps, so that many thresholds can be tried at the cost of one."""

    measure: Callable[[Sequence[ImageArray]], Measures]
    """From the (H, W, 3) uint8 BGR frames of one film to (N, K) figures. This is what is timed."""
    decide: Callable[[Measures, Setting], Bools]
    """From these to (N,): whether a shot begins with the frame."""
    default: Setting = ()
    candidates: tuple[Setting, ...] = ()
    """Settings to choose from on one half of the films."""
    width_px: int | None = None
    """The width to which frames are scaled first; None: as facetally's detector sees them."""


def facetally_cuts() -> CutMethod:
    """The cut detector of `facetally run`, with its default options."""

    def measure(images: Sequence[ImageArray]) -> Measures:
        shots = ShotCutDetector(RunOptions().shots)
        every_s = RunOptions().sampling.every_s
        return np.array([[shots.is_cut(image, i * every_s)] for i, image in enumerate(images)], np.float64)

    return CutMethod(measure, lambda figures, _: figures[:, 0] > 0)


def content() -> CutMethod:
    """PySceneDetect's ContentDetector."""
    from scenedetect import ContentDetector

    candidates = tuple((float(value),) for value in (*range(4, 30, 2), 33, 38, 45, 55))
    return CutMethod(
        lambda images: _scene_measures(ContentDetector(min_scene_len=0), images, ("content_val",)),
        lambda figures, setting: figures[:, 0] >= setting[0],
        default=(27.0,),
        candidates=candidates,
        width_px=RIVALS_WIDTH_PX,
    )


def adaptive() -> CutMethod:
    """PySceneDetect's AdaptiveDetector: the ratio to the frames around, and a minimum of the difference itself."""
    from scenedetect import AdaptiveDetector

    key = "adaptive_ratio (w=2)"
    candidates = tuple(
        (ratio, least) for ratio in (1.1, 1.3, 1.6, 2.0, 2.5, 3.0, 4.0, 5.0) for least in (3.0, 6.0, 10.0, 15.0, 20.0)
    )
    return CutMethod(
        lambda images: _scene_measures(AdaptiveDetector(min_scene_len=0), images, (key, "content_val")),
        lambda figures, setting: (figures[:, 0] >= setting[0]) & (figures[:, 1] >= setting[1]),
        default=(3.0, 15.0),
        candidates=candidates,
        width_px=RIVALS_WIDTH_PX,
    )


def hashes() -> CutMethod:
    """PySceneDetect's HashDetector."""
    from scenedetect import HashDetector

    candidates = tuple((value / 64,) for value in range(4, 34, 2))
    return CutMethod(
        lambda images: _scene_measures(HashDetector(min_scene_len=0), images, ("hash_dist [size=8 lowpass=2]",)),
        lambda figures, setting: figures[:, 0] >= setting[0],
        default=(0.35,),
        candidates=candidates,
        width_px=RIVALS_WIDTH_PX,
    )


def _scene_measures(detector: Any, images: Sequence[ImageArray], keys: tuple[str, ...]) -> Measures:
    """(N, K) metrics of a detector of PySceneDetect, fed frame by frame; 0 where it gives none.

    Its own minimum length of a scene, 15 frames, would be 3 s here, and is switched off: that helps it.
    """
    from scenedetect import FrameTimecode, StatsManager

    detector.stats_manager = StatsManager()
    for number, image in enumerate(images):
        detector.process_frame(FrameTimecode(number, fps=5.0), image)
    figures = np.zeros((len(images), len(keys)))
    for number in range(len(images)):
        values = detector.stats_manager.get_metrics(FrameTimecode(number, fps=5.0), list(keys))
        figures[number] = [0.0 if value is None else value for value in values]
    return figures


def method_images(
    method: CutMethod, frames: Sequence[Frame], own_wh: Callable[[tuple[int, int]], tuple[int, int]]
) -> list[ImageArray]:
    """The frames as a cut detector sees them, all of one size for those of others, who accept no change of it."""
    if method.width_px is None:
        return [frame.image.bgr(own_wh(frame.image.hw)) for frame in frames]
    height, width = frames[0].image.hw
    size_wh = (method.width_px, round(height * method.width_px / width)) if width > method.width_px else (width, height)
    return [
        np.asarray(cv2.resize(frame.image.bgr(), size_wh, interpolation=cv2.INTER_LINEAR), np.uint8) for frame in frames
    ]


Track = Callable[[Sequence[Frame]], list[TrackedSample]]


def facetally_tracks() -> Track:
    """What `facetally run` does, with its default detector and options."""
    options = RunOptions()
    engines = load_engines(options, "cpu", threads=1)

    def track(frames: Sequence[Frame]) -> list[TrackedSample]:
        followed = follow(frames, engines.detector, recipe=engines.recipe, options=options, embedding=engines.embedding)
        return tracked_samples(list(followed))

    return track


def joined_in(followed: Sequence[FollowedFrame]) -> dict[int, int]:
    """For each track of a film that turned out later to continue an earlier one that one's id."""
    return {late: first for frame in followed for late, first in frame.joined.items()}


def tracked_samples(followed: Sequence[FollowedFrame], *, keep_short: bool = False) -> list[TrackedSample]:
    """The faces of a film with the ids of their appearances, as a run stores them.

    Args:
        followed: the frames of a film.
        keep_short: whether tracks that are too short to be an appearance keep their ids; a run stores `NO_TRACK`.
    """
    joined = joined_in(followed)
    kept = {track.track_id for frame in followed for track in frame.ended}
    return [_sample(frame.rows, joined, None if keep_short else kept) for frame in followed]


def _sample(rows: FaceRows, joined: dict[int, int], kept: set[int] | None) -> TrackedSample:
    ids = np.array([joined.get(track_id, track_id) for track_id in rows.tracked.track_ids.tolist()], np.int64)
    if kept is not None:
        ids[~np.isin(ids, list(kept))] = NO_TRACK
    return TrackedSample(rows.time_s, rows.tracked.faces.boxes, ids)


CUT_METHODS: dict[str, Callable[[], CutMethod]] = {
    "facetally": facetally_cuts,
    "ContentDetector": content,
    "AdaptiveDetector": adaptive,
    "HashDetector": hashes,
}
TRACKERS: dict[str, Callable[[], Track]] = {"facetally": facetally_tracks}


def available_methods() -> tuple[str, ...]:
    """Those whose package is installed."""
    has_rivals = importlib.util.find_spec("scenedetect") is not None
    return tuple(name for name in CUT_METHODS if has_rivals or name == "facetally")
