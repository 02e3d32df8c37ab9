"""The drawn sample with what the run stored about it: faces, predictions, and the files to cut pictures from."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Lock

import numpy as np
import numpy.typing as npt
import pandas as pd

from facetally.labelling.design import Design, DrawnTrack
from facetally.labelling.journal import ItemKey
from facetally.labelling.labels import MomentKey, TrackKey
from facetally.labelling.videos import find_files
from facetally.options import Sampling
from facetally.results.ledger import Ledger, VideoRow
from facetally.results.tables import FACES, TRACKS, read_table

KEPT_VIDEOS = 64
"""Tables of faces that are held in memory."""
SAME_TIME_S = 1e-6

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class VideoFile:
    """A video to cut pictures from."""

    path: Path
    sampling: Sampling
    """As in the run."""
    has_clock_jumps: bool


@dataclass(frozen=True)
class Prediction:
    """What the run said of a track."""

    gender: str
    female_prob: float
    age_band: str


@dataclass(frozen=True)
class TrackFaces:
    """The faces of one track in sampled frames, in order of time."""

    times_s: Floats
    """(N,) seconds from the first frame."""
    boxes: Floats
    """(N, 4) x1, y1, x2, y2 in pixels of the frame as displayed."""
    quality: Floats
    """(N,) in [0, 1]."""

    @classmethod
    def of(cls, faces: pd.DataFrame) -> TrackFaces:
        """From rows of faces/."""
        ordered = faces.sort_values("time_s", kind="stable")
        return cls(
            ordered["time_s"].to_numpy(np.float64),
            ordered[["x1", "y1", "x2", "y2"]].to_numpy(np.float64),
            ordered["quality"].to_numpy(np.float64),
        )


class Sample:
    """A design, and the run it was drawn from.

    Args:
        ledger: the run.
        design: the sample.
        videos: where to search for the videos; by default, where they were when they were run.
        find: whether pictures are wanted, so that the videos must be found.

    Raises:
        VideoError: a video of the sample is not found, or is another file than the run read.
        OutputError: the run is damaged.
    """

    def __init__(self, ledger: Ledger, design: Design, videos: Sequence[str] = (), *, find: bool = True) -> None:
        self.ledger, self.design = ledger, design
        self.rows: dict[str, VideoRow] = {row.video_id: row for row in ledger.rows()}
        drawn = dict.fromkeys([*(t.video_id for t in design.tracks), *(m.video_id for m in design.moments)])
        self._paths = find_files([self.rows[video_id] for video_id in drawn], videos) if find else {}
        self._faces: OrderedDict[str, pd.DataFrame] = OrderedDict()
        self._lock = Lock()

    @cached_property
    def track_numbers(self) -> Mapping[TrackKey, int]:
        """The position in the sample of each drawn track, from 0."""
        return {track.key: number for number, track in enumerate(self.design.tracks)}

    @cached_property
    def moment_numbers(self) -> Mapping[MomentKey, int]:
        """The position in the sample of each drawn moment, from 0."""
        return {(moment.video_id, moment.time_s): number for number, moment in enumerate(self.design.moments)}

    @cached_property
    def predictions(self) -> Mapping[TrackKey, Prediction]:
        """What the run said of the drawn tracks."""
        found: dict[TrackKey, Prediction] = {}
        for video_id in dict.fromkeys(track.video_id for track in self.design.tracks):
            tracks = read_table(self.ledger.path("tracks", video_id), TRACKS).to_pandas()
            for row in tracks.itertuples():
                key = video_id, int(row.track_id)
                if key in self.track_numbers:
                    found[key] = Prediction(str(row.gender), float(row.female_prob), str(row.age_band))
        return found

    @cached_property
    def by_video(self) -> Mapping[str, list[DrawnTrack]]:
        """The drawn tracks of each video, by its id."""
        found: dict[str, list[DrawnTrack]] = {}
        for track in self.design.tracks:
            found.setdefault(track.video_id, []).append(track)
        return found

    def item(self, kind: str, number: int) -> ItemKey:
        """The key of the item at a position.

        Args:
            kind: track or moment.
            number: from 0.

        Raises:
            IndexError: no such item.
        """
        if number < 0:
            raise IndexError(number)
        if kind == "track":
            return "track", *self.design.tracks[number].key
        moment = self.design.moments[number]
        return "moment", moment.video_id, moment.time_s

    def number(self, item: ItemKey) -> int:
        """The position of an item, from 0.

        Raises:
            KeyError: it was not drawn.
        """
        kind, video_id, place = item
        return self.track_numbers[video_id, int(place)] if kind == "track" else self.moment_numbers[video_id, place]

    def knows(self, item: ItemKey) -> bool:
        """Whether an item was drawn; another process may have extended the sample since this one read it."""
        kind, video_id, place = item
        return (video_id, place) in (self.track_numbers if kind == "track" else self.moment_numbers)

    def file(self, video_id: str) -> VideoFile:
        """Where to cut pictures of a video from."""
        stored = self.ledger.provenance(video_id).get("options", {})
        sampling = Sampling(**stored.get("sampling", {}))
        return VideoFile(self._paths[video_id], sampling, bool(self.rows[video_id].clock_jump_count))

    def faces(self, video_id: str) -> pd.DataFrame:
        """All rows of faces/ of a video."""
        with self._lock:
            if video_id not in self._faces:
                self._faces[video_id] = read_table(self.ledger.path("faces", video_id), FACES).to_pandas()
                if len(self._faces) > KEPT_VIDEOS:
                    self._faces.popitem(last=False)
            self._faces.move_to_end(video_id)
            return self._faces[video_id]

    def track_faces(self, key: TrackKey) -> TrackFaces:
        """The faces of a track."""
        faces = self.faces(key[0])
        return TrackFaces.of(faces[faces["track_id"] == key[1]])

    def found_at(self, key: MomentKey) -> Floats:
        """(N, 4) the boxes of the appearances that the run found in a frame."""
        faces = self.faces(key[0])
        is_there = (faces["time_s"] - key[1]).abs() <= SAME_TIME_S
        found = faces[is_there & (faces["track_id"] >= 0)]
        boxes: Floats = found[["x1", "y1", "x2", "y2"]].to_numpy(np.float64)
        return boxes

    def typical_face_px(self, key: MomentKey, frame_height_px: int) -> tuple[float, float]:
        """Width and height of the faces found in a frame, else in its video, else a sixth of the frame's height."""
        boxes = self.found_at(key)
        if not len(boxes):
            boxes = self.faces(key[0])[["x1", "y1", "x2", "y2"]].to_numpy(np.float64)
        if not len(boxes):
            return frame_height_px / 8, frame_height_px / 6
        width, height = np.median(boxes[:, 2:] - boxes[:, :2], axis=0)
        return float(width), float(height)

    def path(self, video_id: str) -> Path:
        """The file of a video."""
        return self._paths[video_id]
