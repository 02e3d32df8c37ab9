"""Measures a classifier on held-out faces of its training sets, and writes the figures for MODELS.md as JSON.

    python -m scripts.measure_classifier models/facetally.onnx --data utk=UTKFace.zip --data fairface=... \
        --cache work/crops --report reports/models/facetally.json

It adds to the figures of `facetally evaluate --held-out`: accuracy by face height, accuracy by person for the sets that
name people (a vote over their crops), milliseconds and megabytes; and, for each set given with --unseen, no image of
which the model was trained on or selected by, its accuracy by group.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import date
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import numpy as np
import rich_click as click

from facetally.cli.options import DETECTOR, MODELS_DIR
from facetally.cli.train import CACHE, DATA, detector_path, parsed_sources
from facetally.cli.training_progress import shown_training
from facetally.detection.crops import CropRecipe
from facetally.gender.classifier import FaceGenderClassifier
from facetally.gender.data.face_sets import FaceCorpus, ImageArray, all_faces
from facetally.gender.metrics import GenderEvaluation
from facetally.tracks.appearances import log_odds
from facetally.training.evaluate import evaluate_classifier, held_out_faces, predictions_for
from facetally.training.face_crops import cut_sources
from scripts.finetuning_report import onnx_milliseconds_per_face
from scripts.provenance import machine

FACE_HEIGHTS_PX = (10, 15, 20, 25, 30, 40, 50, 75, 100)
FACE_HEIGHT_SHARE = 0.83
"""Height of SCRFD's box as a share of the crop's side: median over FairFace's crops."""
HEIGHT_SET = "fairface"


@click.command(help=__doc__)
@click.argument("model", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@DATA
@click.option(
    "--unseen", multiple=True, metavar="NAME=IMAGES+TABLE", help="A data set that the model was not trained on."
)
@DETECTOR
@MODELS_DIR
@CACHE
@click.option("--report", type=click.Path(path_type=Path, dir_okay=False), required=True, help="JSON to write.")
def main(
    model: Path,
    sources: tuple[str, ...],
    unseen: tuple[str, ...],
    detector: str,
    models_dir: Path | None,
    cache: Path | None,
    report: Path,
) -> None:
    classifier = FaceGenderClassifier(model)
    card = classifier.card
    with TemporaryDirectory() as folder, shown_training() as watcher:
        sets, cutting = cut_sources(
            parsed_sources((*sources, *unseen)),
            detector_path(detector, models_dir),
            CropRecipe(**card.crop),
            cache or Path(folder),
            None,
            watcher.cutting,
        )
        test = held_out_faces(sets[: len(sources)], card)
        metrics = evaluate_classifier(classifier, test, Path(folder) / "evaluation")
        others = sets[len(sources) :]
        unseen_metrics = (
            evaluate_classifier(classifier, all_faces(others), Path(folder) / "unseen")["gender"] if others else None
        )
    has_gender = card.layout.gender != "none"
    measured = {
        "date": str(date.today()),
        "machine": machine(),
        "card": {
            key: value for key, value in asdict(card).items() if key in ("name", "data", "training", "calibration")
        },
        "cutting": {name: asdict(counts) for name, counts in cutting.items()},
        "metrics": metrics,
        "unseen": unseen_metrics["by_set"] if unseen_metrics else {},
        "by_face_height_px": by_face_height(classifier, test) if has_gender else {},
        "people": by_person(classifier, test) if has_gender else {},
        "milliseconds_per_face": round(onnx_milliseconds_per_face(model), 2),
        "megabytes": round(model.stat().st_size / 1e6, 2),
    }
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text(json.dumps(measured, indent=1) + "\n")
    click.echo(f"Written to {report}", err=True)


def by_face_height(classifier: FaceGenderClassifier, test: FaceCorpus) -> dict[str, Any]:
    """Accuracy on the faces of `HEIGHT_SET`, shrunk to each of `FACE_HEIGHTS_PX` and enlarged again."""
    faces = test.only(test.faces["set"] == HEIGHT_SET)
    if not len(faces):
        return {}
    results = {}
    for height_px in FACE_HEIGHTS_PX:
        side = round(height_px / FACE_HEIGHT_SHARE / (1 - 2 * faces.margin_share))
        evaluation = gender_of(classifier, faces, partial(shrunk, side_px=side))
        results[str(height_px)] = evaluation.as_dict()
    return results


def shrunk(crop: ImageArray, side_px: int) -> ImageArray:
    """The crop shrunk to a side of `side_px` and enlarged to its old size."""
    if side_px >= crop.shape[0]:
        return crop
    small = cv2.resize(crop, (side_px, side_px), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, crop.shape[1::-1], interpolation=cv2.INTER_LINEAR), np.uint8)


def gender_of(
    classifier: FaceGenderClassifier, faces: FaceCorpus, change: Callable[[ImageArray], ImageArray]
) -> GenderEvaluation:
    """The confusion matrix on crops after `change`."""
    predicted_female = predictions_for(classifier, faces, change).female_prob > 0.5
    return GenderEvaluation.of(faces.faces["female"].to_numpy() == 1, predicted_female)


def by_person(classifier: FaceGenderClassifier, test: FaceCorpus) -> dict[str, Any]:
    """For each set that names its people: the accuracy by person, with the mean log-odds over the person's crops."""
    named = test.only(test.faces["person"] != "")
    if not len(named):
        return {}
    odds = log_odds(predictions_for(classifier, named).female_prob)
    votes = named.faces.assign(odds=odds).groupby(["set", "person"])[["odds", "female"]].mean()
    return {
        str(name): GenderEvaluation.of((part["female"] > 0.5).to_numpy(), (part["odds"] > 0).to_numpy()).as_dict()
        for name, part in votes.groupby("set")
    }


if __name__ == "__main__":
    main()
