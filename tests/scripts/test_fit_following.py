"""The constants by which people are followed are fitted to what the code computes, on one half of the sources."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from labelled_world import boxes_of, person, truth_of

from facetally.detection import descriptors, shots
from facetally.detection.descriptors import TrackLook
from facetally.detection.faces import ImageArray
from facetally.options import PeopleOptions
from scripts.cut_films.answers import Change, Cut, Film, Stay, Transition
from scripts.fit_following.__main__ import best_linking, best_people, to_paste
from scripts.fit_following.films import ReadFilm, SeenFace, Source, clip_film, shot_values
from scripts.fit_following.rules import (
    Constants,
    Pairs,
    change_figures,
    cut_figures,
    fitted_cuts,
    fitted_joint_rule,
    fitted_weights,
    other_people,
    pairs_of,
    view_of,
)

RNG_SEED = 5
PRESENT = Constants.present()
Row = dict[str, Any]


def picture(seed: int, side_px: int = 64) -> ImageArray:
    """(S, S, 3) random blobs."""
    small = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), np.uint8)
    return np.kron(small, np.ones((side_px // 8, side_px // 8, 1), np.uint8))


def face(stay: int, sample: int, who: int) -> SeenFace:
    vector = np.eye(4, dtype=np.float32)[who]
    return SeenFace(stay, sample, picture(who), vector)


def read_film(
    *seen: SeenFace,
    is_clip: bool = False,
    cuts_at: tuple[int, ...] = (),
    thumbnails: Sequence[ImageArray] = (),
    **answers: Any,
) -> ReadFilm:
    """Ten samples, 0.2 s apart."""
    film = Film("a.mp4", "choose", "heads", 2.0, ("one",), **answers)
    source = Source(Path("a.mp4"), film, truth_of() if is_clip else None)
    is_cut = np.isin(np.arange(10), cuts_at)
    return ReadFilm(source, np.arange(10) / 5, [], list(thumbnails), is_cut, list(seen))


def stay(start_s: float, stop_s: float, name: str = "ann") -> Stay:
    return Stay(name, start_s, stop_s, (start_s,), ((0.0, 0.0, 40.0, 40.0),))


def pairs(count: int = 400) -> Pairs:
    """Every second one shows two people, who differ more and are less alike."""
    rng, is_change = np.random.default_rng(RNG_SEED), np.arange(count) % 2 == 1
    differences = np.exp(rng.normal(np.where(is_change, 1.0, -1.0)[:, None], 0.6, (count, 4)))
    likeness = rng.normal(np.where(is_change, 0.2, 0.8), 0.15)
    return Pairs(differences, likeness, is_change, ~is_change)


def test_the_evidence_for_a_cut_is_that_of_the_detector() -> None:
    images = [picture(seed, 360) for seed in range(4)]
    thumbnails = [shots.Thumbnail(image, 0.0) for image in images]
    expected = [shots.cut_evidence(*two) for two in pairwise(thumbnails)]
    values = shot_values([np.asarray(own.image, np.uint8) for own in thumbnails])
    assert PRESENT.cut_evidence(values).tolist() == pytest.approx(expected)
    assert np.isneginf(PRESENT.cut_evidence(shot_values([images[0]] * 2))).all()


@pytest.mark.parametrize("other", [0, 1])
def test_the_evidence_against_a_person_is_that_of_the_tracker(other: int) -> None:
    before, after = view_of(face(0, 0, 0)), view_of(face(0, 1, other))
    change = PRESENT.change(before.differences(after)[None])
    evidence = PRESENT.evidence(change, np.array([float(other == 0)]))
    assert change[0] == pytest.approx(before.change(after))
    assert evidence[0] == pytest.approx(TrackLook(before, 0.0).change(after))


def test_constants_are_put_in_place_of_those_of_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WEIGHTS", "OFFSET", "DOUBT", "CHANGE_WEIGHT", "LIKENESS_WEIGHT", "JOINT_OFFSET", "CHANGE_ALONE"):
        monkeypatch.setattr(descriptors, name, getattr(descriptors, name))
    for name in ("CUT_WEIGHTS", "CUT_OFFSET"):
        monkeypatch.setattr(shots, name, getattr(shots, name))
    other = replace(PRESENT, weights=(1.0, 2.0, 3.0, 4.0), offset=-1.0, cut_offset=7.0)
    other.use()
    assert (Constants.present(), descriptors.WEIGHTS.tolist(), shots.CUT_OFFSET) == (other, [1, 2, 3, 4], 7.0)


def test_a_clip_is_one_stay_for_each_appearance_and_gap_of_its_counted_people() -> None:
    boxes = boxes_of("ann", [0.0, 0.5, 2.0, 6.0]) + boxes_of("bob", [0.0]) + boxes_of("poster", [0.0])
    film = clip_film(
        truth_of(person("ann"), person("bob", "male"), person("poster", "ignore"), boxes=boxes), "film/a.mp4", "report"
    )
    spans = sorted((own.person.split("#")[1], own.times_s) for own in film.stays)
    assert spans == [("ann", (0.0, 0.5)), ("ann", (2.0,)), ("ann", (6.0,)), ("bob", (0.0,))]
    assert (film.half, film.sources, film.stays[0].box_at(0.25)[0]) == ("report", ("film/a.mp4",), 0.0)


def flat(grey: int) -> ImageArray:
    return np.full((36, 64, 3), grey, np.uint8)


def test_jumps_and_transitions_are_left_out_of_the_hard_cuts() -> None:
    film = read_film(
        thumbnails=[flat(n * n) for n in range(10)],
        cuts=(Cut(0.4, "person", True), Cut(0.79, "jump", False)),
        transitions=(Transition(1.2, 1.4, "dissolve"),),
    )
    values, is_cut = film.hard_cuts()
    # grey values change by 2 n - 1 at sample n; samples 4, 6, 7 and 8 are left out
    assert ((values[:, 3] + 1) / 2).tolist() == [1, 2, 3, 5, 9]
    assert is_cut.tolist() == [False, True, False, False, False]


def test_consecutive_faces_of_a_stay_are_pairs_and_a_change_compares_its_two_sides() -> None:
    change = Change(0.6, 0.6, "person", 0, 1, True)
    seen = [face(0, 0, 0), face(0, 1, 0), face(0, 2, 0), face(1, 3, 1), face(1, 5, 1)]
    found = pairs_of([read_film(*seen, stays=(stay(0, 0.6), stay(0.6, 2, "bob")), changes=(change,))])
    assert (found.is_change.tolist(), found.likeness.tolist()) == ([False, False, True], [1, 1, 0])
    assert not found.is_clip.any()


def test_a_clip_is_not_compared_across_a_cut_that_is_detected() -> None:
    seen = [face(0, n, 0) for n in range(4)]
    assert len(pairs_of([read_film(*seen, is_clip=True, cuts_at=(2,), stays=(stay(0, 1),))]).likeness) == 2


def test_other_people_are_of_other_names_in_one_clip_or_of_other_sources() -> None:
    one = read_film(face(0, 0, 0), face(1, 0, 1), is_clip=True, stays=(stay(0, 1, "ann"), stay(0, 1, "bob")))
    same = replace(one, seen=[face(0, 0, 0)])
    other = replace(
        same, source=replace(same.source, film=replace(same.film, sources=("two",), stays=(stay(0, 1, "eve"),)))
    )
    assert len(other_people([one])["same clip"]) == 750
    assert len(other_people([one])["other source"]) == 0
    assert {kind: len(rows) for kind, rows in other_people([same, other]).items()} == {
        "other source": 1500,
        "same clip": 0,
    }


def test_weights_tell_the_pairs_apart() -> None:
    known = pairs()
    fitted = fitted_weights(PRESENT, known, {"films": known.differences[known.is_change]})
    change = fitted.change(known.differences)
    assert np.mean((change > 0) == known.is_change) > 0.97
    assert all(weight > 0 for weight in fitted.weights)


def test_the_joint_rule_ends_the_changes_that_it_must_and_no_more() -> None:
    rng, known = np.random.default_rng(RNG_SEED), pairs(4000)
    change = np.where(known.is_change, rng.normal(6, 1.5, 4000), rng.normal(0, 2, 4000))
    differences = np.exp((change - PRESENT.offset) / sum(PRESENT.weights))
    known = replace(known, differences=np.tile(differences[:, None], 4))
    fitted = fitted_joint_rule(PRESENT, known)
    assert 0.985 <= change_figures(fitted, known, {})["with_embedding"]["changes_ended"] <= 0.987
    lower = replace(fitted, joint_offset=fitted.joint_offset - 0.05)
    assert change_figures(lower, known, {})["with_embedding"]["changes_ended"] < 0.985


def test_cuts_of_the_fitted_constants_are_found_and_those_of_the_code_stay_in_place() -> None:
    noise = np.random.default_rng(RNG_SEED).normal(0, 35, (10, 36, 64, 3))
    scenes = [cv2.resize(picture(n // 5), (64, 36)) for n in range(10)]
    noisy = list(np.clip(scenes + noise, 0, 255).astype(np.uint8))
    film = read_film(thumbnails=noisy, cuts=(Cut(1.0, "person", True),))
    fitted = fitted_cuts(PRESENT, [film])
    assert cut_figures([film], fitted)["hard"]["f1"] == 1.0
    assert cut_figures([film], replace(fitted, cut_offset=-99.0))["hard"]["f1"] == 0.0
    assert Constants.present() == PRESENT


def linking(changes_separated: float, mixed_tracks: int, stays_divided: int, idf1: float) -> Row:
    rates = {"changes_separated": changes_separated, "idf1": idf1, "min_likeness": 0.5, "min_likeness_at_cut": 0.6}
    return rates | {"mixed_tracks": mixed_tracks, "stays_divided": stays_divided}


@pytest.mark.parametrize(
    ("rows", "best"),
    [
        ([linking(0.99, 1, 5, 0.9), linking(0.98, 1, 3, 0.9), linking(0.97, 1, 1, 0.9)], 1),
        ([linking(0.99, 1, 5, 0.9), linking(0.99, 2, 3, 0.9)], 0),
        ([linking(0.99, 1, 5, 0.9), linking(0.99, 1, 5, 0.91)], 1),
        ([linking(0.95, 1, 2, 0.9), linking(0.96, 1, 5, 0.9)], 1),
    ],
)
def test_linking_keeps_changes_apart_then_divides_few_stays_then_has_the_best_idf1(rows: list[Row], best: int) -> None:
    assert best_linking(rows) == best


@pytest.mark.parametrize(
    ("rows", "best"),
    [
        ([(0.94, 100), (0.95, 104), (0.96, 106)], 1),
        ([(0.95, 96), (0.94, 100), (0.95, 104), (0.95, 105)], 2),
        ([(0.95, 120), (0.99, 130), (0.94, 120)], 0),
    ],
    ids=["within 5 %", "the middle", "nearest"],
)
def test_people_are_counted_to_within_5_percent_then_by_the_best_f1(rows: list[tuple[float, int]], best: int) -> None:
    assert best_people([{"f1": f1, "counted": counted, "labelled": 100} for f1, counted in rows]) == best


def test_what_is_to_be_pasted_is_python() -> None:
    from facetally.detection.linking import LinkOptions

    values: Row = {}
    exec(to_paste(PRESENT, LinkOptions(), PeopleOptions(min_likeness=0.35)), {"np": np}, values)
    assert (values["DOUBT"], values["min_likeness"]) == (PRESENT.doubt, 0.35)
    assert tuple(values["CUT_WEIGHTS"]) == PRESENT.cut_weights
