"""What the page says of hand labels."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facetally.reporting.truth_section import further_sentence, reliability_bins, truth_section, verdict_sentence

PASS: dict[str, Any] = {
    "verdict": "pass",
    "target": 0.85,
    "further_people": 0,
    "labelling": {"labelled": 200, "of": 200, "not_a_sample": ""},
    "people": {
        **{"accuracy": 0.95, "low": 0.9, "high": 0.98, "right": 171, "count": 180},
        "confusion": {
            "female": {"female": 85, "male": 4, "missed": 3},
            "male": {"female": 2, "male": 86, "unknown": 3},
        },
        "end_to_end": {"accuracy": 0.93, "low": 0.88, "high": 0.96, "count": 186},
    },
    "detection": {
        "people": {"recall": 0.97, "low": 0.93, "high": 0.99, "count": 186},
        "boxes": {"recall": None, "low": None, "high": None, "count": 0},
    },
    "by": {
        "face_height_px": {"24-39": {"accuracy": 0.8, "low": 0.5, "high": 0.95, "count": 10, "missed": 2}},
        "source": {
            f"source {i:02}": {"accuracy": 1.0, "low": 0.3, "high": 1.0, "count": i, "missed": 0} for i in range(30)
        },
    },
    "calibration": {"female_prob": [0.01, 0.02, 0.97, 0.99], "is_female": [False, False, True, False]},
    "share": {
        "female": {
            "quote": {"method": "em", "share": 0.475, "low": 0.39, "high": 0.56, "refusal": ""},
            "run": {
                "raw": {"share": 0.44, "low": 0.34, "high": 0.54},
                "em": {"share": 0.475, "low": 0.39, "high": 0.56},
                "adjusted_count": {"share": None, "low": None, "high": None, "refusal": "too few <labels>"},
            },
        }
    },
}


def words_of(report: dict[str, Any]) -> str:
    """The section's text without its charts and tags."""
    return re.sub(r"\s+", " ", re.sub("<[^>]*>", " ", re.sub("<svg.*?</svg>", "", truth_section(report)))).strip()


@pytest.mark.parametrize(
    ("verdict", "words"),
    [("pass", "reaches the target"), ("fail", "misses the target"), ("not enough labels", "not yet settled against")],
)
def test_the_verdict_is_a_sentence(verdict: str, words: str) -> None:
    said = verdict_sentence({**PASS, "verdict": verdict})
    assert said.startswith("The likelier gender is correct for 95.0 % of 180 labelled people (95 % interval 90.0 %")
    assert words in said


@pytest.mark.parametrize(("further", "words"), [(40, "Label about 40 more people"), (1, "Label about 1 more person")])
def test_it_says_how_many_labels_are_missing(further: int, words: str) -> None:
    report = {**PASS, "verdict": "not enough labels", "further_people": further}
    assert further_sentence(report).startswith(words)
    few = {**report, "further_people": 90, "labelling": {"appearances_left": 12, "seed": None}}
    assert further_sentence(few).startswith("About 90 more labelled people would be needed, but the run has only 12 ")
    assert "no number of labels" in further_sentence({**report, "further_people": None})
    assert further_sentence(PASS) == ""


def test_a_drawn_sample_speaks_of_appearances() -> None:
    accuracy = {"share": 0.9, "low": 0.8, "high": 0.95}
    sample = {"accuracy": accuracy, "labelled": 60, "appearances": 4000, "further_appearances": 25, "recall": accuracy}
    report = {**PASS, "verdict": "not enough labels", "sample": sample}
    assert "90.0 % of the run's appearances, estimated from 60 labels" in verdict_sentence(report)
    assert further_sentence(report) == "Label about 25 more appearances to settle it"
    assert "faces found 90.0 %" in words_of(report)


def test_every_chart_has_its_table_behind_a_fold() -> None:
    section = truth_section(PASS)
    assert section.count("<svg class=") == section.count("<details>") == section.count("<table>") == 6
    assert "female 85 4 0 3" in words_of(PASS)
    assert "24-39 80.0 % 50.0 % – 95.0 % 10 2" in words_of(PASS)


def test_corrected_shares_stand_beside_the_counted_ones() -> None:
    section = truth_section(PASS)
    assert "by appearance, as counted: 44.0 %" in section
    assert "by appearance, corrected: 47.5 %" in section
    assert "To quote by appearance: 47.5 % women (39.0 % – 56.0 %), by the method EM." in words_of(PASS).replace(
        "\xa0", " "
    )
    assert "too few &lt;labels&gt;" in section


def test_of_many_sources_the_largest_are_drawn_and_all_are_in_the_table() -> None:
    section = truth_section(PASS)
    assert "The 12 of 29 with the most labels." in section
    (chart,) = re.findall('<svg[^>]*aria-label="Accuracy by source".*?</svg>', section)
    assert re.findall(">(source ..)<", chart) == [f"source {i}" for i in range(29, 17, -1)]
    assert len(re.findall('<th class="text" scope="row">source', section)) == 30


def test_what_is_missing_is_named() -> None:
    said = words_of({key: PASS[key] for key in ("verdict", "target", "people")})
    assert "older version: corrected shares, calibration of the probabilities, accuracy by face height, px" in said
    assert "nothing is decided" in words_of({})
    assert "Not in this validation" in words_of({})


def test_names_and_words_of_others_are_escaped() -> None:
    report = copy.deepcopy(PASS)
    report["by"]["source"] = {"<script>x</script>": {"accuracy": 0.5, "low": 0.2, "high": 0.9, "count": 3}}
    report["people"]["confusion"]["<img src=x>"] = {"female": 1}
    report["labelling"]["not_a_sample"] = "<b>why</b>"
    report["verdict"] = "<u>pass</u>"
    assert not re.search("<(script|img|b>why|u>)", truth_section(report))


def test_remarks_tell_of_unlabelled_and_left_out_people() -> None:
    report = {**PASS, "labelling": {"labelled": 150, "of": 200}, "truth": {"left_out": ["a: p1"]}}
    assert "150 of 200 people are labelled so far" in words_of(report)
    assert "1 labelled person could not be compared and is left out" in words_of(report)


@pytest.mark.parametrize("target", [-1, 1.5, "high", None])
def test_a_target_that_is_no_ratio_is_left_out(target: object) -> None:
    section = truth_section({**PASS, "target": target})
    assert "target of" not in section
    assert "target" not in re.findall(r"<text[^>]*>(\w+)", section)


def test_bins_hold_each_probability_once() -> None:
    bins = list(reliability_bins([(0.0, False), (0.05, True), (0.95, True), (1.0, True)]))
    assert [(one.count, one.share) for one in bins] == [(1, 0.0), (1, 1.0), (2, 1.0)]
    assert bins[2].predicted == pytest.approx(0.975)


VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=25)
@given(st.data())
def test_a_damaged_file_gives_a_section_all_the_same(data: st.DataObject) -> None:
    report: Any = {**copy.deepcopy(PASS), "sample": data.draw(VALUES)}
    for _ in range(3):
        place = report
        while isinstance(place, dict) and place:
            key = data.draw(st.sampled_from(sorted(place)))
            if not isinstance(place[key], dict) or data.draw(st.booleans()):
                place[key] = data.draw(VALUES)
                break
            place = place[key]
    assert "verdict" in truth_section(report)
