"""Labels and results of a run, built from a few numbers: one video of faces in a row, and evaluated people."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from facetally.options import RunOptions, Sampling
from facetally.results.ledger import Ledger, VideoRow
from facetally.results.tables import FACES, NOT_COUNTED, TRACKS
from facetally.truth.label_rows import GENDER_WORDS
from facetally.truth.labels import BoxRow, LabelledBoxes, LabelledPerson, Truth
from facetally.validation.outcomes import MISSED, NOBODY, PersonOutcome, TrackOutcome, likelier

VIDEO = "film/a.mp4"
EVERY_S = 0.2
SAMPLING = Sampling(every_s=EVERY_S)
HEIGHT_PX = 40.0
CLASSIFIER = "c" * 64
"""SHA-256 of the weights that made a run."""

Row = dict[str, Any]
LabelledTrack = tuple[str, float, float]
"""True gender, female_prob (NaN: missed) and seconds in view of a person."""


def box_at(x: float, size_px: float = HEIGHT_PX) -> tuple[float, float, float, float]:
    """A square whose left edge is at x; faces stand in a row."""
    return x, 10.0, x + size_px, 10.0 + size_px


def times(start_s: float, stop_s: float, every_s: float = EVERY_S) -> list[float]:
    """start_s, start_s + every_s, ... below stop_s; rounded to microseconds."""
    return [round(start_s + step * every_s, 6) for step in range(math.ceil((stop_s - start_s) / every_s - 1e-9))]


def person(name: str, gender: str = "female", *intervals_s: tuple[float, float], video: str = VIDEO) -> LabelledPerson:
    """A labelled person, by time where times are given."""
    return LabelledPerson(video, name, GENDER_WORDS[gender], intervals_s=intervals_s)


def boxes_of(name: str, at_s: Sequence[float], x: float = 0.0, size_px: float = HEIGHT_PX) -> list[BoxRow]:
    """One person's boxes at some times."""
    return [(name, time_s, box_at(x, size_px), 0) for time_s in at_s]


def truth_of(*people: LabelledPerson, boxes: Sequence[BoxRow] = (), until_s: float | None = None) -> Truth:
    """The labels of `VIDEO`."""
    return Truth(
        people={VIDEO: people},
        boxes={VIDEO: LabelledBoxes.of(boxes)} if boxes else {},
        labelled_until_s={} if until_s is None else {VIDEO: until_s},
    )


def face_rows(
    track_id: int, at_s: Sequence[float], x: float = 0.0, size_px: float = HEIGHT_PX, duration_s: float = EVERY_S
) -> list[Row]:
    """Rows of faces/: one face of a track at some times; track -1 is none."""
    x1, y1, x2, y2 = box_at(x, size_px)
    fixed = {"video_id": "v", "track_id": track_id, "x1": x1, "y1": y1, "x2": x2, "y2": y2, "score": 0.9}
    return [
        {"frame_index": round(25 * t), "time_s": t, "duration_s": duration_s, "quality": 0.5, **fixed} for t in at_s
    ]


def faces_of(*rows: list[Row]) -> pd.DataFrame:
    """The table faces/ as it is read back."""
    return pa.Table.from_pylist([row for group in rows for row in group], schema=FACES).to_pandas()


def track_row(
    track_id: int, female_prob: float, seconds: float = 2.0, height_px: float = HEIGHT_PX, age_band: str = "young"
) -> Row:
    """A row of tracks/; its gender is the likelier one."""
    return {
        **{"video_id": "v", "track_id": track_id, "first_s": 0.0, "last_s": seconds - EVERY_S, "quality": 0.5},
        **{"screen_time_s": seconds, "face_count": round(seconds / EVERY_S), "face_height_px": height_px},
        **{"female_prob": female_prob, "gender": likelier(female_prob), "age_years": 30.0, "age_band": age_band},
        **{"person_in_video": NOT_COUNTED, "video": VIDEO, "first_time": "0:00", "last_time": "0:00"},
    }


def tracks_of(*rows: Row) -> pd.DataFrame:
    """The table tracks/ as it is read back."""
    return pa.Table.from_pylist(list(rows), schema=TRACKS).to_pandas()


def stored(
    out: Path,
    tracks: Mapping[str, Sequence[Row]],
    faces: Mapping[str, Sequence[Row]] | None = None,
    failed: Sequence[str] = (),
    options: RunOptions | None = None,
) -> Ledger:
    """A run from the rows of tracks/ and faces/ of each video, by the video's name."""
    ledger = Ledger(out)
    models = {"classifier": {"name": "drawn", "sha256": CLASSIFIER, "licence": "free"}}
    made = {"version": "1", "options": (options or RunOptions()).as_dict(), "models": models}
    for name in [*tracks, *failed]:
        row = VideoRow(f"id-{name.replace('/', '_')}", name, f"/in/{name}", "failed" if name in failed else "ok")
        face_table, track_table = (
            pa.Table.from_pylist(list(rows.get(name, ())), schema=schema)
            for rows, schema in ((faces or {}, FACES), (tracks, TRACKS))
        )
        ledger.store(row, face_table, track_table, provenance=made)
    return ledger


def corpus(
    out: Path, videos: Mapping[str, Sequence[LabelledTrack]], options: RunOptions | None = None
) -> tuple[Ledger, Truth]:
    """A run and its labels from the people of each video.

    They are side by side, in view from the beginning, and named p0, p1, ...
    """
    labels: dict[str, tuple[LabelledPerson, ...]] = {}
    boxes: dict[str, LabelledBoxes] = {}
    faces: dict[str, list[Row]] = {}
    tracks: dict[str, list[Row]] = {}
    for video, people in videos.items():
        placed = [(i, 100.0 * i, *who) for i, who in enumerate(people)]
        found = [(i, x, prob, seconds) for i, x, _, prob, seconds in placed if not math.isnan(prob)]
        labels[video] = tuple(person(f"p{i}", gender, video=video) for i, _, gender, _, _ in placed)
        boxes[video] = LabelledBoxes.of(
            row for i, x, _, _, seconds in placed for row in boxes_of(f"p{i}", times(0, seconds, 0.5), x)
        )
        faces[video] = [row for i, x, _, seconds in found for row in face_rows(i, times(0, seconds), x)]
        tracks[video] = [track_row(i, prob, seconds) for i, _, prob, seconds in found]
    ends_s = {video: max(seconds for _, _, seconds in people) for video, people in videos.items()}
    return stored(out, tracks, faces, options=options), Truth(labels, boxes, ends_s)


def person_outcome(gender: str, female_prob: float = math.nan, source: str = "s", name: str = "p") -> PersonOutcome:
    """A person in view alone for two seconds; missed without a probability."""
    is_found = not math.isnan(female_prob)
    return PersonOutcome(
        label=LabelledPerson(f"{source}/a.mp4", name, GENDER_WORDS[gender]),
        source=source,
        labelled_s=2.0,
        people_in_view="one",
        box_count=4,
        found_count=4 * is_found,
        face_height_px=HEIGHT_PX,
        track_ids=(0,) if is_found else (),
        female_prob=female_prob,
        predicted=likelier(female_prob) if is_found else MISSED,
        predicted_age_band="young" if is_found else "unknown",
    )


def aged(outcome: PersonOutcome, true: str, predicted: str) -> PersonOutcome:
    """The same person with age bands."""
    return replace(outcome, label=replace(outcome.label, age_band=true), predicted_age_band=predicted)


def track_outcome(truth: str, female_prob: float, source: str = "s", seconds: float = 2.0) -> TrackOutcome:
    """A track of a person, or on nobody; the prediction is the likelier gender."""
    return TrackOutcome(
        video=f"{source}/a.mp4",
        source=source,
        track_id=0,
        person="" if truth == NOBODY else "p",
        truth=NOBODY if truth == NOBODY else GENDER_WORDS[truth],
        people_count=int(truth != NOBODY),
        female_prob=female_prob,
        predicted=likelier(female_prob),
        screen_time_s=seconds,
        face_height_px=HEIGHT_PX,
    )
