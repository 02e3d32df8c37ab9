"""Runs a classifier over labelled crops and writes what it is worth."""

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
from facetally.training.evaluation_report import write_evaluation

BATCH_CROPS = 64


def predictions_for(
    classifier: FaceGenderClassifier, corpus: FaceCorpus, change: Callable[[ImageArray], ImageArray] = lambda crop: crop
) -> Attributes:
    """The classifier's answer for every face of the corpus, on the crops' middle.

    Args:
        classifier: whose answers are wanted.
        corpus: N > 0 faces.
        change: made to each crop first, margin and all.
    """
    side = classifier.card.crop["size_px"]
    parts = []
    for rows in corpus.batches(BATCH_CROPS):
        crops = np.stack([middle(change(corpus.crop(row)), side, corpus.margin_share) for row in rows])
        parts.append(classifier.predict(crops))
    return Attributes.concatenate(parts)


def held_out_faces(sets: Sequence[FaceSet], card: ModelCard, split: str = "test") -> FaceCorpus:
    """The faces of a model's data sets that it has not learnt from: of "selection", or of "test", by which it has not
    been selected either.

    Raises:
        OptionError: the card does not say what they are, or none of a set's pictures is among them.
    """
    fix = "leave --held-out away, to judge all pictures"
    held_out = card.images_held_out
    if not held_out.test:
        raise OptionError(f"{card.name} does not say which pictures it has not learnt from", fix=fix)
    for faces in sets:
        if not any(held_out.split_of(digest) for digest in faces.labels["digest"]):
            raise OptionError(f"{card.name} held no picture of {faces.name} out of its training", fix=fix)
    low, high = card.data["ages"]
    return join_sets(sets, card.training["seed"], (low, high), held_out).split(split)


def evaluate_classifier(
    classifier: FaceGenderClassifier, corpus: FaceCorpus, folder: Path, history: Iterable[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """Writes the report folder of a classifier on labelled faces.

    Args:
        classifier: whose answers are judged.
        corpus: labelled crops, none of which it was trained on or selected by.
        folder: gets classification_report.txt, metrics.json, misclassified.csv and the plots.
        history: the epochs of its training, for the curves.

    Returns:
        What metrics.json holds.

    Raises:
        OptionError: no face, or none with a label for what the classifier tells.
    """
    layout, faces = classifier.card.layout, corpus.faces
    predicted = {"female": layout.gender != "none", "age_years": layout.age != "none"}
    if not any(faces[column].notna().any() for column, is_predicted in predicted.items() if is_predicted):
        raise OptionError(
            f"none of {len(faces)} faces has a label for what {classifier.card.name} tells",
            fix="give other or more labelled pictures",
        )
    predictions = predictions_for(classifier, corpus)
    return write_evaluation(
        folder,
        faces,
        female_prob=predictions.female_prob if predicted["female"] else None,
        age_years=predictions.age_years if predicted["age_years"] else None,
        crops=lambda row: middle(corpus.crop(row), classifier.card.crop["size_px"], corpus.margin_share),
        history=list(history) or None,
        title=classifier.card.name,
    )
