"""How far annotators agree, and what they have to settle."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

from facetally.labelling.labels import TrackAnswer, TrackKey
from facetally.labelling.record import Record
from facetally.labelling.sample import Sample


@dataclass(frozen=True)
class PairAgreement:
    """Two annotators over the appearances that both labelled."""

    first: str
    second: str
    both: int
    agree: int
    kappa: float
    """Cohen's; NaN where both always gave one and the same answer."""

    @property
    def share(self) -> float:
        """Of the appearances labelled by both; NaN without any."""
        return self.agree / self.both if self.both else math.nan


@dataclass(frozen=True)
class Dispute:
    """An appearance about which annotators differ."""

    number: int
    """As on the page, from 1."""
    video: str
    first_s: float
    answers: dict[str, TrackAnswer]
    """By annotator."""


@dataclass(frozen=True)
class Agreement:
    """All pairs of annotators, and what is to be settled."""

    annotators: tuple[str, ...]
    pairs: tuple[PairAgreement, ...]
    disputes: tuple[Dispute, ...]


def agreement_of(sample: Sample, record: Record) -> Agreement:
    """The agreement of all annotators about who the appearances show.

    Args:
        sample: that they labelled.
        record: their labels; those that settle a difference do not count.
    """
    answers: dict[str, dict[TrackKey, TrackAnswer]] = {name: {} for name in record.annotators}
    disputes = []
    for number, track in enumerate(sample.design.tracks, 1):
        given = {name: label.answer for name, label in record.track_labels(track.key).items()}
        for name, answer in given.items():
            answers[name][track.key] = answer
        if record.is_disputed(track.key):
            disputes.append(Dispute(number, track.video, track.first_s, given))
    pairs = tuple(_pair(first, second, answers) for first, second in combinations(record.annotators, 2))
    return Agreement(tuple(record.annotators), pairs, tuple(disputes))


def _pair(first: str, second: str, answers: dict[str, dict[TrackKey, TrackAnswer]]) -> PairAgreement:
    both = [key for key in answers[first] if key in answers[second]]
    ours, theirs = [answers[first][key] for key in both], [answers[second][key] for key in both]
    agree = sum(a == b for a, b in zip(ours, theirs, strict=True))
    return PairAgreement(first, second, len(both), agree, cohens_kappa(ours, theirs))


def cohens_kappa(first: Sequence[str], second: Sequence[str]) -> float:
    """Agreement beyond chance, 1: full, 0: as by chance; NaN where chance alone would agree, or without labels.

    Source: J. Cohen, "A coefficient of agreement for nominal scales", 1960.
    """
    if not first:
        return math.nan
    agree = sum(a == b for a, b in zip(first, second, strict=True)) / len(first)
    counts, others = Counter(first), Counter(second)
    chance = sum(counts[word] * others[word] for word in _words(first, second)) / len(first) ** 2
    return math.nan if chance == 1 else (agree - chance) / (1 - chance)


def _words(first: Iterable[str], second: Iterable[str]) -> set[str]:
    return {*first, *second}
