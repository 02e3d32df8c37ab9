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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Literal

import numpy as np

from facetally.labelling.design import Design
from facetally.labelling.labels import TrackKey, TrackLabel
from facetally.quantification.sampling_estimates import Sample
from facetally.quantification.sampling_sequence import Rounds, accuracy_interval, is_above

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
    """Of all labels up to the first gap, weighted by stratum; NaN without any that count."""
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
    interval = accuracy_interval(rounds, target)
    counted = np.array([outcome in ("correct", "incorrect") for outcome in given], bool)
    is_right = np.array([outcome == "correct" for outcome in given], bool)
    word: VerdictWord = "pass" if interval.low >= target else "fail" if interval.high < target else "not enough labels"
    accuracy = sample_of(design, len(given)).ratio(is_right, counted).share if counted.any() else math.nan
    return Standing(
        word=word,
        target=target,
        accuracy=accuracy,
        low=interval.low,
        high=interval.high,
        labelled=len(given),
        counted=int(counted.sum()),
        used=int(sum(track.round < len(rounds.correct) for track in design.tracks)),
        further=0 if word != "not enough labels" else _further(design, rounds, given, accuracy, target),
    )


def labelled_prefix(design: Design, labels: Mapping[TrackKey, TrackOutcome]) -> list[TrackOutcome]:
    """The outcomes in the order drawn, up to the first gap: later labels are no random sample without it."""
    missing = TrackOutcome("unlabelled")
    outcomes = (labels.get(track.key, missing) for track in design.tracks)
    return list(takewhile(lambda outcome: outcome.outcome != "unlabelled", outcomes))


def sample_of(design: Design, count: int) -> Sample:
    """The first appearances drawn as a stratified sample."""
    return Sample.of([track.stratum for track in design.tracks[:count]], [stratum.size for stratum in design.strata])


def complete_rounds(design: Design, given: Sequence[Outcome]) -> Rounds:
    """The outcomes of complete rounds, from those of the first appearances drawn."""
    of_track = [track.round for track in design.tracks]
    complete = of_track[len(given)] if len(given) < len(of_track) else max(of_track, default=-1) + 1
    correct, incorrect = (
        np.bincount(
            [r for r, outcome in zip(of_track, given, strict=False) if outcome == word and r < complete],
            minlength=complete,
        )
        for word in ("correct", "incorrect")
    )
    return Rounds(correct, incorrect, len(design.strata), max(stratum.size for stratum in design.strata))


def _further(design: Design, rounds: Rounds, given: Sequence[Outcome], accuracy: float, target: float) -> int | None:
    """How many more labels decide, if every round to come has the accuracy and the share of people seen so far."""
    counted = sum(outcome in ("correct", "incorrect") for outcome in given)
    accuracy = (1 + target) / 2 if math.isnan(accuracy) else accuracy
    people = rounds.size * (counted + 1) / (len(given) + 1)
    drawn = max((track.round for track in design.tracks), default=-1) + 1
    to_come = np.ones(drawn - len(rounds.correct)) * people
    correct = np.concatenate([rounds.correct, to_come * accuracy])
    incorrect = np.concatenate([rounds.incorrect, to_come * (1 - accuracy)])
    above = is_above(Rounds(correct, incorrect, rounds.size, rounds.total), np.array([target]))
    below = is_above(Rounds(incorrect, correct, rounds.size, rounds.total), np.array([1 - target]))
    settled = np.flatnonzero((above | below)[:, 0])
    if not len(settled):
        return len(design.tracks) - len(given) if len(design.tracks) == design.appearance_count else None
    return max(sum(track.round <= int(settled[0]) for track in design.tracks) - len(given), 1)
