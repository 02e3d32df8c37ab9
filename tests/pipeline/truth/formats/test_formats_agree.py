"""The same labels give the same report, whichever tool exported them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import truth_writers
from drawn_world import FPS, MIXED, engines, filmed, one_person
from labelled_world import person, times

from facetally.batch.plan import plan_run
from facetally.batch.run import run_videos
from facetally.inputs import InputVideo, find_videos
from facetally.jobs.runs import NoProgress
from facetally.options import RunOptions
from facetally.results.ledger import Ledger
from facetally.truth.formats.importer import READERS, import_truth
from facetally.truth.labels import LabelledBoxes, LabelledPerson, Truth
from facetally.validation.validate import ValidateOptions, Validation, validate_run

VIEWS_S = {"dan": (0.6, 1.4), "fay": (2.0, 3.6)}
"""Others are in view for the first two seconds."""


def boxes(*rows: tuple[str, float, float, float, float]) -> LabelledBoxes:
    """Every 0.2 s in view; a row is person, x, y, size and pixels per second."""
    return LabelledBoxes.of(
        (name, t, (x + speed * t, y, x + speed * t + size, y + size), 0)
        for name, x, y, size, speed in rows
        for t in times(*VIEWS_S.get(name, (0.0, 2.0)), 0.2)
    )


def seen(name: str, gender: str, video: str) -> LabelledPerson:
    """A person in view from the first box to the end of the last box's frame, as all tools say it."""
    start_s, stop_s = VIEWS_S.get(name, (0.0, 2.0))
    return person(name, gender, (start_s, round(stop_s - 0.2 + 1 / FPS, 4)), video=video)


LABELS = Truth(
    people={
        "man.mp4": (seen("bob", "male", "man.mp4"),),
        "mixed.mp4": tuple(
            seen(name, gender, "mixed.mp4") for name, gender in (("cat", "female"), ("dan", "male"), ("fay", "female"))
        ),
        "woman.mp4": (replace(seen("ann", "female", "woman.mp4"), age_band="young/mid", face_quality="good"),),
    },
    boxes={
        "man.mp4": boxes(("bob", 40, 40, 40, 10)),
        "mixed.mp4": boxes(("cat", 10, 40, 40, 5), ("dan", 110, 60, 40, 0), ("fay", 40, 50, 40, 0)),
        "woman.mp4": boxes(("ann", 40, 40, 40, 10)),
    },
    labelled_until_s={"man.mp4": 2.0, "mixed.mp4": 3.6, "woman.mp4": 2.0},
)
"""Fay is drawn in blue, and so misclassified."""


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> list[InputVideo]:
    folder = tmp_path_factory.mktemp("films")
    for name, film in (("man", one_person("blue")), ("mixed", MIXED), ("woman", one_person("red"))):
        filmed(folder / f"{name}.mp4", film)
    return find_videos([str(folder)])


@pytest.fixture(scope="module")
def ledger(videos: list[InputVideo], tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    ledger = Ledger(tmp_path_factory.mktemp("out"))
    plan = plan_run(videos, ledger, RunOptions().digest(engines().model_hashes))
    run_videos(plan, ledger, engines(), options=RunOptions(), progress=NoProgress())
    return ledger


def imported(format_name: str, videos: Sequence[InputVideo], folder: Path) -> Truth:
    """`LABELS` as a tool would have written them, and read back."""
    writers: dict[str, Callable[..., Path | None]] = {
        "cvat": truth_writers.write_cvat,
        "mot": partial(truth_writers.write_mot, is_every_frame=True),
        "label-studio": truth_writers.write_label_studio,
        "csv": truth_writers.write_intervals,
        "via": truth_writers.write_via,
        "coco": partial(truth_writers.write_coco, is_every_frame=True),
        "datumaro": partial(truth_writers.write_datumaro, is_every_frame=True),
    }
    parts = []
    for video in videos:
        (folder / video.name).mkdir()
        path = folder / video.name / "labels"
        sidecar = writers[format_name](LABELS, video.name, *truth_writers.images_of(video.path), path)
        shown = [] if format_name == "csv" else [video]
        attributes = sidecar if format_name == "mot" else None
        parts.append(import_truth([path], format_name, shown, video=video.name, attributes=attributes).truth)
    people = {name: labels for part in parts for name, labels in part.people.items()}
    found = {name: labels for part in parts for name, labels in part.boxes.items()}
    return Truth(people, found, LABELS.labelled_until_s)


def checked(ledger: Ledger, truth: Truth) -> Validation:
    return validate_run(ledger, truth, ValidateOptions())


@pytest.mark.parametrize("format_name", READERS)
def test_boxes_of_every_tool_give_the_same_report(
    format_name: str, ledger: Ledger, videos: list[InputVideo], tmp_path: Path
) -> None:
    ours, theirs = checked(ledger, LABELS), checked(ledger, imported(format_name, videos, tmp_path))
    assert ours.figures["people"]["right"] == 4
    assert ours.figures["people"]["count"] == 5
    assert theirs.figures == ours.figures


def test_intervals_give_the_same_predictions_for_people_who_are_alone_in_view(
    ledger: Ledger, videos: list[InputVideo], tmp_path: Path
) -> None:
    ours, theirs = checked(ledger, LABELS), checked(ledger, imported("csv", videos, tmp_path))
    with_boxes = {p.label.person: (p.predicted, p.female_prob, p.track_ids) for p in ours.outcomes.people}
    by_time = {p.label.person: (p.predicted, p.female_prob, p.track_ids) for p in theirs.outcomes.people}
    assert by_time == {name: with_boxes[name] for name in ("bob", "cat", "fay", "ann")}
    assert theirs.figures["truth"]["left_out"] == ["mixed.mp4: dan"]
    assert theirs.figures["detection"]["boxes"] is None
