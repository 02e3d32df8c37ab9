"""SCRFD face detection (Guo et al., "Sample and Computation Redistribution for Efficient Face Detection", ICLR 2022).

Runs any ONNX export of SCRFD with five landmarks on batches of frames. Exports differ in the order and names of
their nine outputs and are often fixed to one 640 x 640 picture: `detection/scrfd_onnx.py` evens that out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from detection import boxes as geometry
from detection.faces import LANDMARK_COUNT, Faces, FloatArray, ImageArray, check_array
from detection.scrfd_onnx import STRIDES, ScrfdOutputs, open_session

SURE_SCORE = 0.5
"""A face of the full pass with this score is not replaced by one of the coarse pass."""
PAD_MULTIPLE_PX = 32
"""The coarsest stride: network inputs are padded to whole cells of it."""


@dataclass(frozen=True)
class ScrfdOptions:
    """What counts as a face and how hard to look.

    Raises:
        ValueError: a value outside its range.
    """

    input_px: int = 640
    """Longest side of the frame as the network sees it."""
    max_upscale: float = 2.0
    """Frames smaller than `input_px` are enlarged by no more than this."""
    min_score: float = 0.5
    """Faces below this score, in [0, 1], are dropped."""
    max_overlap: float = 0.4
    """Of two faces that overlap by more than this (intersection over union) the better one stays."""
    wide_px: int = 128
    """Longest side of the frame in the second, small pass that finds faces which fill the frame; 0: no such pass."""
    wide_min_height: float = 0.5
    """The second pass keeps faces of at least this share of the frame's shorter side."""

    def __post_init__(self) -> None:
        for name in ("min_score", "max_overlap", "wide_min_height"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be in [0, 1], got {getattr(self, name)}")
        if self.input_px < PAD_MULTIPLE_PX or self.max_upscale <= 0 or self.wide_px < 0:
            raise ValueError(f"input_px must be >= {PAD_MULTIPLE_PX}, max_upscale > 0, wide_px >= 0: got {self}")


@dataclass(frozen=True)
class Canvas:
    """Where a frame lies in the network's input: scaled by `scale`, its corner at `offset_px`, zeros around."""

    width_px: int
    height_px: int
    scale: float
    offset_px: int = 0

    @classmethod
    def fit(cls, frame_hw: tuple[int, int], longest_px: int, max_upscale: float, margin: float = 0.0) -> Canvas:
        """The smallest canvas of whole cells that holds the frame, with `margin` x `longest_px` on every side."""
        height, width = frame_hw
        scale = min(longest_px / max(height, width), max_upscale)
        offset = round(margin * longest_px)
        return cls(
            width_px=_padded(max(round(width * scale), 1) + 2 * offset),
            height_px=_padded(max(round(height * scale), 1) + 2 * offset),
            scale=scale,
            offset_px=offset,
        )

    def draw(self, image_bgr: ImageArray) -> ImageArray:
        """(H, W, 3) uint8 BGR -> (height_px, width_px, 3) uint8 BGR."""
        height, width = image_bgr.shape[:2]
        size = max(round(width * self.scale), 1), max(round(height * self.scale), 1)
        small = image_bgr if size == (width, height) else cv2.resize(image_bgr, size)
        canvas = np.zeros((self.height_px, self.width_px, 3), np.uint8)
        at = self.offset_px
        canvas[at : at + size[1], at : at + size[0]] = small
        return canvas

    def to_frame(self, xy: FloatArray) -> FloatArray:
        """Canvas pixels to frame pixels, any shape."""
        return ((xy - self.offset_px) / self.scale).astype(np.float32)


class ScrfdDetector:
    """Finds faces in batches of frames with an SCRFD network in ONNX.

    Args:
        model_path: the ONNX file.
        options: thresholds and sizes.
        device: "cpu" or "cuda".
        threads: threads of one inference; 0 lets onnxruntime choose.

    Raises:
        ValueError: the file is no ONNX model, or not an SCRFD with five landmarks.
        RuntimeError: `device` is "cuda" and onnxruntime cannot use it.
    """

    def __init__(
        self,
        model_path: Path,
        options: ScrfdOptions | None = None,
        device: str = "cpu",
        threads: int = 0,
    ) -> None:
        self._arguments = model_path, options, device, threads
        self.options = options or ScrfdOptions()
        self._session = open_session(model_path, device, threads)
        self._input_name = self._session.get_inputs()[0].name
        self._outputs = ScrfdOutputs.probe(self._session)

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process gets a detector of its own, from the same file."""
        return type(self), self._arguments

    def detect(self, images_bgr: Sequence[ImageArray]) -> list[Faces]:
        """Finds the faces of each image; all images of one call have the same size.

        Args:
            images_bgr: (H, W, 3) uint8 BGR each.

        Returns:
            One `Faces` an image, best score first, in pixels of the image.
        """
        if not images_bgr:
            return []
        height, width = images_bgr[0].shape[:2]
        for image in images_bgr:
            check_array("image", image, (height, width, 3), np.uint8)
        o = self.options
        main = Canvas.fit((height, width), o.input_px, o.max_upscale)
        found = [self._suppressed(faces) for faces in self._detect_on(main, images_bgr)]
        if not o.wide_px:
            return found
        wide = Canvas.fit((height, width), o.wide_px, o.max_upscale, margin=0.25)
        min_height_px = o.wide_min_height * min(height, width)
        coarse = [self._suppressed(faces) for faces in self._detect_on(wide, images_bgr)]
        return [self._with_missed(faces, more, min_height_px) for faces, more in zip(found, coarse, strict=True)]

    def _detect_on(self, canvas: Canvas, images: Sequence[ImageArray]) -> list[Faces]:
        drawn = [canvas.draw(image) for image in images]
        # (B, 3, H, W) float32 RGB, (x - 127.5) / 128, as in the official training
        batch = cv2.dnn.blobFromImages(drawn, 1 / 128, mean=(127.5, 127.5, 127.5), swapRB=True)
        raw = self._session.run(None, {self._input_name: batch})
        levels = [self._decoded(raw, level, canvas) for level in range(len(STRIDES))]
        return [Faces.concatenate([level[i] for level in levels]) for i in range(len(images))]

    def _decoded(self, raw: list[Any], level: int, canvas: Canvas) -> list[Faces]:
        """The faces above `min_score` of one stride, an entry an image."""
        stride = STRIDES[level]
        scores = raw[self._outputs.scores[level]][..., 0]  # (B, cells * anchors)
        distances, offsets = raw[self._outputs.boxes[level]], raw[self._outputs.landmarks[level]]
        anchors = _anchor_points(canvas.height_px // stride, canvas.width_px // stride, stride)
        faces = []
        for image_scores, image_distances, image_offsets in zip(scores, distances, offsets, strict=True):
            hit = np.flatnonzero(image_scores >= self.options.min_score)
            at = anchors[hit // self._outputs.anchors_per_cell]  # (n, 2)
            reach = image_distances[hit] * stride  # (n, 4) left, top, right, bottom
            corners = np.concatenate([at - reach[:, :2], at + reach[:, 2:]], axis=1)
            points = at[:, None, :] + image_offsets[hit].reshape(-1, LANDMARK_COUNT, 2) * stride
            faces.append(Faces(canvas.to_frame(corners), image_scores[hit], canvas.to_frame(points)))
        return faces

    def _with_missed(self, faces: Faces, coarse: Faces, min_height_px: float) -> Faces:
        """The faces, and the large ones of the coarse pass that are not among them; best score first."""
        large = coarse[geometry.heights(coarse.boxes) >= min_height_px]
        sure = faces[faces.scores >= SURE_SCORE]  # where both passes are sure, the finer one knows better where
        overlaps = geometry.iou_matrix(large.boxes, sure.boxes) > self.options.max_overlap
        new = np.flatnonzero(~overlaps.any(axis=1))
        return self._suppressed(Faces.concatenate([faces, large[new]])) if len(new) else faces

    def _suppressed(self, faces: Faces) -> Faces:
        return faces[geometry.non_maximum_suppression(faces.boxes, faces.scores, self.options.max_overlap)]


def _padded(length_px: int) -> int:
    return -(-length_px // PAD_MULTIPLE_PX) * PAD_MULTIPLE_PX


def _anchor_points(rows: int, columns: int, stride: int) -> npt.NDArray[np.float32]:
    """(rows * columns, 2) x, y of the cells' corners in canvas pixels, row by row."""
    y, x = np.mgrid[:rows, :columns]
    return (np.stack([x, y], axis=-1).reshape(-1, 2) * stride).astype(np.float32)
