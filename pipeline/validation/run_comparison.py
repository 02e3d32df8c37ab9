"""Compares two runs over the same videos without labels: their shares, and the appearances that differ.

Appearances of two runs are the same where their faces overlap at the same times: in each sampled frame faces are paired
by the largest total overlap, and then appearances by the largest number of such faces, each with at most one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

from facetally.detection.boxes import iou_matrix
from facetally.detection.tracker import NO_TRACK
from facetally.errors import OutputError, TruthError
from facetally.options import TIME_TOLERANCE_S
from facetally.quantification.intervals import rounded
from facetally.results.ledger import Ledger, VideoRow
from facetally.results.tables import FACES, TRACKS, read_table
from facetally.truth.video_names import matched_names
from facetally.validation.matching import EVERY_FRAME_S, MAX_OFFSET_S, paired
from facetally.validation.metrics import Figures

Kind = Literal["same", "gender", "only_first", "only_second", "cut"]
"""cut: it overlaps with an appearance of the other run that is paired with another one."""
BOX_COLUMNS = ["x1", "y1", "x2", "y2"]
RunPairs = list[tuple[VideoRow, VideoRow]]


@dataclass(frozen=True)
class _Results:
    """Faces of appearances, and the appearances, of one video of one run."""

    faces: pd.DataFrame
    tracks: pd.DataFrame
    """Indexed by track id."""

    @classmethod
    def read(cls, ledger: Ledger, row: VideoRow) -> _Results:
        faces = read_table(ledger.path("faces", row.video_id), FACES).to_pandas()
        tracks = read_table(ledger.path("tracks", row.video_id), TRACKS).to_pandas()
        return cls(faces[faces["track_id"] != NO_TRACK], tracks.set_index("track_id"))

    @property
    def step_s(self) -> float:
        return float(self.faces["duration_s"].median()) if len(self.faces) else EVERY_FRAME_S


def run_figures(first: Ledger, second: Ledger) -> Figures:
    """Shares of both runs over the videos that both processed, and the appearances that differ.

    Raises:
        OutputError: a folder without a run, a damaged run, or no video in both.
    """
    pairs = _videos_in_both(first, second)
    tracks: tuple[list[pd.DataFrame], list[pd.DataFrame]] = ([], [])
    counts: Counter[Kind] = Counter()
    changed: list[Figures] = []
    for one, other in pairs:
        results = _Results.read(first, one), _Results.read(second, other)
        for part, found in zip(tracks, results, strict=True):
            part.append(found.tracks)
        for kind, figures in _appearances(one.video, *results):
            counts[kind] += 1
            if kind in ("gender", "only_first", "only_second"):
                changed.append({"kind": kind, **figures})
    return {
        "videos": len(pairs),
        "shares": {name: _shares(part) for name, part in zip(("first", "second"), tracks, strict=True)},
        "appearances": {
            "same": counts["same"],
            "other_gender": counts["gender"],
            "only_first": counts["only_first"],
            "only_second": counts["only_second"],
            "cut_differently": counts["cut"],
            "changed": sorted(changed, key=lambda one: (one["video"], one["first_s"])),
        },
    }


def _videos_in_both(first: Ledger, second: Ledger) -> RunPairs:
    """The rows of videos that both runs could read, sorted by name."""
    mine, others = ({row.video: row for row in ledger.rows()} for ledger in (first, second))
    try:
        names = matched_names(mine, others)
    except TruthError as error:
        raise OutputError(
            f"the videos of {first.out} and {second.out} cannot be paired by their names",
            fix="compare runs over the same videos",
        ) from error
    pairs = [(mine[name], others[other]) for name, other in sorted(names.items())]
    return [pair for pair in pairs if "failed" not in (pair[0].status, pair[1].status)]


def _shares(parts: Iterable[pd.DataFrame]) -> Figures:
    """Appearances and screen time by predicted gender, and the share of women among women and men."""
    parts = list(parts)
    tracks = pd.concat(parts) if parts else pd.DataFrame({"gender": [], "screen_time_s": []})
    counts = tracks["gender"].value_counts().to_dict()
    seconds = tracks.groupby("gender")["screen_time_s"].sum().to_dict()
    return {
        "appearances": len(tracks),
        **{name: int(counts.get(name, 0)) for name in ("female", "male", "unknown")},
        "share": _female_share(counts),
        "screen_time_s": rounded(float(sum(seconds.values()))),
        "screen_time_share": _female_share(seconds),
    }


def _female_share(amounts: Mapping[str, float]) -> float | None:
    known = amounts.get("female", 0) + amounts.get("male", 0)
    return rounded(amounts.get("female", 0) / known) if known else None


def _appearances(video: str, first: _Results, second: _Results) -> Iterable[tuple[Kind, Figures]]:
    """Each appearance of either run: whether the other has it too, with the same gender."""
    votes = _votes(first, second)
    same = _one_to_one(votes)
    for one, other in same.items():
        a, b = first.tracks.loc[one], second.tracks.loc[other]
        yield "same" if a["gender"] == b["gender"] else "gender", _both(video, a, b)
    shared = {one for one, _ in votes}, {other for _, other in votes}
    for track_id, track in first.tracks.iterrows():
        if track_id not in same:
            yield "cut" if track_id in shared[0] else "only_first", _both(video, track, None)
    for track_id, track in second.tracks.iterrows():
        if track_id not in same.values():
            yield "cut" if track_id in shared[1] else "only_second", _both(video, None, track)


def _both(video: str, first: pd.Series | None, second: pd.Series | None) -> Figures:
    """An appearance for report: where, when, and what each run predicts; null where it has none."""
    one = first if first is not None else second
    assert one is not None
    figures: Figures = {
        "video": video,
        "first_s": rounded(float(one["first_s"])),
        "last_s": rounded(float(one["last_s"])),
    }
    for name, track in (("first", first), ("second", second)):
        figures[name] = None if track is None else str(track["gender"])
        figures[f"{name}_track_id"] = None if track is None else int(track.name)
        figures[f"{name}_female_prob"] = None if track is None else rounded(float(track["female_prob"]))
    return figures


def _votes(first: _Results, second: _Results) -> Counter[tuple[int, int]]:
    """In how many frames an appearance of one run overlaps one of the other."""
    votes: Counter[tuple[int, int]] = Counter()
    groups = tuple(results.faces.groupby("time_s").indices for results in (first, second))
    boxes = tuple(results.faces[BOX_COLUMNS].to_numpy(np.float32) for results in (first, second))
    track_ids = tuple(results.faces["track_id"].to_numpy() for results in (first, second))
    times = tuple(np.array(sorted(group), np.float64) for group in groups)
    if not len(times[0]) or not len(times[1]):
        return votes
    tolerance_s = min(max(first.step_s, second.step_s) / 2, MAX_OFFSET_S) + TIME_TOLERANCE_S
    for time_s in times[1]:
        nearest_s = times[0][np.abs(times[0] - time_s).argmin()]
        if abs(nearest_s - time_s) <= tolerance_s:
            rows = groups[0][nearest_s], groups[1][time_s]
            for i, j in paired(iou_matrix(boxes[0][rows[0]], boxes[1][rows[1]])):
                votes[int(track_ids[0][rows[0][i]]), int(track_ids[1][rows[1][j]])] += 1
    return votes


def _one_to_one(votes: Mapping[tuple[int, int], int]) -> dict[int, int]:
    """Appearances paired so that the most faces fit, by the id in the first run."""
    ones, others = sorted({one for one, _ in votes}), sorted({other for _, other in votes})
    table = np.zeros((len(ones), len(others)))
    for (one, other), count in votes.items():
        table[ones.index(one), others.index(other)] = count
    chosen = zip(*linear_sum_assignment(-table), strict=True)
    return {ones[i]: others[j] for i, j in chosen if table[i, j]}
