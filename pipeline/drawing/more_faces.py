"""Finds faces in a video that its run did not: for covering, a face too many is better than one too few.

All frames at short intervals are searched whole, in two sizes, and down to a low score. What is found there by chance
comes and goes; what is a face is found again in the next frames. So weak finds are followed over time, and count only
if one of them is a good one, or if there are several. Then the frame is searched again with its covers, since what is
left between them may look like a face.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from facetally.detection import boxes as geometry
from facetally.detection.faces import Faces, ImageArray
from facetally.detection.sparse import Detector
from facetally.detection.tracker import Tracker, TrackerOptions
from facetally.drawing.boxes_over_time import BOX, MARGIN, NO_TRACK, InView, Stretch, enlarged
from facetally.drawing.placement import Box
from facetally.options import Sampling
from facetally.video.reader import Frame, VideoReader

SEARCH_EVERY_S = 0.2
"""How often faces are searched for."""
SEARCH_PX = 640, 960
"""Longer side of the picture in the detector, one search for each: the larger finds small faces, the other large ones.
"""
WEAK_SCORE = 0.2
"""Lowest score of a find. At 0.15 large parts of pictures without faces are covered."""
GOOD_SCORE = 0.3
"""One find of this score counts by itself, ..."""
ENOUGH_FINDS = 3
"""... and so do so many weaker ones of the same face, ..."""
MAX_GAP_S = 0.5
"""... of which each follows the one before within this time."""
ROUNDS = 2
"""How often a frame is searched with its covers, at most."""
SAME_FACE_SHARE = 0.5
"""A find is a face that stays visible if this share of the smaller box is common to both."""
COVERED_SHARE = 0.6
"""A find is covered already if this share of it is under one cover."""
MAX_OVERLAP = 0.4
"""Of two finds that overlap by more (intersection over union) the one with the higher score is kept."""
COVER_GREY = 88
"""Of 0-255, as covers look."""


@dataclass(frozen=True)
class AddedCover:
    """A place that is covered though the run has no track there."""

    start_s: float
    """First time at which something was found there."""
    stop_s: float
    box: Box
    """Around all that was found there, in pixels of the displayed picture; the cover is larger."""
    best_score: float
    face_count: int


def more_faces(
    path: Path,
    detectors: Sequence[Detector],
    covers: Sequence[Stretch] = (),
    shown: Sequence[Stretch] = (),
    *,
    stream: int = -1,
    threads: int = 0,
    on_frame: Callable[[float], None] = lambda _: None,
) -> pd.DataFrame:
    """All faces of a video, as rows of faces/ with `score`; `track_id` counts what was followed over time.

    Args:
        path: of the video.
        detectors: find faces down to `WEAK_SCORE`, each in another size of the picture.
        covers: those of the run's own faces.
        shown: the faces that shall stay visible, in their boxes.
        stream: number of the video stream, as in `Sampling`.
        threads: of the decoder.
        on_frame: called with the time of each frame that was searched.
    """
    visible, covered = InView(shown), InView(covers)
    tracker = Tracker(TrackerOptions(start_score=WEAK_SCORE, max_gap_s=MAX_GAP_S))
    found: list[tuple[float, ...]] = []
    with VideoReader(path, Sampling(every_s=SEARCH_EVERY_S, stream=stream), threads) as reader:
        for frame in reader:
            on_frame(frame.time_s)
            own = [one.at(frame.time_s) for one in visible.at(frame.time_s)]
            hidden = [one.at(frame.time_s) for one in covered.at(frame.time_s)]
            faces = _found(frame, detectors, hidden, own)
            track_ids = tracker.update(faces, frame.time_s, frame.duration_s).track_ids
            for box, score, track_id in zip(faces.boxes, faces.scores, track_ids, strict=True):
                found.append((frame.time_s, frame.duration_s, int(track_id), float(score), *map(float, box)))
    return _likely(pd.DataFrame(found, columns=["time_s", "duration_s", "track_id", "score", *BOX]))


def added_covers(found: pd.DataFrame, covers: Sequence[Stretch]) -> list[AddedCover]:
    """The places of `more_faces` that are not under the covers of the run's own faces."""
    view, is_new = InView(covers), []
    for row in found.sort_values("time_s", kind="stable").itertuples():
        own = np.array([[row.x1, row.y1, row.x2, row.y2]], np.float32)
        there = np.array([one.at(row.time_s) for one in view.at(row.time_s)], np.float32).reshape(-1, 4)
        is_new.append(geometry.shared_areas(own, there).max(initial=0) < COVERED_SHARE * _areas(own)[0])
    new = found.sort_values("time_s", kind="stable")[np.array(is_new, bool)]
    added = [_added(own) for track_id, own in new.groupby("track_id") if track_id != NO_TRACK]
    added += [_added(new.loc[[index]]) for index in new.index[new["track_id"] == NO_TRACK]]
    return sorted(added, key=lambda one: (one.start_s, one.box))


def _found(frame: Frame, detectors: Sequence[Detector], hidden: Sequence[Box], shown: Sequence[Box]) -> Faces:
    """The faces of a frame, in its pixels: those of all searches, and good ones of the frame with its covers."""
    hw = frame.image.hw
    faces = Faces.concatenate([one.detect([frame.image.bgr(one.input_wh(hw))], hw)[0] for one in detectors])
    faces = _without(faces[geometry.non_maximum_suppression(faces.boxes, faces.scores, MAX_OVERLAP)], shown)
    first = detectors[0]
    image = frame.image.bgr(first.input_wh(hw)).copy()
    for box in hidden:
        _cover(image, box, hw)
    new = faces
    for _ in range(ROUNDS):
        for own in new.boxes:
            _cover(image, enlarged(own.astype(np.float64), MARGIN), hw)
        left = first.detect([image], hw)[0]
        new = _without(left[left.scores >= GOOD_SCORE], shown)
        if not len(new):
            break
        faces = Faces.concatenate([faces, new])
    return faces


def _cover(image: ImageArray, box: Box, frame_hw: tuple[int, int]) -> None:
    """Covers a box, in pixels of the frame, on an image of another size, in place."""
    across, down = image.shape[1] / frame_hw[1], image.shape[0] / frame_hw[0]
    x1, y1, x2, y2 = (
        max(round(value), 0) for value in (box[0] * across, box[1] * down, box[2] * across, box[3] * down)
    )
    image[y1:y2, x1:x2] = COVER_GREY


def _without(faces: Faces, shown: Sequence[Box]) -> Faces:
    """The faces that are none of those that stay visible."""
    others = np.array(shown, np.float32).reshape(-1, 4)
    smaller = np.minimum(_areas(faces.boxes)[:, None], _areas(others)[None])
    is_shown = geometry.shared_areas(faces.boxes, others) >= SAME_FACE_SHARE * np.maximum(smaller, 1e-6)
    return faces[np.flatnonzero(~is_shown.any(axis=1))]


def _likely(found: pd.DataFrame) -> pd.DataFrame:
    """Those with a good score, and those that were found often enough in frames that follow each other."""
    by_track = found.groupby("track_id")["score"]
    is_followed = found["track_id"] != NO_TRACK
    is_often = is_followed & (by_track.transform("size") >= ENOUGH_FINDS)
    is_good = found["score"].where(~is_followed, by_track.transform("max")) >= GOOD_SCORE
    return found[is_often | is_good].reset_index(drop=True)


def _added(own: pd.DataFrame) -> AddedCover:
    x1, y1, x2, y2 = (float(value) for value in (*own[BOX[:2]].min(), *own[BOX[2:]].max()))
    stop_s = float((own["time_s"] + own["duration_s"]).max())
    return AddedCover(float(own["time_s"].min()), stop_s, (x1, y1, x2, y2), float(own["score"].max()), len(own))


def _areas(boxes: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return np.asarray(np.maximum(boxes[:, 2:] - boxes[:, :2], 0).prod(axis=1))
