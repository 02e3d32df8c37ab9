"""Held-out training images by which the best weights of a training are chosen."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from facetally.detection.boxes import heights
from facetally.detection.evaluation import LabelledFaces, matched
from facetally.detection.scrfd import ScrfdDetector, ScrfdOptions
from facetally.detection.training.scenes import Scene

HELD_OUT_OF = 6
"""One of so many images is held out."""
MIN_HEIGHT_PX = 16.0
"""Lower faces need not be found."""
OPTIONS = ScrfdOptions(input_px=640, min_score=0.02, max_overlap=0.45, wide_px=0)
"""As in the evaluation of detectors: the whole precision-recall curve, in one pass."""


def is_held_out(name: str) -> bool:
    """Whether an image is held out from training, by its name alone."""
    return int(hashlib.sha256(name.encode()).hexdigest(), 16) % HELD_OUT_OF == 0


def average_precision(weights: Path, scenes: Sequence[Scene], threads: int = 1) -> float:
    """The average precision of an exported detector on labelled images."""
    detector = ScrfdDetector(weights, OPTIONS, threads=threads)
    found = [detector.detect([scene.image_bgr()])[0] for scene in scenes]
    labels = [
        LabelledFaces(scene.boxes, ~scene.is_ignored & (heights(scene.boxes) >= MIN_HEIGHT_PX)) for scene in scenes
    ]
    return matched(found, labels).average_precision
