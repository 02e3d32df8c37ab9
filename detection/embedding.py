"""Turns aligned face crops into vectors that are close together where two crops of one video show the same person.

The vectors are biometric data. They are for comparisons within one video only: keep them in memory until that video is
finished, and never write or log them.
"""

from __future__ import annotations

import functools
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from facetally.detection.crops import CropRecipe
from facetally.detection.faces import FloatArray, ImageArray, check_array
from facetally.files import parsed_json
from facetally.networks import Network

CARD = "card"
"""Key of the file's metadata under which the card is stored, as JSON; `crop` in it is the `CropRecipe`."""
INPUT, OUTPUT = "crops", "vectors"
AT_ONCE = 16
"""Crops per inference. More are no faster on a CPU, and onnxruntime keeps memory for every batch size."""


class FaceEmbedder:
    """Runs an embedding network in ONNX, as written by `detection/training/embedding_export.py`.

    Args:
        path: the ONNX file.
        threads: threads of one inference; 0 lets onnxruntime choose.
        is_deferred: load the network when it is first used, and only then raise the errors of damaged files: for
            weights that are known, in a process that may only hand the embedder on to others.

    Raises:
        ValueError: the file is not an ONNX model, or not such a network.
    """

    def __init__(self, path: Path, *, threads: int = 1, is_deferred: bool = False) -> None:
        self._path, self._threads = path, threads
        if not is_deferred:
            _ = self._loaded

    @cached_property
    def _loaded(self) -> _Embedding:
        return _Embedding(self._path, self._threads)

    @property
    def recipe(self) -> CropRecipe:
        """How its crops are cut."""
        return self._loaded.recipe

    @property
    def dimensions(self) -> int:
        """Of its vectors."""
        return self._loaded.dimensions

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled as its arguments: another process loads the same file again."""
        return functools.partial(type(self), self._path, threads=self._threads), ()

    def embed(self, crops: ImageArray) -> FloatArray:
        """One vector per crop; the cosine of two vectors is their scalar product.

        Args:
            crops: (N, S, S, 3) uint8 RGB, cut by `cut_crops` with `recipe`; S is `recipe.size_px`.

        Returns:
            (N, D) float32 of length 1, D being `dimensions`.

        Raises:
            TypeError, ValueError: the crops have another dtype or shape.
        """
        side = self.recipe.size_px
        check_array("crops", crops, shape=(None, side, side, 3), dtype=np.uint8)
        vectors = np.empty((len(crops), self.dimensions), np.float32)
        for first in range(0, len(crops), AT_ONCE):
            part = slice(first, first + AT_ONCE)
            (vectors[part],) = self._loaded.network(crops[part])
        return vectors


class _Embedding:
    """A network, and what its card states."""

    def __init__(self, path: Path, threads: int) -> None:
        self.network = Network(path, threads=threads)
        try:
            card = parsed_json(self.network.metadata[CARD])
            self.recipe = CropRecipe(**card["crop"])
            side = self.recipe.size_px
            (blank,) = self.network(np.zeros((1, side, side, 3), np.uint8))
            self.dimensions = int(blank.shape[1])
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path} is not a face embedding network: its card is missing or damaged") from error
