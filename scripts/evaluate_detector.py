"""Compares face detectors on the same images: average precision, recall by face height, people in video, and time.

    python -m scripts.evaluate_detector --pictures ../shared/data/faces.zip --table ../shared/data/faces.csv.gz \\
        --detector ours=models/facetally_scrfd_500m.onnx --detector scrfd_500m=PATH --run ours=OUT \\
        --run scrfd_500m=OUT --truth ../shared/truth --report reports/detectors.json

WIDER FACE's easy, medium and hard faces are those of its authors. The images of --pictures are a subset of its
validation set at 512 px, so their figures can be compared with each other but not with published ones; those of
--wider-val are the complete set, by its authors' protocol. OUT is a folder of `facetally run`.
"""

from __future__ import annotations

import itertools
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import rich_click as click

from facetally.datasets.archives import read_images
from facetally.detection.boxes import heights
from facetally.detection.evaluation import Detections, LabelledFaces, matched
from facetally.detection.faces import Faces, ImageArray
from facetally.detection.scrfd import ScrfdDetector, ScrfdOptions
from facetally.detection.training.scenes import FaceRow, Scene, boxes_of, read_face_rows
from facetally.options import RunOptions
from facetally.results.ledger import Ledger
from facetally.truth.files import read_truth
from facetally.validation.metrics import people_figures
from facetally.validation.outcomes import Outcomes
from facetally.validation.validate import ValidateOptions, validate_run
from scripts.provenance import made
from scripts.wider_face import read_wider_val, wider_figures

FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)
Detect = Callable[[ImageArray], Faces]
OPTIONS = ScrfdOptions(input_px=640, min_score=0.02, max_overlap=0.45, wide_px=0)
"""A low minimum score, so that the whole precision-recall curve is covered; one pass at the protocol's size."""
CORPORA = ("wider_val", "fddb")
LEVELS = ("easy", "medium", "hard")
HEIGHTS_PX = (8, 12, 16, 24, 32, 48, 64, 96, 10_000)
"""Limits of the face heights, in pixels of the stored images."""
RECALL_AT = 0.5
"""Minimum score at which a face counts as found in the recall by height."""
TIMED_OPTIONS = replace(OPTIONS, min_score=RunOptions().detection.min_score)
"""With a run's minimum score; otherwise the suppression of thousands of unlikely faces would dominate the time."""
TIMED_WH = (640, 360)
FOUND_FROM_PX = 30
"""Height of the labelled faces from which every person should be found."""


@dataclass(frozen=True)
class LabelledImage:
    """An image with its labelled faces."""

    name: str
    image: ImageArray
    boxes: np.ndarray
    """(F, 4)"""
    asked: Mapping[str, np.ndarray]
    """(F,) bool by level: the faces that count; "all": those that the labels do not mark as ignored."""


@click.command(help=__doc__)
@click.option("--pictures", "images", type=FILE, required=True, help="A .zip of images.")
@click.option("--table", type=FILE, required=True, help="Labels of the images, in the form of faces.csv.gz.")
@click.option("--detector", "detectors", multiple=True, help="NAME=ONNX, or `haar`: OpenCV's cascade.")
@click.option("--wider-val", type=FOLDER, help="WIDER_val/images of the complete validation set.")
@click.option("--wider-truth", type=FOLDER, help="The folder with its published wider_*_val.mat.")
@click.option("--run", "runs", multiple=True, help="NAME=OUT of a run with this detector over labelled video.")
@click.option("--truth", type=FOLDER, help="The labels of that video.")
@click.option("--report", type=click.Path(path_type=Path, dir_okay=False), required=True, help="JSON to write.")
def main(
    images: Path,
    table: Path,
    detectors: tuple[str, ...],
    wider_val: Path | None,
    wider_truth: Path | None,
    runs: tuple[str, ...],
    truth: Path | None,
    report: Path,
) -> None:
    corpora = {name: list(labelled_images(images, table, name)) for name in CORPORA}
    figures: dict[str, Any] = {
        **made("evaluate_detector"),
        "pictures": {name: len(corpus) for name, corpus in corpora.items()},
        "detectors": {},
    }
    detect_by_name: dict[str, Detect] = {}
    for text in detectors:
        name, _, path = text.partition("=")
        detect_by_name[name] = detect = haar() if name == "haar" else scrfd(Path(path))
        own = {set_name: set_figures(detect, corpus) for set_name, corpus in corpora.items()}
        timed = detect if name == "haar" else scrfd(Path(path), TIMED_OPTIONS)
        frame = np.asarray(cv2.resize(corpora[CORPORA[0]][0].image, TIMED_WH), np.uint8)
        figures["detectors"][name] = own | {"milliseconds": round(milliseconds(timed, frame), 1)}
        click.echo(f"{name}: {json.dumps(figures['detectors'][name])}", err=True)
    if wider_val and wider_truth:
        complete = read_wider_val(wider_val, wider_truth)
        with click.progressbar(length=len(complete), label="WIDER FACE validation", file=sys.stderr) as bar:
            figures["wider_val"] = wider_figures(detect_by_name, complete, lambda: bar.update(1))
    if runs and truth:
        outs = dict(run.split("=", 1) for run in runs)
        outcomes = {
            name: validate_run(Ledger(Path(out)), read_truth(truth), ValidateOptions()) for name, out in outs.items()
        }
        figures["video"] = video_figures({name: validation.outcomes for name, validation in outcomes.items()})
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text(json.dumps(figures, indent=1) + "\n")


def labelled_images(images: Path, table: Path, prefix: str) -> Iterator[LabelledImage]:
    """The images whose names begin with `prefix` and that are in no detector's training split."""
    rows = read_face_rows(table, lambda row: row["file"].startswith(prefix) and row["split"] != "train")
    for name, content in read_images(images):
        if name in rows:
            yield labelled_image(name, Scene(name, content).image_bgr(), rows[name])


def labelled_image(name: str, image: ImageArray, rows: Sequence[FaceRow]) -> LabelledImage:
    """An image with the faces of its rows."""
    asked = {"all": np.array([row["ignore"] != "1" for row in rows])}
    asked |= {level: np.array([row[level] == "1" for row in rows]) for level in LEVELS}
    return LabelledImage(name, image, boxes_of(rows), asked)


def scrfd(path: Path, options: ScrfdOptions = OPTIONS) -> Detect:
    """An SCRFD in ONNX."""
    detector = ScrfdDetector(path, options)
    return lambda image: detector.detect([image])[0]


def haar() -> Detect:
    """The cascade that is included in OpenCV 4; its scores are only meaningful as a ranking.

    Raises:
        UsageError: OpenCV 5 has no cascades.
    """
    opencv: Any = cv2
    if not hasattr(opencv, "CascadeClassifier"):
        raise click.UsageError("this OpenCV has no cascades: pip install 'opencv-python<5'")
    cascade = opencv.CascadeClassifier(opencv.data.haarcascades + "haarcascade_frontalface_default.xml")

    def detect(image: ImageArray) -> Faces:
        grey = cv2.equalizeHist(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY))
        found, _, weights = cascade.detectMultiScale3(grey, 1.1, 3, minSize=(12, 12), outputRejectLevels=True)
        corners = np.array(found, np.float32).reshape(-1, 4)
        scores = 1 / (1 + np.exp(-np.array(weights, np.float32).reshape(-1)))
        boxes = np.concatenate([corners[:, :2], corners[:, :2] + corners[:, 2:]], axis=1)
        return Faces(boxes, scores.astype(np.float32), np.zeros((len(boxes), 5, 2), np.float32))

    return detect


def set_figures(detect: Detect, corpus: list[LabelledImage]) -> dict[str, Any]:
    """Average precision of each level that has faces, and recall by face height."""
    found = [detect(image.image) for image in corpus]

    def result(asked: list[np.ndarray]) -> Detections:
        return matched(found, [LabelledFaces(image.boxes, own) for image, own in zip(corpus, asked, strict=True)])

    levels = {level: result([image.asked[level] for image in corpus]) for level in ("all", *LEVELS)}
    heights_px = {
        f"{low}-{high}": result([image.asked["all"] & is_high(image.boxes, low, high) for image in corpus])
        for low, high in itertools.pairwise(HEIGHTS_PX)
    }
    return {
        **{level: round(own.average_precision, 4) for level, own in levels.items() if own.asked_count},
        "recall_by_height_px": {
            name: round(own.recall_at(RECALL_AT), 4) for name, own in heights_px.items() if own.asked_count
        },
    }


def is_high(boxes: np.ndarray, low_px: float, high_px: float) -> np.ndarray:
    """(F,) bool: whether the height of a box is in [low_px, high_px)."""
    return np.asarray((heights(boxes) >= low_px) & (heights(boxes) < high_px))


def milliseconds(detect: Detect, image: ImageArray, repeats: int = 30) -> float:
    """Median time per image, on all cores of the machine."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        detect(image)
        times.append(time.perf_counter() - started)
    return 1000 * statistics.median(times)


def video_figures(runs: Mapping[str, Outcomes]) -> dict[str, Any]:
    """People found, their accuracy, and tracks on nobody, by detector, in runs over the same labelled video."""
    large = {name: large_people_found(outcomes) for name, outcomes in runs.items()}
    figures = {}
    for name, outcomes in runs.items():
        people = [person for person in outcomes.people if person.label.counts]
        figures[name] = {
            "people": people_figures(people),
            "found": sum(person.is_found for person in people),
            f"people_from_{FOUND_FROM_PX}_px": sum(person.face_height_px >= FOUND_FROM_PX for person in people),
            f"found_from_{FOUND_FROM_PX}_px": len(large[name]),
            "of_those_found_by": {
                other: round(len(large[name] & theirs) / len(theirs), 4) for other, theirs in large.items() if theirs
            },
            "tracks": len(outcomes.tracks),
            "tracks_on_nobody": sum(track.truth == "nobody" for track in outcomes.tracks),
        }
    return figures


def large_people_found(outcomes: Outcomes) -> set[tuple[str, str]]:
    """Video and name of each person found whose face is at least `FOUND_FROM_PX` high."""
    return {
        (person.label.video, person.label.person)
        for person in outcomes.people
        if person.label.counts and person.is_found and person.face_height_px >= FOUND_FROM_PX
    }


if __name__ == "__main__":
    main()
