"""What the labels of a sample say about the whole run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from labelled_world import face_rows, times, track_row
from sampled_world import FILM_S, store_film, store_films

from facetally.errors import TruthError
from facetally.labelling.design import Design
from facetally.labelling.draw import draw_design
from facetally.labelling.estimates import SampleEstimates, run_table, sample_estimates, sample_figures, track_outcomes
from facetally.labelling.labels import Labels, MissedFace, MomentLabel, TrackAnswer, TrackKey, TrackLabel
from facetally.labelling.progress import standing
from facetally.results.ledger import Ledger
from facetally.results.run_tables import Run

Truth = dict[TrackKey, TrackAnswer]
MISSED = MissedFace((0, 0, 9, 9))


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    """320 appearances in eight films."""
    return store_films(tmp_path_factory.mktemp("run"), films=8, tracks=40)


@pytest.fixture(scope="module")
def truth(ledger: Ledger) -> Truth:
    """Who is really shown: a tenth is not as predicted, and a twelfth is no face."""
    random, answers = np.random.default_rng(7), dict[TrackKey, TrackAnswer]()
    for track in Run(ledger.out).tracks().itertuples():
        is_female = bool(track.female_prob > 0.5) == (random.random() < 0.9)
        person: TrackAnswer = "female" if is_female else "male"
        answers[str(track.video_id), int(track.track_id)] = "not_a_face" if random.random() < 1 / 12 else person
    return answers


def labelled(design: Design, truth: Truth, count: int) -> Labels:
    return Labels({track.key: TrackLabel(truth[track.key]) for track in design.tracks[:count]})


def shares(ledger: Ledger, truth: Truth) -> dict[str, float]:
    """The true figures by screen time."""
    tracks = Run(ledger.out).tracks()
    answer = np.array([truth[key] for key in zip(tracks["video_id"], tracks["track_id"], strict=True)])
    predicted, seconds = np.where(tracks["female_prob"] > 0.5, "female", "male"), tracks["screen_time_s"].to_numpy()
    people = seconds[answer != "not_a_face"].sum()
    return {
        "accuracy": float(seconds[answer == predicted].sum() / people),
        "women": float(seconds[answer == "female"].sum() / people),
        "false_tracks": float(1 - people / seconds.sum()),
    }


def test_a_run_labelled_in_full_gives_the_true_figures(ledger: Ledger, truth: Truth) -> None:
    design = draw_design(ledger, seed=1)
    estimates = sample_estimates(ledger, design, labelled(design, truth, 320), 0.85)
    for name, share in shares(ledger, truth).items():
        estimate = getattr(estimates, name)["screen_time_s"]
        assert estimate.share == pytest.approx(share, rel=1e-5)
        assert estimate.interval.low == estimate.interval.high == estimate.share


def test_a_part_gives_the_true_figures_on_average(ledger: Ledger, truth: Truth) -> None:
    samples = []
    for seed in range(20):
        design = draw_design(ledger, seed=seed, appearances=80)
        samples.append(sample_estimates(ledger, design, labelled(design, truth, 80), 0.85))
    for name, share in shares(ledger, truth).items():
        estimates = [getattr(one, name)["screen_time_s"] for one in samples]
        assert np.mean([estimate.share for estimate in estimates]) == pytest.approx(share, abs=0.03)
        assert sum(e.interval.low <= share <= e.interval.high for e in estimates) >= 16


def test_the_verdict_is_that_shown_while_labelling(ledger: Ledger, truth: Truth) -> None:
    design = draw_design(ledger, seed=1)
    labels = labelled(design, truth, 100)
    estimates = sample_estimates(ledger, design, labels, 0.7)
    assert estimates.standing == standing(design, track_outcomes(run_table(ledger), design, labels), 0.7)
    assert estimates.standing.word == "pass"


def test_women_are_known_better_with_the_predictions_of_the_rest(ledger: Ledger, truth: Truth) -> None:
    design = draw_design(ledger, seed=1)
    women = sample_estimates(ledger, design, labelled(design, truth, 80), 0.85).women
    by_appearance = women["appearances"].interval  # the strata know the predicted gender already
    assert by_appearance.high - by_appearance.low < 0.15  # 0.22 for 75 people and a share of 0.4 by Wilson
    assert 0.5 < women["screen_time_s"].prediction_weight <= 1


@pytest.fixture
def watched(tmp_path: Path) -> Callable[[Labels], SampleEstimates]:
    """A film with one man in view all the time; what follows from labels of its one appearance and ten moments."""
    ledger = Ledger(tmp_path)
    store_film(ledger, "a.mp4", [track_row(0, 0.1, FILM_S)], face_rows(0, times(0, FILM_S)))
    return lambda labels: sample_estimates(ledger, draw_design(ledger, seed=0, moments=10), labels, 0.85)


def _moments(tmp_path: Path, missed: list[int]) -> Labels:
    """The man is labelled, and so many faces were missed at the moments."""
    design = draw_design(Ledger(tmp_path), seed=0, moments=10)
    moments = {
        moment.key: MomentLabel((MISSED,) * count) for moment, count in zip(design.moments, missed, strict=False)
    }
    return Labels({design.tracks[0].key: TrackLabel("male")}, moments)


def test_recall_counts_the_faces_of_the_labelled_moments(
    tmp_path: Path, watched: Callable[[Labels], SampleEstimates]
) -> None:
    recall = watched(_moments(tmp_path, [0, 1, 0, 2, 0, 0, 0, 0])).recall
    assert (recall.share, recall.cases) == (8 / 11, 11)
    assert 0 < recall.interval.low < 8 / 11 < recall.interval.high < 1


def test_end_to_end_is_recall_times_accuracy(tmp_path: Path, watched: Callable[[Labels], SampleEstimates]) -> None:
    estimates = watched(_moments(tmp_path, [0, 1, 0, 2, 0, 0, 0, 0]))
    assert estimates.accuracy["screen_time_s"].share == 1
    assert estimates.end_to_end.share == estimates.recall.share
    assert estimates.end_to_end.interval.low == pytest.approx(estimates.recall.interval.low)


def test_a_box_on_no_face_is_not_found(tmp_path: Path, watched: Callable[[Labels], SampleEstimates]) -> None:
    labels = _moments(tmp_path, [0, 1, 0, 1])
    on_nothing = Labels({key: TrackLabel("not_a_face") for key in labels.tracks}, labels.moments)
    assert watched(on_nothing).recall.share == 0


def test_moments_after_a_gap_are_not_used(tmp_path: Path, watched: Callable[[Labels], SampleEstimates]) -> None:
    labels = _moments(tmp_path, [0] * 10)
    third = list(labels.moments)[3]
    with_gap = Labels(labels.tracks, {key: label for key, label in labels.moments.items() if key != third})
    assert watched(with_gap).recall.cases == 3


def test_without_labels_the_figures_are_empty_but_valid_json(ledger: Ledger) -> None:
    design = draw_design(ledger, seed=1, moments=5)
    figures = sample_figures(sample_estimates(ledger, design, Labels(), 0.85), design)
    stored = json.loads(json.dumps(figures, allow_nan=False))
    assert stored["verdict"] == "not enough labels"
    assert stored["recall"] == {"share": None, "low": 0.0, "high": 1.0, "cases": 0}


def test_uncertain_predictions_give_no_estimate(ledger: Ledger) -> None:
    design = draw_design(ledger, seed=1, mode="uncertain")
    with pytest.raises(TruthError, match="whole run"):
        sample_estimates(ledger, design, Labels(), 0.85)


def test_labels_of_another_run_are_refused(ledger: Ledger, tmp_path: Path) -> None:
    with pytest.raises(TruthError, match="another run"):
        sample_estimates(store_films(tmp_path), draw_design(ledger, seed=1), Labels(), 0.85)
