"""Scores detected cuts and tracks against the known answers about films with cuts. All counts can be added up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from facetally.detection.boxes import iou_matrix
from facetally.detection.faces import FloatArray, IntArray
from facetally.detection.tracker import NO_TRACK
from scripts.cut_films.answers import Film

MIN_OVERLAP = 0.3
"""A detected face is the labelled one from this intersection over union on."""
TOLERANCE_S = 1e-6
Times = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


# Cuts


@dataclass(frozen=True)
class CutCounts:
    """How the detections of some films match their cuts, transitions and traps."""

    hard_count: int = 0
    """Without jumps."""
    hard_found: int = 0
    jump_count: int = 0
    jump_found: int = 0
    soft_count: int = 0
    soft_found: int = 0
    false_count: int = 0
    """Detections where there is no cut; more than one in a transition are not false."""
    false_count_soft: int = 0
    """Of these in films that have transitions."""
    trap_count: Counter[str] = field(default_factory=Counter)
    trap_held: Counter[str] = field(default_factory=Counter)
    """Traps by kind, and those without a false detection."""

    def __add__(self, other: CutCounts) -> CutCounts:
        return CutCounts(**{name: value + getattr(other, name) for name, value in vars(self).items()})

    def figures(self) -> dict[str, Any]:
        """Precision, recall and F1 of hard cuts (with and without jumps) and of transitions, and the traps held.

        A detection does not say what it has found. False ones count against hard cuts in all films, against
        transitions in films that have some.
        """
        all_found, all_count = self.hard_found + self.jump_found, self.hard_count + self.jump_count
        return {
            "hard": ratios(all_found, all_count, self.false_count),
            "hard_without_jumps": ratios(self.hard_found, self.hard_count, self.false_count),
            "jumps": {"found": self.jump_found, "count": self.jump_count},
            "soft": ratios(self.soft_found, self.soft_count, self.false_count_soft),
            "traps": {"held": self.trap_held.total(), "count": self.trap_count.total()},
            "traps_by_kind": {
                kind: {"held": self.trap_held[kind], "count": count} for kind, count in sorted(self.trap_count.items())
            },
        }


def ratios(found: int, count: int, false_count: int) -> dict[str, Any]:
    """Precision, recall and F1 with their counts; None where nothing was to be found or was detected."""
    detected = found + false_count
    return {
        "precision": round(found / detected, 4) if detected else None,
        "recall": round(found / count, 4) if count else None,
        "f1": round(2 * found / (count + detected), 4) if count else None,
        "found": found,
        "count": count,
        "false": false_count,
    }


def count_cuts(film: Film, times_s: Times, is_cut: Bools) -> CutCounts:
    """Matches the detections of one film with what happens in it, one to one.

    Args:
        film: the answers.
        times_s: (N,) of the sampled frames, ascending.
        is_cut: (N,) whether a cut was detected at the frame.
    """
    every_s = float(np.median(np.diff(times_s))) if len(times_s) > 1 else 0.0
    detected = times_s[is_cut]
    pairs = _matched(film, times_s, detected, every_s)
    hard_count = len(film.cuts)
    found = [film.cuts[event] for event, _ in pairs if event < hard_count]
    false = np.setdiff1d(np.arange(len(detected)), [detection for _, detection in pairs])
    false_s = [
        s for s in detected[false] if not any(_covers(t.start_s, t.stop_s, s, every_s) for t in film.transitions)
    ]
    held = Counter(trap.kind for trap in film.traps if not _crossed(trap.start_s, trap.stop_s, times_s, false_s))
    jump_found = sum(cut.kind == "jump" for cut in found)
    jump_count = sum(cut.kind == "jump" for cut in film.cuts)
    return CutCounts(
        hard_count=hard_count - jump_count,
        hard_found=len(found) - jump_found,
        jump_count=jump_count,
        jump_found=jump_found,
        soft_count=len(film.transitions),
        soft_found=len(pairs) - len(found),
        false_count=len(false_s),
        false_count_soft=len(false_s) if film.transitions else 0,
        trap_count=Counter(trap.kind for trap in film.traps),
        trap_held=held,
    )


def _matched(film: Film, times_s: Times, detected: Times, every_s: float) -> list[tuple[int, int]]:
    """Pairs of event (hard cuts, then transitions) and detection; as many as possible, then the nearest."""
    costs = np.full((len(film.cuts) + len(film.transitions), len(detected)), np.inf)
    for row, cut in enumerate(film.cuts):
        due = times_s[times_s >= cut.time_s - TOLERANCE_S]
        away_s = np.abs(detected - due[0]) if len(due) else np.full(len(detected), np.inf)
        costs[row] = np.where(away_s <= every_s + TOLERANCE_S, away_s, np.inf)
    for row, soft in enumerate(film.transitions, len(film.cuts)):
        inside = [_covers(soft.start_s, soft.stop_s, s, every_s) for s in detected]
        costs[row] = np.where(inside, 0.1 * every_s, np.inf)
    if not costs.size:
        return []
    forbidden = 1e6
    rows, columns = linear_sum_assignment(np.where(np.isfinite(costs), costs, forbidden))
    return [(int(r), int(c)) for r, c in zip(rows, columns, strict=True) if np.isfinite(costs[r, c])]


def _covers(start_s: float, stop_s: float, time_s: float, every_s: float) -> bool:
    """Whether a time lies in a transition or at most one sample after it."""
    return start_s - TOLERANCE_S <= time_s <= stop_s + every_s + TOLERANCE_S


def _crossed(start_s: float, stop_s: float, times_s: Times, false_s: Iterable[float]) -> bool:
    """Whether a false detection lies in a trap or at the first sampled frame after it, which differs from the last."""
    after = times_s[times_s >= stop_s - TOLERANCE_S]
    last_s = after[0] if len(after) else stop_s
    return any(start_s - TOLERANCE_S <= s <= last_s + TOLERANCE_S for s in false_s)


# Tracks


@dataclass(frozen=True)
class TrackedSample:
    """The faces of one sampled frame and their tracks."""

    time_s: float
    boxes: FloatArray
    """(N, 4) in frame pixels."""
    track_ids: IntArray
    """(N,) `NO_TRACK` where a face has none."""


@dataclass(frozen=True)
class TrackCounts:
    """How tracks follow the people of some films."""

    changes: Counter[str] = field(default_factory=Counter)
    """Changes of person at one place, with both people found, by kind of film."""
    separated: Counter[str] = field(default_factory=Counter)
    """Of these with no track on both sides."""
    unseen: Counter[str] = field(default_factory=Counter)
    """Changes of which one side was not tracked at all."""
    jumps: Counter[str] = field(default_factory=Counter)
    """Jump cuts and reframings of one person at one place, by kind of cut."""
    jumps_separated: Counter[str] = field(default_factory=Counter)
    stays: Counter[str] = field(default_factory=Counter)
    """Stays tracked in at least two sampled frames, by kind of film."""
    divided: Counter[str] = field(default_factory=Counter)
    """Of these with more than one track."""
    trap_stays: Counter[str] = field(default_factory=Counter)
    """The same by kind of the traps in them."""
    trap_divided: Counter[str] = field(default_factory=Counter)
    samples: Counter[str] = field(default_factory=Counter)
    """Sampled frames in stays, by kind of film."""
    tracked: Counter[str] = field(default_factory=Counter)
    """Of these with a track on the person."""
    failures: list[dict[str, Any]] = field(default_factory=list)
    """Every change that a track crosses and every divided stay."""

    def __add__(self, other: TrackCounts) -> TrackCounts:
        return TrackCounts(**{name: value + getattr(other, name) for name, value in vars(self).items()})

    def figures(self) -> dict[str, Any]:
        """Shares of changes at which a new track begins, and of stays that are divided."""
        return {
            "changes": _by_kind(self.separated, self.changes, "separated"),
            "changes_unseen": self.unseen.total(),
            "same_person": _by_kind(self.jumps_separated, self.jumps, "separated"),
            "stays": _by_kind(self.divided, self.stays, "divided"),
            "stays_by_trap": _by_kind(self.trap_divided, self.trap_stays, "divided"),
            "samples": _by_kind(self.tracked, self.samples, "tracked"),
            "failures": self.failures,
        }


def _by_kind(part: Counter[str], whole: Counter[str], name: str) -> dict[str, Any]:
    rows = {"all": (part.total(), whole.total())} | {kind: (part[kind], whole[kind]) for kind in sorted(whole)}
    return {
        kind: {"share": round(own / count, 4) if count else None, name: own, "count": count}
        for kind, (own, count) in rows.items()
    }


def count_tracks(film: Film, samples: Sequence[TrackedSample]) -> TrackCounts:
    """Compares the tracks of one film with its stays and changes."""
    tracks = stay_tracks(film, samples)
    ids = [{track for track in own if track != NO_TRACK} for own in tracks]
    counts = TrackCounts()
    for change in film.changes:
        before, after = ids[change.before], ids[change.after]
        if not before or not after:
            counts.unseen[film.kind] += change.is_other_person
            continue
        is_separated = before.isdisjoint(after)
        if not change.is_other_person:
            counts.jumps[change.kind] += 1
            counts.jumps_separated[change.kind] += is_separated
            continue
        counts.changes[film.kind] += 1
        counts.separated[film.kind] += is_separated
        if not is_separated:
            counts.failures.append(_failure(film, "crossed", change.start_s, change.kind))
    for stay, own in zip(film.stays, tracks, strict=True):
        counts.samples[film.kind] += len(own)
        counts.tracked[film.kind] += sum(track != NO_TRACK for track in own)
        if sum(track != NO_TRACK for track in own) < 2:
            continue
        is_divided = len(set(own) - {NO_TRACK}) > 1
        counts.stays[film.kind] += 1
        counts.divided[film.kind] += is_divided
        kinds = {t.kind for t in film.traps if t.start_s < stay.stop_s and stay.start_s < t.stop_s}
        counts.trap_stays.update(kinds)
        counts.trap_divided.update(kinds if is_divided else ())
        if is_divided:
            counts.failures.append(_failure(film, "divided", stay.start_s, ", ".join(sorted(kinds))))
    return counts


def _failure(film: Film, what: str, time_s: float, kind: str) -> dict[str, Any]:
    return {"film": film.file, "what": what, "time_s": round(time_s, 2), "kind": kind}


def stay_tracks(film: Film, samples: Sequence[TrackedSample]) -> list[list[int]]:
    """For each stay, the track on its person in each sampled frame; `NO_TRACK` where there is none."""
    tracks: list[list[int]] = [[] for _ in film.stays]
    for sample in samples:
        shown = [
            position
            for position, stay in enumerate(film.stays)
            if stay.start_s - TOLERANCE_S <= sample.time_s < stay.stop_s - TOLERANCE_S
        ]
        if not shown:
            continue
        labelled = np.array([film.stays[position].box_at(sample.time_s) for position in shown], np.float32)
        overlaps = iou_matrix(labelled, sample.boxes)
        found = dict.fromkeys(shown, NO_TRACK)
        for row, column in zip(*linear_sum_assignment(-overlaps), strict=True):
            if overlaps[row, column] >= MIN_OVERLAP:
                found[shown[row]] = int(sample.track_ids[column])
        for position, track in found.items():
            tracks[position].append(track)
    return tracks
