"""How far the labelling is, and what follows from it: which shares may be compared, and which figure to quote."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from facetally.errors import TruthError
from facetally.formatting import counted, listed
from facetally.quantification.correction import MIN_LABELS
from facetally.quantification.run_shares import QUOTED
from facetally.truth.labels import Truth
from facetally.truth.sample import sample_flaw
from facetally.validation.metrics import Figures, share_figures
from facetally.validation.outcomes import Outcomes


def started(truth: Truth) -> Truth:
    """The labels without the videos in which nobody has a gender yet.

    Raises:
        TruthError: nobody has one.
    """
    people = {video: members for video, members in truth.people.items() if any(p.is_labelled for p in members)}
    if not people:
        raise TruthError(
            "nobody is labelled yet: column gender of people.csv is empty for "
            + counted(len(truth.unlabelled), "person"),
            fix="fill it in: female, male, unsure, not_a_face or ignore",
        )
    return truth if len(people) == len(truth.people) else truth.of_videos(people)


def labelling_figures(
    truth: Truth,
    outcomes: Outcomes,
    in_run: Collection[str],
    appearance_count: int,
    unstarted: Collection[str] = (),
) -> Figures:
    """How many people have a label, whether the labels are a random sample, and which videos are wholly labelled.

    Args:
        truth: the labels.
        outcomes: of all labelled videos.
        in_run: the videos with labels that the run holds.
        appearance_count: of the run.
        unstarted: videos of the run in which perhaps nobody has a gender yet.
    """
    people, sample = truth.everybody, truth.sample
    flaw = sample_flaw(truth)
    if sample and not flaw and sample.appearance_count != appearance_count:
        flaw = f"they were drawn from a run with {sample.appearance_count} appearances, this one has {appearance_count}"
    whole = wholly_labelled(truth, outcomes).intersection(in_run)
    return {
        "labelled": sum(person.is_labelled for person in people),
        "of": len(people),
        "labelled_in_run": sum(person.is_labelled and person.video in in_run for person in people),
        "left_in_run": sum(not person.is_labelled and person.video in {*in_run, *unstarted} for person in people),
        "is_sample": bool(sample and not flaw),
        "not_a_sample": flaw,
        "seed": sample.seed if sample else None,
        "drawn_from": sample.appearance_count if sample else None,
        "videos_compared": len(whole),
        "not_compared": "" if whole else _not_compared(truth, outcomes),
    }


def exceeds_run(figures: Mapping[str, Any]) -> str:
    """What to say where a verdict needs more labels than the run has appearances without one; empty where it does not.

    Args:
        figures: the content of report.json; older ones do not say what is left. A sample drawn by `facetally label`
            asks for no more than it holds.
    """
    labelling = figures.get("labelling") or {}
    more, left = figures.get("further_people"), labelling.get("appearances_left")
    if figures.get("sample") or not isinstance(more, int) or not isinstance(left, int) or more <= left:
        return ""
    noun = "people" if labelling.get("seed") is None else "appearances"
    others = f"has only {counted(left, 'appearance')} without a label" if left else "has no appearance without a label"
    return (
        f"about {more:,} more labelled {noun} would be needed, but the run {others}: labelling all of it does not "
        "settle it; run more videos"
    )


def wholly_labelled(truth: Truth, outcomes: Outcomes) -> frozenset[str]:
    """The videos in whose labelled part everybody has a label, as far as can be known."""
    return frozenset(video for video in truth.people if truth.wholly_labelled(video)) - outcomes.partly_labelled


def _not_compared(truth: Truth, outcomes: Outcomes) -> str:
    if truth.sample:
        labelled = sum(person.is_labelled for person in truth.everybody)
        return f"only {labelled} of the run's {truth.sample.appearance_count} appearances are labelled, no whole video"
    if outcomes.partly_labelled:
        names = listed(sorted(outcomes.partly_labelled), 1)
        return f"more faces are in view than people are labelled in {names}; label everybody there"
    return "in every labelled video somebody has no gender yet"


def compared_shares(outcomes: Outcomes, truth: Truth) -> tuple[Figures, Figures]:
    """As `share_figures`, with predicted and labelled shares of wholly labelled videos only; None without such a video.

    Args:
        outcomes: of all labelled videos.
        truth: their labels.
    """
    whole = outcomes.of_videos(wholly_labelled(truth, outcomes))
    both = []
    for every, compared in zip(share_figures(outcomes), share_figures(whole), strict=True):
        both.append({**every, **{name: compared[name] for name in ("raw", "true", "error_points")}})
    return both[0], both[1]


def quoted(corrected: Mapping[str, Figures], people: Figures) -> Figures:
    """The one corrected share to quote, or why there is none.

    Args:
        corrected: figures of each method.
        people: figures over labelled men and women.
    """
    method = next((name for name in QUOTED if name in corrected and corrected[name]["share"] is not None), None)
    if method:
        figures = corrected[method]
        return {"method": method, **{name: figures[name] for name in ("share", "low", "high")}, "refusal": ""}
    women, men = people["female"]["count"], people["male"]["count"]
    reason = corrected[QUOTED[1]]["refusal"] if QUOTED[1] in corrected else "the run has no appearances"
    if min(women, men) < MIN_LABELS:
        reason = (
            f"at least {MIN_LABELS} women and {MIN_LABELS} men who are labelled and found are needed, there are "
            f"{women} and {men}"
        )
    return {"method": None, "share": None, "low": None, "high": None, "refusal": reason}
