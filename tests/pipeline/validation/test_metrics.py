"""Figures computed by hand, and compared with scikit-learn's."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from labelled_world import aged, person_outcome, track_outcome
from sklearn.metrics import accuracy_score, balanced_accuracy_score, confusion_matrix, recall_score

from facetally.quantification.intervals import (
    OF_A_SHARE,
    Floats,
    bootstrapped,
    clustered_interval,
    rounded,
    wilson_interval,
)
from facetally.validation.metrics import (
    age_figures,
    balanced_figures,
    breakdowns,
    detection_figures,
    error_figures,
    halves,
    height_band,
    independent_figures,
    people_figures,
    ratio_figures,
    share_figures,
    share_of,
    track_figures,
)
from facetally.validation.outcomes import Outcomes, PersonOutcome

ANYWHERE = {"accuracy": None, "low": 0.0, "high": 1.0, "right": 0, "count": 0}
PREDICTED = ("female", "male", "unknown", "missed")


def withheld(outcome: PersonOutcome) -> PersonOutcome:
    """The same person, predicted as unknown."""
    return replace(outcome, predicted="unknown")


PEOPLE = (
    person_outcome("female", 0.9, "s1"),
    person_outcome("female", 0.2, "s1"),
    withheld(person_outcome("female", 0.55, "s2")),
    person_outcome("female", source="s2"),
    person_outcome("male", 0.1, "s3"),
    person_outcome("male", 0.5, "s3"),
    person_outcome("unsure", 0.9, "s4"),
    person_outcome("ignore", 0.9, "s4"),
    person_outcome("not_a_face", 0.1, "s4"),
)
"""Women: correct, wrong, correct but unknown, missed; men: correct, at 0.5; and three who do not count."""


def counts(figures: dict[str, object]) -> tuple[object, object]:
    return figures["right"], figures["count"]


def random_people(seed: int, count: int = 300) -> list[PersonOutcome]:
    """Men and women of 20 sources, of whom a tenth are missed and a tenth predicted as unknown."""
    random = np.random.default_rng(seed)
    people = []
    for _ in range(count):
        gender = str(random.choice(["female", "male"]))
        prob = float(np.clip(random.normal(0.7 if gender == "female" else 0.2, 0.25), 0.01, 0.99))
        outcome = person_outcome(gender, prob if random.random() > 0.1 else math.nan, f"s{random.integers(20)}")
        people.append(withheld(outcome) if outcome.is_found and random.random() < 0.1 else outcome)
    return people


def test_a_ratio_is_one_of_sums_over_all_sources() -> None:
    figures = ratio_figures([(True, "a"), (True, "b"), (False, "b"), (False, "b")])
    assert (figures["accuracy"], *counts(figures)) == (0.5, 2, 4)  # the mean of both sources would be 0.667
    interval = clustered_interval(np.array([1, 1]), np.array([1, 3]))
    assert (figures["low"], figures["high"]) == (round(interval.low, 4), round(interval.high, 4))


def test_without_cases_there_is_no_ratio_and_the_interval_is_from_0_to_1() -> None:
    assert ratio_figures([]) == independent_figures([]) == ANYWHERE
    assert ratio_figures([], "recall")["recall"] is None


def test_small_groups_have_wilsons_interval() -> None:
    figures = independent_figures(number < 34 for number in range(40))
    assert figures == {"accuracy": 0.85, "low": 0.7093, "high": 0.9294, "right": 34, "count": 40}


def test_people_are_counted_if_found_if_predicted_and_end_to_end() -> None:
    figures = people_figures(PEOPLE)
    assert (figures["accuracy"], *counts(figures)) == (0.6, 3, 5)
    assert (figures["labelled"], figures["sources"]) == (6, 3)
    assert (counts(figures["female"]), counts(figures["male"])) == ((2, 3), (1, 2))
    assert figures["balanced"]["accuracy"] == 0.5833  # the mean of 2/3 and 1/2
    assert (*counts(figures["predicted"]), figures["predicted"]["coverage"]) == (2, 3, 0.6)
    assert (figures["end_to_end"]["accuracy"], *counts(figures["end_to_end"])) == (0.5, 3, 6)
    wilson = wilson_interval(3, 5)
    assert (figures["wilson_low"], figures["wilson_high"]) == (round(wilson.low, 4), round(wilson.high, 4))


def test_the_confusion_is_of_all_labelled_men_and_women() -> None:
    confusion = people_figures(PEOPLE[::-1])["confusion"]
    assert confusion == {
        "female": {"female": 1, "male": 1, "missed": 1, "unknown": 1},
        "male": {"male": 1, "unknown": 1},
    }
    assert [list(confusion), list(confusion["female"])] == [["female", "male"], ["female", "male", "missed", "unknown"]]


@pytest.mark.parametrize("seed", range(5))
def test_people_figures_are_those_of_scikit_learn(seed: int) -> None:
    people = random_people(seed)
    found = [person for person in people if person.is_found]
    true = [person.label.gender for person in found]
    likelier = ["female" if person.female_prob > 0.5 else "male" for person in found]
    figures = people_figures(people)
    assert figures["accuracy"] == round(accuracy_score(true, likelier), 4)
    assert figures["balanced"]["accuracy"] == round(balanced_accuracy_score(true, likelier), 4)
    recalls = recall_score(true, likelier, labels=["female", "male"], average=None)
    assert [figures[gender]["accuracy"] for gender in ("female", "male")] == [round(recall, 4) for recall in recalls]
    matrix = confusion_matrix([p.label.gender for p in people], [p.predicted for p in people], labels=PREDICTED)
    ours = [[figures["confusion"].get(true, {}).get(predicted, 0) for predicted in PREDICTED] for true in PREDICTED]
    assert ours == matrix.tolist()


def test_the_balanced_accuracy_is_resampled_by_source() -> None:
    people = [person for person in random_people(7) if person.is_found]
    sources = sorted({person.source for person in people})

    def balanced(weights: Floats) -> Floats:
        recalls = []
        for gender in ("female", "male"):
            members = [person for person in people if person.label.gender == gender]
            drawn = weights[:, [sources.index(person.source) for person in members]]  # (R, members)
            recalls.append(drawn @ [person.is_right for person in members] / drawn.sum(axis=1))
        return np.asarray((recalls[0] + recalls[1]) / 2)

    interval = bootstrapped(balanced, len(sources), bounds=OF_A_SHARE)
    figures = balanced_figures(people)
    assert (figures["low"], figures["high"]) == (round(interval.low, 4), round(interval.high, 4))
    assert figures["low"] < figures["accuracy"] < figures["high"]


@pytest.mark.parametrize(
    ("people", "accuracy"),
    [
        ([], None),
        ([person_outcome("female", 0.9, f"s{i}") for i in range(9)], None),
        ([person_outcome("male", 0.1, f"s{i}") for i in range(9)], None),
        ([person_outcome("female", 0.9), person_outcome("male", 0.1)], 1.0),
    ],
    ids=["nobody", "no men", "no women", "one source"],
)
def test_without_women_or_men_or_several_sources_the_balanced_interval_is_from_0_to_1(
    people: Sequence[PersonOutcome], accuracy: float | None
) -> None:
    assert balanced_figures(people) == {"accuracy": accuracy, "low": 0.0, "high": 1.0}


def test_figures_exist_where_nobody_counts() -> None:
    figures = people_figures([person_outcome("unsure", 0.9)])
    assert (figures["accuracy"], figures["labelled"], figures["sources"], figures["confusion"]) == (None, 0, 0, {})
    assert figures["predicted"] == {**ANYWHERE, "coverage": None}


TRACKS = (
    track_outcome("female", 0.9, "s1"),
    track_outcome("female", 0.3, "s2"),
    replace(track_outcome("male", 0.45, "s2"), predicted="unknown", people_count=2),
    track_outcome("unsure", 0.9, "s2"),
    track_outcome("ignore", 0.9, "s2"),
    track_outcome("nobody", 0.9, "s3", seconds=1.5),
    track_outcome("nobody", 0.1, "s3", seconds=2.5),
    track_outcome("not_a_face", 0.1, "s3", seconds=3.0),
)


def test_tracks_on_nobody_and_on_non_faces_are_false() -> None:
    figures = track_figures(Outcomes(tracks=TRACKS))
    assert (figures["all"], figures["false"], figures["on_nobody_labelled"], figures["on_no_face"]) == (8, 3, 2, 1)
    assert figures["false_seconds"] == 7.0


def test_tracks_of_men_and_women_are_correct_or_wrong() -> None:
    people = (
        person_outcome("female", 0.9),
        person_outcome("male", 0.1),
        person_outcome("male"),
        person_outcome("unsure", 0),
    )
    figures = track_figures(Outcomes(people, TRACKS))
    assert (figures["accuracy"], *counts(figures)) == (0.6667, 2, 3)
    assert (figures["predicted"]["accuracy"], *counts(figures["predicted"]), figures["predicted"]["coverage"]) == (
        0.5,
        1,
        2,
        0.6667,
    )
    assert figures["per_person"] == 1.5  # three tracks, two people found
    assert figures["of_several_people"] == 1


def test_figures_exist_without_tracks() -> None:
    figures = track_figures(Outcomes((person_outcome("female"),)))
    assert (figures["accuracy"], figures["per_person"], figures["false_seconds"]) == (None, None, 0)


def test_detection_counts_people_and_their_boxes() -> None:
    half = replace(PEOPLE[0], box_count=10, found_count=5)
    figures = detection_figures([half, *PEOPLE[1:]])
    assert (figures["people"]["recall"], *counts(figures["people"])) == (0.8333, 5, 6)  # men and women
    # unsure people have boxes too, images and non-faces do not count: 5 + 4 + 4 + 0 + 4 + 4 + 4 of 10 + 6 * 4
    assert counts(figures["boxes"]) == (25, 34)
    interval = clustered_interval(np.array([9, 4, 8, 4]), np.array([14, 8, 8, 4]))
    assert (figures["boxes"]["low"], figures["boxes"]["high"]) == (round(interval.low, 4), round(interval.high, 4))


@pytest.mark.parametrize("people", [[], [replace(person_outcome("female", 0.9), box_count=0, found_count=0)]])
def test_without_boxes_there_is_no_recall_of_boxes(people: Sequence[PersonOutcome]) -> None:
    assert detection_figures(people)["boxes"] is None


def test_the_predicted_share_includes_false_tracks_and_the_labelled_share_missed_people() -> None:
    people = [replace(person, labelled_s=seconds) for person, seconds in zip(PEOPLE, (8, 2, 1, 1, 3, 5, 9, 9, 9))]
    by_appearance, by_screen_time = share_figures(Outcomes(tuple(people), TRACKS))
    # predicted female: 0.9, one of nobody; male: 0.3, one of nobody, a non-face; not counted: the unsure, the poster
    assert by_appearance == {
        **{"raw": 0.4, "true": 0.6667, "error_points": -26.6667},  # 2 of 5, 4 of 6
        **{"matched": 0.6667, "matched_predicted": 0.5},  # two women of three; one of two predicted
    }
    # predicted 2 + 1.5 s of women, 2 + 2.5 + 3 s of men; labelled 12 s of 20 s
    assert by_screen_time == {
        **{"raw": 0.3182, "true": 0.6, "error_points": -28.1818},
        **{"matched": 0.6667, "matched_predicted": 0.5},
    }


def test_nobody_has_no_share() -> None:
    nothing = dict.fromkeys(("raw", "true", "error_points", "matched", "matched_predicted"))
    assert share_figures(Outcomes()) == (nothing, nothing)


def test_a_label_of_two_age_bands_accepts_either() -> None:
    woman, missed, poster = person_outcome("female", 0.9), person_outcome("female"), person_outcome("ignore", 0.9)
    people = [
        *(aged(woman, "young", "young"), aged(woman, "young/mid", "mid"), aged(woman, "mid", "old")),
        *(aged(person_outcome("unsure", 0.9), "old", "old"), aged(woman, "child", "unknown")),
        *(aged(woman, "unsure", "young"), aged(missed, "young", "unknown"), aged(poster, "young", "mid")),
    ]
    figures = age_figures(people)
    assert (figures["accuracy"], *counts(figures), figures["coverage"]) == (0.75, 3, 4, 0.8)
    assert figures["confusion"] == {
        **{"mid": {"old": 1}, "old": {"old": 1}},
        **{"young": {"young": 1}, "young/mid": {"mid": 1}},
    }


def test_a_run_without_ages_has_no_correct_age() -> None:
    figures = age_figures([aged(person_outcome("female", 0.9), "young", "unknown")])
    assert figures == {**ANYWHERE, "coverage": 0.0, "confusion": {}}


def test_age_bands_are_in_order_of_age() -> None:
    bands = ("unsure", "old", "mid/old", "mid", "young/mid", "young", "teen", "child")
    outcomes = [aged(person_outcome("female", 0.9), band, "young") for band in bands]
    by_age = ["child", "teen", "young", "young/mid", "mid", "mid/old", "old", "unsure"]
    assert list(breakdowns(outcomes)["age_band"]) == by_age
    assert list(age_figures(outcomes)["confusion"]) == by_age[:-1]
    predicted = [aged(person_outcome("female", 0.9), "mid", band) for band in ("old", "young", "mid", "child")]
    assert list(age_figures(predicted)["confusion"]["mid"]) == ["child", "young", "mid", "old"]


def test_every_group_has_its_accuracy_and_its_missed() -> None:
    good = replace(PEOPLE[0], label=replace(PEOPLE[0].label, face_quality="good", age_band="mid"))
    figures = breakdowns([good, *PEOPLE[1:]])
    assert [(name, *counts(group), group["missed"]) for name, group in figures["source"].items()] == [
        ("s1", 1, 2, 0),
        ("s2", 1, 1, 1),
        ("s3", 1, 2, 0),
    ]
    assert {name: counts(group) for name, group in figures["face_quality"].items()} == {
        "good": (1, 1),
        "not judged": (2, 4),
    }
    assert {name: counts(group) for name, group in figures["age_band"].items()} == {"mid": (1, 1), "unsure": (2, 4)}
    assert {name: counts(group) for name, group in figures["people_in_view"].items()} == {"one": (3, 5)}
    assert figures["source"]["s1"]["low"] == round(wilson_interval(1, 2).low, 4)


def test_heights_are_in_order_of_size_with_unknown_ones_last() -> None:
    heights = (200.0, math.nan, 30.0, 10.0, 159.4)
    people = [replace(person_outcome("female", 0.9), face_height_px=height) for height in heights]
    assert list(breakdowns(people)["face_height_px"]) == ["0-23", "24-39", "80-159", "160+", "not known"]


@pytest.mark.parametrize("name", ["²", "٣", "12-monkeys", "-", "", "nan", "a|b`c", "\udcff"])
def test_sources_may_have_any_name(name: str) -> None:
    people = [person_outcome("female", 0.9, name), person_outcome("male", 0.9, "tv")]
    assert set(breakdowns(people)["source"]) == {name, "tv"}
    assert set().union(*halves([name, "tv"])) == {name, "tv"}
    json.dumps(people_figures(people) | {"by": breakdowns(people)}, allow_nan=False)


@pytest.mark.parametrize(
    ("height_px", "band"),
    [(0, "0-23"), (23.4, "0-23"), (24, "24-39"), (39.4, "24-39"), (39.99, "40-79"), (160, "160+"), (900, "160+")],
)
def test_a_height_band_begins_at_its_edge_in_whole_pixels(height_px: float, band: str) -> None:
    assert height_band(height_px) == band


def test_halves_are_disjoint_and_depend_on_names_only() -> None:
    names = [f"s{number}" for number in range(9)]
    first, second = halves(names)
    assert (len(first), len(second)) == (5, 4)
    assert first | second == set(names)
    assert halves([*reversed(names), *names]) == (first, second)
    # the SHA-256 of "a" begins with ca, of "b" with 3e, of "c" with 2e
    assert halves("abc") == (frozenset("ca"), frozenset("b"))
    assert halves([]) == (frozenset(), frozenset())


def test_the_most_confident_errors_come_first_and_the_missed_last() -> None:
    people = [
        person_outcome("female", name="missed"),
        person_outcome("female", 0.15, name="less so"),
        person_outcome("female", 0.6, name="right"),
        person_outcome("male", 0.9, name="sure"),
        person_outcome("male", 0.5, name="even"),
        person_outcome("unsure", 0.1, name="unsure"),
    ]
    errors = error_figures(people)
    assert [(e["person"], e["true"], e["predicted"], e["female_prob"]) for e in errors] == [
        ("sure", "male", "female", 0.9),
        ("less so", "female", "male", 0.15),
        ("even", "male", "unknown", 0.5),
        ("missed", "female", "missed", None),
    ]
    assert (errors[0]["video"], errors[0]["face_height_px"], errors[0]["labelled_s"]) == ("s/a.mp4", 40, 2)


def test_stored_figures_have_four_decimals_or_are_none() -> None:
    assert [rounded(value) for value in (1 / 3, 2.0, math.nan)] == [0.3333, 2.0, None]
    assert (share_of(1, 3), share_of(0, 3), share_of(0, 0)) == (0.3333, 0.0, None)
