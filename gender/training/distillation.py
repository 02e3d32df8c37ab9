"""Training targets from the predictions of trained networks (knowledge distillation, Hinton et al., 2015).

Labels contain errors and do not show how ambiguous a face is; the mean prediction of several networks reveals both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from facetally.gender.attributes import FloatArray
from facetally.gender.classifier import FaceGenderClassifier
from facetally.gender.data.face_sets import FaceCorpus, ImageArray
from facetally.gender.model.outputs import OutputLayout

TARGET_COLUMNS = OutputLayout("two_logits", "distribution")
"""The output layout of teachers and of the networks trained on their predictions."""
BATCH_FACES = 64
MIN_OTHER_PROB = 0.02
"""Probabilities by a teacher that runs elsewhere are limited to [MIN_OTHER_PROB, 1 - MIN_OTHER_PROB]: small networks
are surer than right, and a certainty would outweigh all other teachers."""


def distillation_targets(
    teachers: Sequence[FaceGenderClassifier],
    corpus: FaceCorpus,
    on_faces: Callable[[int, int], None],
    other_female_prob: FloatArray | None = None,
) -> FloatArray:
    """The teachers' mean prediction for each crop's middle and its mirror image, without augmentation.

    Args:
        teachers: one or more, each of the layout `TARGET_COLUMNS`.
        corpus: N > 0 faces, at least one of which is taught.
        on_faces: called with (faces done, total) after each batch.
        other_female_prob: (N,) probability of "female" by one more teacher, which cannot run here; NaN for faces that
            are to be learned from their labels only. None: there is no such teacher, and all faces are taught.

    Returns:
        (N, 102) probabilities: of "female", from the mean uncalibrated log-odds; then of each year from 0 to 100. NaN
        for faces that are not taught.
    """
    taught = np.ones(len(corpus), bool)
    if other_female_prob is not None:
        taught = ~np.isnan(other_female_prob)
        prob = np.clip(other_female_prob[taught], MIN_OTHER_PROB, 1 - MIN_OTHER_PROB)
        other_odds = np.log(prob / (1 - prob))
    faces, parts = corpus.only(taught), []
    for rows in faces.batches(BATCH_FACES):
        predictions = []
        for teacher in teachers:
            crops = faces.middles(rows, teacher.card.crop["size_px"])
            predictions += [_prediction(teacher, crops), _prediction(teacher, crops[:, :, ::-1])]
        mean = np.mean(predictions, axis=0)
        if other_female_prob is not None:
            mean[:, 0] += (other_odds[rows] - mean[:, 0]) / (len(teachers) + 1)
        mean[:, 0] = 1 / (1 + np.exp(-mean[:, 0]))
        parts.append(mean)
        on_faces(rows.stop, len(faces))
    targets = np.full((len(corpus), parts[0].shape[1]), np.nan, np.float32)
    targets[taught] = np.concatenate(parts)
    return targets


def _prediction(teacher: FaceGenderClassifier, crops: ImageArray) -> FloatArray:
    """(B, 102): log-odds of "female", and the probability of each year."""
    output = teacher.output(crops)
    odds = TARGET_COLUMNS.female_log_odds(output, teacher.card.female_index)
    return np.column_stack([odds, TARGET_COLUMNS.year_probs(output)])
