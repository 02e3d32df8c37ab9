"""Whether two faces that follow each other in a video show the same person.

Two descriptors of a face are compared. The first is small and is computed for every face: the grey values of the
aligned face and of the head around it, and the colours of face, hair and clothes. Between two samples of one person
these change little, whoever it is. The second, an embedding, is computed only where the first leaves a doubt: a head
that turns quickly changes as much as one that is replaced by another.

Descriptors are biometric data. They are kept in memory while their track lasts, and are never stored.
"""

from __future__ import annotations

from functools import cached_property
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from facetally.detection.crops import CropRecipe, cut_crops
from facetally.detection.faces import Faces, FloatArray, ImageArray
from facetally.detection.likeness import likeness

HEAD_RECIPE = CropRecipe(size_px=64, template_scale=0.42)
"""Face, hair and shoulders."""
FACE_PX = slice(18, 46)
"""The face within that crop, along either axis."""
HEAD_PX = 32
COLOUR_CELLS = 8
"""Cells of the colour grid along either axis; a cell is 8 px of the crop."""
FACE_SHIFT_PX, HEAD_SHIFT_PX = (3, 3), (2, 2)
"""How far two crops may be shifted against each other: landmarks jitter."""
SMALLEST = 1e-2
"""Differences below are noise."""
WEIGHTS = np.array([1.15, 3.52, 4.0, 4.11])
OFFSET = -14.93
"""Logistic regression on the logarithms of the four differences in `FaceView.differences`, by
`scripts/fit_following/`."""

DOUBT = 1.5
"""Log-odds from which the embedding is asked."""
CHANGE_WEIGHT, LIKENESS_WEIGHT, JOINT_OFFSET = 0.84, -7.49, 0.61
MAX_CHANGE = 6.5
"""Logistic regression on the log-odds, up to `MAX_CHANGE`, and on the highest cosine of two embeddings, by the same
script; positive: the track ends."""
CHANGE_ALONE = 4.5
"""Log-odds from which a track ends if there is no embedding."""
KEEP_EVERY_S, KEPT_VIEWS = 0.6, 3
"""Earlier views that a track keeps."""


class Embedding(Protocol):
    """A network that describes whose a face is."""

    @property
    def recipe(self) -> CropRecipe:
        """The crops that it needs."""

    def embed(self, crops: ImageArray, /) -> FloatArray:
        """(N, S, S, 3) uint8 RGB crops to (N, D) float32 unit vectors, one for each."""


class FaceView:
    """One face of one frame, and how it looks.

    Args:
        head: (64, 64, 3) uint8 RGB, cut by `HEAD_RECIPE`.
        crop: (S, S, 3) uint8 RGB for the embedding; without one there is no vector.
        embedding: makes the vector from it.
    """

    def __init__(self, head: ImageArray, crop: ImageArray | None = None, embedding: Embedding | None = None) -> None:
        grey = np.asarray(cv2.cvtColor(head, cv2.COLOR_RGB2GRAY), np.uint8)
        self._face = grey[FACE_PX, FACE_PX].copy()
        self._head = np.asarray(cv2.resize(grey, (HEAD_PX, HEAD_PX), interpolation=cv2.INTER_AREA), np.uint8)
        cells = cv2.resize(head, (COLOUR_CELLS, COLOUR_CELLS), interpolation=cv2.INTER_AREA)
        self._colours = cv2.cvtColor(cells, cv2.COLOR_RGB2LAB).astype(np.float32)
        self._crop, self._embedding = crop, embedding

    @cached_property
    def vector(self) -> FloatArray | None:
        """(D,) float32 unit vector of the embedding, computed when it is first asked for; None without a network."""
        if self._crop is None or self._embedding is None:
            return None
        (vector,) = self._embedding.embed(self._crop[None])
        return np.asarray(vector)

    def differences(self, other: FaceView) -> npt.NDArray[np.float64]:
        """(4,) of grey values (face, head: 1 - correlation) and of mean colours (head, clothes: 0-255)."""
        colours = np.abs(self._colours - other._colours)
        return np.array(
            [
                1 - likeness(self._face, other._face, FACE_SHIFT_PX),
                1 - likeness(self._head, other._head, HEAD_SHIFT_PX),
                colours[1:6, 2:6].mean(),
                colours[6:, 1:7].mean(),
            ]
        )

    def change(self, other: FaceView) -> float:
        """Log-odds that the other face is another person's, from the descriptors without the embedding."""
        return float(WEIGHTS @ np.log(np.maximum(self.differences(other), SMALLEST)) + OFFSET)


def face_views(image_bgr: ImageArray, faces: Faces, embedding: Embedding | None = None) -> list[FaceView]:
    """The views of all faces of a frame.

    Args:
        image_bgr: (H, W, 3) uint8 BGR.
        faces: N faces in its pixels.
        embedding: the network for cases of doubt.
    """
    heads = cut_crops(image_bgr, faces, HEAD_RECIPE)
    if embedding is None:
        return [FaceView(head) for head in heads]
    crops = cut_crops(image_bgr, faces, embedding.recipe)
    return [FaceView(head, crop, embedding) for head, crop in zip(heads, crops, strict=True)]


class TrackLook:
    """How the face of one track has looked: its last view, and a few earlier ones.

    Args:
        view: the first.
        time_s: its time.
    """

    def __init__(self, view: FaceView, time_s: float) -> None:
        self._last, self._earlier, self._kept_s = view, [view], time_s

    def add(self, view: FaceView, time_s: float) -> None:
        """Adds the track's next view."""
        self._last = view
        if time_s - self._kept_s >= KEEP_EVERY_S:
            self._earlier, self._kept_s = [*self._earlier, view][-KEPT_VIEWS:], time_s

    def change(self, view: FaceView) -> float:
        """Evidence that a view, of a face where the track's is expected, shows another person; positive: it does."""
        change = self._last.change(view)
        if change < DOUBT or view.vector is None:
            return change - CHANGE_ALONE
        return CHANGE_WEIGHT * min(change, MAX_CHANGE) + LIKENESS_WEIGHT * self.highest_cosine(view) + JOINT_OFFSET

    def differences(self, view: FaceView) -> npt.NDArray[np.float64]:
        """(4,) those of a view from the track's last one."""
        return self._last.differences(view)

    def highest_cosine(self, view: FaceView) -> float:
        """Of the vectors of a view and of those that the track keeps; all of them must have one."""
        vectors = [other.vector for other in (self._last, *self._earlier) if other.vector is not None]
        assert view.vector is not None
        return max(float(view.vector @ vector) for vector in vectors)
