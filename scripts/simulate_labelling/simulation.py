"""Draws a sample of a corpus, labels it without mistakes, and compares the estimates with the truth."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import pandas as pd

from facetally.labelling.design import Design
from facetally.labelling.draw import MAX_DRAWN, draw_tracks
from facetally.labelling.estimates import LabelledSample, outcome_share, women_share
from facetally.labelling.progress import Outcome, TrackOutcome, complete_rounds, sample_of
from facetally.quantification.intervals import Interval, Z, clustered_interval
from facetally.quantification.run_shares import UNITS, Unit
from facetally.quantification.sampling import draw_times
from facetally.quantification.sampling_estimates import Estimate, product_estimate
from facetally.quantification.sampling_sequence import Rounds, accuracy_interval, is_above
from scripts.simulate_labelling.corpora import Corpus, Kind, make_corpus

SIZES = (50, 100, 200)
"""Numbers of labels after which intervals are checked."""
MOMENTS = (30, 100)
TARGET = 0.85
FIRST_LOOK = 30
"""Labels before somebody with a fixed-size interval begins to look again and again."""
FRAME_S = 0.2

Result = dict[str, float]
"""Of one corpus: 1 or 0 for events such as `covers: accuracy, by appearance, 50 labels`, widths, numbers of labels."""


def simulate(kind: Kind, seed: int) -> Result:
    """Draws a corpus and a sample of it, and compares the estimates with the truth."""
    random = np.random.default_rng([seed, *kind.name.encode()])
    corpus = make_corpus(kind, random)
    strata, drawn = draw_tracks(corpus.table, min(len(corpus.table), MAX_DRAWN), random)
    design = Design("random", seed, "", strata, drawn, ())
    drawn_rows = corpus.table.iloc[[track.track_id for track in drawn]]
    outcomes = drawn_rows["outcome"].tolist()
    result = dict(_looks(complete_rounds(design, outcomes).phases[0], outcomes, corpus.true_shares))
    labelled = _labelled(corpus, design, drawn_rows)
    for size in SIZES:
        if size < len(drawn):
            result |= _checked(corpus, design, labelled, size, f"{size} labels")
    stopped_at = _stop(design, outcomes)
    if stopped_at < len(drawn):
        result |= _checked(corpus, design, labelled, stopped_at, "labels up to the verdict")
    return result | dict(_moments(corpus, _first(design, labelled, SIZES[1]), random))


def _looks(rounds: Rounds, outcomes: list[Outcome], true: Mapping[str, float]) -> Iterator[tuple[str, float]]:
    """Whether a look after any label gives a wrong verdict, at targets that the accuracy just misses or just meets."""
    accuracy = min(max(true["accuracy, appearances"], 1e-6), 1 - 1e-6)
    mirrored = Rounds(rounds.incorrect, rounds.correct, rounds.size, rounds.total)
    part = len(rounds.correct) - 1 if len(rounds.correct) == rounds.total else len(rounds.correct)
    passed = is_above(rounds, np.array([accuracy]))[:part].any()
    failed = is_above(mirrored, np.array([1 - accuracy]))[:part].any()
    yield "wrong verdict: pass, accuracy just below the target", float(passed)
    yield "wrong verdict: fail, accuracy at the target", float(failed)
    yield "wrong at some look: confidence sequence", float(passed or failed)
    counted = np.array([outcome == "correct" for outcome in outcomes if outcome in ("correct", "incorrect")])
    count = np.arange(1, len(counted))[FIRST_LOOK - 1 :]
    distance = np.abs(np.cumsum(counted)[FIRST_LOOK - 1 : -1] / count - accuracy)
    is_out = distance > Z * np.sqrt(accuracy * (1 - accuracy) / count)  # Wilson's interval is where this test accepts
    yield "wrong at some look: Wilson", float(is_out.any())


def _stop(design: Design, outcomes: list[Outcome]) -> int:
    """The number of labels at which the verdict on `TARGET` is there."""
    rounds = complete_rounds(design, outcomes).phases[0]
    mirrored = Rounds(rounds.incorrect, rounds.correct, rounds.size, rounds.total)
    is_settled = (is_above(rounds, np.array([TARGET])) | is_above(mirrored, np.array([1 - TARGET])))[:, 0]
    if not is_settled.any():
        return len(outcomes)
    return sum(track.round <= int(is_settled.argmax()) for track in design.tracks)


def _checked(corpus: Corpus, design: Design, labelled: LabelledSample, count: int, when: str) -> Result:
    """Whether each interval covers the truth, and how wide it is, with the first labels."""
    true, labelled = corpus.true_shares, _first(design, labelled, count)
    result: Result = {}
    for unit in UNITS:
        estimates = {
            "accuracy": outcome_share(labelled, unit, ("correct",), ("correct", "incorrect")),
            "women": women_share(labelled, unit),
            "false": outcome_share(labelled, unit, ("not_a_face",)),
        }
        for name, estimate in estimates.items():
            result |= _compared(f"{name}, {unit}, {when}", estimate, true[f"{name}, {unit}"])
    if count == SIZES[0]:
        return result
    rounds = complete_rounds(design, [outcome.outcome for outcome in labelled.outcomes]).phases[0]
    accuracy = true["accuracy, appearances"]
    mirrored = Rounds(rounds.incorrect, rounds.correct, rounds.size, rounds.total)
    is_out = any(is_above(of, np.array([share]))[-1, 0] for of, share in ((rounds, accuracy), (mirrored, 1 - accuracy)))
    result[f"covers: confidence sequence, {when}"] = float(not is_out)
    if count == SIZES[1]:
        result[f"width: confidence sequence, {when}"] = _width(accuracy_interval(rounds))
        result |= {f"width: women without predictions, {unit}, {when}": _plain_width(labelled, unit) for unit in UNITS}
    return result


def _labelled(corpus: Corpus, design: Design, rows: pd.DataFrame) -> LabelledSample:
    pairs = zip(rows["outcome"].tolist(), rows["true_gender"].tolist(), strict=True)
    return LabelledSample(
        tuple(TrackOutcome(outcome, gender) for outcome, gender in pairs),
        sample_of(design, len(rows)),
        rows["female_prob"].to_numpy(),
        rows["screen_time_s"].to_numpy(),
        corpus.table,
    )


def _first(design: Design, labelled: LabelledSample, count: int) -> LabelledSample:
    """Only the first labels."""
    return LabelledSample(
        labelled.outcomes[:count],
        sample_of(design, min(count, len(labelled.outcomes))),
        labelled.female_prob[:count],
        labelled.screen_time_s[:count],
        labelled.run,
    )


def _plain_width(labelled: LabelledSample, unit: Unit) -> float:
    """Of the interval for the share of women by the labels alone."""
    amount = labelled.screen_time_s if unit == "screen_time_s" else np.ones(len(labelled.outcomes))
    gender = np.array([outcome.gender for outcome in labelled.outcomes])
    return _width(labelled.sample.ratio(amount * (gender == "female"), amount * (gender != "")).interval)


def _moments(corpus: Corpus, labelled: LabelledSample, random: np.random.Generator) -> Iterator[tuple[str, float]]:
    faces = corpus.found + corpus.missed
    recall = float(corpus.found.sum() / faces.sum())
    accuracy = outcome_share(labelled, "screen_time_s", ("correct",), ("correct", "incorrect"))
    true = recall * corpus.true_shares["accuracy, screen_time_s"]
    for count in MOMENTS:
        at = (draw_times(len(faces) * FRAME_S, count, random) / FRAME_S).astype(int)
        if not faces[at].any():
            continue
        share = float(corpus.found[at].sum() / faces[at].sum())
        estimate = Estimate(share, clustered_interval(corpus.found[at], faces[at]), int(faces[at].sum()))
        yield from _compared(f"recall, {count} moments", estimate, recall).items()
        yield from _compared(f"end to end, {count} moments", product_estimate(estimate, accuracy), true).items()


def _compared(name: str, estimate: Estimate, true: float) -> Result:
    low, high = estimate.interval.low, estimate.interval.high
    covers = low - 1e-9 <= true <= high + 1e-9
    return {
        f"covers: {name}": float(covers),
        f"width: {name}": high - low,
        f"error: {name}": (0.0 if math.isnan(estimate.share) else estimate.share) - true,
    }


def _width(interval: Interval) -> float:
    return interval.high - interval.low


def summary(results: Iterable[Result]) -> dict[str, float]:
    """The mean of each figure over the corpora that have it."""
    values: defaultdict[str, list[float]] = defaultdict(list)
    for result in results:
        for name, value in result.items():
            values[name].append(value)
    return {name: round(float(np.mean(of)), 4) for name, of in values.items()}
