"""SCRFD face detection (Guo et al., "Sample and Computation Redistribution for Efficient Face Detection", ICLR 2022).

Runs any ONNX export of SCRFD with five landmarks on batches of frames. Exports differ in the order and names of
their nine outputs and often have a fixed 640 x 640 input: `detection/scrfd_onnx.py` handles these differences.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from facetally.detection import boxes as geometry
from facetally.detection.faces import LANDMARK_COUNT, Faces, FloatArray, ImageArray, IntArray, check_array
from facetally.detection.scrfd_onnx import STRIDES, ScrfdNetwork, runnable_model
from facetally.networks import ComputeDevice

SURE_SCORE = 0.5
"""A frame in which the first pass finds a face with this score gets no second pass."""
AT_ONCE: dict[ComputeDevice, int] = {"cpu": 1, "cuda": 64}
"""Batch size by device. Larger ones are no faster on a processor, and onnxruntime keeps memory for every size."""
PARTS_AT_ONCE: dict[ComputeDevice, int] = {"cpu": 4, "cuda": 256}
"""Batch size for small parts of frames, where the overhead of a call matters."""
CANVASES = 3
"""Canvases for frames of one size: the frame's own, the small one of the second pass, and that of parts."""
PAD_MULTIPLE_PX = 32
"""The coarsest stride: network inputs are padded to whole cells of it."""
NORMALISED = ((np.arange(256) - 127.5) / 128).astype(np.float32)
"""The network's input for each byte value, as in the official training."""


@dataclass(frozen=True)
class ScrfdOptions:
    """Thresholds and input sizes of the detector.

    Raises:
        ValueError: a value outside its range.
    """

    input_px: int = 640
    """Longest side of the frame in the network's input."""
    max_upscale: float = 2.0
    """Frames smaller than `input_px` are enlarged by at most this factor."""
    min_score: float = 0.5
    """Faces below this score, in [0, 1], are dropped."""
    max_overlap: float = 0.4
    """Of two faces that overlap by more than this (intersection over union) the one with the higher score is kept."""
    wide_px: int = 128
    """Longest side of the frame in a second, small pass that finds faces which fill the frame; 0: no second pass. Only
    frames without a confident face in the first pass get it."""
    wide_min_height: float = 0.5
    """The second pass keeps faces at least this high, as a share of the frame's shorter side."""

    def __post_init__(self) -> None:
        for name in ("min_score", "max_overlap", "wide_min_height"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be in [0, 1], got {getattr(self, name)}")
        if self.input_px < PAD_MULTIPLE_PX or self.max_upscale <= 0 or self.wide_px < 0:
            raise ValueError(f"input_px must be >= {PAD_MULTIPLE_PX}, max_upscale > 0, wide_px >= 0: got {self}")


@dataclass(frozen=True)
class Canvas:
    """The position of a frame in the network's input: scaled by `scale`, its corner at `offset_px`, black around it."""

    width_px: int
    height_px: int
    content_wh: tuple[int, int]
    """The frame's size on the canvas."""
    scale: float
    offset_px: int = 0

    @classmethod
    def fit(cls, frame_hw: tuple[int, int], longest_px: int, max_upscale: float, *, margin: float = 0.0) -> Canvas:
        """The smallest canvas of whole cells that holds the frame, with `margin` x `longest_px` on every side."""
        height, width = frame_hw
        scale = min(longest_px / max(height, width), max_upscale)
        offset = round(margin * longest_px)
        content_wh = max(round(width * scale), 1), max(round(height * scale), 1)
        return cls(
            width_px=_padded(content_wh[0] + 2 * offset),
            height_px=_padded(content_wh[1] + 2 * offset),
            content_wh=content_wh,
            scale=scale,
            offset_px=offset,
        )

    def blank(self, count: int) -> FloatArray:
        """(count, 3, height_px, width_px) float32, black."""
        return np.full((count, 3, self.height_px, self.width_px), NORMALISED[0], np.float32)

    def draw(self, image_bgr: ImageArray, planes: FloatArray) -> None:
        """Draws the frame, (H, W, 3) uint8 BGR in any size, onto one (3, height_px, width_px) of `blank`, as RGB."""
        at, (width, height) = self.offset_px, self.content_wh
        small = image_bgr if image_bgr.shape[1::-1] == self.content_wh else cv2.resize(image_bgr, self.content_wh)
        for plane, channel in zip(planes, reversed(cv2.split(small)), strict=True):
            cv2.LUT(channel, NORMALISED, dst=plane[at : at + height, at : at + width])

    def to_frame(self, xy: FloatArray) -> FloatArray:
        """Canvas pixels to frame pixels, any shape."""
        return ((xy - self.offset_px) / self.scale).astype(np.float32)


class ScrfdDetector:
    """Detects faces in batches of frames with an SCRFD network in ONNX.

    Args:
        model: the ONNX file, or what `runnable_model` made of it.
        options: thresholds and sizes.
        device: "cpu" or "cuda".
        threads: threads of one inference; 0 lets onnxruntime choose.
        is_deferred: load the network when it is first used, and only then raise the errors of damaged files: for
            weights that are known, in a process that may only hand the detector on to others.

    Raises:
        ValueError: the file is not an ONNX model of an SCRFD with five landmarks.
        RuntimeError: `device` is "cuda" and cannot be used.
    """

    def __init__(
        self,
        model: Path | bytes,
        options: ScrfdOptions | None = None,
        device: ComputeDevice = "cpu",
        threads: int = 0,
        *,
        is_deferred: bool = False,
    ) -> None:
        self.options = options or ScrfdOptions()
        self._model, self._device, self._threads = model, device, threads
        self._kept: dict[Canvas, FloatArray] = {}
        if not is_deferred:
            _ = self._network

    @cached_property
    def _network(self) -> ScrfdNetwork:
        return ScrfdNetwork(self._model, self._device, self._threads)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled as its arguments, with the model as it is run: another process needs neither the file nor `onnx`."""
        if not isinstance(self._model, bytes):
            self._model = runnable_model(self._model)
        return type(self), (self._model, self.options, self._device, self._threads)

    def input_wh(self, frame_hw: tuple[int, int]) -> tuple[int, int]:
        """The width and height, at most the frame's, from which on more pixels do not improve `detect`."""
        height, width = frame_hw
        wanted = self._main_canvas(frame_hw).content_wh
        return min(wanted[0], width), min(wanted[1], height)

    def detect(self, images_bgr: Sequence[ImageArray], frame_hw: tuple[int, int] | None = None) -> list[Faces]:
        """Detects the faces of each image; all images of one call must have the same size. Not thread-safe.

        Args:
            images_bgr: (H, W, 3) uint8 BGR each.
            frame_hw: height and width of the original frames, if the images were shrunk to `input_wh`.

        Returns:
            One `Faces` per image, best score first, in pixels of the frame.
        """
        if not images_bgr:
            return []
        _check_images(images_bgr)
        height, width = frame_hw or images_bgr[0].shape[:2]
        o = self.options
        found = self._detect_on(self._main_canvas((height, width)), images_bgr, AT_ONCE[self._device])
        unsure = [index for index, faces in enumerate(found) if faces.scores.max(initial=0) < SURE_SCORE]
        if not o.wide_px or not unsure:
            return found
        wide = Canvas.fit((height, width), o.wide_px, o.max_upscale, margin=0.25)
        coarse = self._detect_on(wide, [images_bgr[index] for index in unsure], AT_ONCE[self._device])
        for index, faces in zip(unsure, coarse, strict=True):
            large = faces[geometry.heights(faces.boxes) >= o.wide_min_height * min(height, width)]
            found[index] = self._suppressed(Faces.concatenate([found[index], large]))
        return found

    def detect_parts(self, parts_bgr: Sequence[ImageArray]) -> list[Faces]:
        """Detects the faces of squares cut from frames, (S, S, 3) uint8 BGR each, without scaling.

        Returns:
            One `Faces` per square, best score first, in pixels of the square.
        """
        if not parts_bgr:
            return []
        _check_images(parts_bgr)
        side = parts_bgr[0].shape[0]
        return self._detect_on(Canvas.fit((side, side), side, 1.0), parts_bgr, PARTS_AT_ONCE[self._device])

    def _main_canvas(self, frame_hw: tuple[int, int]) -> Canvas:
        return Canvas.fit(frame_hw, self.options.input_px, self.options.max_upscale)

    def _detect_on(self, canvas: Canvas, images: Sequence[ImageArray], at_once: int) -> list[Faces]:
        """In batches of `at_once`; best score first."""
        batches = [images[first : first + at_once] for first in range(0, len(images), at_once)]
        return [self._suppressed(faces) for batch in batches for faces in self._detect_at_once(canvas, batch)]

    def _detect_at_once(self, canvas: Canvas, images: Sequence[ImageArray]) -> list[Faces]:
        planes = self._planes(canvas, len(images))
        for image, own in zip(images, planes, strict=True):
            canvas.draw(image, own)
        raw = self._network.run(planes)
        owners, levels = zip(*(self._decoded(raw, level, canvas) for level in range(len(STRIDES))), strict=True)
        owner, faces = np.concatenate(owners), Faces.concatenate(list(levels))
        return [faces[owner == i] for i in range(len(images))]

    def _planes(self, canvas: Canvas, count: int) -> FloatArray:
        """A kept array to draw on: it stays black around the frames, and allocating is slower than drawing."""
        kept = self._kept.get(canvas)
        if kept is None or len(kept) < count:
            if len(self._kept) >= CANVASES:  # the frames' size has changed
                self._kept.clear()
            kept = self._kept[canvas] = canvas.blank(count)
        return kept[:count]

    def _decoded(self, raw: list[Any], level: int, canvas: Canvas) -> tuple[IntArray, Faces]:
        """The faces above `min_score` of one stride, and the image that each is in, (N,)."""
        stride = STRIDES[level]
        scores = raw[self._network.outputs.scores[level]][..., 0]  # (B, cells * anchors)
        owner, hit = np.nonzero(scores >= self.options.min_score)
        anchors = _anchor_points(canvas.height_px // stride, canvas.width_px // stride, stride)
        at = anchors[hit // self._network.outputs.anchors_per_cell]  # (n, 2)
        reach = raw[self._network.outputs.boxes[level]][owner, hit] * stride  # (n, 4) left, top, right, bottom
        corners = np.concatenate([at - reach[:, :2], at + reach[:, 2:]], axis=1)
        offsets = raw[self._network.outputs.landmarks[level]][owner, hit].reshape(-1, LANDMARK_COUNT, 2)
        points = at[:, None, :] + offsets * stride
        return owner, Faces(canvas.to_frame(corners), scores[owner, hit], canvas.to_frame(points))

    def _suppressed(self, faces: Faces) -> Faces:
        return faces[geometry.non_maximum_suppression(faces.boxes, faces.scores, self.options.max_overlap)]


def _check_images(images: Sequence[ImageArray]) -> None:
    for image in images:
        check_array("image", image, shape=(*images[0].shape[:2], 3), dtype=np.uint8)


def _padded(length_px: int) -> int:
    return -(-length_px // PAD_MULTIPLE_PX) * PAD_MULTIPLE_PX


@lru_cache(maxsize=3 * CANVASES)
def _anchor_points(rows: int, columns: int, stride: int) -> npt.NDArray[np.float32]:
    """(rows * columns, 2) x, y of the cells' corners in canvas pixels, row by row."""
    y, x = np.mgrid[:rows, :columns]
    return (np.stack([x, y], axis=-1).reshape(-1, 2) * stride).astype(np.float32)
