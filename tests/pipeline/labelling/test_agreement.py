"""Agreement of two annotators, by hand."""

from __future__ import annotations

import math

import pytest

from facetally.labelling.agreement import agreement_of, cohens_kappa
from facetally.labelling.journal import Entry
from facetally.labelling.record import Record
from facetally.labelling.sample import Sample


def test_kappa_is_that_of_cohens_example() -> None:
    # 20 yes/yes, 5 yes/no, 10 no/yes, 15 no/no: 35 of 50 alike, 0.5 by chance
    first = ["yes"] * 25 + ["no"] * 25
    second = ["yes"] * 20 + ["no"] * 5 + ["yes"] * 10 + ["no"] * 15
    assert cohens_kappa(first, second) == pytest.approx(0.4)


def test_kappa_is_one_for_full_agreement_and_undefined_for_one_word() -> None:
    assert cohens_kappa(["a", "b"], ["a", "b"]) == 1
    assert math.isnan(cohens_kappa(["a", "a"], ["a", "a"]))
    assert math.isnan(cohens_kappa([], []))


def test_what_two_annotators_differ_about_is_listed(sample: Sample) -> None:
    record = Record()
    given = {"anna": ("female", "male", "female"), "ben": ("female", "female")}
    for name, answers in given.items():
        tracks = zip(sample.design.tracks, answers, strict=False)
        record.add(
            Entry(name, number, "track", "random", "", "", *track.key, {"answer": answer})
            for number, (track, answer) in enumerate(tracks, 1)
        )
    found = agreement_of(sample, record)
    assert found.annotators == ("anna", "ben")
    (pair,) = found.pairs
    assert (pair.both, pair.agree, pair.share, pair.kappa) == (2, 1, 0.5, 0)
    (dispute,) = found.disputes
    assert (dispute.number, dispute.answers) == (2, {"anna": "male", "ben": "female"})
    assert dispute.video == sample.design.tracks[1].video
