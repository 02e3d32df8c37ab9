"""A run compared with its labels: drawn videos computed by hand, and corpora that pass, fail or stay undecided."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from drawn_world import MIXED, engines, filmed, one_person
from labelled_world import boxes_of, corpus, person, stored, times, truth_of

from facetally.batch.plan import plan_run
from facetally.batch.run import run_videos
from facetally.errors import OptionError, OutputError, TruthError
from facetally.inputs import find_videos
from facetally.jobs.runs import NoProgress
from facetally.options import ClassificationOptions, RunOptions
from facetally.quantification import correction
from facetally.results.ledger import Ledger
from facetally.truth.labels import BoxRow, LabelledBoxes, Truth
from facetally.validation.metrics import Figures, halves
from facetally.validation.validate import ValidateOptions, Validation, validate_run

OPTIONS = RunOptions()
SOURCES = [f"s{number:02}" for number in range(14)]
WRONG = SOURCES[::3]
"""Sources whose second woman is misclassified."""
PREDICTIONS = {
    f"{source}/a.mp4": [("female", 0.9, 2.0), ("female", 0.2 if source in WRONG else 0.8, 1.0), ("male", 0.1, 1.0)]
    for source in SOURCES
}
"""37 of 42 correct: 23 of 28 women, and all 14 men."""


@pytest.fixture(autouse=True, scope="module")
def few_resamples() -> Iterator[None]:
    """Fewer resamples: these tests do not depend on the ends of intervals."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(correction, "RESAMPLES", 50)
        yield


def drawn_boxes(name: str, at_s: Sequence[float], x: float, y: float, speed: float, size_px: float) -> list[BoxRow]:
    """The boxes of a square that moves to the right from x at the first of these times."""
    lefts = [x + speed * (time_s - at_s[0]) for time_s in at_s]
    return [(name, t, (left, y, left + size_px, y + size_px), 0) for t, left in zip(at_s, lefts, strict=True)]


LABELS = Truth(
    people={
        "a/woman.mp4": (person("ann", "female", video="a/woman.mp4"),),
        "a/man.mp4": (person("bob", "male", video="a/man.mp4"),),
        "b/mixed.mp4": tuple(
            person(name, gender, video="b/mixed.mp4")
            for name, gender in (("cat", "female"), ("dan", "male"), ("eve", "female"), ("fay", "female"))
        ),
        "c/bad.mp4": (person("gus", "male", video="c/bad.mp4"),),
        "d/other.mp4": (person("hal", "male", video="d/other.mp4"),),
    },
    boxes={
        "a/woman.mp4": LabelledBoxes.of(drawn_boxes("ann", times(0, 2, 0.5), 40, 40, 10, 40)),
        "a/man.mp4": LabelledBoxes.of(drawn_boxes("bob", times(0, 2, 0.5), 40, 40, 10, 40)),
        "b/mixed.mp4": LabelledBoxes.of(
            drawn_boxes("cat", times(0, 2, 0.4), 10, 40, 5, 40)
            + drawn_boxes("dan", times(0.6, 1.4, 0.4), 110, 60, 0, 40)
            + drawn_boxes("eve", times(2, 3.6, 0.4), 120, 20, 0, 12)
            + drawn_boxes("fay", times(2, 3.6, 0.4), 40, 50, 0, 40)
        ),
        "c/bad.mp4": LabelledBoxes.of(boxes_of("gus", [0.0, 1.0])),
        "d/other.mp4": LabelledBoxes.of(boxes_of("hal", [0.0])),
    },
)
"""Eve is too small to be classified, Fay is drawn in blue, Gus's video is broken, and Hal's is not in the run."""


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Validation:
    """A run over the drawn videos, compared with `LABELS`."""
    folder, out = tmp_path_factory.mktemp("films"), tmp_path_factory.mktemp("out")
    for name in ("a", "b", "c"):
        (folder / name).mkdir()
    filmed(folder / "a" / "woman.mp4", one_person("red"))
    filmed(folder / "a" / "man.mp4", one_person("blue"))
    filmed(folder / "b" / "mixed.mp4", MIXED)
    (folder / "c" / "bad.mp4").write_text("no video")
    ledger = Ledger(out)
    plan = plan_run(find_videos([str(folder)]), ledger, OPTIONS.digest(engines().model_hashes))
    run_videos(plan, ledger, engines(), options=OPTIONS, progress=NoProgress())
    return validate_run(ledger, LABELS, ValidateOptions())


@pytest.fixture(scope="module")
def fourteen(tmp_path_factory: pytest.TempPathFactory) -> tuple[Ledger, Truth]:
    """A run over 14 sources with 37 of 42 people classified correctly, and its labels. Read-only."""
    return corpus(tmp_path_factory.mktemp("fourteen"), PREDICTIONS)


@pytest.fixture(scope="module")
def figures(fourteen: tuple[Ledger, Truth]) -> Figures:
    """Its figures with default options."""
    return validate_run(*fourteen, ValidateOptions()).figures


def test_every_drawn_person_is_evaluated(drawn: Validation) -> None:
    predicted = {p.label.person: (p.predicted, p.is_right, len(p.track_ids)) for p in drawn.outcomes.people}
    assert predicted == {
        **{"ann": ("female", True, 1), "bob": ("male", True, 1), "cat": ("female", True, 1), "dan": ("male", True, 1)},
        **{"eve": ("unknown", True, 1), "fay": ("male", False, 1), "gus": ("missed", False, 0)},
    }
    assert [p.label.video for p in drawn.outcomes.people] == [
        "a/man.mp4",
        "a/woman.mp4",
        *["b/mixed.mp4"] * 4,
        "c/bad.mp4",
    ]
    people = drawn.figures["people"]
    assert (people["right"], people["count"], people["labelled"], people["sources"]) == (5, 6, 7, 3)
    assert (people["predicted"]["right"], people["predicted"]["count"]) == (4, 5)
    assert (people["end_to_end"]["right"], people["end_to_end"]["count"]) == (5, 7)
    assert [error["person"] for error in drawn.figures["errors"]] == ["fay", "gus"]


def test_every_drawn_track_is_evaluated(drawn: Validation) -> None:
    tracks = drawn.figures["tracks"]
    assert [tracks[name] for name in ("all", "right", "count", "false", "per_person")] == [6, 5, 6, 0, 1.0]
    # 4 + 4 boxes of ann and bob, 5 of cat, 2 of dan, 4 + 4 of eve and fay, and 2 of gus that the run could not sample
    assert [drawn.figures["detection"]["boxes"][name] for name in ("right", "count")] == [23, 25]


def test_drawn_shares_are_predicted_and_labelled(drawn: Validation) -> None:
    women = drawn.figures["share"]["female"]
    assert (women["raw"], women["true"]) == (0.4, 0.5714)  # ann and cat of five predicted; ann, cat, eve, fay of seven
    assert women["trial"] is None  # too few tracks to halve
    assert women["run"]["raw"]["share"] == 0.5  # of all six, eve included
    # by the labels 2.0 + 2.0 + 1.6 + 1.6 s of women, 2.0 + 0.8 s of men, and gus: two boxes a second apart
    assert drawn.figures["screen_time"]["female"]["true"] == round(7.2 / 12.0, 4)


def test_what_was_compared_is_reported(drawn: Validation) -> None:
    assert drawn.figures["truth"] == {
        **{"videos": 4, "videos_not_in_run": ["d/other.mp4"], "videos_failed": ["c/bad.mp4"]},
        **{"people": 7, "left_out": []},
    }
    assert drawn.figures["run"]["option_sets"] == 1
    assert drawn.figures["run"]["options"] == OPTIONS.as_dict()
    assert drawn.figures["calibration"]["classifier_sha256"] == "c" * 64
    assert set(drawn.video_ids) == set(LABELS.people) - {"d/other.mp4"}


@pytest.mark.parametrize(
    ("target", "word", "code"), [(0.6, "pass", 0), (0.99, "fail", 1), (0.85, "not enough labels", 3)]
)
def test_the_verdict_follows_from_the_interval(
    fourteen: tuple[Ledger, Truth], target: float, word: str, code: int
) -> None:
    figures = validate_run(*fourteen, ValidateOptions(target)).figures
    assert (figures["people"]["accuracy"], figures["target"]) == (0.881, target)
    assert (figures["verdict"], figures["exit_code"]) == (word, code)
    assert (figures["further_people"] == 0) == (code != 3)


def test_a_run_is_corrected_by_its_own_labels(figures: Figures) -> None:
    women = figures["share"]["female"]
    assert (women["raw"], women["true"], women["error_points"]) == (0.5476, 0.6667, -11.9048)
    assert women["run"]["raw"]["share"] == 0.5476
    assert women["run"]["adjusted_count"]["share"] == 0.6667  # 23 of 42, and a recall of 23 of 28
    assert "prediction_powered" not in women["run"]


def test_sampled_labels_allow_a_sharper_correction(fourteen: tuple[Ledger, Truth]) -> None:
    powered = validate_run(*fourteen, ValidateOptions(labels_sampled=True)).figures["share"]["female"]["run"]
    # each source is two thirds women, and its labels are resampled with its predictions
    assert [powered["prediction_powered"][name] for name in ("share", "low", "high")] == [0.6667] * 3


def test_sources_of_the_labels_apply_to_the_run_too(fourteen: tuple[Ledger, Truth]) -> None:
    ledger, truth = fourteen
    renamed = replace(truth, sources={video: f"source of {video}" for video in truth.people})
    powered = validate_run(ledger, renamed, ValidateOptions(labels_sampled=True)).figures["share"]["female"]["run"]
    assert [powered["prediction_powered"][name] for name in ("low", "high")] == [0.6667] * 2


def test_corrections_are_estimated_on_one_half_and_applied_to_the_other(figures: Figures) -> None:
    trial, by_time = (figures[name]["female"]["trial"] for name in ("share", "screen_time"))
    first, second = (sum(source in WRONG for source in half) for half in halves(SOURCES))
    # 7 sources a half, each with two women and a man; the recall of women is estimated on the first
    assert trial["true"] == 0.6667
    assert trial["raw"]["share"] == round((14 - second) / 21, 4)
    assert trial["adjusted_count"]["share"] == round((14 - second) / 21 / ((14 - first) / 14), 4)
    # by time each source has 3 s of women, of which one may be misclassified, and 1 s of a man
    assert by_time["true"] == 0.75
    assert by_time["raw"]["share"] == round((21 - second) / 28, 4)
    assert by_time["adjusted_count"]["share"] == round((21 - second) / 28 / ((21 - first) / 21), 4)


@pytest.mark.parametrize(("counts", "is_tried"), [((20, 20), True), ((19, 30), False), ((30, 19), False)])
def test_a_trial_needs_labels_in_both_halves(tmp_path: Path, counts: tuple[int, int], is_tried: bool) -> None:
    people = [("female", 0.9, 0.2), ("male", 0.1, 0.2)] * 15
    videos = {f"{source}/x.mp4": people[:count] for source, count in zip("ab", counts, strict=True)}
    trial = validate_run(*corpus(tmp_path, videos), ValidateOptions()).figures["share"]["female"]["trial"]
    assert (trial is not None) == is_tried


def test_a_single_source_leaves_the_interval_from_0_to_1(tmp_path: Path) -> None:
    videos = {"a.mp4": [("female", 0.9, 0.2), ("male", 0.1, 0.2)] * 5}
    corrected = validate_run(*corpus(tmp_path, videos), ValidateOptions()).figures["share"]["female"]["run"]
    assert corrected["adjusted_count"] == {"share": 0.5, "low": 0.0, "high": 1.0}


def test_a_refused_correction_has_no_figures(tmp_path: Path) -> None:
    videos = {f"s{number}/a.mp4": [("female", 0.9, 1.0)] for number in range(6)}
    corrected = validate_run(*corpus(tmp_path, videos), ValidateOptions()).figures["share"]["female"]["run"]["em"]
    assert (corrected["share"], corrected["low"], corrected["high"]) == (None, None, None)
    assert "6 and 0" in corrected["refusal"]


def test_the_thresholds_of_the_run_apply_to_people(tmp_path: Path) -> None:
    strict = replace(OPTIONS, classification=ClassificationOptions(min_confidence=0.85))
    people = validate_run(*corpus(tmp_path, PREDICTIONS, strict), ValidateOptions()).figures["people"]
    assert people["predicted"]["coverage"] == 0.6667  # predictions of 0.9 and 0.1, not those of 0.8 and 0.2


def test_a_run_over_broken_videos_misses_everyone(tmp_path: Path) -> None:
    ledger = stored(tmp_path, {}, failed=["film/a.mp4"])
    figures = validate_run(ledger, truth_of(person("ann"), boxes=boxes_of("ann", [0.0])), ValidateOptions()).figures
    assert (figures["people"]["count"], figures["people"]["end_to_end"]["count"]) == (0, 1)
    assert (figures["verdict"], figures["share"]["female"]["run"]) == ("not enough labels", {})
    assert figures["people"]["confusion"] == {"female": {"missed": 1}}
    assert (figures["tracking"]["boxes"], figures["tracking"]["idr"]) == (1, 0)


def test_a_run_that_found_nobody_misses_everyone(tmp_path: Path) -> None:
    videos = {"a/x.mp4": [("female", math.nan, 1), ("male", math.nan, 1)], "b/y.mp4": [("unsure", math.nan, 1)]}
    figures = validate_run(*corpus(tmp_path, videos), ValidateOptions()).figures
    assert figures["people"]["confusion"] == {"female": {"missed": 1}, "male": {"missed": 1}}
    assert figures["tracks"]["all"] == 0


def test_names_may_be_shortened_in_the_labels(tmp_path: Path) -> None:
    ledger, truth = corpus(tmp_path, {"film/a.mp4": [("female", 0.9, 1.0)]})
    short = Truth({"a.mp4": (person("p0", video="a.mp4"),)}, {"a.mp4": truth.boxes["film/a.mp4"]})
    validation = validate_run(ledger, short, ValidateOptions())
    assert validation.video_ids == {"a.mp4": "id-film_a.mp4"}
    assert validation.figures["people"]["right"] == 1


def test_labels_of_other_videos_are_refused(tmp_path: Path) -> None:
    ledger, _ = corpus(tmp_path, {"film/a.mp4": [("female", 0.9, 1.0)]})
    with pytest.raises(TruthError, match="no video is in both"):
        validate_run(ledger, Truth({"b.mp4": (person("ann", video="b.mp4"),)}), ValidateOptions())


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="holds no results"):
        validate_run(Ledger(tmp_path), LABELS, ValidateOptions())


@pytest.mark.parametrize("value", [0, 1, 1.5, -0.1, 85, math.nan])
def test_a_ratio_is_between_0_and_1(value: float) -> None:
    with pytest.raises(OptionError, match="--target") as caught:
        ValidateOptions(target=value)
    assert caught.value.fix == "give a ratio: --target 0.85"
    with pytest.raises(OptionError, match="--min-accuracy"):
        ValidateOptions(min_accuracy=value)
