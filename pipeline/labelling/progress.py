"""Where the verdict stands while one labels, however often one looks.

The verdict is about one run: is the share of its appearances that are classified correctly at least the target? The
appearances are a finite population, and the labelled ones are drawn from it without replacement. All randomness is in
the draw. Tracks of one video or one person may therefore be as alike as they like: nothing is assumed about how errors
come about. What the verdict does not say is how the same models do on other footage.

Appearances that show no face, several people, or somebody whose gender cannot be told have no right answer. They do not
count, as in `validate`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Literal

import numpy as np

from facetally.labelling.design import Design, DrawnTrack
from facetally.labelling.labels import TrackKey, TrackLabel
from facetally.quantification.estimators import Ints
from facetally.quantification.sampling_estimates import Sample
from facetally.quantification.sampling_phases import PhasedRounds
from facetally.quantification.sampling_sequence import Rounds

Outcome = Literal["correct", "incorrect", "unsure", "not_a_face", "several", "unlabelled"]
VerdictWord = Literal["pass", "fail", "not enough labels"]
"""As in `facetally.validation.verdict`."""


@dataclass(frozen=True)
class TrackOutcome:
    """What the label of an appearance says about its prediction."""

    outcome: Outcome
    gender: Literal["female", "male", ""] = ""
    """As labelled; empty where it was not female or male."""


@dataclass(frozen=True)
class Standing:
    """The accuracy over the run's appearances as far as the labels tell."""

    word: VerdictWord
    """pass where the interval lies at or above the target, fail where it lies below."""
    target: float
    accuracy: float
    """Of all labels up to the first gap, weighted by stratum; NaN without any that count, and while there are none of
    videos that were added to the run."""
    low: float
    high: float
    """95 % confidence sequence: with probability 95 % the true accuracy of the run is inside at every look."""
    labelled: int
    """Appearances labelled up to the first gap in the order."""
    counted: int
    """Of these the labelled men and women."""
    used: int
    """Appearances in complete rounds; the interval rests on these."""
    further: int | None
    """About how many more appearances settle it if they go on like this; 0 where it is settled, None where all that
    were drawn do not suffice."""


def track_outcome(label: TrackLabel | None, female_prob: float) -> TrackOutcome:
    """Compares a label with a prediction. The likelier gender counts, even where the prediction is unknown.

    Args:
        label: None where the appearance is not labelled.
        female_prob: of the prediction, in [0, 1].
    """
    if label is None:
        return TrackOutcome("unlabelled")
    if label.answer == "female" or label.answer == "male":
        predicted = "female" if female_prob > 0.5 else "male"
        return TrackOutcome("correct" if label.answer == predicted else "incorrect", label.answer)
    return TrackOutcome(label.answer)


def standing(design: Design, labels: Mapping[TrackKey, TrackOutcome], target: float) -> Standing:
    """The verdict so far. It may be asked for after every label: its error probability holds over all looks together.

    Args:
        design: the sample; its labels are expected in the order drawn. Labels after the first gap are not used.
        labels: by `DrawnTrack.key`; missing ones are unlabelled.
        target: accuracy in (0, 1).

    Raises:
        ValueError: a target that is not between 0 and 1.
        TruthError: the design is biased.
    """
    if not 0 < target < 1:
        raise ValueError(f"expected a target between 0 and 1, got {target}")
    design.check_unbiased()
    given = [outcome.outcome for outcome in labelled_prefix(design, labels)]
    rounds = complete_rounds(design, given)
    interval = rounds.interval(target)
    counted = np.array([outcome in ("correct", "incorrect") for outcome in given], bool)
    is_right = np.array([outcome == "correct" for outcome in given], bool)
    word: VerdictWord = "pass" if interval.low >= target else "fail" if interval.high < target else "not enough labels"
    is_known = counted.any() and is_estimable(design, len(given))
    accuracy = sample_of(design, len(given)).ratio(is_right, counted).share if is_known else math.nan
    return Standing(
        word=word,
        target=target,
        accuracy=accuracy,
        low=interval.low,
        high=interval.high,
        labelled=len(given),
        counted=int(counted.sum()),
        used=sum(
            len(one.correct) > track.round
            for one, tracks in zip(rounds.phases, _by_phase(design), strict=True)
            for track in tracks
        ),
        further=0
        if word != "not enough labels"
        else _without_label(design, labels, _settled_at(design, rounds, given, target)),
    )


def labelled_prefix(design: Design, labels: Mapping[TrackKey, TrackOutcome]) -> list[TrackOutcome]:
    """The outcomes in the order drawn, up to the first gap: later labels are no random sample without it."""
    missing = TrackOutcome("unlabelled")
    outcomes = (labels.get(track.key, missing) for track in design.tracks)
    return list(takewhile(lambda outcome: outcome.outcome != "unlabelled", outcomes))


def sample_of(design: Design, count: int) -> Sample:
    """The first appearances drawn as a stratified sample; `is_estimable` says whether they are one."""
    sizes, phases = zip(*((stratum.size, stratum.phase) for stratum in design.strata), strict=True)
    return Sample.of([track.stratum for track in design.tracks[:count]], sizes, phases)


def is_estimable(design: Design, count: int) -> bool:
    """Whether the first appearances drawn say something about the whole run: some are of each phase.

    Two are needed for a variance, or one where there are no more. Without labels there is nothing to estimate, but
    nothing wrong either.
    """
    sizes, drawn = Counter[int](), Counter[int]()
    for stratum in design.strata:
        sizes[stratum.phase] += stratum.size
    for track in design.tracks[:count]:
        drawn[design.strata[track.stratum].phase] += 1
    return len(sizes) == 1 or all(drawn[phase] >= min(2, size) for phase, size in sizes.items())


def complete_rounds(design: Design, given: Sequence[Outcome]) -> PhasedRounds:
    """The outcomes of complete rounds, from those of the first appearances drawn."""
    ends = _ends(design)
    phases = []
    for own, tracks, (size, total) in zip(ends, _by_phase(design), _sizes(design), strict=True):
        complete = int((own <= len(given)).sum())
        outcomes = [(track.round, given[track.order]) for track in tracks if track.round < complete]
        correct, incorrect = (
            np.bincount([place for place, outcome in outcomes if outcome == word], minlength=complete)
            for word in ("correct", "incorrect")
        )
        phases.append(Rounds(correct, incorrect, size, total))
    return PhasedRounds(tuple(phases), _path(ends, len(given)))


def _by_phase(design: Design) -> list[list[DrawnTrack]]:
    """The drawn appearances of each phase that has any strata, in their order."""
    tracks: dict[int, list[DrawnTrack]] = {stratum.phase: [] for stratum in design.strata}
    for track in design.tracks:
        tracks[design.strata[track.stratum].phase].append(track)
    return list(tracks.values())


def _sizes(design: Design) -> list[tuple[int, int]]:
    """Of each phase the appearances of a round, and the rounds in the whole run."""
    sizes: dict[int, list[int]] = {}
    for stratum in design.strata:
        sizes.setdefault(stratum.phase, []).append(stratum.size)
    return [(len(own), max(own)) for own in sizes.values()]


def _ends(design: Design) -> list[Ints]:
    """Of each phase the number of labels, in the order drawn, after which each of its rounds is complete."""
    found = []
    for tracks in _by_phase(design):
        ends: dict[int, int] = {}
        for track in tracks:
            ends[track.round] = track.order + 1
        found.append(np.array(list(ends.values()), np.int64))
    return found


def _path(ends: Sequence[Ints], until: int) -> Ints:
    """(T, K) the complete rounds of each phase, after each label up to a number of them that completes one."""
    looks = np.unique(np.concatenate(ends))
    looks = looks[looks <= until]
    return np.stack([np.searchsorted(own, looks, side="right") for own in ends], axis=1)


def _settled_at(design: Design, rounds: PhasedRounds, given: Sequence[Outcome], target: float) -> int | None:
    """Up to which place the sample must be labelled, if every round to come has the accuracy and the share of people
    seen so far; None where all of it does not suffice."""
    right = sum(outcome == "correct" for outcome in given)
    counted = right + sum(outcome == "incorrect" for outcome in given)
    accuracy, ends = right / counted if counted else (1 + target) / 2, _ends(design)
    forecast = []
    for one, own in zip(rounds.phases, ends, strict=True):
        to_come = np.ones(len(own) - len(one.correct)) * one.size * (counted + 1) / (len(given) + 1)
        correct = np.concatenate([one.correct, to_come * accuracy])
        forecast.append(Rounds(correct, np.concatenate([one.incorrect, to_come * (1 - accuracy)]), one.size, one.total))
    looks = np.unique(np.concatenate(ends))
    expected = PhasedRounds(tuple(forecast), _path(ends, len(design.tracks)))
    settled = np.flatnonzero(expected.shows_above(target) | expected.mirrored.shows_above(1 - target))
    if not len(settled):
        return len(design.tracks) if len(design.tracks) == design.appearance_count else None
    return max(int(looks[settled[0]]), len(given) + 1)


def _without_label(design: Design, labels: Mapping[TrackKey, TrackOutcome], until: int | None) -> int | None:
    """How many of the first appearances drawn have no label; those after a gap have one."""
    if until is None:
        return None
    missing = TrackOutcome("unlabelled")
    return sum(labels.get(track.key, missing).outcome == "unlabelled" for track in design.tracks[:until])
