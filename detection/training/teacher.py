"""Another SCRFD with the same anchors as a teacher (knowledge distillation; Hinton et al., 2015)."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch

from facetally.detection.scrfd_onnx import ScrfdNetwork
from facetally.detection.training.losses import TeacherPredictions
from facetally.detection.training.network import ANCHORS_PER_CELL


class Teacher:
    """Runs an SCRFD in ONNX on batches.

    Args:
        model_path: an ONNX file of an SCRFD with five points and two anchors per cell.
        threads: threads of one inference; 0 lets onnxruntime choose.

    Raises:
        ValueError: the file is not such a network.
    """

    def __init__(self, model_path: Path, threads: int = 0) -> None:
        self._network = ScrfdNetwork(model_path, threads=threads)
        if (anchors := self._network.outputs.anchors_per_cell) != ANCHORS_PER_CELL:
            raise ValueError(f"{model_path} has {anchors} anchors per cell, not {ANCHORS_PER_CELL}")

    def predictions(self, images_bgr: torch.Tensor) -> TeacherPredictions:
        """The predictions for (B, S, S, 3) uint8 BGR."""
        batch = cv2.dnn.blobFromImages(list(images_bgr.numpy()), 1 / 128, mean=(127.5, 127.5, 127.5), swapRB=True)
        raw, outputs = self._network.run(batch), self._network.outputs
        parts = (
            torch.from_numpy(np.concatenate([raw[position] for position in positions], axis=1))
            for positions in (outputs.scores, outputs.boxes, outputs.landmarks)
        )
        scores, boxes, points = parts
        return TeacherPredictions(scores[..., 0], boxes, points)
