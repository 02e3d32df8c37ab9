"""The sample design: which appearances of a run are labelled, which moments are searched for missed people, and why.

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

import hashlib
import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from facetally.errors import TruthError
from facetally.files import parsed_json, write_whole
from facetally.formatting import command
from facetally.labelling.journal import JOURNAL_FILE
from facetally.labelling.labels import MomentKey, TrackKey
from facetally.labelling.moments import draw_frames
from facetally.quantification.estimators import Ints
from facetally.quantification.intervals import Floats
from facetally.quantification.sampling import draw_rounds
from facetally.results.ledger import Ledger, VideoRow
from facetally.results.tables import TRACKS, read_table

DESIGN_FILE = "design.json"
"""In the truth folder."""
SCHEMA_VERSION = 1
Mode = Literal["random", "uncertain"]
"""uncertain: the least confident predictions first, to find errors. Such labels are no random sample, and no estimate
is made from them."""
MAX_DRAWN = 5000
"""Appearances that are drawn unless a number is given; no verdict was seen to need as many."""
GENDER_ORDER = {"female": 0, "unknown": 1, "male": 2}


@dataclass(frozen=True)
class DrawnTrack:
    """An appearance to label."""

    video: str
    """Its name in the run."""
    video_id: str
    track_id: int
    first_s: float
    last_s: float
    stratum: int
    """Index into `Design.strata`."""
    inclusion_prob: float
    """In (0, 1], once everything drawn is labelled; 0 in mode uncertain: no random sample."""
    order: int
    """From 0; the order in which to label."""
    round: int
    """From 0."""

    @property
    def key(self) -> TrackKey:
        return self.video_id, self.track_id


@dataclass(frozen=True)
class DrawnMoment:
    """A moment at which to look for faces without a box."""

    video: str
    """Its name in the run."""
    video_id: str
    time_s: float
    """Seconds from the first frame: of the sampled frame that stands for the moment, if it has faces."""
    inclusion_prob: float
    """Of the sampled frame that it stands for, in (0, 1]."""
    order: int
    """From 0; the order in which to label."""

    @property
    def key(self) -> MomentKey:
        return self.video_id, self.time_s


@dataclass(frozen=True)
class Stratum:
    """Appearances that are alike."""

    name: str
    """Predicted gender and face heights."""
    size: int
    """Appearances of the run in it."""


@dataclass(frozen=True)
class Design:
    """A sample of a run. `draw_design` makes one."""

    mode: Mode
    seed: int
    run_digest: str
    """Of the run's videos, options and appearances; see `run_digest`."""
    strata: tuple[Stratum, ...]
    tracks: tuple[DrawnTrack, ...]
    """In the order in which to label."""
    moments: tuple[DrawnMoment, ...]
    """In the order in which to label."""
    schema_version: int = SCHEMA_VERSION

    @property
    def appearance_count(self) -> int:
        """Appearances of the whole run, drawn or not."""
        return sum(stratum.size for stratum in self.strata)

    @property
    def is_biased(self) -> bool:
        """Whether labels of this design must not be used for estimates."""
        return self.mode != "random"

    def write(self, path: Path) -> None:
        """Writes the design completely or not at all.

        Raises:
            OutputError: the folder cannot be written, or the disk is full.
        """
        write_whole(path, json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def read(cls, path: Path, ledger: Ledger | None = None) -> Design:
        """Reads a design.

        Args:
            path: design.json.
            ledger: the run that it must belong to; None: not compared.

        Raises:
            TruthError: the file is missing, damaged, or written by a newer version; or the design is of another run.
            OutputError: the run is damaged.
        """
        if not path.exists() and not (path.parent / JOURNAL_FILE).exists():
            raise TruthError(
                f"{path.parent} holds no labelled sample",
                fix=f"label one: {command('facetally', 'label', ledger.out if ledger else 'OUT', '-o', path.parent)}",
            )
        try:
            stored = parsed_json(path.read_text(encoding="utf-8"))
            written_as = int(stored["schema_version"])
            if written_as > SCHEMA_VERSION:
                raise TruthError(
                    f"{path} was written by a newer facetally: its schema version is {written_as}, and this one reads "
                    f"up to {SCHEMA_VERSION}",
                    fix="pip install --upgrade facetally",
                )
            design = _from_json(stored)
        except (OSError, ValueError, ArithmeticError, LookupError, TypeError, AttributeError) as error:
            raise TruthError(
                f"{path} is not a sample design: {error}",
                fix="restore it from a copy; the labels beside it are not lost, but without it no estimate for the "
                "whole run can be made from them",
            ) from error
        if ledger is not None:
            design.check_run(ledger)
        return design

    def check_run(self, ledger: Ledger) -> None:
        """Refuses a run that the design was not drawn from.

        Raises:
            TruthError: it is another run, or videos were added or processed again since.
            OutputError: the run is damaged.
        """
        if run_digest(ledger) != self.run_digest:
            raise TruthError(
                f"the sample was drawn from another run than the one in {ledger.out}: its videos, options or "
                "appearances differ",
                fix="give the run that was labelled, or label a new sample in a new truth folder (-o)",
            )

    def check_unbiased(self) -> None:
        """Refuses a design that allows no estimates.

        Raises:
            TruthError: the mode is uncertain.
        """
        if self.is_biased:
            raise TruthError(
                "these appearances were chosen because their predictions are uncertain; they say nothing about the "
                "whole run",
                fix="label a random sample for a verdict, in a truth folder of its own",
            )


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
    rows = [row for row in ledger.rows() if row.status != "failed"]
    table = _run_tracks(ledger, rows)
    if not len(table):
        raise TruthError(f"{ledger.out} has no appearances to label", fix="run more videos")
    for_tracks, for_moments = np.random.default_rng(seed).spawn(2)
    wanted = min(MAX_DRAWN if appearances is None else appearances, len(table))
    strata, drawn = draw_tracks(table, wanted, for_tracks, mode)
    frames = draw_frames(ledger, rows, moments, for_moments)
    return Design(
        mode,
        seed,
        run_digest(ledger),
        strata,
        drawn,
        tuple(
            DrawnMoment(frame.row.video, frame.row.video_id, frame.time_s, frame.inclusion_prob, order)
            for order, frame in enumerate(frames)
        ),
    )


def draw_tracks(
    table: pd.DataFrame, wanted: int, random: np.random.Generator, mode: Mode = "random"
) -> tuple[tuple[Stratum, ...], tuple[DrawnTrack, ...]]:
    """The strata of a run, and the appearances to label in their order; arguments as for `draw_design`.

    Args:
        table: all appearances, with the columns of tracks/ and `video`; its order must not depend on chance.
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


def run_digest(ledger: Ledger) -> str:
    """A hash of a run's videos, options and numbers of appearances; a run resumed without changes keeps it.

    Raises:
        OutputError: no run, or a damaged one.
    """
    rows = [
        (row.video_id, row.video, row.content_sha256, row.options_digest, row.track_count)
        for row in ledger.rows()
        if row.status != "failed"
    ]
    return hashlib.sha256(json.dumps(sorted(rows)).encode()).hexdigest()


def _run_tracks(ledger: Ledger, rows: Sequence[VideoRow]) -> pd.DataFrame:
    parts = [
        read_table(ledger.path("tracks", row.video_id), TRACKS).to_pandas().assign(video=row.video)
        for row in sorted(rows, key=lambda row: row.video_id)
    ]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _stratum(gender: np.ndarray, height_px: np.ndarray) -> Stratum:
    parts = [(word, height_px[gender == word]) for word in GENDER_ORDER if (gender == word).any()]
    name = ", ".join(f"{word} {heights.min():.0f}-{heights.max():.0f} px" for word, heights in parts)
    return Stratum(name, len(gender))


def _drawn(table: pd.DataFrame, stratum: Ints, inclusion_prob: Floats, rounds: Ints) -> tuple[DrawnTrack, ...]:
    columns = [table[name].tolist() for name in ("video", "video_id", "track_id", "first_s", "last_s")]
    columns += [stratum.tolist(), inclusion_prob.tolist(), range(len(table)), rounds.tolist()]
    return tuple(DrawnTrack(*values) for values in zip(*columns, strict=True))


def _from_json(stored: dict[str, Any]) -> Design:
    """Raises ValueError, KeyError or TypeError where the content cannot be a design."""
    design = Design(
        mode=stored["mode"],
        seed=int(stored["seed"]),
        run_digest=str(stored["run_digest"]),
        strata=tuple(Stratum(**stratum) for stratum in stored["strata"]),
        tracks=tuple(DrawnTrack(**track) for track in stored["tracks"]),
        moments=tuple(DrawnMoment(**moment) for moment in stored["moments"]),
    )
    if design.mode not in ("random", "uncertain"):
        raise ValueError(f"unknown mode {design.mode!r}")
    for items in (design.tracks, design.moments):
        if [item.order for item in items] != list(range(len(items))):
            raise ValueError("the order of what was drawn has gaps")
    if len({track.key for track in design.tracks}) < len(design.tracks):
        raise ValueError("an appearance was drawn twice")
    drawn = Counter(track.stratum for track in design.tracks)
    for stratum, count in drawn.items():
        if not 0 <= stratum < len(design.strata) or count > design.strata[stratum].size:
            raise ValueError(f"stratum {stratum} does not fit its size")
    for track in design.tracks:
        expected = 0.0 if design.is_biased else drawn[track.stratum] / design.strata[track.stratum].size
        if not math.isclose(track.inclusion_prob, expected, abs_tol=1e-9):
            raise ValueError(f"the probability of {track.video}: {track.track_id} does not fit its stratum")
    return design
