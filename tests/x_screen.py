"""A screen that nobody sees: Xvfb, with keys that are pressed and a picture that can be read."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes.util import find_library
from pathlib import Path

import numpy as np

XVFB = shutil.which("Xvfb") if find_library("X11") and find_library("Xtst") else None
WIDTH_PX, HEIGHT_PX = 1280, 800
XWD_SIZES = slice(0, 100, 4)
"""The header of an XWD file is 25 numbers of 32 bits, most significant byte first."""


class Screen:
    """An X server's screen.

    Args:
        display: its name.
        folder: where the server keeps the picture.
    """

    def __init__(self, display: str, folder: Path) -> None:
        self.display, self._folder = display, folder
        self._x, self._test = (ctypes.CDLL(find_library(name)) for name in ("X11", "Xtst"))
        self._x.XOpenDisplay.restype = ctypes.c_void_p
        self._x.XStringToKeysym.restype = ctypes.c_ulong
        self._connection = ctypes.c_void_p(self._x.XOpenDisplay(display.encode()))

    def windows(self) -> list[int]:
        """The windows that are shown."""
        root, parent, children, count = ctypes.c_ulong(), ctypes.c_ulong(), ctypes.c_void_p(), ctypes.c_uint()
        self._x.XDefaultRootWindow.restype = ctypes.c_ulong
        top = ctypes.c_ulong(self._x.XDefaultRootWindow(self._connection))
        self._x.XQueryTree(self._connection, top, *map(ctypes.byref, (root, parent, children, count)))
        found: list[int] = list((ctypes.c_ulong * count.value).from_address(children.value or 0)) if count.value else []
        return [window for window in found if self._is_viewable(window)]

    def _is_viewable(self, window: int) -> bool:
        attributes = (ctypes.c_int * 64)()  # XWindowAttributes; map_state is at byte 92 where pointers have 8 bytes
        self._x.XGetWindowAttributes(self._connection, ctypes.c_ulong(window), ctypes.byref(attributes))
        return attributes[23] == 2

    def press(self, key: str) -> None:
        """Presses a key in the window that is shown."""
        for window in self.windows()[-1:]:
            self._x.XSetInputFocus(self._connection, ctypes.c_ulong(window), 1, ctypes.c_ulong(0))
        code = self._x.XKeysymToKeycode(self._connection, ctypes.c_ulong(self._x.XStringToKeysym(key.encode())))
        for is_down in (1, 0):
            self._test.XTestFakeKeyEvent(self._connection, code, is_down, ctypes.c_ulong(0))
            self._x.XFlush(self._connection)
            time.sleep(0.05)

    def picture(self) -> np.ndarray:
        """What is on the screen, (H, W, 3) uint8 RGB."""
        stored = (self._folder / "Xvfb_screen0").read_bytes()
        header = np.frombuffer(stored, ">u4", 25)
        header_bytes, height, line_bytes, colours = (int(header[place]) for place in (0, 5, 12, 19))
        pixels = np.frombuffer(stored, np.uint8, height * line_bytes, header_bytes + 12 * colours)
        return pixels.reshape(height, -1, 4)[:, :WIDTH_PX, 2::-1]


@contextmanager
def x_screen(folder: Path) -> Iterator[Screen]:
    """Starts a server, and ends it."""
    assert XVFB
    words = [
        XVFB,
        "-displayfd",
        "1",
        "-screen",
        "0",
        f"{WIDTH_PX}x{HEIGHT_PX}x24",
        "-fbdir",
        str(folder),
        "-nolisten",
        "tcp",
    ]
    server = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert server.stdout
        yield Screen(f":{server.stdout.readline().strip()}", folder)
    finally:
        server.terminate()
        server.communicate()


def with_screen(screen: Screen) -> dict[str, str]:
    """The environment of a process that shows windows on it, and that finds the modules of the tests."""
    others = {name: value for name, value in os.environ.items() if name != "WAYLAND_DISPLAY"}
    return others | {"DISPLAY": screen.display, "PYTHONPATH": str(Path(__file__).parent)}
