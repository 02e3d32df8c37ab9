"""Figures over evaluated people and tracks. Every ratio comes with its counts, and is a ratio of sums.

The functions return plain nested values for `report.json`; reports/validation/README.md describes their names.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from facetally.gender.attributes import AGE_BANDS
from facetally.quantification.intervals import (
    OF_A_SHARE,
    Floats,
    Interval,
    Proportion,
    bootstrapped,
    clustered_interval,
    rounded,
)
from facetally.validation.outcomes import NOBODY, PEOPLE, Outcomes, PersonOutcome, TrackOutcome, TrackTruth

Figures = dict[str, Any]

FALSE_TRUTHS: tuple[TrackTruth, ...] = (NOBODY, "not_a_face")
"""`TrackOutcome.truth` of false tracks."""
HEIGHTS_PX = (0, 24, 40, 80, 160)
"""Lower edges of the bands of face height."""


def ratio_figures(cases: Iterable[tuple[bool, str]], name: str = "accuracy") -> Figures:
    """The share of correct cases, with the interval for cases that come in clusters.

    Args:
        cases: whether each is correct, and its cluster.
        name: of the ratio.
    """
    return _ratio(name, *clustered_ratio(cases))


def clustered_ratio(cases: Iterable[tuple[bool, str]]) -> tuple[Proportion, Interval]:
    """The share of correct cases and its interval, not rounded."""
    right: Counter[str] = Counter()
    count: Counter[str] = Counter()
    for is_right, cluster in cases:
        right[cluster] += is_right
        count[cluster] += 1
    result = Proportion(right.total(), count.total())
    clusters = sorted(count)
    interval = clustered_interval(np.array([right[c] for c in clusters]), np.array([count[c] for c in clusters]))
    return result, interval


def independent_figures(right: Iterable[bool]) -> Figures:
    """The share of correct cases, with Wilson's interval as if they were independent: for small groups."""
    cases = list(right)
    result = Proportion(sum(cases), len(cases))
    return _ratio("accuracy", result, result.interval())


def _ratio(name: str, result: Proportion, interval: Interval) -> Figures:
    return {
        name: rounded(result.share),
        "low": rounded(interval.low),
        "high": rounded(interval.high),
        "right": result.right,
        "count": result.count,
    }


def people_figures(people: Sequence[PersonOutcome]) -> Figures:
    """Accuracy over labelled men and women: of those found, of those with a prediction, and of all."""
    labelled = [person for person in people if person.label.counts]
    found = [person for person in labelled if person.is_found]
    predicted = [person for person in found if person.predicted != "unknown"]
    wilson = independent_figures(person.is_right for person in found)
    return {
        **ratio_figures((person.is_right, person.source) for person in found),
        "wilson_low": wilson["low"],
        "wilson_high": wilson["high"],
        "labelled": len(labelled),
        "sources": len({person.source for person in labelled}),
        "female": ratio_figures((p.is_right, p.source) for p in found if p.label.gender == "female"),
        "male": ratio_figures((p.is_right, p.source) for p in found if p.label.gender == "male"),
        "balanced": balanced_figures(found),
        "predicted": {
            **ratio_figures((person.is_right, person.source) for person in predicted),
            "coverage": share_of(len(predicted), len(found)),
        },
        "end_to_end": ratio_figures((person.is_found and person.is_right, person.source) for person in labelled),
        "confusion": _confusion((person.label.gender, person.predicted) for person in labelled),
    }


def balanced_figures(found: Sequence[PersonOutcome]) -> Figures:
    """The mean of the accuracy on women and on men."""
    counts = {gender: _by_source(found, gender) for gender in ("female", "male")}
    sources = sorted({source for by_source in counts.values() for source in by_source})
    table = np.array([[counts[g][s] for s in sources] for g in ("female", "male")], float).reshape(2, -1, 2)

    def balanced(weights: Floats) -> Floats:
        recalls = [(weights @ table[g, :, 0]) / (weights @ table[g, :, 1]) for g in (0, 1)]
        return np.asarray(sum(recalls) / 2)

    if not table.size or not table[:, :, 1].sum(axis=1).all():
        return {"accuracy": None, "low": 0.0, "high": 1.0}
    with np.errstate(invalid="ignore"):
        interval = bootstrapped(balanced, len(sources), bounds=OF_A_SHARE)
        share = float(balanced(np.ones((1, len(sources))))[0])
    return {"accuracy": rounded(share), "low": rounded(interval.low), "high": rounded(interval.high)}


def _by_source(found: Iterable[PersonOutcome], gender: str) -> defaultdict[str, tuple[int, int]]:
    counts: defaultdict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for person in found:
        if person.label.gender == gender:
            right, count = counts[person.source]
            counts[person.source] = right + person.is_right, count + 1
    return counts


def track_figures(outcomes: Outcomes) -> Figures:
    """Accuracy over tracks of labelled men and women, and the numbers of false and fragmented tracks."""
    counted = [track for track in outcomes.tracks if track.counts]
    predicted = [track for track in counted if track.predicted != "unknown"]
    found = [person for person in outcomes.people if person.is_found and person.label.counts]
    truths = Counter(track.truth for track in outcomes.tracks)
    return {
        **ratio_figures((track.is_right, track.source) for track in counted),
        "all": len(outcomes.tracks),
        "predicted": {
            **ratio_figures((track.is_right, track.source) for track in predicted),
            "coverage": share_of(len(predicted), len(counted)),
        },
        "per_person": rounded(len(counted) / len(found)) if found else None,
        "of_several_people": sum(track.people_count > 1 for track in outcomes.tracks),
        "false": sum(truths[name] for name in FALSE_TRUTHS),
        "on_nobody_labelled": truths[NOBODY],
        "on_no_face": truths["not_a_face"],
        "false_seconds": rounded(sum(t.screen_time_s for t in outcomes.tracks if t.truth in FALSE_TRUTHS)),
    }


def detection_figures(people: Sequence[PersonOutcome]) -> Figures:
    """How many labelled boxes have a face, and how many labelled people a track; images and non-faces do not count."""
    real = [person for person in people if person.label.gender in PEOPLE]
    counted = [person for person in real if person.label.counts]
    clusters = sorted({person.source for person in real})
    found = np.array([sum(p.found_count for p in real if p.source == c) for c in clusters], np.int64)
    boxes = np.array([sum(p.box_count for p in real if p.source == c) for c in clusters], np.int64)
    recall = Proportion(int(found.sum()), int(boxes.sum()))
    return {
        "people": ratio_figures(((person.is_found, person.source) for person in counted), "recall"),
        "boxes": _ratio("recall", recall, clustered_interval(found, boxes)) if recall.count else None,
    }


def share_figures(outcomes: Outcomes) -> tuple[Figures, Figures]:
    """The predicted and the labelled share of women, by appearance and by screen time.

    `raw` is the share in a tally of the labelled part: with false tracks and tracks that may show somebody who is never
    alone in view, without people who were missed, and without tracks of people who do not count. `true` is the share by
    all labels, whether or not a track can be given to the person. `matched` is the labelled share among the tracks of
    labelled men and women, `matched_predicted` the predicted share among the same tracks.
    """
    people = [person for person in outcomes.people if person.label.counts]
    counted = [track for track in outcomes.tracks if track.counts]
    predicted = [track for track in outcomes.tracks if track.counts or not track.person or track.truth in FALSE_TRUTHS]

    def figures(
        left_out: Iterable[tuple[str, float]],
        person_amount: Callable[[PersonOutcome], float],
        track_amount: Callable[[TrackOutcome], float],
    ) -> Figures:
        raw = _female_share((track.predicted, track_amount(track)) for track in predicted)
        labelled = [(person.label.gender, person_amount(person)) for person in people]
        true = _female_share([*labelled, *left_out])
        matched = _female_share((track.truth, track_amount(track)) for track in counted)
        matched_predicted = _female_share((track.predicted, track_amount(track)) for track in counted)
        return {
            "raw": rounded(raw),
            "true": rounded(true),
            "error_points": rounded(100 * (raw - true)),
            "matched": rounded(matched),
            "matched_predicted": rounded(matched_predicted),
        }

    genders = [label.gender for label in outcomes.left_out]
    left_out_s = list(zip(genders, outcomes.left_out_s, strict=False))
    by_appearance = figures([(gender, 1.0) for gender in genders], lambda _: 1.0, lambda _: 1.0)
    by_screen_time = figures(left_out_s, lambda person: person.labelled_s, lambda track: track.screen_time_s)
    return by_appearance, by_screen_time


def matchable_shares(people: Iterable[PersonOutcome]) -> tuple[float | None, float | None]:
    """The labelled share of women by appearance and by screen time, among the people to whom tracks can be given."""
    counted = [person for person in people if person.label.counts]
    by_appearance = _female_share((person.label.gender, 1.0) for person in counted)
    by_screen_time = _female_share((person.label.gender, person.labelled_s) for person in counted)
    return rounded(by_appearance), rounded(by_screen_time)


def _female_share(amounts: Iterable[tuple[str, float]]) -> float:
    """Women among women and men, by amount; NaN without any."""
    sums = dict.fromkeys(("female", "male"), 0.0)
    for gender, amount in amounts:
        if gender in sums:
            sums[gender] += amount
    return sums["female"] / sum(sums.values()) if sum(sums.values()) else math.nan


def age_figures(people: Sequence[PersonOutcome]) -> Figures:
    """Predicted age bands of labelled people against their labels; a label "a/b" accepts either."""
    aged = [person for person in people if person.label.gender in PEOPLE and person.label.age_band != "unsure"]
    found = [person for person in aged if person.is_found]
    predicted = [person for person in found if person.predicted_age_band in AGE_BANDS]
    return {
        **independent_figures(person.predicted_age_band in person.label.age_band.split("/") for person in predicted),
        "coverage": share_of(len(predicted), len(found)),
        "confusion": _confusion(((p.label.age_band, p.predicted_age_band) for p in predicted), age_band_order),
    }


GROUPS: dict[str, Callable[[PersonOutcome], str]] = {
    "face_height_px": lambda person: height_band(person.face_height_px),
    "face_quality": lambda person: person.label.face_quality or "not judged",
    "age_band": lambda person: person.label.age_band,
    "people_in_view": lambda person: person.people_in_view,
    "source": lambda person: person.source,
}
"""The groups that accuracy is broken down by."""


def breakdowns(people: Sequence[PersonOutcome]) -> Figures:
    """Accuracy over found men and women by each of `GROUPS`, with Wilson's interval, and how many were missed."""
    labelled = [person for person in people if person.label.counts]
    figures: Figures = {}
    for name, group_of in GROUPS.items():
        groups: defaultdict[str, list[PersonOutcome]] = defaultdict(list)
        for person in labelled:
            groups[group_of(person)].append(person)
        figures[name] = {
            group: {
                **independent_figures(person.is_right for person in members if person.is_found),
                "missed": sum(not person.is_found for person in members),
            }
            for group, members in sorted(groups.items(), key=lambda item: _group_order(name, item[0]))
        }
    return figures


def height_band(height_px: float) -> str:
    """ "24-39" for 30; "160+" for 200; "not known" for NaN."""
    if math.isnan(height_px):
        return "not known"
    start = max(edge for edge in HEIGHTS_PX if edge <= round(height_px))
    later = [edge for edge in HEIGHTS_PX if edge > start]
    return f"{start}-{later[0] - 1}" if later else f"{start}+"


def halves(sources: Iterable[str]) -> tuple[frozenset[str], frozenset[str]]:
    """The sources in two halves, independent of any choice: every other one by the SHA-256 of their names."""
    ordered = sorted(set(sources), key=lambda source: hashlib.sha256(source.encode(errors="surrogateescape")).digest())
    return frozenset(ordered[::2]), frozenset(ordered[1::2])


def error_figures(people: Sequence[PersonOutcome]) -> list[Figures]:
    """Every labelled man or woman who is missed or misclassified, the most confident errors first."""
    wrong = [p for p in people if p.label.counts and not (p.is_found and p.is_right)]
    ordered = sorted(wrong, key=lambda p: (not p.is_found, -abs(p.female_prob - 0.5) if p.is_found else 0.0))
    return [
        {
            "video": person.label.video,
            "person": person.label.person,
            "true": person.label.gender,
            "predicted": person.predicted,
            "female_prob": rounded(person.female_prob),
            "face_height_px": rounded(person.face_height_px),
            "face_quality": person.label.face_quality,
            "age_band": person.label.age_band,
            "labelled_s": rounded(person.labelled_s),
            "first_s": rounded(min((start for start, _ in person.views_s), default=math.nan)),
            "last_s": rounded(max((stop for _, stop in person.views_s), default=math.nan)),
        }
        for person in ordered
    ]


def _confusion(
    pairs: Iterable[tuple[str, str]], order: Callable[[str], tuple[float | str, ...]] = lambda word: (word,)
) -> dict[str, dict[str, int]]:
    """Counts by label, then by prediction, both sorted by `order`."""
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for true, predicted in pairs:
        counts[true][predicted] += 1
    return {
        true: {word: counts[true][word] for word in sorted(counts[true], key=order)}
        for true in sorted(counts, key=order)
    }


def share_of(part: int, whole: int) -> float | None:
    """As stored; None for a share of nothing."""
    return rounded(part / whole) if whole else None


def age_band_order(band: str) -> tuple[float, ...]:
    """Sorts age bands by age, "a/b" between a and b, and other words (unsure, unknown) last."""
    bands = list(AGE_BANDS)
    return tuple(sorted(bands.index(part) if part in bands else len(bands) for part in band.split("/")))


def _group_order(name: str, group: str) -> tuple[float | str, ...]:
    """Age bands by age; in other groups numbers by size, then words."""
    if name == "age_band":
        return age_band_order(group)
    digits = group.partition("-")[0].rstrip("+")
    return (float(digits), "") if digits.isdecimal() else (math.inf, group)
