"""What accuracy to expect before anything is labelled, from the sizes of the faces alone."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

HEIGHTS_PX = (10, 15, 20, 25, 30, 40, 50, 75, 100)
ACCURACIES = (0.637, 0.769, 0.835, 0.885, 0.909, 0.933, 0.943, 0.950, 0.954)
"""Gender accuracy by face height, as inaFaceAnalyzer's authors measured it on shrunk FairFace faces."""
SMALL_PX = 30


@dataclass(frozen=True)
class Forecast:
    """What faces of these sizes let one hope for."""

    small_share: float
    """Of faces under `SMALL_PX`, in [0, 1]; NaN without faces."""
    accuracy: float
    """Expected mean over all faces, in [0, 1]; NaN without faces."""

    @property
    def sentence(self) -> str:
        """In plain words; empty without faces."""
        if math.isnan(self.accuracy):
            return ""
        return (
            f"{100 * self.small_share:.0f} % of the appearances have faces under {SMALL_PX} px: "
            f"expect about {100 * self.accuracy:.0f} % of all to be told right"
        )


def forecast(face_heights_px: npt.NDArray[np.floating]) -> Forecast:
    """Interpolates the published accuracies at these heights.

    Args:
        face_heights_px: (N,) one for each appearance.
    """
    if not len(face_heights_px):
        return Forecast(math.nan, math.nan)
    expected = np.interp(face_heights_px, HEIGHTS_PX, ACCURACIES)
    return Forecast(float((face_heights_px < SMALL_PX).mean()), float(expected.mean()))
