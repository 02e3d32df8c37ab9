"""Cuts aligned, square crops by the five landmarks of a face; training and the pipeline use the same code.

The crop is the least-squares similarity transform (rotation, scale, shift; Umeyama, 1991) of the five points onto the
ArcFace template (Deng et al., CVPR 2019).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt

from facetally.detection.faces import Faces, FloatArray, ImageArray

ARCFACE_TEMPLATE_112 = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]],
    dtype=np.float64,
)
"""(5, 2) x, y of the five points in a 112 px square."""

Border = Literal["replicate", "black"]

MAX_SIZE_PX = 1024
MAX_TEMPLATE_SCALE = 10
BORDERS: dict[Border, int] = {"replicate": cv2.BORDER_REPLICATE, "black": cv2.BORDER_CONSTANT}


@dataclass(frozen=True)
class CropRecipe:
    """How a crop is cut. Stored in every checkpoint, so that training and inference cannot differ.

    Raises:
        ValueError: unknown border, or size or scale not positive.
    """

    size_px: int = 112
    """Side of the square crop, the network's input."""
    template_scale: float = 1.0
    """Size of the face in the crop: 1 is the ArcFace template; smaller values show more around the face."""
    border: Border = "replicate"
    """What fills the crop outside the image: its edge pixels ("replicate") or black ("black")."""

    def __post_init__(self) -> None:
        if self.border not in BORDERS:
            raise ValueError(f"border must be one of {sorted(BORDERS)}, got {self.border!r}")
        if not 0 < self.size_px <= MAX_SIZE_PX or not 0 < self.template_scale <= MAX_TEMPLATE_SCALE:
            raise ValueError(
                f"size_px must be in 1-{MAX_SIZE_PX} and template_scale in (0, {MAX_TEMPLATE_SCALE}], got {self}"
            )

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON and checkpoints."""
        return asdict(self)

    def template(self, margin_px: int = 0) -> npt.NDArray[np.float64]:
        """(5, 2) positions of the points in a square of `size_px` + 2 `margin_px`: same scale, wider view."""
        centred = (ARCFACE_TEMPLATE_112 - 56) * (self.size_px / 112) * self.template_scale
        return centred + (self.size_px + 2 * margin_px) / 2


def alignment_matrices(landmarks: FloatArray, target: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The similarity transform of each face's points onto `target`, by least squares.

    In the plane the least-squares similarity has a closed form in complex numbers: with both sets of points centred,
    scale and rotation are sum(conj(p) t) / sum(|p|^2).

    Args:
        landmarks: (N, 5, 2) x, y in frame pixels.
        target: (5, 2) x, y in crop pixels.

    Returns:
        (N, 2, 3) affine matrices from frame to crop. If all five points of a face coincide, the scale is 0.
    """
    points = landmarks[..., 0].astype(np.float64) + 1j * landmarks[..., 1]  # (N, 5)
    goal = target[:, 0] + 1j * target[:, 1]  # (5,)
    centre, goal_centre = points.mean(axis=1), goal.mean()
    spread = points - centre[:, None]
    energy = np.maximum((np.abs(spread) ** 2).sum(axis=1), np.finfo(np.float64).tiny)
    turn = (np.conj(spread) * (goal - goal_centre)).sum(axis=1) / energy  # scale * e^(i angle)
    shift = goal_centre - turn * centre
    rows = [[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]]
    return np.moveaxis(np.array(rows), 2, 0)  # (2, 3, N) -> (N, 2, 3)


def cut_crops(image_bgr: ImageArray, faces: Faces, recipe: CropRecipe, margin_px: int = 0) -> ImageArray:
    """Cuts one aligned crop per face.

    Args:
        image_bgr: (H, W, 3) uint8 BGR.
        faces: N faces with landmarks in pixels of `image_bgr`.
        recipe: size, scale and border of the crops.
        margin_px: extra pixels on each side, for shifts and rotations in training.

    Returns:
        (N, S, S, 3) uint8 RGB with S = `recipe.size_px` + 2 `margin_px`.
    """
    side = recipe.size_px + 2 * margin_px
    crops = np.empty((len(faces), side, side, 3), np.uint8)
    matrices = alignment_matrices(faces.landmarks, recipe.template(margin_px))
    for crop, matrix in zip(crops, matrices, strict=True):
        cut = _cut_one(image_bgr, matrix, side=side, border=BORDERS[recipe.border])
        cv2.cvtColor(cut, cv2.COLOR_BGR2RGB, dst=crop)
    return crops


def _cut_one(image: ImageArray, matrix: npt.NDArray[np.float64], *, side: int, border: int) -> npt.NDArray[Any]:
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    if 0 < scale < 0.5:  # a face much larger than the crop: average pixels first, or the crop is aliased
        image, matrix = _shrunk_around(image, matrix, side=side, block_px=int(1 / scale))
    return cv2.warpAffine(image, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=border)


def _shrunk_around(
    image: ImageArray, matrix: npt.NDArray[np.float64], *, side: int, block_px: int
) -> tuple[Any, npt.NDArray[np.float64]]:
    """The part of the image inside the crop, each block averaged to one pixel, and the matrix from it to the crop."""
    corners = np.array([[0, 0, 1], [side, 0, 1], [0, side, 1], [side, side, 1]], np.float64)
    in_frame = corners @ np.linalg.inv(np.vstack([matrix, [0, 0, 1]])).T
    height, width = image.shape[:2]
    pad = 2 * block_px
    x1, y1 = np.clip(np.floor(in_frame[:, :2].min(axis=0) - pad), 0, [width - 1, height - 1]).astype(int)
    x2, y2 = np.clip(np.ceil(in_frame[:, :2].max(axis=0) + pad), [x1 + 1, y1 + 1], [width, height]).astype(int)
    columns, rows = -(-(x2 - x1) // block_px), -(-(y2 - y1) // block_px)  # whole blocks, so that the scale is exact
    part = image[y1 : y1 + rows * block_px, x1 : x1 + columns * block_px]
    missing_y, missing_x = rows * block_px - part.shape[0], columns * block_px - part.shape[1]
    # the last block may reach beyond the frame
    whole = (
        cv2.copyMakeBorder(part, 0, missing_y, 0, missing_x, cv2.BORDER_REPLICATE) if missing_x or missing_y else part
    )
    small = cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_AREA)
    # pixel centres: frame = small * block + first + (block - 1) / 2
    to_frame = np.array(
        [[block_px, 0, x1 + (block_px - 1) / 2], [0, block_px, y1 + (block_px - 1) / 2], [0, 0, 1]], np.float64
    )
    return small, matrix @ to_frame
