"""Corrections agree with results by hand and with QuaPy, and cover the truth in 1,000 simulated corpora."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest

from facetally.quantification import correction
from facetally.quantification.correction import Correction, corrected_shares
from facetally.quantification.estimators import (
    ESTIMATORS,
    Calibration,
    Predictions,
    adjusted_count,
    em_share,
    prediction_powered,
    probabilistic_adjusted_count,
    recalibrated,
)
from facetally.quantification.intervals import OF_A_SHARE, Floats

CORPORA = 1000
CORRECTIONS = ("adjusted_count", "probabilistic_adjusted_count", "em")


def predictions(female_prob: Any, amount: Any = None, cluster: Any = None) -> Predictions:
    """One appearance per case and a source of its own for each, unless given otherwise."""
    probs = np.asarray(female_prob, float)
    return Predictions(
        probs,
        np.ones(len(probs)) if amount is None else np.asarray(amount, float),
        np.arange(len(probs)) if cluster is None else np.asarray(cluster),
    )


def probs_of(women: int, men: int) -> Floats:
    """Probabilities of `women` cases predicted female, then of `men` cases predicted male."""
    return np.repeat([0.9, 0.2], [women, men])


def labelled_100() -> Calibration:
    """30 of 40 women are predicted female (recall 0.75), and 3 of 60 men (recall 0.95)."""
    return Calibration(
        predictions(np.concatenate([probs_of(30, 10), probs_of(3, 57)])), np.repeat([True, False], [40, 60])
    )


def seeded(seed: int, share: float, count: int, sharpness: float = 1.0) -> tuple[Predictions, np.ndarray]:
    """Predictions for `count` cases with overlapping log-odds, women about 3 above men, and who is a woman."""
    random = np.random.default_rng(seed)
    is_female = random.random(count) < share
    log_odds = sharpness * random.normal(np.where(is_female, 1.1, -1.9), 1.4)
    return predictions(1 / (1 + np.exp(-log_odds))), is_female


def ends(found: Correction) -> tuple[float, float]:
    assert found.interval is not None
    return found.interval.low, found.interval.high


@pytest.mark.parametrize(("true", "counted"), [(0.5, 0.40), (0.7, 0.54), (0.0, 0.05), (1.0, 0.75)])
def test_a_counted_share_is_corrected_back_to_the_true_one(true: float, counted: float) -> None:
    assert 0.75 * true + 0.05 * (1 - true) == pytest.approx(counted)
    run = predictions(probs_of(round(1000 * counted), round(1000 * (1 - counted))))
    assert run.mean(run.female_prob > 0.5) == pytest.approx(counted)
    assert adjusted_count(labelled_100(), run) == pytest.approx(true)


def test_mean_probabilities_are_corrected_in_the_same_way() -> None:
    # the mean for women is 0.75 x 0.9 + 0.25 x 0.2 = 0.725, for men 0.05 x 0.9 + 0.95 x 0.2 = 0.235
    run = predictions([0.48] * 10)
    assert probabilistic_adjusted_count(labelled_100(), run) == pytest.approx((0.48 - 0.235) / (0.725 - 0.235))


def test_a_share_outside_the_range_is_clipped_to_0_or_1() -> None:
    assert adjusted_count(labelled_100(), predictions(probs_of(1, 99))) == 0.0
    assert adjusted_count(labelled_100(), predictions(probs_of(99, 1))) == 1.0


def test_em_with_two_distinct_predictions_agrees_with_the_solution_by_hand() -> None:
    # Labelled half and half, 0.8 and 0.2 as likelihoods 1.6 : 0.4 and 0.4 : 1.6; with 0.62 of the run at 0.8 the
    # likeliest share s has 0.8 s + 0.2 (1 - s) = 0.62
    calibration = Calibration(predictions([0.8, 0.2]), np.array([True, False]))
    assert em_share(calibration, predictions([0.8] * 62 + [0.2] * 38)) == pytest.approx(0.7)
    assert em_share(calibration, predictions([0.8] * 10 + [0.2] * 90)) == pytest.approx(0.0, abs=1e-8)
    assert em_share(calibration, predictions([0.8] * 90 + [0.2] * 10)) == pytest.approx(1.0, abs=1e-8)


def test_prediction_powered_adds_the_mean_error_by_amount() -> None:
    # run (0.9 x 1 + 0.2 x 3) / 4 = 0.375; errors 0.1, -0.6, -0.2 with amounts 2, 1, 1: (0.2 - 0.6 - 0.2) / 4 = -0.15
    calibration = Calibration(predictions([0.9, 0.6, 0.2], amount=[2, 1, 1]), np.array([True, False, False]))
    assert prediction_powered(calibration, predictions([0.9, 0.2], amount=[1, 3])) == pytest.approx(0.225)


def test_recalibration_fits_the_share_of_women_at_each_prediction() -> None:
    # Of 40 cases at 0.9 a quarter are women, of 40 at 0.2 a tenth; targets: 14.1/14.2 for women, 0.1/66.2 for men
    calibration = Calibration(predictions(probs_of(40, 40)), np.repeat([1, 0, 1, 0], [10, 30, 4, 36]) > 0)
    fitted, run = recalibrated(calibration, predictions([0.9, 0.2]))
    expected = (10 * 14.1 / 14.2 + 30 * 0.1 / 66.2) / 40, (4 * 14.1 / 14.2 + 36 * 0.1 / 66.2) / 40
    assert run.female_prob == pytest.approx(expected, abs=1e-8)
    assert fitted.predictions.female_prob[[0, -1]] == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("sharpness", [0.3, 1.0, 2.5])
def test_recalibrated_em_finds_the_share_however_sharp_the_classifier(sharpness: float) -> None:
    labelled, is_female = seeded(1, 0.4, 20_000, sharpness)
    run, _ = seeded(2, 0.7, 20_000, sharpness)
    assert em_share(*recalibrated(Calibration(labelled, is_female), run)) == pytest.approx(0.7, abs=0.015)


def test_em_without_recalibration_is_far_off_and_is_not_used() -> None:
    labelled, is_female = seeded(1, 0.4, 5000, sharpness=2.5)
    calibration, (run, _) = Calibration(labelled, is_female), seeded(2, 0.7, 5000, sharpness=2.5)
    assert em_share(calibration, run) < 0.65
    assert ESTIMATORS["em"](calibration, run) == em_share(*recalibrated(calibration, run))


def test_recalibration_works_with_labels_without_errors_and_certain_predictions() -> None:
    calibration = Calibration(predictions([1.0] * 20 + [0.0] * 30), np.repeat([True, False], [20, 30]))
    run = predictions([1.0] * 30 + [0.0] * 70)
    assert em_share(*recalibrated(calibration, run)) == pytest.approx(0.3, abs=0.03)


def test_recalibration_of_equal_predictions_gives_the_labelled_share() -> None:
    calibration = Calibration(predictions([0.7] * 20), np.arange(20) < 8)
    fitted = recalibrated(calibration, calibration.predictions)[0].predictions.female_prob
    assert fitted == pytest.approx((8 * 8.1 / 8.2 + 12 * 0.1 / 12.2) / 20, abs=1e-6)


def test_recalibration_converges_with_one_rare_man_among_women() -> None:
    # Newton's method without step halving diverges here
    log_odds = np.array([-2.0, 1.0] + [2.0] * 20 + [20.0])
    calibration = Calibration(predictions(1 / (1 + np.exp(-log_odds)), amount=[0.1] + [1] * 22), np.arange(23) > 0)
    fitted = recalibrated(calibration, calibration.predictions)[0].predictions
    mean = calibration.predictions.amount.mean()
    women, man = 22 / mean, 0.1 / mean
    targets = np.where(calibration.is_female, (women + 0.1) / (women + 0.2), 0.1 / (man + 0.2))
    # where the likelihood is highest, probabilities and targets agree in their mean and in their mean times log-odds
    assert fitted.mean(fitted.female_prob - targets) == pytest.approx(0.0, abs=1e-6)
    assert fitted.mean((fitted.female_prob - targets) * log_odds) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("name", CORRECTIONS)
def test_labels_of_one_gender_give_no_correction(name: str) -> None:
    women = Calibration(predictions(probs_of(30, 10)), np.ones(40, bool))
    assert np.isnan(ESTIMATORS[name](women, predictions(probs_of(40, 60))))
    assert np.isnan(em_share(women, predictions(probs_of(40, 60))))


@pytest.mark.parametrize("name", CORRECTIONS)
def test_predictions_lower_for_women_than_for_men_give_no_correction(name: str) -> None:
    upside_down = Calibration(labelled_100().predictions, ~labelled_100().is_female)
    assert np.isnan(ESTIMATORS[name](upside_down, predictions(probs_of(40, 60))))


@pytest.mark.parametrize("seed", range(5))
def test_corrections_equal_those_of_quapy(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    from quapy.method import aggregative
    from sklearn.linear_model import LogisticRegression

    monkeypatch.setattr(aggregative.EMQ, "MAX_ITER", 200_000)
    labelled, is_female = seeded(seed, 0.35, 300)
    run, _ = seeded(100 + seed, 0.6, 2000)
    calibration, labels = Calibration(labelled, is_female), is_female.astype(int)
    both = [np.column_stack([1 - a.female_prob, a.female_prob]) for a in (labelled, run)]
    classifier = LogisticRegression()  # only its classes are used
    classifier.classes_ = np.array([0, 1])
    acc = aggregative.ACC(classifier, fit_classifier=False, val_split=None, solver="exact-raise")
    acc.aggregation_fit((labelled.female_prob > 0.5).astype(int), labels)
    pacc = aggregative.PACC(classifier, fit_classifier=False, val_split=None, solver="exact-raise")
    pacc.aggregation_fit(both[0], labels)
    em, _ = aggregative.EMQ.EM([1 - is_female.mean(), is_female.mean()], both[1], epsilon=1e-13)
    assert adjusted_count(calibration, run) == pytest.approx(
        acc.aggregate((run.female_prob > 0.5).astype(int))[1], abs=1e-6
    )
    assert probabilistic_adjusted_count(calibration, run) == pytest.approx(pacc.aggregate(both[1])[1], abs=1e-6)
    assert em_share(calibration, run) == pytest.approx(em[1], abs=1e-6)


@pytest.mark.parametrize("name", [*CORRECTIONS, "prediction_powered"])
def test_amounts_have_the_effect_of_repeated_cases(name: str) -> None:
    labelled, is_female = seeded(1, 0.4, 60)
    run, _ = seeded(2, 0.6, 200)
    random = np.random.default_rng(3)
    of_labelled, of_run = random.integers(1, 4, 60), random.integers(0, 4, 200)
    weighted = (
        Calibration(predictions(labelled.female_prob, of_labelled), is_female),
        predictions(run.female_prob, of_run),
    )
    repeated = (
        Calibration(predictions(np.repeat(labelled.female_prob, of_labelled)), np.repeat(is_female, of_labelled)),
        predictions(np.repeat(run.female_prob, of_run)),
    )
    estimate = ESTIMATORS[name]
    tolerance = 2e-3 if name == "em" else 1e-9  # the smoothing of recalibration counts cases
    assert estimate(*weighted) == pytest.approx(float(estimate(*repeated)), abs=tolerance)


@pytest.mark.parametrize("name", [*CORRECTIONS, "prediction_powered"])
def test_batched_resamples_equal_single_ones(name: str) -> None:
    labelled, is_female = seeded(1, 0.4, 60)
    run, _ = seeded(2, 0.6, 200)
    random = np.random.default_rng(3)
    times = random.integers(0, 3, (5, 60)).astype(float), random.integers(0, 3, (5, 200)).astype(float)
    estimate = ESTIMATORS[name]
    at_once = estimate(Calibration(labelled.drawn(times[0]), is_female), run.drawn(times[1]))
    for k in range(5):
        alone = estimate(Calibration(labelled.drawn(times[0][k]), is_female), run.drawn(times[1][k]))
        assert at_once[k] == pytest.approx(float(alone), abs=1e-8)


def test_every_correction_is_returned_with_the_raw_share() -> None:
    labelled, is_female = seeded(1, 0.4, 300)
    run, _ = seeded(2, 0.7, 1000)
    shares = corrected_shares(Calibration(labelled, is_female), run, labels_sampled=True)
    assert list(shares) == ["raw", *CORRECTIONS, "prediction_powered"]
    assert shares["raw"].share == pytest.approx((run.female_prob > 0.5).mean())
    for found in shares.values():
        low, high = ends(found)
        assert found.refusal == ""
        assert 0.0 < low < found.share < high < 1.0
    apart = corrected_shares(Calibration(labelled, is_female), run, labels_sampled=False)
    assert list(apart) == ["raw", *CORRECTIONS]


def test_the_same_seed_gives_the_same_intervals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(correction, "RESAMPLES", 50)
    labelled, is_female = seeded(1, 0.4, 100)
    calibration, (run, _) = Calibration(labelled, is_female), seeded(2, 0.7, 300)
    first, again, other = (corrected_shares(calibration, run, False, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first["em"].share == other["em"].share
    assert first["em"].interval != other["em"].interval


def test_the_unit_of_the_amounts_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(correction, "RESAMPLES", 50)
    labelled, is_female = seeded(1, 0.4, 100)
    amounts = np.random.default_rng(4).lognormal(1.0, 1.0, 100)

    def shares(unit: float, female_prob: Floats) -> list[float]:
        calibration = Calibration(predictions(labelled.female_prob, unit * amounts), is_female)
        found = corrected_shares(calibration, predictions(female_prob, unit * amounts), True).values()
        return [figure for c in found for figure in (c.share, *ends(c))]

    assert shares(60.0, labelled.female_prob) == pytest.approx(shares(1.0, labelled.female_prob))
    assert shares(60.0, np.full(100, 0.9)) == pytest.approx(shares(1.0, np.full(100, 0.9)))


def test_a_fully_labelled_run_has_the_interval_of_its_labels() -> None:
    random = np.random.default_rng(3)
    is_female = np.arange(400) % 2 == 0
    run = predictions(np.where(random.random(400) < 0.8, is_female, random.random(400)))
    found = corrected_shares(Calibration(run, is_female), run, labels_sampled=True)["prediction_powered"]
    assert found.share == pytest.approx(0.5)
    assert ends(found) == pytest.approx((0.451, 0.549), abs=0.006)  # 1.96 x 0.5 / 20


def test_sources_of_labels_from_elsewhere_are_not_those_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(correction, "RESAMPLES", 50)
    labelled, is_female = seeded(1, 0.4, 100)
    calibration, (run, _) = Calibration(labelled, is_female), seeded(2, 0.7, 100)
    renamed = Predictions(run.female_prob, run.amount, run.cluster + 1000)
    assert corrected_shares(calibration, run, False) == corrected_shares(calibration, renamed, False)
    assert corrected_shares(calibration, run, True) != corrected_shares(calibration, renamed, True)


@pytest.mark.parametrize("labels_sampled", [True, False])
def test_the_chunk_size_changes_nothing(labels_sampled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(correction, "RESAMPLES", 50)
    labelled, is_female = seeded(1, 0.4, 100)
    calibration, (run, _) = Calibration(labelled, is_female), seeded(2, 0.7, 100)
    whole = corrected_shares(calibration, run, labels_sampled)
    monkeypatch.setattr(correction, "CHUNK_CELLS", 200 * 7)
    chunked = corrected_shares(calibration, run, labels_sampled)
    for name, found in whole.items():
        assert ends(chunked[name]) == pytest.approx(ends(found))


def test_copies_of_a_source_do_not_narrow_an_interval() -> None:
    labelled, is_female = seeded(1, 0.4, 80)
    run, _ = seeded(2, 0.7, 100)

    def widths(copies: int) -> list[float]:
        calibration = Calibration(
            predictions(np.tile(labelled.female_prob, copies), cluster=np.tile(np.arange(80), copies)),
            np.tile(is_female, copies),
        )
        shares = corrected_shares(
            calibration, predictions(np.tile(run.female_prob, copies), cluster=np.tile(np.arange(100), copies)), False
        )
        return [float(np.ptp(ends(found))) for found in shares.values()]

    assert widths(4) == pytest.approx(widths(1), rel=0.01)


@pytest.mark.parametrize(("women", "men"), [(0, 50), (50, 0), (4, 50), (50, 4), (0, 0)])
def test_too_few_labels_of_a_gender_are_refused(women: int, men: int) -> None:
    calibration = Calibration(predictions([0.9] * women + [0.1] * men), np.repeat([True, False], [women, men]))
    shares = corrected_shares(calibration, predictions(probs_of(5, 5)), labels_sampled=True)
    assert shares["raw"].share == 0.5
    for name in (*CORRECTIONS, "prediction_powered"):
        assert f"their labelled appearances are {women} and {men}" in shares[name].refusal
        assert math.isnan(shares[name].share)
        assert shares[name].interval is None


def test_labels_without_any_amount_do_not_count() -> None:
    calibration = Calibration(predictions(probs_of(5, 20), amount=[0] + [1] * 24), np.repeat([True, False], [5, 20]))
    shares = corrected_shares(calibration, predictions(probs_of(5, 5)), False)
    assert "their labelled appearances are 4 and 20" in shares["em"].refusal


def test_similar_predictions_for_women_and_men_are_refused_except_by_prediction_powered() -> None:
    # predicted female: 12 of 20 women, 9 of 20 men
    calibration = Calibration(
        predictions(np.concatenate([probs_of(12, 8), probs_of(9, 11)]), cluster=np.arange(40) % 20),
        np.repeat([True, False], 20),
    )
    shares = corrected_shares(calibration, predictions(probs_of(30, 70)), labels_sampled=True)
    assert "0.60 for labelled women and 0.45 for men: too close" in shares["adjusted_count"].refusal
    assert "0.62 for labelled women and 0.52 for men: too close" in shares["em"].refusal
    assert shares["prediction_powered"].refusal == ""


def test_a_run_without_predictions_is_refused() -> None:
    nothing = corrected_shares(labelled_100(), predictions([]), labels_sampled=False)
    assert {name: found.refusal for name, found in nothing.items()} == dict.fromkeys(
        ["raw", *CORRECTIONS], "the run has no predictions to correct"
    )


def test_one_source_gives_shares_without_intervals() -> None:
    one = np.zeros(100, int)
    calibration = Calibration(
        predictions(labelled_100().predictions.female_prob, cluster=one), labelled_100().is_female
    )
    shares = corrected_shares(calibration, predictions(probs_of(40, 60)), labels_sampled=False)
    adjusted = shares["adjusted_count"]
    assert adjusted == Correction(adjusted.share, None)
    assert adjusted.share == pytest.approx(0.5)
    assert shares["raw"].interval is not None
    alone = corrected_shares(labelled_100(), predictions(probs_of(40, 60), cluster=one), labels_sampled=False)
    assert [found.interval for found in alone.values()] == [None] * 4


def test_resamples_that_cannot_be_corrected_count_towards_both_ends() -> None:
    # all labelled women come from one of three sources: 8 in 27 resamples have none
    calibration = Calibration(
        predictions(probs_of(10, 20), cluster=np.repeat([0, 1, 2], 10)), np.repeat([True, False], [10, 20])
    )
    shares = corrected_shares(calibration, predictions(probs_of(40, 60)), labels_sampled=False)
    assert shares["adjusted_count"].share == pytest.approx(0.4)
    for name in CORRECTIONS:
        assert ends(shares[name]) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("probs", "amounts", "clusters", "what"),
    [
        ([0.5, 1.1], [1, 1], [0, 1], "probabilities"),
        ([0.5, np.nan], [1, 1], [0, 1], "probabilities"),
        ([0.5, 0.5], [1, -1], [0, 1], "amounts"),
        ([0.5, 0.5], [1, 1, 1], [0, 1], "same cases"),
        ([0.5, 0.5], [1, 1], [0], "same cases"),
        ([0.5, 0.5], [1, 1], [[0, 1]], "same cases"),
    ],
)
def test_inconsistent_arrays_are_errors(probs: Any, amounts: Any, clusters: Any, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        predictions(probs, amounts, clusters)
    with pytest.raises(ValueError, match="booleans"):
        Calibration(predictions([0.5, 0.5]), np.array([1, 0]))


def footage(random: np.random.Generator, share: float, people: tuple[int, int]) -> Calibration:
    """40 sources, each with its own share of women (intra-class correlation 0.1) and lighting that shifts its odds."""
    cluster = np.repeat(np.arange(40), random.integers(*people, 40))
    women, light = random.beta(9 * share, 9 * (1 - share), 40)[cluster], random.normal(0, 0.5, 40)[cluster]
    is_female = random.random(len(cluster)) < women
    log_odds = np.where(is_female, 1.1, -2.3) + light + 1.4 * random.normal(size=len(cluster))
    return Calibration(predictions(1 / (1 + np.exp(-log_odds)), cluster=cluster), is_female)


def sampled(footage: Calibration, random: np.random.Generator) -> Calibration:
    """Labels for half of the cases, drawn at random."""
    kept = random.random(len(footage.is_female)) < 1 / 2
    of = footage.predictions
    return Calibration(Predictions(of.female_prob[kept], of.amount[kept], of.cluster[kept]), footage.is_female[kept])


@pytest.fixture
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    """1,000 corpora in seconds; the interval of the raw share has its own tests in test_intervals."""
    monkeypatch.setattr(correction, "RESAMPLES", 150)
    monkeypatch.setattr(correction, "clustered_interval", lambda *_: OF_A_SHARE)


def covered(found: Iterable[dict[str, Correction]], truth: float) -> dict[str, float]:
    """How often the interval of each correction covers the true share."""
    held: Counter[str] = Counter()
    for shares in found:
        held.update(n for n, c in shares.items() if c.interval and c.interval.low <= truth <= c.interval.high)
    return {name: count / CORPORA for name, count in held.items() if name != "raw"}


@pytest.mark.usefixtures("few_resamples")
def test_intervals_cover_a_run_with_another_share_than_the_labels() -> None:
    random = np.random.default_rng(0)
    found = (
        corrected_shares(footage(random, 0.4, (2, 5)), footage(random, 0.6, (3, 7)).predictions, False, seed=k)
        for k in range(CORPORA)
    )
    coverage = covered(found, 0.6)
    assert coverage.keys() == set(CORRECTIONS)
    assert all(0.93 <= share <= 0.97 for share in coverage.values()), coverage


@pytest.mark.usefixtures("few_resamples")
def test_intervals_cover_a_run_that_the_labels_were_sampled_from() -> None:
    random = np.random.default_rng(0)
    runs = (footage(random, 0.6, (3, 10)) for _ in range(CORPORA))
    found = (corrected_shares(sampled(run, random), run.predictions, True, seed=k) for k, run in enumerate(runs))
    coverage = covered(found, 0.6)
    assert coverage.keys() == {*CORRECTIONS, "prediction_powered"}
    assert all(0.93 <= share <= 0.97 for share in coverage.values()), coverage
