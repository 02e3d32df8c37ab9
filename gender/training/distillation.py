"""What finished networks say about the faces that another learns from (knowledge distillation, Hinton et al., 2015).

Labels are wrong at times, and none says how hard a face is to tell; the mean of several networks says both."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from facetally.gender.attributes import FloatArray
from facetally.gender.classifier import FaceGenderClassifier
from facetally.gender.data.face_sets import FaceCorpus, ImageArray
from facetally.gender.model.outputs import OutputLayout

TARGET_COLUMNS = OutputLayout("two_logits", "distribution")
"""What teachers tell, and those whom they teach."""
BATCH_FACES = 64


def distillation_targets(
    teachers: Sequence[FaceGenderClassifier], corpus: FaceCorpus, on_faces: Callable[[int, int], None]
) -> FloatArray:
    """The teachers' mean answer to each crop's middle and to its mirror image, never augmented.

    Args:
        teachers: at least one, each of the layout `TARGET_COLUMNS`.
        corpus: N > 0 faces.
        on_faces: called with (faces done, faces in all) after each batch.

    Returns:
        (N, 102) probabilities: of "female", by the mean log-odds, not calibrated; then of each year from 0 to 100.
    """
    parts = []
    for rows in corpus.batches(BATCH_FACES):
        predictions = []
        for teacher in teachers:
            crops = corpus.middles(rows, teacher.card.crop["size_px"])
            predictions += [_answer(teacher, crops), _answer(teacher, crops[:, :, ::-1])]
        mean = np.mean(predictions, axis=0)
        mean[:, 0] = 1 / (1 + np.exp(-mean[:, 0]))
        parts.append(mean)
        on_faces(rows.stop, len(corpus))
    return np.concatenate(parts)


def _answer(teacher: FaceGenderClassifier, crops: ImageArray) -> FloatArray:
    """(B, 102): log-odds of "female", and the probability of each year."""
    output = teacher.output(crops)
    odds = TARGET_COLUMNS.female_log_odds(output, teacher.card.female_index)
    return np.column_stack([odds, TARGET_COLUMNS.year_probs(output)])
