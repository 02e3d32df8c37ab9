"""Detects and tracks the faces of one video: takes its frames, gives rows of faces and finished appearances."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import groupby

import numpy as np
import numpy.typing as npt

from facetally.detection.crops import CropRecipe
from facetally.detection.descriptors import Embedding, face_views
from facetally.detection.faces import TrackedFaces
from facetally.detection.quality import geometric_quality
from facetally.detection.shots import ShotCutDetector
from facetally.detection.sparse import Detector, SparseDetection
from facetally.detection.tracker import Tracker
from facetally.options import RunOptions
from facetally.tracks.likenesses import Likenesses, compared
from facetally.tracks.open_tracks import OpenTracks, Track
from facetally.video.reader import Frame

MAX_BATCH_BYTES = 2**26
"""Memory limit of a batch: eight frames of 1080p take 50 MB, eight of 8K would take 800 MB."""


@dataclass(frozen=True)
class FaceRows:
    """The faces of one sampled frame, for the table `faces/`."""

    frame_index: int
    time_s: float
    duration_s: float
    """All three as in `Frame`."""
    tracked: TrackedFaces
    quality: npt.NDArray[np.float32]
    """(N,) in [0, 1] by `facetally.detection.quality.geometric_quality`."""


@dataclass(frozen=True)
class FollowedFrame:
    """The results of one sampled frame."""

    rows: FaceRows
    ended: tuple[Track, ...]
    """The appearances that ended by then; tracks that are too short are not among them. The last frame ends all that
    are left."""
    joined: dict[int, int] = field(default_factory=dict)
    """For each track that turned out to continue an earlier one that one's id."""
    likenesses: Likenesses | None = None
    """With the last frame, where people are counted: how alike the appearances are."""
    is_cut: bool = False
    """Whether a new shot begins with the frame."""


def follow(
    frames: Iterable[Frame],
    detector: Detector,
    *,
    recipe: CropRecipe,
    options: RunOptions,
    embedding: Embedding | None = None,
    at_once: Callable[[FollowedFrame, OpenTracks], None] | None = None,
) -> Iterator[FollowedFrame]:
    """Detects and tracks faces and cuts crops, a batch of frames at a time.

    Memory is bounded by the batch and the number of people in view: a track is released soon after it ends.

    Args:
        frames: sampled frames of one video, in order.
        detector: finds the faces.
        recipe: how to cut the crops for the classifier.
        options: of all stages.
        embedding: tells faces apart where their place and colours leave a doubt. Without it nothing is joined again
            that was separated once.
        at_once: is called with each frame as soon as it is done, and with the open tracks; the frames that are given
            come one later, as the last one ends all tracks.
    """
    tracker, shots = Tracker(options.tracking), ShotCutDetector(options.shots)
    detection = SparseDetection(detector, options.sparse)
    tracks = OpenTracks(recipe, options, embedding)
    held: FollowedFrame | None = None  # one frame is held back: the last one gets all tracks that are still open
    last_hw = None
    for batch in _batches(frames, options.following.batch_frames):
        frame_hw = batch[0].image.hw
        if last_hw and last_hw != frame_hw:
            tracker.rescale(frame_hw[0] / last_hw[0])
            tracks.rescale(frame_hw[0] / last_hw[0])
        last_hw = frame_hw
        images = [frame.image.bgr(detector.input_wh(frame_hw)) for frame in batch]
        cuts = [shots.is_cut(image, frame.time_s) for image, frame in zip(images, batch, strict=True)]
        found = detection.detect(images, frame_hw, [frame.time_s for frame in batch], cuts)
        for frame, image, faces, is_cut in zip(batch, images, found, cuts, strict=True):
            if held:
                yield held
            views = face_views(image, faces.scaled(image.shape[1] / frame_hw[1]), embedding)
            tracked = tracker.update(faces, frame.time_s, frame.duration_s, is_cut, views)
            quality = geometric_quality(faces)
            ended, joined = tracks.add(frame, tracked, quality, is_cut)
            tracker.end(tracks.replaced)
            rows = FaceRows(frame.index, frame.time_s, frame.duration_s, tracked, quality)
            held = FollowedFrame(rows, tuple(ended), joined, is_cut=is_cut)
            if at_once:
                at_once(held, tracks)
        batch.clear()  # free their memory before the next frames are collected, not after
        images.clear()
    if held:
        left, joined = tracks.finish()
        likenesses = compared(tracks.seen) if options.people.count else None
        yield replace(held, ended=(*held.ended, *left), joined=held.joined | joined, likenesses=likenesses)


def _batches(frames: Iterable[Frame], size: int) -> Iterator[list[Frame]]:
    """Batches of consecutive frames of equal size: `size` of them, or fewer large ones to stay in `MAX_BATCH_BYTES`."""
    for (height, width), same_size in groupby(frames, key=lambda frame: frame.image.hw):
        batch: list[Frame] = []
        for frame in same_size:
            batch.append(frame)
            if len(batch) == min(size, max(1, MAX_BATCH_BYTES // (3 * height * width))):
                yield batch
                batch = []
        if batch:
            yield batch
