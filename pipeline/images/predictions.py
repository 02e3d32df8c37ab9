"""The faces of several images as one sequence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import overload

from facetally.images.predict import PredictedFace, PredictedImage, UnreadImage


class ImagePredictions(Sequence[PredictedFace]):
    """The faces of all images, in the order of the images; a file that could not be read is in `unread`."""

    def __init__(self, results: Iterable[PredictedImage | UnreadImage]) -> None:
        results = list(results)
        self.images = tuple(result for result in results if isinstance(result, PredictedImage))
        self.unread = tuple(result for result in results if isinstance(result, UnreadImage))
        self._faces = tuple(face for image in self.images for face in image.faces)

    def __len__(self) -> int:
        return len(self._faces)

    @overload
    def __getitem__(self, index: int) -> PredictedFace: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[PredictedFace, ...]: ...

    def __getitem__(self, index: int | slice) -> PredictedFace | tuple[PredictedFace, ...]:
        return self._faces[index]

    def __repr__(self) -> str:
        return f"<{len(self)} faces in {len(self.images)} images, {len(self.unread)} unread>"
