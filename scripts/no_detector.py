"""A detector that finds nobody: a run with it takes what a run takes besides its networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from facetally.detection.faces import Faces, ImageArray
from facetally.detection.sparse import Detector


@dataclass(frozen=True)
class NoDetector:
    """Wants frames of the same size as another detector, and finds no face in them.

    It is in a module of its own, because workers load it by name.
    """

    other: Detector

    def input_wh(self, frame_hw: tuple[int, int]) -> tuple[int, int]:
        return self.other.input_wh(frame_hw)

    def detect(self, images_bgr: Sequence[ImageArray], _frame_hw: tuple[int, int] | None = None) -> list[Faces]:
        return [Faces.empty() for _ in images_bgr]

    def detect_parts(self, parts_bgr: Sequence[ImageArray]) -> list[Faces]:
        return [Faces.empty() for _ in parts_bgr]
