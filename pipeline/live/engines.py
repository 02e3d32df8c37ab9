"""The networks of a live source: those of a run, or the whole picture in place of the faces in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from facetally.detection.crops import CropRecipe
from facetally.detection.faces import Faces, ImageArray
from facetally.models.engines import Engines, load_engines
from facetally.models.weights import ModelFile
from facetally.options import Device, RunOptions

NO_DETECTOR = "none"
WORKING_PX = 320
"""Longer side of the pictures in which cuts are detected, without a detector that wants more."""


class WholeFrame:
    """In place of a detector: takes the whole picture for one face, so that the crop shows all of it.

    Its landmarks lie where the template has them, so that the crop is the picture, shrunk; what the square has above
    and below a wide picture repeats its edge.

    Args:
        recipe: of the crops.
    """

    def __init__(self, recipe: CropRecipe) -> None:
        self._recipe = recipe

    def input_wh(self, frame_hw: tuple[int, int]) -> tuple[int, int]:
        """The width and height at which it wants such frames."""
        scale = min(1.0, WORKING_PX / max(frame_hw))
        return max(1, round(frame_hw[1] * scale)), max(1, round(frame_hw[0] * scale))

    def detect(self, images_bgr: Sequence[ImageArray], frame_hw: tuple[int, int] | None = None) -> list[Faces]:
        """One face for each image, in pixels of the frame."""
        return [self._whole(frame_hw or image.shape[:2]) for image in images_bgr]

    def detect_parts(self, parts_bgr: Sequence[ImageArray]) -> list[Faces]:
        """As `detect`."""
        return self.detect(parts_bgr)

    def _whole(self, hw: tuple[int, ...]) -> Faces:
        height, width = hw
        side = self._recipe.size_px
        points = (self._recipe.template() - side / 2) * (max(height, width) / side) + (width / 2, height / 2)
        box = np.array([[0, 0, width, height]], np.float32)
        return Faces(box, np.ones(1, np.float32), points[None].astype(np.float32))


def live_engines(
    options: RunOptions, device: Device = "auto", *, threads: int = 0, models_dir: Path | None = None
) -> Engines:
    """The networks that the options name; with the detector "none" the whole frame is the crop.

    Raises:
        PipelineError: as `load_engines`.
    """
    is_whole = options.detector == NO_DETECTOR
    loaded = replace(options, detector=RunOptions.detector) if is_whole else options
    engines = load_engines(loaded, device, threads=threads, models_dir=models_dir)
    if not is_whole:
        return engines
    models = engines.models | {"detector": ModelFile(NO_DETECTOR, Path(), "", "none")}
    return replace(engines, detector=WholeFrame(engines.recipe), models=models)
