"""Detects and tracks the faces of one video: takes its frames, gives rows of faces and finished appearances."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np
import numpy.typing as npt

from facetally.detection import boxes as geometry
from facetally.detection.crops import CropRecipe, cut_crops
from facetally.detection.faces import ImageArray, TrackedFaces
from facetally.detection.quality import crop_quality, geometric_quality
from facetally.detection.shots import ShotCutDetector
from facetally.detection.sparse import Detector, SparseDetection
from facetally.detection.tracker import NO_TRACK, Tracker
from facetally.options import RunOptions
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
class Track:
    """One appearance of one person, from entering to leaving the frame or the shot."""

    track_id: int
    first_s: float
    last_s: float
    """Times of the first and the last face."""
    screen_time_s: float
    """Sum of the durations of the sampled frames that show the face."""
    face_count: int
    face_height_px: float
    """Mean height of the faces in frame pixels."""
    crops: npt.NDArray[np.uint8]
    """(K, S, S, 3) uint8 RGB, the best K, best first."""
    crop_quality: npt.NDArray[np.float32]
    """(K,) in [0, 1]."""


@dataclass(frozen=True)
class FollowedFrame:
    """The results of one sampled frame."""

    rows: FaceRows
    ended: tuple[Track, ...]
    """The appearances that ended with it; tracks that are too short are not among them. The last frame ends all that
    are left."""


def follow(
    frames: Iterable[Frame], detector: Detector, *, recipe: CropRecipe, options: RunOptions
) -> Iterator[FollowedFrame]:
    """Detects and tracks faces and cuts crops, a batch of frames at a time.

    Memory is bounded by the batch and the number of people in view: a track is released as soon as it ends.

    Args:
        frames: sampled frames of one video, in order.
        detector: finds the faces.
        recipe: how to cut the crops for the classifier.
        options: of all stages.
    """
    tracker, shots = Tracker(options.tracking), ShotCutDetector(options.shots)
    detection = SparseDetection(detector, options.sparse)
    open_tracks: dict[int, _OpenTrack] = {}
    held: FollowedFrame | None = None  # one frame is held back: the last one gets all tracks that are still open
    for batch in _batches(frames, options.following.batch_frames):
        frame_hw = batch[0].image.hw
        images = [frame.image.bgr(detector.input_wh(frame_hw)) for frame in batch]
        cuts = [shots.is_cut(image) for image in images]
        found = detection.detect(images, frame_hw, [frame.time_s for frame in batch], cuts)
        for frame, faces, is_cut in zip(batch, found, cuts, strict=True):
            if held:
                yield held
            tracked = tracker.update(faces, frame.time_s, frame.duration_s, is_cut)
            quality = geometric_quality(faces)
            ended = [open_tracks.pop(track_id) for track_id in tracked.ended_ids]
            _add_faces(
                open_tracks,
                frame,
                tracked,
                quality=quality,
                recipe=recipe,
                best_count=options.following.best_crops,
            )
            rows = FaceRows(frame.index, frame.time_s, frame.duration_s, tracked, quality)
            held = FollowedFrame(rows, _appearances(ended, options))
    if held:
        left = [open_tracks.pop(track_id) for track_id in tracker.finish()]
        yield FollowedFrame(held.rows, held.ended + _appearances(left, options))


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


@dataclass
class _OpenTrack:
    """A track that has not ended yet."""

    track_id: int
    first_s: float
    last_s: float = 0.0
    screen_time_s: float = 0.0
    face_count: int = 0
    height_sum_px: float = 0.0
    best: list[tuple[float, ImageArray]] = field(default_factory=list)
    """(quality, crop), best first."""

    def add(self, frame: Frame, height_px: float) -> None:
        self.last_s = frame.time_s
        self.screen_time_s += frame.duration_s
        self.face_count += 1
        self.height_sum_px += height_px

    def keep(self, quality: float, crop: ImageArray, count: int) -> None:
        self.best = sorted([*self.best, (quality, crop)], key=lambda pair: -pair[0])[:count]

    def closed(self) -> Track:
        return Track(
            track_id=self.track_id,
            first_s=self.first_s,
            last_s=self.last_s,
            screen_time_s=self.screen_time_s,
            face_count=self.face_count,
            face_height_px=self.height_sum_px / self.face_count,
            crops=np.stack([crop for _, crop in self.best]),
            crop_quality=np.array([quality for quality, _ in self.best], np.float32),
        )


def _add_faces(
    open_tracks: dict[int, _OpenTrack],
    frame: Frame,
    tracked: TrackedFaces,
    *,
    quality: npt.NDArray[np.float32],
    recipe: CropRecipe,
    best_count: int,
) -> None:
    """Adds a frame's faces to their tracks; crops are cut only for faces that can be among the best of their track."""
    heights = geometry.heights(tracked.faces.boxes)
    is_candidate = np.zeros(len(tracked.faces), bool)
    for index in np.flatnonzero(tracked.track_ids != NO_TRACK):
        track_id = int(tracked.track_ids[index])
        track = open_tracks.setdefault(track_id, _OpenTrack(track_id, frame.time_s))
        track.add(frame, float(heights[index]))
        is_candidate[index] = len(track.best) < best_count or quality[index] > track.best[-1][0]
    chosen = np.flatnonzero(is_candidate)
    if not len(chosen):
        return
    crops = cut_crops(frame.image.bgr(), tracked.faces[chosen], recipe)
    for index, value, crop in zip(chosen, crop_quality(quality[chosen], crops), crops, strict=True):
        # a copy, so that the array with all crops of the frame can be freed
        open_tracks[int(tracked.track_ids[index])].keep(float(value), crop.copy(), best_count)


def _appearances(ended: list[_OpenTrack], options: RunOptions) -> tuple[Track, ...]:
    shortest = options.following.min_screen_time_s
    return tuple(track.closed() for track in ended if track.screen_time_s >= shortest)
