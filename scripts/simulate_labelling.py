"""Simulates labelling: do the intervals cover what they should, and does the verdict hold however often one looks?

    python -m scripts.simulate_labelling -o reports/labelling_simulation.json

Draws corpora at random: appearances in videos, people who appear several times, errors that come together by video and
by person and more often on small faces, rare women, long and short runs. From each, a sample is drawn by the code that
`facetally label` uses and labelled without mistakes. Then the estimates are compared with the truth of that corpus.
Writes the figures, and the same as tables in a .md file beside it. A simulation that was interrupted resumes after the
last kind of corpus that was complete.
"""

from __future__ import annotations

import argparse
import json
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import brentq
from scipy.special import expit
from scipy.stats import binom

from facetally import __version__
from facetally.files import write_whole
from facetally.formatting import command
from facetally.labelling.design import Design
from facetally.labelling.draw import MAX_DRAWN, draw_tracks
from facetally.labelling.estimates import LabelledSample, outcome_share, women_share
from facetally.labelling.progress import Outcome, TrackOutcome, complete_rounds, sample_of
from facetally.quantification.intervals import Interval, Z, clustered_interval, wilson_interval
from facetally.quantification.run_shares import UNITS, Unit
from facetally.quantification.sampling import draw_times
from facetally.quantification.sampling_estimates import Estimate, product_estimate
from facetally.quantification.sampling_sequence import Rounds, accuracy_interval, is_above
from scripts.provenance import machine

Floats = npt.NDArray[np.float64]
SIZES = (50, 100, 200)
"""Numbers of labels after which intervals are checked."""
MOMENTS = (30, 100)
TARGET = 0.85
ACCURACIES = (0.95, 0.92, 0.90, 0.88, 0.80)
PRICE_RUNS = (300, 1000, 10_000)
FIRST_LOOK = 30
"""Labels before somebody with a fixed-size interval begins to look again and again."""
FRAME_S = 0.2
MOST_VIDEOS = 60
OTHER: tuple[Outcome, ...] = ("unsure", "not_a_face", "several")


@dataclass(frozen=True)
class Kind:
    """What a corpus is like."""

    name: str
    tracks: int = 400
    tracks_per_video: float = 4.0
    tracks_per_person: float = 2.0
    women: float = 0.45
    accuracy: float = 0.9
    video_spread: float = 0.0
    """Standard deviation between videos of the log-odds of a correct prediction."""
    person_spread: float = 0.0
    steepness: float = 1.0
    """Of the predicted log-odds; above 1 the classifier is too sure of itself."""
    other: float = 0.1
    """Share of appearances without a right answer."""
    length_spread: float = 1.0
    """Standard deviation of the logarithm of screen time."""


KINDS = (
    Kind("independent errors"),
    Kind("small run", tracks=80),
    Kind("large run", tracks=3000),
    Kind("clustered by video and person", video_spread=1.5, person_spread=1.5),
    Kind("five long videos", tracks_per_video=80, video_spread=2.0, person_spread=2.0, tracks_per_person=10),
    Kind("few women", tracks=1000, women=0.05, video_spread=1.0),
    Kind("few errors", accuracy=0.97, person_spread=1.0),
    Kind("many errors", accuracy=0.75, video_spread=1.0),
    Kind("too sure of itself", steepness=3.0, video_spread=1.0, length_spread=1.6),
)


@dataclass(frozen=True)
class Corpus:
    """A run, and the truth about it."""

    table: pd.DataFrame
    """As `draw_tracks` takes it, with the columns outcome and true_gender."""
    found: Floats
    """(F,) faces that the run found in each sampled frame of all videos."""
    missed: Floats
    """(F,) faces that it did not find."""

    @cached_property
    def true_shares(self) -> dict[str, float]:
        """Of all appearances, by estimate and unit."""
        outcome, gender = self.table["outcome"].to_numpy(object), self.table["true_gender"].to_numpy(object)
        shares = {}
        for unit in UNITS:
            amount = amounts(self.table, unit)
            people = amount[gender != ""].sum()
            shares[f"accuracy, {unit}"] = float(amount[outcome == "correct"].sum() / people)
            shares[f"women, {unit}"] = float(amount[gender == "female"].sum() / people)
            shares[f"false, {unit}"] = float(amount[outcome == "not_a_face"].sum() / amount.sum())
        return shares


def amounts(table: pd.DataFrame, unit: Unit) -> Floats:
    """(N,) how much each appearance counts."""
    return table["screen_time_s"].to_numpy() if unit == "screen_time_s" else np.ones(len(table))


def make_corpus(kind: Kind, random: np.random.Generator) -> Corpus:
    """A corpus of a kind."""
    count = kind.tracks
    video = _groups(count, kind.tracks_per_video, random)
    person = _groups(count, kind.tracks_per_person, random) + 1_000_000 * video
    _, person = np.unique(person, return_inverse=True)
    is_female = (random.random(person.max() + 1) < kind.women)[person]
    height = np.exp(random.normal(4.2, 0.7, count))
    odds = 0.8 * (np.log(height) - 4.2)
    odds += kind.video_spread * random.normal(size=video.max() + 1)[video]
    odds += kind.person_spread * random.normal(size=person.max() + 1)[person]
    offset = brentq(lambda x: float(expit(odds + x).mean()) - kind.accuracy, -30, 30)
    is_right = random.random(count) < expit(odds + offset)
    sureness = np.abs(np.where(is_right, random.normal(2.8, 1.3, count), random.normal(0.8, 0.9, count)))
    prob = expit(kind.steepness * np.where(is_female == is_right, sureness, -sureness))
    confidence = np.maximum(prob, 1 - prob)
    predicted = np.where(confidence < 0.75, "unknown", np.where(prob > 0.5, "female", "male"))
    outcome = np.where(is_right, "correct", "incorrect").astype(object)
    is_other = random.random(count) < kind.other * np.clip(60 / height, 0.3, 3)
    outcome[is_other] = random.choice(np.array(OTHER, object), is_other.sum(), p=[0.3, 0.5, 0.2])
    seconds = np.clip(np.exp(random.normal(1.0, kind.length_spread, count)), 0.3, None)
    table = pd.DataFrame(
        {
            "video": video,
            "video_id": video,
            "track_id": np.arange(count),
            "first_s": 0.0,
            "last_s": seconds,
            "screen_time_s": seconds,
            "face_height_px": height,
            "female_prob": prob,
            "gender": pd.Series(predicted, dtype=object),
            "outcome": pd.Series(outcome, dtype=object),
            "true_gender": pd.Series(np.where(is_other, "", np.where(is_female, "female", "male")), dtype=object),
        }
    )
    return Corpus(table, *_frames(kind, random))


def _groups(count: int, mean: float, random: np.random.Generator) -> npt.NDArray[np.int64]:
    """(N,) neighbours in groups of geometric sizes."""
    starts = random.random(count) < 1 / mean
    starts[0] = True
    return np.asarray(np.cumsum(starts) - 1)


def _frames(kind: Kind, random: np.random.Generator) -> tuple[Floats, Floats]:
    """Faces found and missed in all sampled frames. People stay for a while, and some are missed most of the time."""
    videos = int(np.clip(kind.tracks / kind.tracks_per_video / 2, 3, MOST_VIDEOS))
    lengths = np.maximum(np.exp(random.normal(5.0, 0.8, videos)), 20).astype(int)  # in frames
    counts = np.zeros((2, lengths.sum()))
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    shift = (0.5 + kind.video_spread) * random.normal(size=videos)
    for v, (start, length) in enumerate(zip(starts.tolist(), lengths.tolist(), strict=True)):
        for _ in range(random.poisson(4)):
            first = start + int(random.integers(length))
            last = min(first + 1 + int(random.exponential(60)), start + length)
            is_hard = random.random() < expit(shift[v] - 2)
            missed = random.random(last - first) < (0.9 if is_hard else 0.03)
            counts[1, first:last] += missed
            counts[0, first:last] += ~missed
    return counts[0], counts[1]


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


def main(arguments: list[str] | None = None) -> None:
    """Runs the simulation and writes the report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, required=True, help="where the .json goes; the .md goes beside it")
    parser.add_argument("--corpora", type=int, default=1000, help="of each kind")
    parser.add_argument("--seed", type=int, default=0, help="of the first corpus")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args(arguments)
    report = _started(options)
    with ProcessPoolExecutor(options.workers) as pool:
        for kind in KINDS:
            if kind.name not in report["kinds"]:
                seeds = range(options.seed, options.seed + options.corpora)
                figures = summary(pool.map(simulate, [kind] * options.corpora, seeds, chunksize=10))
                report["kinds"][kind.name] = {"settings": asdict(kind), "figures": figures}
                write_whole(options.output, json.dumps(report, indent=1) + "\n")
                print(kind.name, flush=True)
        report["labels_needed"] = report.get("labels_needed") or prices(options.corpora, pool)
    write_whole(options.output, json.dumps(report, indent=1) + "\n")
    write_whole(options.output.with_suffix(".md"), as_text(report))


def _started(options: argparse.Namespace) -> dict[str, Any]:
    """The report as far as an earlier call with the same settings got."""
    words = ("python", "-m", "scripts.simulate_labelling", "-o", options.output, "--corpora", options.corpora)
    new: dict[str, Any] = {
        "date": f"{date.today():%Y-%m-%d}",
        "machine": machine(),
        "command": command(*words, "--seed", options.seed),
        "corpora": options.corpora,
        "versions": {"facetally": __version__, "numpy": np.__version__},
        "kinds": {},
    }
    if not options.output.exists():
        return new
    old: dict[str, Any] = json.loads(options.output.read_text())
    is_same = all(old.get(name) == new[name] for name in ("command", "versions"))
    is_same &= all(old["kinds"].get(kind.name, {}).get("settings", asdict(kind)) == asdict(kind) for kind in KINDS)
    return old if is_same else new


INTRODUCTION = """# Labelling, simulated

{date}, {machine}, facetally {version}, numpy {numpy}; `{command}`.

Corpora are drawn at random, each with its own appearances, people, videos and errors. From each a sample is drawn by
the code of `facetally label` and labelled without mistakes, and every estimate is compared with the truth of that
corpus. {corpora:,} corpora of each kind; a share of 95 % is then known to within {margin:.1f} points.

## The verdict, looked at after every label

The target is put where the verdict is hardest: just above the true accuracy of the corpus, so that *pass* is wrong, and
exactly at it, so that *fail* is wrong. Every appearance of the run is labelled in turn and the verdict is asked for
each time; one wrong verdict at any look counts. The limits are 2.5 % for each, by construction. The last column is
what happens to somebody who computes Wilson's interval for independent cases after every label from the {first}th on:
how often it excludes the true accuracy at some look.
"""


def as_text(report: Mapping[str, Any]) -> str:
    """The report as Markdown."""
    kinds = report["kinds"]
    corpora = report["corpora"]
    introduction = INTRODUCTION.format(
        date=report["date"],
        machine=report["machine"],
        version=report["versions"]["facetally"],
        numpy=report["versions"]["numpy"],
        command=report["command"],
        corpora=corpora,
        margin=196 * math.sqrt(0.95 * 0.05 / corpora),
        first=FIRST_LOOK,
    )
    looks = [name for name in next(iter(kinds.values()))["figures"] if name.startswith("wrong")]
    parts = [introduction, _table(("corpora", *looks), _by_kind(kinds, looks))]
    parts.append(COVERAGE)
    for unit, name in (("appearances", "by appearance"), ("screen_time_s", "by screen time")):
        for estimate in ("accuracy", "women", "false"):
            names = [f"covers: {estimate}, {unit}, {when}" for when in WHEN]
            parts.append(f"{TITLES[estimate]}, {name}:\n\n" + _table(("corpora", *WHEN), _by_kind(kinds, names)))
    names = [f"covers: {name}, {count} moments" for name in ("recall", "end to end") for count in MOMENTS]
    parts.append(RECALL + _table(("corpora", *(name[8:] for name in names)), _by_kind(kinds, names)))
    parts.append(
        SEQUENCE
        + _table(("corpora", *WHEN[1:]), _by_kind(kinds, [f"covers: confidence sequence, {when}" for when in WHEN[1:]]))
    )
    parts.append(
        WIDTHS
        + _table(
            ("corpora", *(title for title, _ in WIDTH_COLUMNS)), _by_kind(kinds, [key for _, key in WIDTH_COLUMNS])
        )
    )
    header = [name for name in report["labels_needed"][0] if name != "accuracy"]
    rows = [[f"{row['accuracy']:.0%}", *(f"{row[name]:,.0f}" for name in header)] for row in report["labels_needed"]]
    parts.append(PRICE + _table(("true accuracy", *header), rows))
    return "\n".join(parts)


WHEN = (*(f"{size} labels" for size in SIZES), "labels up to the verdict")
TITLES = {"accuracy": "Accuracy", "women": "Share of women, prediction-powered", "false": "False appearances"}
COVERAGE = """
## How often the 95 % intervals cover the truth

After a fixed number of labels, and, against the rules, after the number at which the verdict on 85 % was there. In a
small run there are not as many appearances as that. Where the share is above 97 %, the interval is wider than it need
be.
"""
RECALL = """
## People missed, and the end-to-end figure

Recall from sampled moments, and its product with accuracy by screen time (from 100 labels). Moments are spread evenly
over the run's time, but the interval treats them as spread at random. It is therefore too wide.

"""
SEQUENCE = """
## The confidence sequence at one look

Its 95 % hold for all looks together, so that it covers more often than that at any single one.

"""
WIDTH_COLUMNS = (
    ("accuracy, fixed size", "width: accuracy, appearances, 100 labels"),
    ("accuracy, confidence sequence", "width: confidence sequence, 100 labels"),
    ("women, prediction-powered", "width: women, appearances, 100 labels"),
    ("women, labels alone", "width: women without predictions, appearances, 100 labels"),
    ("women by screen time, prediction-powered", "width: women, screen_time_s, 100 labels"),
    ("women by screen time, labels alone", "width: women without predictions, screen_time_s, 100 labels"),
)
WIDTHS = """
## Mean widths of intervals after 100 labels

"""
PRICE = """
## What looking at any time costs

Labels until the verdict on a target of 85 % is there, against the number that Wilson's interval needs if that number is
fixed beforehand and one looks once. Nobody knows that number beforehand, since it depends on the accuracy; with it,
half or 90 % of all attempts end with a verdict, while the confidence sequence always ends with one.

"""


def _by_kind(kinds: Mapping[str, Any], names: Sequence[str]) -> list[list[str]]:
    rows = []
    for kind, stored in kinds.items():
        figures = stored["figures"]
        rows.append([kind, *(f"{100 * figures[name]:.1f} %" if name in figures else "-" for name in names)])
    return rows


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in (header, ["---"] * len(header), *rows)]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
