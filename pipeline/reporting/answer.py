"""The answer in one sentence, and how far it was verified."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from facetally.formatting import counted, percent
from facetally.labelling.design import Design
from facetally.labelling.draw import MAX_DRAWN, draw_tracks
from facetally.labelling.progress import standing
from facetally.tallies.corrected import Quote
from facetally.tallies.shares import Shares
from facetally.validation.labelling import exceeds_run

SEED = 1
"""Of the sample that the number of labels is worked out with; the number hardly depends on it."""


@dataclass(frozen=True)
class Verified:
    """A comparison with hand labels."""

    figures: Mapping[str, Any]
    """The content of report.json."""
    source: str
    """The folder or file that was given."""
    is_own: bool
    """Whether the labels are of this run; otherwise of another with the same weights, or one that is not known."""
    is_new: bool = False
    """Whether it was made now, from the run as it is, so that its corrected shares are those of the run."""


@dataclass(frozen=True)
class Standing:
    """How far the shares are verified."""

    kind: str
    """pass, fail, open, or none."""
    text: str
    """A sentence without a full stop."""
    command: str = ""
    """What to do next."""


def answer(total: Shares, quote: Quote | None, videos: int, usable: int) -> str:
    """Who appears, in a sentence without a full stop.

    Args:
        total: over all videos.
        quote: the corrected share by appearance, if there is one.
        videos: their number.
        usable: how many of them could be read.
    """
    figures, amounts = total.figures("appearances"), total.appearances
    of_videos = counted(usable, "video")
    if not usable:
        return "Nobody was counted: " + (
            "the video could not be read" if videos == 1 else f"none of the {videos:,} videos could be read"
        )
    if not amounts.total:
        return f"Nobody was found in {of_videos}"
    share = figures["women_by_appearance"]
    if share is None:
        return f"The share of women among the appearances in {of_videos} is hidden, since too few appear"
    if math.isnan(share):
        return f"The gender of none of {counted(round(amounts.total), 'appearance')} in {of_videos} could be told"
    return f"Women make up {short(share)} of the appearances{_corrected(quote)} in {of_videos}"


def short(share: float) -> str:
    """In whole percent where that is precise enough: "38 %", "0.4 %"."""
    return f"{100 * share:.0f} %" if 0.01 <= share <= 0.99 or share in (0, 1) else percent(share)


def _corrected(quote: Quote | None) -> str:
    if quote is None:
        return ""
    interval = quote.correction.interval
    limits = f", 95 % interval {100 * interval.low:.0f}–{100 * interval.high:.0f} %" if interval else ""
    return f" (corrected {short(quote.correction.share)}{limits})"


def standing_of(verified: Verified | None, needed: int | None, label_command: str) -> Standing:
    """How far the shares are verified.

    Args:
        verified: against hand labels; None without any.
        needed: appearances to label for a verdict; None where that is not known.
        label_command: that labels them.
    """
    if verified is None:
        many = "appearances" if needed is None else counted(needed, "appearance")
        return Standing("none", f"Not verified on your footage: label {many}", label_command)
    figures, where = verified.figures, "on your footage" if verified.is_own else f"on the labels of {verified.source}"
    people, target = figures.get("people", {}), short(figures["target"])
    measured = ""
    if people.get("accuracy") is not None:
        interval = f"95 % interval {percent(people['low'])} – {percent(people['high'])}"
        found = f"{percent(people['accuracy'])} of {people['count']:,} labelled people"
        measured = f": {found} were classified correctly ({interval})"
    if figures["verdict"] == "pass":
        return Standing("pass", f"Verified {where}, for a target of {target}{measured}")
    if figures["verdict"] == "fail":
        return Standing("fail", f"Below the target of {target} {where}{measured}")
    further = figures.get("further_people")
    more = f"about {further:,} more labels would settle it" if further else "more labels are needed"
    more = exceeds_run(figures) or more
    return Standing("open", f"Not settled {where} for a target of {target}{measured}; {more}", label_command)


def labels_needed(tracks: pd.DataFrame, target: float) -> int | None:
    """How many appearances of a run `facetally label` would probably ask for until there is a verdict.

    It is what the labelling page says before the first label: for an accuracy half way between the target and 1.

    Args:
        tracks: of the run, with the columns video, video_id, track_id, first_s, last_s, gender, female_prob and
            face_height_px.
        target: accuracy in (0, 1).

    Returns:
        None where all that would be drawn do not suffice, and without appearances.
    """
    if not len(tracks):
        return None
    strata, drawn = draw_tracks(tracks, min(MAX_DRAWN, len(tracks)), np.random.default_rng(SEED))
    return standing(Design("random", SEED, "", strata, drawn, ()), {}, target).further
