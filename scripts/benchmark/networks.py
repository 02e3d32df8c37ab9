"""Calls of the detector and of the classifier alone, by input size and batch, for `scripts/benchmark/`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import cv2
import numpy as np

from facetally.detection.scrfd import ScrfdDetector, ScrfdOptions
from facetally.models.engines import Engines
from facetally.networks import ComputeDevice
from scripts.benchmark.comparison import Figures, Jobs

INPUT_SIZES_PX = (320, 480, 640)
BATCHES: dict[ComputeDevice, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "cpu": ((8,), (1, 8, 32)),
    "cuda": ((1, 8, 32, 64), (1, 8, 32, 256)),
}
"""Frames per call of the detector, and faces per call of the classifier, by device."""
CALLS = 5


def network_jobs(engines: Engines, device: ComputeDevice) -> Jobs:
    """Jobs that call the networks on random frames and faces."""
    frame_counts, crop_counts = BATCHES[device]
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 256, (1080, 1920, 3)).astype(np.uint8) for _ in range(max(frame_counts))]
    jobs: Jobs = {}
    for input_px in INPUT_SIZES_PX:
        network = ScrfdDetector(engines.models["detector"].path, ScrfdOptions(input_px, min_score=1.0), device)
        size_wh = network.input_wh((1080, 1920))
        shrunk = [np.asarray(cv2.resize(frame, size_wh), np.uint8) for frame in frames]
        for count in frame_counts:
            job = partial(count_of, network.detect, shrunk[:count], (1080, 1920))
            jobs[f"detector, {input_px} px, {count} frames"] = job
    side = engines.recipe.size_px
    for count in crop_counts:
        crops = rng.integers(0, 256, (count, side, side, 3)).astype(np.uint8)
        jobs[f"classifier, {count} faces"] = partial(count_of, engines.classifier.predict, crops)
    return jobs


def count_of(function: Callable[..., Any], *arguments: Any) -> Figures:
    """Calls the function `CALLS` times and returns the number of processed items."""
    for _ in range(CALLS):
        function(*arguments)
    return {"frames": CALLS * len(arguments[0])}
