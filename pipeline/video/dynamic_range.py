"""Converts pictures of high dynamic range to the standard one that networks were trained on.

Players do the same for a standard screen. The curves are those of ITU-R BT.2100; brightness is relative to the white of
graphics, 203 cd/m2 (ITU-R BT.2408), and what is brighter is compressed.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

PQ, HLG = 16, 18
"""FFmpeg's numbers of the transfer characteristics."""
BT2020 = 9
"""FFmpeg's number of the colour primaries."""
WHITE, PEAK = 203.0, 1000.0
"""cd/m2."""
KNEE = 0.6
"""Share of white up to which brightness is kept; it is compressed above."""
GAMMA = 2.4
TO_BT709 = np.array([[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]])
"""RGB of BT.2020 to RGB of BT.709 (ITU-R BT.2087)."""

Image = npt.NDArray[np.uint8]


def to_standard(image_bgr: Image, transfer: int, primaries: int) -> Image:
    """(H, W, 3) uint8 BGR of standard range.

    Args:
        image_bgr: (H, W, 3) uint8 BGR, coded by the transfer characteristic.
        transfer: FFmpeg's number of it; other ones than `PQ` and `HLG` leave the image as it is.
        primaries: FFmpeg's number of the colour primaries.
    """
    if transfer not in (PQ, HLG):
        return image_bgr
    image = cv2.LUT(image_bgr, _table(transfer))
    if primaries == BT2020:
        image = cv2.transform(image, TO_BT709[::-1, ::-1])  # of coded values: near enough for the colours of skin
    return np.asarray(image, np.uint8)


@cache
def _table(transfer: int) -> Image:
    """(256,) uint8: the value of standard range for each coded one."""
    light = (_pq_light if transfer == PQ else _hlg_light)(np.arange(256) / 255) / WHITE
    peak = PEAK / WHITE
    above = np.clip((light - KNEE) / (peak - KNEE), 0, 1)
    # a curve with slope 1 at the knee that reaches white at the peak
    slope = (peak - KNEE) / (1 - KNEE)
    kept = np.where(light <= KNEE, light, KNEE + (1 - KNEE) * (slope * above) / (1 + (slope - 1) * above))
    return np.asarray(np.round(255 * np.clip(kept, 0, 1) ** (1 / GAMMA)), np.uint8)


def _pq_light(value: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """cd/m2 of values in [0, 1] (SMPTE ST 2084)."""
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
    root = value ** (1 / m2)
    return np.asarray(10000 * (np.maximum(root - c1, 0) / (c2 - c3 * root)) ** (1 / m1))


def _hlg_light(value: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """cd/m2 of values in [0, 1] on a screen of 1000 cd/m2 (ARIB STD-B67, system gamma 1.2)."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(value <= 0.5, value**2 / 3, (np.exp((value - c) / a) + b) / 12)
    return np.asarray(PEAK * scene**1.2)
