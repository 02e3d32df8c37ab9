"""Draws a sample of a run.

The appearances are sorted by predicted gender and face height and cut into strata of equal size. A round draws one
appearance at random from each stratum, without replacement, and shows them in random order. After each round every
appearance of the run had the same probability to be drawn; within a round that probability is still known for each
stratum. One may therefore stop anywhere. Equal sizes are what lets `progress.standing` look after each round without
losing its 95 %.

Moments are drawn from the decoded time of all videos: the time is cut into equal segments, one moment falls into each
at random, and the order is random.

Source: C.-E. Särndal, B. Swensson and J. Wretman, "Model Assisted Survey Sampling", 1992, section 3.7 (stratified
sampling), and W. G. Cochran, "Sampling Techniques", 1977, section 8.4 (one unit in each segment).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from facetally.errors import TruthError
from facetally.labelling.design import (
    Design,
    DrawnMoment,
    DrawnTrack,
    Mode,
    Phase,
    Stratum,
    digest_of,
    row_digest,
    usable_rows,
)
from facetally.labelling.moments import DrawnFrame, decoded_time_s, draw_frames
from facetally.quantification.estimators import Ints
from facetally.quantification.intervals import Floats
from facetally.quantification.sampling import draw_rounds
from facetally.results.ledger import Ledger, VideoRow
from facetally.results.tables_of_run import TablesOfRun

MAX_DRAWN = 5000
"""Appearances that are drawn unless a number is given; no verdict was seen to need as many."""
GENDER_ORDER = {"female": 0, "unknown": 1, "male": 2}


def draw_design(
    ledger: Ledger, *, seed: int, appearances: int | None = None, moments: int = 0, mode: Mode = "random"
) -> Design:
    """Draws a sample of a run. The same run and seed give the same sample.

    Args:
        ledger: the run.
        seed: of the draw.
        appearances: how many to draw at most, rounded up to whole rounds; None: all, up to `MAX_DRAWN`.
        moments: how many frames to search for missed people, at most the run's sampled frames.
        mode: random for estimates; uncertain to find errors, the least confident predictions first.

    Raises:
        ValueError: a negative number.
        TruthError: the run has no appearances.
        OutputError: no run, or a damaged one.
    """
    if moments < 0 or (appearances is not None and appearances < 0):
        raise ValueError(f"expected numbers that are not negative, got {appearances} appearances, {moments} moments")
    rows = usable_rows(ledger)
    table = run_tracks(ledger, rows)
    if not len(table):
        raise TruthError(f"{ledger.out} has no appearances to label", fix="run more videos")
    for_tracks, for_moments = np.random.default_rng(seed).spawn(2)
    wanted = min(MAX_DRAWN if appearances is None else appearances, len(table))
    strata, drawn = draw_tracks(table, wanted, for_tracks, mode)
    frames = draw_frames(ledger, rows, moments, for_moments)
    return Design(
        mode,
        seed,
        digest_of(rows),
        strata,
        drawn,
        drawn_moments(frames),
        (phase_of(rows),),
    )


def phase_of(rows: Sequence[VideoRow]) -> Phase:
    """The videos of which a part of a sample is drawn."""
    return Phase({row.video_id: row_digest(row) for row in rows}, decoded_time_s(rows))


def drawn_moments(frames: Sequence[DrawnFrame], phase: int = 0) -> tuple[DrawnMoment, ...]:
    """The frames as moments to search, in their order."""
    return tuple(
        DrawnMoment(frame.row.video, frame.row.video_id, frame.time_s, frame.inclusion_prob, order, phase)
        for order, frame in enumerate(frames)
    )


def draw_tracks(
    table: pd.DataFrame, wanted: int, random: np.random.Generator, mode: Mode = "random"
) -> tuple[tuple[Stratum, ...], tuple[DrawnTrack, ...]]:
    """The strata of a run, and the appearances to label in their order; arguments as for `draw_design`.

    Args:
        table: all appearances, as from `run_tracks`; its order must not depend on chance.
        wanted: at most as many as there are.
        random: the generator.
        mode: as above.
    """
    gender, height_px = table["gender"].to_numpy(object), table["face_height_px"].to_numpy(np.float64)
    rank = np.array([GENDER_ORDER[word] for word in gender], np.int64)
    by_height = np.where(rank == GENDER_ORDER["unknown"], -height_px, height_px)  # alike across genders too
    by_chance = random.permutation(len(table))
    stratum, rounds = np.zeros((2, len(table)), np.int64)
    alike = by_chance[np.lexsort([by_height[by_chance], rank[by_chance]])]  # ties are in random order
    stratum[alike], rounds[alike] = draw_rounds(len(table), random)
    strata = tuple(
        _stratum(gender[stratum == index], height_px[stratum == index]) for index in range(int(stratum.max()) + 1)
    )
    if mode == "random":
        by_chance = random.permutation(len(table))
        order = by_chance[np.argsort(rounds[by_chance], kind="stable")]
        order = order[: (rounds <= rounds[order[wanted - 1]]).sum() if wanted else 0]
        prob = np.bincount(stratum[order], minlength=len(strata)) / np.bincount(stratum)
    else:
        order = np.argsort(np.abs(table["female_prob"].to_numpy(np.float64) - 0.5), kind="stable")[:wanted]
        rounds[order], prob = np.arange(len(order)), np.zeros(len(strata))
    return strata, _drawn(table.iloc[order], stratum[order], prob[stratum[order]], rounds[order])


def run_tracks(ledger: Ledger, rows: Sequence[VideoRow]) -> pd.DataFrame:
    """All appearances of these videos, as from `TablesOfRun.tracks`, with the column `video`; by the videos' ids."""
    ordered = sorted(rows, key=lambda row: row.video_id)
    names = {row.video_id: row.video for row in rows}
    parts = list(TablesOfRun(ledger, is_corrected=False).tracks(ordered))
    tracks = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame([], columns=["video_id"])
    return tracks.assign(video=tracks["video_id"].map(names))


def _stratum(gender: np.ndarray, height_px: np.ndarray) -> Stratum:
    parts = [(word, height_px[gender == word]) for word in GENDER_ORDER if (gender == word).any()]
    name = ", ".join(f"{word} {heights.min():.0f}-{heights.max():.0f} px" for word, heights in parts)
    return Stratum(name, len(gender))


def _drawn(table: pd.DataFrame, stratum: Ints, inclusion_prob: Floats, rounds: Ints) -> tuple[DrawnTrack, ...]:
    columns = [table[name].tolist() for name in ("video", "video_id", "track_id", "first_s", "last_s")]
    columns += [stratum.tolist(), inclusion_prob.tolist(), range(len(table)), rounds.tolist()]
    return tuple(DrawnTrack(*values) for values in zip(*columns, strict=True))
