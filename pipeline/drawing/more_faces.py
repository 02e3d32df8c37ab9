"""Finds faces in a video that its run did not: for covering, a face too many is better than one too few."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from facetally.detection.faces import ImageArray
from facetally.detection.sparse import Detector
from facetally.drawing.boxes_over_time import BOX, MARGIN, NO_TRACK, InView, Stretch, as_box, enlarged
from facetally.drawing.placement import Box
from facetally.options import Sampling
from facetally.video.reader import Frame, VideoReader

SEARCH_EVERY_S = 0.1
"""How often faces are searched for."""
SEARCH_MIN_SCORE = 0.3
"""Lowest score of a face that is covered, as for runs. With 0.15 large parts of pictures without faces are covered."""
ROUNDS = 3
"""How often a frame is searched at most: a cover may look like a part of another face."""
SAME_FACE_SHARE = 0.5
"""A face is one that is left uncovered if this share of the smaller box is common to both."""
COVER_GREY = 88
"""Of 0-255, as covers look."""


def more_faces(
    path: Path,
    detector: Detector,
    covers: Sequence[Stretch],
    shown: Sequence[Stretch] = (),
    *,
    stream: int = -1,
    threads: int = 0,
    on_frame: Callable[[float], None] = lambda _: None,
) -> pd.DataFrame:
    """The faces that are not covered yet, as rows of faces/ without a track.

    Args:
        path: of the video.
        detector: finds faces.
        covers: what is covered already.
        shown: the faces that shall stay uncovered, in their boxes.
        stream: number of the video stream, as in `Sampling`.
        threads: of the decoder.
        on_frame: called with the time of each frame that was searched.
    """
    covered, uncovered = InView(covers), InView(shown)
    found: list[tuple[float, float, int, float, float, float, float]] = []
    with VideoReader(path, Sampling(every_s=SEARCH_EVERY_S, stream=stream), threads) as reader:
        for frame in reader:
            on_frame(frame.time_s)
            own = [one.at(frame.time_s) for one in uncovered.at(frame.time_s)]
            hidden = [one.at(frame.time_s) for one in covered.at(frame.time_s)]
            for box in _uncovered_faces(frame, detector, hidden, own):
                found.append((frame.time_s, frame.duration_s, NO_TRACK, *box))
    return pd.DataFrame(found, columns=["time_s", "duration_s", "track_id", *BOX])


def _uncovered_faces(frame: Frame, detector: Detector, hidden: Sequence[Box], shown: Sequence[Box]) -> list[Box]:
    """The faces that are found in a frame with its covers, and again when those are covered, too.

    Args:
        frame: the frame.
        detector: finds faces.
        hidden: the covers.
        shown: the faces that are left out.
    """
    hw = frame.image.hw
    image = frame.image.bgr(detector.input_wh(hw)).copy()
    for box in hidden:
        _cover(image, box, hw)
    found: list[Box] = []
    for _ in range(ROUNDS):
        boxes = [as_box(box) for box in detector.detect([image], hw)[0].boxes]
        new = [box for box in boxes if not any(_is_same(box, other) for other in shown)]
        found += new
        if not new:
            break
        for box in new:
            _cover(image, enlarged(np.array(box), MARGIN), hw)
    return found


def _cover(image: ImageArray, box: Box, frame_hw: tuple[int, int]) -> None:
    """Covers a box, in pixels of the frame, on an image of another size, in place."""
    across, down = image.shape[1] / frame_hw[1], image.shape[0] / frame_hw[0]
    x1, y1, x2, y2 = (
        max(round(value), 0) for value in (box[0] * across, box[1] * down, box[2] * across, box[3] * down)
    )
    image[y1:y2, x1:x2] = COVER_GREY


def _is_same(box: Box, other: Box) -> bool:
    wide = min(box[2], other[2]) - max(box[0], other[0])
    high = min(box[3], other[3]) - max(box[1], other[1])
    return wide > 0 and high > 0 and wide * high >= SAME_FACE_SHARE * min(_area(box), _area(other))


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])
