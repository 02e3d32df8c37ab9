"""The live picture in a window of its own, by OpenCV."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Sequence

import cv2
import numpy as np

from facetally.detection.faces import ImageArray
from facetally.images.lettering import Line, text_block
from facetally.live.views import Status, Wish
from facetally.local_page import has_display

KEYS: dict[str, Wish] = {"q": "end", "\x1b": "end", "p": "pause", "s": "save"}
STRIP_PX, TEXT_PX = 74, 15
HINT_COLOUR = (150, 150, 150)
HINT = "keys: p pauses, s saves, q ends"
EMPTY_WH = (640, 360)
MIN_WIDTH_PX, ENLARGED_HEIGHT_PX = 560, 640
"""The text below the picture needs this width: a smaller picture is enlarged up to this height, or gets black sides."""
PROBE = "import cv2; cv2.namedWindow('facetally'); cv2.waitKey(1); cv2.destroyAllWindows()"
PROBE_S = 20.0
QUIET = {"QT_LOGGING_RULES": "*=false"}
"""Qt warns of fonts that OpenCV does not bring along."""


def why_no_window() -> str:
    """Why no window can be opened here; empty if one can.

    It is tried in another process: where the screen cannot be reached, Qt ends the process that asks.
    """
    if not has_display():
        return "there is no screen"
    if hangs(list(sys.modules)):
        return "OpenCV was loaded after PyAV, and its windows hang then"
    try:
        done = subprocess.run(
            [sys.executable, "-c", PROBE], env=os.environ | QUIET, capture_output=True, timeout=PROBE_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return "the screen does not answer"
    if done.returncode == 0:
        return ""
    is_headless = b"not implemented" in done.stderr or b"not implemented" in done.stdout
    return "this OpenCV cannot open windows" if is_headless else "the screen cannot be reached"


def hangs(loaded: Sequence[str]) -> bool:
    """Whether OpenCV's windows would hang: where PyAV was imported before it, both then use PyAV's libxcb.

    Args:
        loaded: the names of the imported modules, in their order.
    """
    return "av" in loaded and loaded.index("av") < loaded.index("cv2")


def wide_enough(image_bgr: ImageArray) -> ImageArray:
    """The picture, enlarged or with black sides where it is too narrow for the text below it."""
    height, width = image_bgr.shape[:2]
    if width >= MIN_WIDTH_PX:
        return image_bgr
    scale = max(min(MIN_WIDTH_PX / width, ENLARGED_HEIGHT_PX / height), 1.0)
    size_wh = min(round(width * scale), MIN_WIDTH_PX), max(round(height * scale), 1)
    enlarged = cv2.resize(image_bgr, size_wh, interpolation=cv2.INTER_CUBIC)
    left = (MIN_WIDTH_PX - size_wh[0]) // 2
    right = MIN_WIDTH_PX - size_wh[0] - left
    return np.asarray(cv2.copyMakeBorder(enlarged, 0, 0, left, right, cv2.BORDER_CONSTANT), np.uint8)


class WindowView:
    """A view in a window; it ends when the window is closed.

    Args:
        title: what is shown.
    """

    max_fps = 25.0

    def __init__(self, title: str) -> None:
        for name, value in QUIET.items():
            os.environ.setdefault(name, value)
        self._title = f"{title} - facetally live"
        cv2.namedWindow(self._title, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
        self._image: ImageArray = np.zeros((EMPTY_WH[1], EMPTY_WH[0], 3), np.uint8)
        self._text = self._size = ""

    def wants_picture(self) -> bool:
        return True

    def show(self, image_bgr: ImageArray, status: Status) -> None:
        self._image = wide_enough(image_bgr)
        self._text = ""  # draws in any case
        self.tell(status)

    def tell(self, status: Status) -> None:
        """Writes the status below the picture, if it is another one."""
        text = f"{status.counts}\n{status.speed}"
        if text == self._text:
            return
        self._text = text
        height, width = self._image.shape[:2]
        lines = [Line(status.counts), Line(status.speed), Line(HINT, HINT_COLOUR)]
        strip = text_block(lines, (width, STRIP_PX), text_px=TEXT_PX, pad_px=6)
        if self._size != f"{width} {height}":
            self._size = f"{width} {height}"
            cv2.resizeWindow(self._title, width, height + STRIP_PX)
        cv2.imshow(self._title, np.concatenate([self._image, strip]))

    def wishes(self) -> Iterable[Wish]:
        key = cv2.pollKey()
        wish = KEYS.get(chr(key & 0xFF).lower()) if key >= 0 else None
        if cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) < 1:
            wish = "end"
        return [wish] if wish else []

    def close(self) -> None:
        cv2.destroyAllWindows()
        cv2.waitKey(1)
