"""What a verdict costs: the labels needed until it is there, beside those of an interval that is looked at once."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor

import numpy as np
from scipy.stats import binom

from facetally.quantification.intervals import wilson_interval
from facetally.quantification.sampling_sequence import Rounds, is_above
from scripts.simulate_labelling.simulation import TARGET

ACCURACIES = (0.95, 0.92, 0.90, 0.88, 0.80)
PRICE_RUNS = (300, 1000, 10_000)


def prices(corpora: int, pool: ProcessPoolExecutor) -> list[dict[str, float]]:
    """Labels needed, by accuracy."""
    rows = []
    for accuracy in ACCURACIES:
        row: dict[str, float] = {"accuracy": accuracy}
        for run in PRICE_RUNS:
            needed = list(pool.map(labels_needed, [run] * corpora, [accuracy] * corpora, range(corpora), chunksize=25))
            row[f"mean, run of {run}"] = round(float(np.mean(needed)), 1)
            row[f"90th percentile, run of {run}"] = float(np.quantile(needed, 0.9))
        row["wilson, once, half decided"] = fixed_size(accuracy, 0.5)
        row["wilson, once, 90 % decided"] = fixed_size(accuracy, 0.9)
        rows.append(row)
    return rows


def labels_needed(run: int, accuracy: float, seed: int) -> int:
    """The number of labels at which the verdict on `TARGET` is there, where every appearance shows a person."""
    random = np.random.default_rng([seed, run, round(1000 * accuracy)])
    size, total = 8, run // 8
    is_right = random.permutation(np.arange(size * total) < round(accuracy * size * total)).reshape(total, size)
    if accuracy < TARGET:
        is_right, target = ~is_right, 1 - TARGET
    else:
        target = TARGET
    for part in (min(total, 64), total):
        correct = is_right[:part].sum(axis=1)
        is_settled = is_above(Rounds(correct, size - correct, size, total), np.array([target]))[:, 0]
        if is_settled.any():
            return size * (int(is_settled.argmax()) + 1)
    return size * total


def fixed_size(accuracy: float, power: float) -> int:
    """How many independent cases Wilson's interval needs to exclude `TARGET` with a probability, if looked at once."""
    for count in range(20, 5000):
        rights = np.arange(count + 1)
        intervals = [wilson_interval(right, count) for right in rights.tolist()]
        if accuracy < TARGET:
            decides = np.array([interval.high < TARGET for interval in intervals])
        else:
            decides = np.array([interval.low >= TARGET for interval in intervals])
        if binom.pmf(rights, count, accuracy)[decides].sum() >= power:
            return count
    raise ValueError(f"no size up to 5000 is enough for {accuracy}")
