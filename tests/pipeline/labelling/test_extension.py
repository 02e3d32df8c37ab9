"""Samples of a run to which videos were added after labelling began."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from labelled_world import track_row
from sampled_world import store_film, store_films

from facetally.errors import TruthError
from facetally.labelling.design import Design
from facetally.labelling.design_file import read_design, write_design
from facetally.labelling.draw import draw_design
from facetally.labelling.estimates import sample_estimates
from facetally.labelling.extension import extend_design
from facetally.labelling.labels import Labels, MomentLabel, TrackKey, TrackLabel
from facetally.labelling.progress import TrackOutcome, complete_rounds, is_estimable, sample_of, standing
from facetally.results.ledger import Ledger

OLD, NEW = 4, 4
SIMULATED = 120


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    """80 appearances in four films."""
    return store_films(tmp_path_factory.mktemp("small"), films=OLD, tracks=20)


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    """The same four films, and one with 60 more appearances of other people."""
    ledger = store_films(tmp_path_factory.mktemp("grown"), films=OLD, tracks=20)
    random = np.random.default_rng(5)
    rows = [track_row(track, round(float(random.uniform(0, 1)), 3), 2.0, 60.0) for track in range(60)]
    store_film(ledger, "later.mp4", rows, [])
    return ledger


def extended(small: Ledger, grown: Ledger, seed: int, labelled: int, **options: Any) -> tuple[Design, Design]:
    """The designs before and after, where so many appearances were labelled before."""
    before = draw_design(small, seed=seed, **options)
    keys = {track.key for track in before.tracks[:labelled]}
    return before, extend_design(grown, before, before.added(grown), keys)[0]


def test_what_is_labelled_keeps_its_place_and_what_was_drawn_stays_drawn(small: Ledger, grown: Ledger) -> None:
    before, after = extended(small, grown, 1, 24, moments=8)
    assert after.tracks[:24] == before.tracks[:24]
    assert {t.key: (t.stratum, t.round, t.inclusion_prob) for t in before.tracks}.items() <= {
        t.key: (t.stratum, t.round, t.inclusion_prob) for t in after.tracks
    }.items()
    assert (after.appearance_count, len(after.tracks), len(after.phases)) == (140, 140, 2)
    assert {moment.key for moment in before.moments} < {moment.key for moment in after.moments}


def test_added_videos_catch_up_first_then_all_are_drawn_at_one_rate(small: Ledger, grown: Ledger) -> None:
    _, after = extended(small, grown, 1, 24)
    is_new = [track.video == "later.mp4" for track in after.tracks]
    assert all(is_new[24:36])
    for count in range(48, 140):
        new = sum(is_new[:count])
        assert abs(new / 60 - (count - new) / 80) < 0.2


def test_each_phase_has_its_own_probability(small: Ledger, grown: Ledger, tmp_path: Path) -> None:
    before, after = extended(small, grown, 1, 10, appearances=16, moments=6)
    probs = {track.video == "later.mp4": track.inclusion_prob for track in after.tracks}
    assert probs == {False: 16 / 80, True: 12 / 60}
    assert [moment.phase for moment in after.moments].count(1) == round(6 / 4)
    write_design(after, tmp_path / "design.json")
    assert read_design(tmp_path / "design.json", grown) == after
    assert before.phases == after.phases[:1]


def test_the_same_design_run_and_labels_give_the_same_extension(small: Ledger, grown: Ledger) -> None:
    assert extended(small, grown, 1, 10) == extended(small, grown, 1, 10)
    assert extended(small, grown, 1, 10)[1] != extended(small, grown, 2, 10)[1]


def test_a_sample_is_extended_again_and_again(small: Ledger, grown: Ledger, tmp_path: Path) -> None:
    _, design = extended(small, grown, 1, 24)
    ledger = store_films(tmp_path, films=OLD, tracks=20)
    random = np.random.default_rng(5)
    rows = [track_row(track, round(float(random.uniform(0, 1)), 3), 2.0, 60.0) for track in range(60)]
    store_film(ledger, "later.mp4", rows, [])
    store_film(ledger, "last.mp4", [track_row(0, 0.9)], [])
    again, extension = extend_design(ledger, design, design.added(ledger), {design.tracks[30].key})
    assert (len(again.phases), again.appearance_count, extension.drawn) == (3, 141, 1)
    assert again.tracks[:31] == design.tracks[:31]
    outcomes = {track.key: TrackOutcome("correct", "female") for track in again.tracks}
    at = standing(again, outcomes, 0.85)
    assert (at.word, at.low, at.high, at.used) == ("pass", 1, 1, 141)


def test_added_videos_without_anybody_change_only_the_moments(small: Ledger, tmp_path: Path) -> None:
    ledger = store_films(tmp_path, films=OLD, tracks=20)
    store_film(ledger, "empty.mp4", [], [])
    before = draw_design(small, seed=1, moments=8)
    after, extension = extend_design(ledger, before, before.added(ledger), ())
    assert (after.strata, after.tracks) == (before.strata, before.tracks)
    assert (extension.appearances, extension.moments) == (0, 2)
    at = standing(after, {track.key: TrackOutcome("correct", "female") for track in after.tracks}, 0.85)
    assert at.word == "pass"


def test_a_run_in_which_a_video_was_processed_again_is_another_one(small: Ledger, tmp_path: Path) -> None:
    design = draw_design(small, seed=1)
    ledger = store_films(tmp_path, films=OLD + 1, tracks=20)
    store_film(ledger, "film0.mp4", [track_row(0, 0.9)], [])
    with pytest.raises(TruthError, match="another run"):
        design.added(ledger)
    with pytest.raises(TruthError, match="another run"):
        replace(design, phases=()).added(store_films(tmp_path, films=OLD + 1, tracks=20))


def test_a_grown_run_is_refused_with_the_command_that_extends_the_sample(small: Ledger, grown: Ledger) -> None:
    with pytest.raises(TruthError, match="1 video was added") as caught:
        draw_design(small, seed=1).check_run(grown, "my truth")
    assert f"facetally label {grown.out} -o 'my truth'" in caught.value.fix


def test_nothing_is_estimated_before_two_added_appearances_are_labelled(small: Ledger, grown: Ledger) -> None:
    _, design = extended(small, grown, 1, 24)
    assert [is_estimable(design, count) for count in (0, 24, 25, 26)] == [False, False, False, True]
    right = {track.key: TrackLabel("female") for track in design.tracks[:25]}
    figures = sample_estimates(grown, design, Labels(right), 0.85)
    assert np.isnan(figures.standing.accuracy)
    assert figures.accuracy["appearances"].cases == 0


def test_a_label_of_videos_that_came_later_counts_with_the_size_of_these(small: Ledger, grown: Ledger) -> None:
    _, design = extended(small, grown, 1, 40)
    sample = sample_of(design, 64)
    is_new = np.array([track.video == "later.mp4" for track in design.tracks[:64]])
    assert sample.weights[is_new].sum() == pytest.approx(60)
    assert sample.weights[~is_new].sum() == pytest.approx(80)


def test_moments_are_weighted_by_the_time_that_they_stand_for(small: Ledger, grown: Ledger) -> None:
    _, design = extended(small, grown, 1, 0, moments=40)
    old = [moment for moment in design.moments if moment.phase == 0][:4]
    new = [moment for moment in design.moments if moment.phase == 1][:4]
    reordered = replace(design, moments=tuple(replace(m, order=i) for i, m in enumerate([*old, *new])))
    from facetally.labelling.estimates import _moment_weights

    assert _moment_weights(reordered, [*old, *new]) == pytest.approx([1.6] * 4 + [0.4] * 4)
    assert _moment_weights(reordered, old) is None


def simulated(small: Ledger, grown: Ledger, seed: int, wrong: Callable[[TrackKey], bool]) -> Design:
    """A design after growth at a time that depends on the labels: once the second error is seen."""
    before = draw_design(small, seed=seed)
    seen = np.cumsum([wrong(track.key) for track in before.tracks])
    labelled = int(np.searchsorted(seen, 2)) + 1
    return extend_design(grown, before, before.added(grown), {t.key for t in before.tracks[:labelled]})[0]


def test_estimates_stay_unbiased_however_the_run_grew(small: Ledger, grown: Ledger) -> None:
    random = np.random.default_rng(0)
    design = draw_design(grown, seed=0)
    errors = {t.key: random.random() < (0.35 if t.video == "later.mp4" else 0.1) for t in design.tracks}
    truth = float(1 - np.mean(list(errors.values())))
    shares, excluded = [], 0
    for seed in range(SIMULATED):
        design = simulated(small, grown, seed, errors.__getitem__)
        given = np.array([not errors[track.key] for track in design.tracks[:70]])
        shares.append(sample_of(design, 70).ratio(given, np.ones(70)).share)
        rounds = complete_rounds(design, ["correct" if right else "incorrect" for right in given])
        excluded += bool(rounds.shows_above(truth)[-1] or rounds.mirrored.shows_above(1 - truth)[-1])
    spread = float(np.std(shares))
    assert abs(np.mean(shares) - truth) < 4 * spread / SIMULATED**0.5
    assert spread < 0.06
    assert excluded <= 0.05 * SIMULATED


def _strange_phase(stored: dict[str, Any]) -> None:
    stored["strata"][-1]["phase"] = 7


def _later_round(stored: dict[str, Any]) -> None:
    stored["tracks"][0]["round"] = 5


def _smaller(stored: dict[str, Any]) -> None:
    stored["strata"][0]["size"] += 1


def _sure_moment(stored: dict[str, Any]) -> None:
    stored["moments"][0]["inclusion_prob"] = 0


@pytest.mark.parametrize("damage", [_strange_phase, _later_round, _smaller, _sure_moment])
def test_a_design_edited_by_hand_is_refused(
    small: Ledger, grown: Ledger, tmp_path: Path, damage: Callable[[dict[str, Any]], None]
) -> None:
    path = tmp_path / "design.json"
    write_design(extended(small, grown, 1, 10, moments=4)[1], path)
    stored = json.loads(path.read_text())
    damage(stored)
    path.write_text(json.dumps(stored))
    with pytest.raises(TruthError, match="not a sample design") as caught:
        read_design(path)
    assert "restore it from a copy" in caught.value.fix


def test_recall_needs_moments_of_the_added_videos(small: Ledger, grown: Ledger) -> None:
    _, design = extended(small, grown, 1, 0, moments=8)
    old = {moment.key: MomentLabel() for moment in design.moments if moment.phase == 0}
    first = replace(design, moments=tuple(sorted(design.moments, key=lambda moment: moment.phase)))
    assert np.isnan(sample_estimates(grown, first, Labels({}, old), 0.85).recall.share)
