"""Extends a sample where videos were added to the run after labelling began.

The added videos are a phase of their own: their appearances are cut into strata of their own and drawn in rounds of
their own, and moments are drawn from their time, as densely as before. What was drawn before stays drawn, in the strata
and rounds in which it was, so that each label keeps its meaning. Within each phase every appearance has the same
probability to be among those labelled so far; it differs between phases, and estimates weight each phase by its size.

What is labelled keeps its place in the order. The rest is ordered by how much of its phase has been drawn by then, so
that the added videos catch up first, and all phases are then drawn at the same rate.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from facetally.formatting import counted
from facetally.labelling.design import Design, DrawnMoment, DrawnTrack, Stratum, digest_of, usable_rows
from facetally.labelling.draw import MAX_DRAWN, draw_tracks, drawn_moments, phase_of, run_tracks
from facetally.labelling.labels import MomentKey, TrackKey
from facetally.labelling.moments import draw_frames
from facetally.results.ledger import Ledger, VideoRow


@dataclass(frozen=True)
class Extension:
    """What was added to a sample."""

    videos: int
    """Added to the run."""
    appearances: int
    """In these videos."""
    drawn: int
    """Of these."""
    moments: int
    """Drawn from these videos."""

    @property
    def notice(self) -> dict[str, str]:
        """What happened, and what it means for the labels, as sentences."""
        was = "was" if self.videos == 1 else "were"
        of = f"{self.drawn:,} of the {counted(self.appearances, 'new appearance')}"
        moments = f" and {counted(self.moments, 'new moment')}" if self.moments else ""
        return {
            "kind": "information",
            "what": f"{counted(self.videos, 'video')} {was} added to the run after the sample was drawn. "
            f"The sample now includes {of}{moments}.",
            "fix": "All labels are kept. The new appearances come first; the verdict is about the whole run.",
        }


def extend_design(
    ledger: Ledger, design: Design, added: Sequence[VideoRow], labelled: Collection[TrackKey | MomentKey]
) -> tuple[Design, Extension]:
    """Draws from the added videos as densely as from the others. The same run, design and labels give the same.

    Args:
        ledger: the run.
        design: the sample so far.
        added: as from `Design.added`; not empty.
        labelled: the appearances and moments with a label.

    Raises:
        OutputError: a damaged file.
    """
    phase = len(design.phases)
    for_tracks, for_moments = np.random.default_rng([design.seed, phase]).spawn(2)
    table = run_tracks(ledger, added)
    strata, tracks = design.strata, list(design.tracks)
    drawn: tuple[DrawnTrack, ...] = ()
    if len(table):
        density = len(design.tracks) / max(design.appearance_count, 1)
        wanted = min(math.ceil(density * len(table)), len(table), MAX_DRAWN)
        own, drawn = draw_tracks(table, wanted, for_tracks, design.mode)
        drawn = tuple(replace(track, stratum=track.stratum + len(strata)) for track in drawn)
        strata = (*strata, *(Stratum(one.name, one.size, phase) for one in own))
    new = phase_of(added)
    rate = len(design.moments) / max(sum(one.decoded_s for one in design.phases), 1e-9)
    count = max(round(rate * new.decoded_s), 1) if design.moments else 0
    moments = drawn_moments(draw_frames(ledger, added, count, for_moments), phase)
    extended = replace(
        design,
        run_digest=digest_of(usable_rows(ledger)),
        strata=strata,
        tracks=_ordered_tracks([*tracks, *drawn], strata, labelled, len(tracks)),
        moments=_ordered_moments([*design.moments, *moments], labelled, len(design.moments)),
        phases=(*design.phases, new),
    )
    return extended, Extension(len(added), len(table), len(drawn), len(moments))


def _kept(items: Sequence[DrawnTrack | DrawnMoment], labelled: Collection[TrackKey | MomentKey]) -> int:
    """How many of the first items keep their places: all up to the last that is labelled."""
    return max((place + 1 for place, item in enumerate(items) if item.key in labelled), default=0)


def _ordered_tracks(
    tracks: Sequence[DrawnTrack], strata: Sequence[Stratum], labelled: Collection[TrackKey | MomentKey], old: int
) -> tuple[DrawnTrack, ...]:
    """By the part of the phase that is drawn after the round; within a round as they were drawn."""
    rounds: Counter[int] = Counter()
    for stratum in strata:
        rounds[stratum.phase] = max(rounds[stratum.phase], stratum.size)
    kept = _kept(tracks[:old], labelled)

    def place(track: DrawnTrack) -> tuple[float, int]:
        phase = strata[track.stratum].phase
        return (track.round + 1) / rounds[phase], phase

    ordered = [*tracks[:kept], *sorted(tracks[kept:], key=place)]
    return tuple(replace(track, order=order) for order, track in enumerate(ordered))


def _ordered_moments(
    moments: Sequence[DrawnMoment], labelled: Collection[TrackKey | MomentKey], old: int
) -> tuple[DrawnMoment, ...]:
    """By the part of the phase's moments that is searched after each."""
    total, so_far = Counter(moment.phase for moment in moments), Counter[int]()
    keyed = []
    for moment in moments:
        so_far[moment.phase] += 1
        keyed.append((so_far[moment.phase] / total[moment.phase], moment.phase, moment))
    kept = _kept(moments[:old], labelled)
    rest = sorted(keyed[kept:], key=lambda one: one[:2])
    ordered = [*moments[:kept], *(moment for _, _, moment in rest)]
    return tuple(replace(moment, order=order) for order, moment in enumerate(ordered))
