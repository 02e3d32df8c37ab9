"""Labelled people to whom no track can be given, why, and what to do about it."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from facetally.formatting import command
from facetally.results.ledger import VideoRow
from facetally.truth.labels import LabelledPerson, Truth
from facetally.validation.matching import alone_s, views_s, views_within

Reason = Literal[
    "not_in_run", "excluded", "failed", "no_place", "outside", "never_alone", "briefly_alone", "not_sampled"
]
MISSED: frozenset[Reason] = frozenset({"failed"})
"""Reasons for which people count as missed; for the others they are left out."""
WORDS: dict[Reason, str] = {
    "not_in_run": "their video is not in the run",
    "excluded": "their video is excluded from the run",
    "failed": "their video could not be read",
    "no_place": "labelled with neither boxes nor times",
    "outside": "labelled after the end of the video",
    "never_alone": "never alone in view, and labelled by times without boxes",
    "briefly_alone": "alone in view for less than the time between two sampled frames, and labelled without boxes",
    "not_sampled": "in no sampled frame",
}
LEFT_OUT = ("is not in the table above", "are not in the table above")
COUNT_AS_MISSED = ("counts as missed", "count as missed")
MAX_SHOWN = 8
"""People that are named for each reason."""
ALONE_S = 1e-6
"""Times are rounded: to be alone for less is not to be alone."""


@dataclass(frozen=True)
class Unmatched:
    """A labelled person without a possible track."""

    video: str
    """Its name in the labels."""
    person: str
    line: int
    """In people.csv; 0: not read from there."""
    reason: Reason

    def __str__(self) -> str:
        return f"{self.person} in {self.video}"


def end_of(row: VideoRow) -> float:
    """Seconds at which a video of a run ends; infinite where that is not known."""
    end_s = max(row.decoded_s, row.expected_s) if row.status == "partial" else row.decoded_s
    return end_s or math.inf


def reason_of(truth: Truth, person: LabelledPerson, *, step_s: float = 0.0, end_s: float = math.inf) -> Reason | None:
    """Why no track can be given to a person whose video was read; None if one can, as far as is known.

    Args:
        truth: the labels.
        person: one of them.
        step_s: seconds between two sampled frames; 0: without a run.
        end_s: when the video ends.
    """
    views = views_s(truth, person.video)
    own = views[person.person]
    if not own:
        return "no_place"
    if all(start_s >= end_s for start_s, _ in own):
        return "outside"
    if person.video in truth.boxes and truth.boxes[person.video].of_person(person.person).any():
        return "not_sampled" if step_s else None
    seconds_alone = alone_s(person.person, views_within(views, end_s))
    if seconds_alone < ALONE_S:
        return "never_alone"
    return "briefly_alone" if seconds_alone < step_s else None


def unmatched_without_run(truth: Truth) -> list[Unmatched]:
    """Who cannot be matched in any run, by the labels alone; people without a gender do not count yet."""
    labelled = [(person, reason_of(truth, person)) for person in truth.everybody if person.is_labelled]
    return [unmatched(person, reason) for person, reason in labelled if reason]


def unmatched(person: LabelledPerson, reason: Reason) -> Unmatched:
    return Unmatched(person.video, person.person, person.line, reason)


def fix_of(reason: Reason, out: Path | str = "OUT") -> str:
    """What to do about people who cannot be matched.

    Args:
        reason: why.
        out: the run's folder.
    """
    boxes = (
        "draw boxes around their faces (boxes.csv), or label appearances that the run found: "
        f"{command('facetally', 'truth', 'template', '--run', out, '--appearances', '40', '-o', 'NEW')}"
    )
    return {
        "not_in_run": f"add the videos to the run: {command('facetally', 'run', 'VIDEOS', '-o', out)}; or, if they "
        "are in it under another name, write that name in the column video",
        "excluded": "run the same `facetally run` again with --include-all: it then counts them",
        "failed": f"see why: {command('facetally', 'status', out)}",
        "no_place": "give start_s and end_s in people.csv, or boxes in boxes.csv",
        "outside": "correct the times; they count from the first frame of the video, and 0:31 must not have become "
        "0:31:00",
        "never_alone": boxes,
        "briefly_alone": boxes,
        "not_sampled": "sample more frames (--every), or label boxes at more times",
    }[reason]


def unmatched_figures(
    truth: Truth, in_run: Collection[str], found: Iterable[Unmatched], excluded: Collection[str] = ()
) -> dict[Reason, list[str]]:
    """Everybody who cannot be matched, by reason.

    Args:
        truth: the labels.
        in_run: the videos of the labels that the run holds.
        found: of these.
        excluded: the videos of the labels that the run leaves out.
    """
    people = [
        unmatched(one, "excluded" if one.video in excluded else "not_in_run")
        for one in truth.everybody
        if one.is_labelled and one.video not in in_run
    ]
    people += found
    return {reason: [str(one) for one in people if one.reason == reason] for reason in WORDS}


def sentences(
    people: Mapping[Reason, Sequence[str]], out: Path | str = "OUT", *, fates: tuple[str, str] = LEFT_OUT
) -> Iterable[tuple[str, str]]:
    """For each reason a line that says who cannot be matched and why, and the fix.

    Args:
        people: as from `unmatched_figures`.
        out: the run's folder.
        fates: what becomes of one person, and of several.
    """
    for reason, words in WORDS.items():
        if names := people[reason]:
            is_several = len(names) > 1
            subject = f"{len(names)} labelled people" if is_several else "1 labelled person"
            fate = (COUNT_AS_MISSED if reason in MISSED else fates)[is_several]
            more = f", and {len(names) - MAX_SHOWN} more" if len(names) > MAX_SHOWN else ""
            yield f"{subject} {fate}: {words} ({', '.join(names[:MAX_SHOWN])}{more})", fix_of(reason, out)
