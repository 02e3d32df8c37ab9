"""The sample design: which appearances of a run are labelled, which moments are searched for missed people, and why.

`draw` draws one, `extension` extends it where videos were added to the run, `design_file` stores it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from facetally.errors import TruthError
from facetally.formatting import command, counted
from facetally.labelling.labels import MomentKey, TrackKey
from facetally.results.ledger import Ledger, VideoRow

DESIGN_FILE = "design.json"
"""In the truth folder."""
SCHEMA_VERSION = 2
"""1: without phases; such a sample cannot be extended."""
Mode = Literal["random", "uncertain"]
"""uncertain: the least confident predictions first, to find errors. Such labels are no random sample, and no estimate
is made from them."""


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
    """From 0, in each phase."""

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
    phase: int = 0
    """Index into `Design.phases`."""

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
    phase: int = 0
    """Index into `Design.phases`."""


@dataclass(frozen=True)
class Phase:
    """Videos of which a part of the sample was drawn: those of the run at first, then those that were added to it."""

    videos: Mapping[str, str]
    """The digest of each video's row, by its id; see `row_digest`."""
    decoded_s: float
    """Their time, of which the moments were drawn."""


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
    phases: tuple[Phase, ...] = ()
    """The run, and what was added to it later; empty for designs of schema version 1."""
    schema_version: int = SCHEMA_VERSION

    @property
    def appearance_count(self) -> int:
        """Appearances of the whole run, drawn or not."""
        return sum(stratum.size for stratum in self.strata)

    @property
    def is_biased(self) -> bool:
        """Whether labels of this design must not be used for estimates."""
        return self.mode != "random"

    @property
    def phase_count(self) -> int:
        """Phases of which there are appearances."""
        return len({stratum.phase for stratum in self.strata})

    def added(self, ledger: Ledger) -> list[VideoRow]:
        """The videos that were added to the run after the sample was drawn; empty if the run is as it was.

        Raises:
            TruthError: it is another run: videos of the sample are no more there, or were processed again.
            OutputError: the run is damaged.
        """
        rows = usable_rows(ledger)
        if digest_of(rows) == self.run_digest:
            return []
        known = {video_id: digest for phase in self.phases for video_id, digest in phase.videos.items()}
        now = {row.video_id: row_digest(row) for row in rows}
        added = [row for row in rows if row.video_id not in known]
        if not known or not added or any(now.get(video_id) != digest for video_id, digest in known.items()):
            raise TruthError(
                f"the sample was drawn from another run than the one in {ledger.out}: its videos, options or "
                "appearances differ",
                fix="give the run that was labelled, or label a new sample in a new truth folder (-o)",
            )
        return added

    def check_run(self, ledger: Ledger, folder: Path | str = "TRUTH") -> None:
        """Refuses a run that the design was not drawn from.

        Args:
            ledger: the run.
            folder: the truth folder, for the suggested command.

        Raises:
            TruthError: it is another run, or videos were added or processed again since.
            OutputError: the run is damaged.
        """
        if added := self.added(ledger):
            was = "was" if len(added) == 1 else "were"
            raise TruthError(
                f"{counted(len(added), 'video')} {was} added to {ledger.out} after the sample was drawn",
                fix=f"extend the sample; no label is lost: {command('facetally', 'label', ledger.out, '-o', folder)}",
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


def usable_rows(ledger: Ledger) -> list[VideoRow]:
    """The rows of the videos of a run that did not fail; errors as for `Ledger.rows`."""
    return [row for row in ledger.rows() if row.status != "failed"]


def run_digest(ledger: Ledger) -> str:
    """A hash of a run's videos, options and numbers of appearances; a run resumed without changes keeps it.

    Raises:
        OutputError: no run, or a damaged one.
    """
    return digest_of(usable_rows(ledger))


def digest_of(rows: Iterable[VideoRow]) -> str:
    """As `run_digest`, of these videos."""
    return hashlib.sha256(json.dumps(sorted(map(_identity, rows))).encode()).hexdigest()


def row_digest(row: VideoRow) -> str:
    """A short hash of what `run_digest` takes of one video."""
    return hashlib.sha256(json.dumps(_identity(row)).encode()).hexdigest()[:16]


def _identity(row: VideoRow) -> tuple[str, str, str, str, int]:
    return row.video_id, row.video, row.content_sha256, row.options_digest, row.track_count
