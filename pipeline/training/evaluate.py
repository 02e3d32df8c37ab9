"""Runs a classifier over labelled crops and writes its evaluation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from facetally.errors import OptionError
from facetally.gender.attributes import Attributes
from facetally.gender.classifier import FaceGenderClassifier
from facetally.gender.data.face_sets import FaceCorpus, FaceSet, ImageArray, join_sets, middle
from facetally.gender.model.card import ModelCard
from facetally.threads import in_order
from facetally.training.evaluation_report import write_evaluation

BATCH_CROPS = 64


def predictions_for(
    classifier: FaceGenderClassifier,
    corpus: FaceCorpus,
    change: Callable[[ImageArray], ImageArray] = lambda crop: crop,
    *,
    threads: int = 1,
) -> Attributes:
    """The classifier's predictions for every face of the corpus, on the crops without their margin.

    Args:
        classifier: the model to run.
        corpus: N > 0 faces.
        change: applied to each crop, margin included, before the margin is removed.
        threads: batches that are classified at the same time, by a classifier that was loaded with one thread.
    """
    side = classifier.card.crop["size_px"]

    def predicted(rows: range) -> Attributes:
        crops = np.stack([middle(change(corpus.crop(row)), side, corpus.margin_share) for row in rows])
        return classifier.predict(crops)

    return Attributes.concatenate(list(in_order(predicted, corpus.batches(BATCH_CROPS), threads)))


def held_out_faces(sets: Sequence[FaceSet], card: ModelCard, split: str = "test") -> FaceCorpus:
    """The faces of a model's data sets that its training held out.

    Args:
        sets: the data sets.
        card: of the model.
        split: "selection", or "test", which was not used for model selection either.

    Raises:
        OptionError: the card does not record the held-out images, or a set has none of them.
    """
    fix = "leave out --held-out, to evaluate on all images"
    held_out = card.images_held_out
    if not held_out.test:
        raise OptionError(f"{card.name} does not record which images its training held out", fix=fix)
    for faces in sets:
        if not any(held_out.split_of(digest) for digest in faces.labels["digest"]):
            raise OptionError(f"the training of {card.name} held out no image of {faces.name}", fix=fix)
    low, high = card.data["ages"]
    return join_sets(sets, card.training["seed"], (low, high), held_out).split(split)


def evaluate_classifier(
    classifier: FaceGenderClassifier,
    corpus: FaceCorpus,
    folder: Path,
    history: Iterable[Mapping[str, Any]] = (),
    *,
    threads: int = 1,
) -> dict[str, Any]:
    """Writes the report folder of a classifier on labelled faces.

    Args:
        classifier: the model to evaluate.
        corpus: labelled crops, none of which was used to train or select it.
        folder: gets classification_report.txt, metrics.json, misclassified.csv and the plots.
        history: the epochs of its training, for the curves.
        threads: as in `predictions_for`.

    Returns:
        The content of metrics.json.

    Raises:
        OptionError: no face, or none with a label for an attribute that the classifier predicts.
    """
    layout, faces = classifier.card.layout, corpus.faces
    predicted = {"female": layout.gender != "none", "age_years": layout.age != "none"}
    if not any(faces[column].notna().any() for column, is_predicted in predicted.items() if is_predicted):
        raise OptionError(
            f"none of {len(faces)} faces has a label for what {classifier.card.name} predicts",
            fix="give other or more labelled images",
        )
    predictions = predictions_for(classifier, corpus, threads=threads)
    return write_evaluation(
        folder,
        faces,
        female_prob=predictions.female_prob if predicted["female"] else None,
        age_years=predictions.age_years if predicted["age_years"] else None,
        crops=lambda row: middle(corpus.crop(row), classifier.card.crop["size_px"], corpus.margin_share),
        history=list(history) or None,
        title=classifier.card.name,
    )
