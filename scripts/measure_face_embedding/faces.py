"""Finds the faces on labelled boxes of video, with their vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from facetally.detection.boxes import heights, iou_matrix
from facetally.detection.faces import FloatArray
from facetally.detection.scrfd import ScrfdDetector
from facetally.detection.tracker import NO_TRACK
from facetally.results.ledger import Ledger
from facetally.truth.labels import LabelledBoxes, Truth
from facetally.validation.matching import MAX_OFFSET_S, paired
from facetally.video.reader import Frame, VideoReader
from scripts.measure_face_embedding.vectors import Describe

SKIPPED = ("not_a_face", "ignore")


@dataclass(frozen=True)
class SeenFace:
    """A labelled box, and the detected face on it."""

    video: str
    source: str
    person: str
    time_s: float
    height_px: float
    track_id: int
    """`NO_TRACK`: in none."""
    vectors: Mapping[str, FloatArray]
    """(D,) of length 1, by the kind of vector."""


def seen_faces(
    truth: Truth, ledger: Ledger, videos: Path, detector: ScrfdDetector, kinds: Mapping[str, Describe]
) -> list[SeenFace]:
    """The detected faces on labelled boxes at the sampled frames nearest to the labels, of all labelled videos."""
    names = {name: video_id for video_id, name in ledger.names().items()}
    seen: list[SeenFace] = []
    for video in sorted(truth.boxes.keys() & names.keys()):
        tracks = track_boxes(ledger, names[video])
        skipped = {person.person for person in truth.people[video] if person.gender in SKIPPED}
        with VideoReader(videos / video) as reader:  # twice over the video, to keep no more than a frame in memory
            frames = [(frame.index, frame.time_s, frame.image.hw) for frame in reader]
        boxes = truth.on_frames({video: frames[0][2][::-1]}).boxes[video]
        wanted = labelled_frames([(index, time_s) for index, time_s, _ in frames], boxes)
        with VideoReader(videos / video) as reader:
            for frame in reader:
                rows = [row for row in wanted.get(frame.index, []) if boxes.people[row] not in skipped]
                if rows:
                    seen += in_frame(frame, boxes, rows, video, truth.source(video), tracks, detector, kinds)
    return seen


def labelled_frames(frames: Sequence[tuple[int, float]], boxes: LabelledBoxes) -> dict[int, list[int]]:
    """The positions of the labels for which a frame is the nearest in time, by the frame's index.

    Args:
        frames: index and time_s of each sampled frame.
        boxes: the labels.
    """
    indices, times_s = zip(*frames, strict=True)
    wanted: dict[int, list[int]] = {}
    for row, time_s in enumerate(boxes.times_s):
        offsets = np.abs(np.array(times_s) - time_s)
        if offsets.min() <= MAX_OFFSET_S:
            wanted.setdefault(indices[int(offsets.argmin())], []).append(row)
    return wanted


def track_boxes(ledger: Ledger, video_id: str) -> dict[int, tuple[FloatArray, list[int]]]:
    """The boxes, (N, 4), and tracks of the faces of a run, by frame."""
    table = pq.read_table(ledger.path("faces", video_id)).to_pandas()
    return {
        int(index): (own[["x1", "y1", "x2", "y2"]].to_numpy(np.float32), own["track_id"].tolist())
        for index, own in table.groupby("frame_index")
    }


def in_frame(
    frame: Frame,
    boxes: LabelledBoxes,
    rows: Sequence[int],
    video: str,
    source: str,
    tracks: Mapping[int, tuple[FloatArray, list[int]]],
    detector: ScrfdDetector,
    kinds: Mapping[str, Describe],
) -> list[SeenFace]:
    """The faces on the labelled boxes of one frame."""
    image = frame.image.bgr()
    faces = detector.detect([image])[0]
    pairs = matched_boxes(boxes.boxes[list(rows)].astype(np.float32), faces.boxes)
    if not pairs:
        return []
    chosen = faces[np.array([face for _, face in pairs])]
    vectors = {name: describe(image, chosen) for name, describe in kinds.items()}
    known, ids = tracks.get(frame.index, (np.zeros((0, 4), np.float32), []))
    of_track = dict(matched_boxes(chosen.boxes, known))
    return [
        SeenFace(
            video=video,
            source=source,
            person=boxes.people[rows[label]],
            time_s=frame.time_s,
            height_px=float(heights(chosen.boxes)[at]),
            track_id=ids[of_track[at]] if at in of_track else NO_TRACK,
            vectors={name: own[at] for name, own in vectors.items()},
        )
        for at, (label, _) in enumerate(pairs)
    ]


def matched_boxes(first: FloatArray, second: FloatArray) -> list[tuple[int, int]]:
    """The pairs of boxes that overlap most, each box once."""
    return paired(iou_matrix(first, second))
