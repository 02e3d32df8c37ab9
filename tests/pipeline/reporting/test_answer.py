"""The first sentence answers the question, and the second says how far the answer was verified."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from facetally.quantification.correction import Correction
from facetally.quantification.intervals import Interval
from facetally.reporting.answer import Verified, answer, labels_needed, short, standing_of
from facetally.tallies.corrected import Quote
from facetally.tallies.shares import Amounts, Shares

NOBODY = Amounts(0, 0, 0)
PEOPLE = {"accuracy": 0.971, "low": 0.933, "high": 0.988, "count": 174}


def total(female: int, male: int, unknown: int = 0, hidden: frozenset[str] = frozenset()) -> Shares:
    return Shares("all", Amounts(female, male, unknown), NOBODY, NOBODY, hidden)


def verified(verdict: str, is_own: bool = True, **more: Any) -> Verified:
    return Verified({"verdict": verdict, "target": 0.85, "people": PEOPLE, **more}, "old/report.json", is_own)


@pytest.mark.parametrize(
    ("shares", "videos", "usable", "sentence"),
    [
        (total(38, 62), 14, 14, "Women make up 38 % of the appearances in 14 videos"),
        (total(0, 7), 2, 1, "Women make up 0 % of the appearances in 1 video"),
        (total(0, 0), 3, 2, "Nobody was found in 2 videos"),
        (total(0, 0), 3, 0, "Nobody was counted: none of the 3 videos could be read"),
        (total(0, 0), 1, 0, "Nobody was counted: the video could not be read"),
        (total(0, 0, 4), 1, 1, "The gender of none of 4 appearances in 1 video could be told"),
        (
            total(2, 3, 0, frozenset({"female"})),
            1,
            1,
            "The share of women among the appearances in 1 video is hidden, since too few appear",
        ),
    ],
)
def test_the_answer_depends_on_what_there_is(shares: Shares, videos: int, usable: int, sentence: str) -> None:
    assert answer(shares, None, videos, usable) == sentence


def test_a_corrected_share_stands_beside_the_counted_one() -> None:
    with_interval = Quote("em", Correction(0.412, Interval(0.36, 0.459)))
    assert "38 % of the appearances (corrected 41 %, 95 % interval 36–46 %) in" in answer(
        total(38, 62), with_interval, 14, 14
    )
    assert "(corrected 41 %) in" in answer(total(38, 62), Quote("em", Correction(0.412, None)), 14, 14)


@pytest.mark.parametrize(("share", "text"), [(0.384, "38 %"), (0.0, "0 %"), (1.0, "100 %"), (0.004, "0.4 %")])
def test_small_shares_are_not_rounded_to_nothing(share: float, text: str) -> None:
    assert short(share) == text


def test_without_labels_it_says_how_many_to_label_and_how() -> None:
    standing = standing_of(None, 112, "facetally label out")
    assert (standing.kind, standing.command) == ("none", "facetally label out")
    assert standing.text == "Not verified on your footage: label 112 appearances"
    assert standing_of(None, None, "").text == "Not verified on your footage: label appearances"


def test_each_verdict_is_told_with_its_accuracy() -> None:
    measured = "97.1 % of 174 labelled people were classified correctly (95 % interval 93.3 % – 98.8 %)"
    passed, failed = (standing_of(verified(word), None, "label it") for word in ("pass", "fail"))
    assert passed.text == f"Verified on your footage, for a target of 85 %: {measured}"
    assert failed.text == f"Below the target of 85 % on your footage: {measured}"
    assert (passed.command, failed.command) == ("", "")
    still_open = standing_of(verified("not enough labels", further_people=40), None, "label it")
    assert still_open.text.endswith(f"{measured}; about 40 more labels would settle it")
    assert still_open.command == "label it"


def test_labels_of_another_run_are_named() -> None:
    assert standing_of(verified("pass", is_own=False), None, "").text.startswith(
        "Verified on the labels of old/report.json"
    )


def test_the_number_to_label_is_what_the_labelling_page_begins_with() -> None:
    count = 3000
    tracks = pd.DataFrame({"gender": ["female", "male"] * (count // 2), "track_id": range(count)})
    tracks = tracks.assign(video="v", video_id="v", first_s=0.0, last_s=1.0, female_prob=0.5)
    tracks = tracks.assign(face_height_px=np.arange(count) % 90)
    needed = labels_needed(tracks, 0.85)
    assert needed is not None
    assert 60 <= needed <= 300
    assert labels_needed(tracks[:20], 0.85) == 20  # all of so few
    assert labels_needed(tracks[:0], 0.85) is None
