"""Where a window can be opened, what it shows, and its keys."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from x_screen import XVFB, Screen, with_screen, x_screen

from facetally.live import window_view
from facetally.live.window_view import ENLARGED_HEIGHT_PX, MIN_WIDTH_PX, why_no_window, wide_enough
from facetally.results.ledger import Ledger

COMMAND = """
import sys
import cv2
from drawn_world import MIXED, engines
from live_world import DrawnCamera
from facetally.cli.main import main
from facetally.jobs import live as job
job.live_engines = lambda *_, **__: engines()
job.opened = lambda source: DrawnCamera(MIXED)
main(["live", "0", "-o", sys.argv[1]])
"""
FEMALE_RGB = 0x7A, 0x4F, 0xB5
END_S = 120
PAINTED_S, ATTEMPTS = 30, 4
"""OpenCV 5.0.0's windows (Qt) are sometimes there and stay black for as long as they are: on a busy machine 12 of 60
that were opened without facetally, whatever they were told afterwards. The command is then started again."""


def test_without_a_screen_there_is_no_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert why_no_window() == "there is no screen"


def test_windows_would_hang_if_pyav_was_imported_before_opencv() -> None:
    assert window_view.hangs(["sys", "av", "cv2"])
    assert not window_view.hangs(["sys", "cv2", "av"])
    assert not window_view.hangs(["sys", "cv2"])


def test_a_screen_that_cannot_be_reached_does_not_end_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window_view, "hangs", lambda _: False)
    monkeypatch.setenv("DISPLAY", ":4711")
    assert why_no_window() == "the screen cannot be reached"


@dataclass
class Command:
    """A command that shows a window, and what it writes."""

    process: subprocess.Popen[bytes]
    stderr: Path

    def has_ended(self) -> bool:
        return self.process.poll() is not None

    def repeats_until(
        self, is_so: Callable[[], bool], action: Callable[[], None] = lambda: None, end_s: float = END_S
    ) -> bool:
        """Repeats something until something is so, and returns whether that came in time.

        OpenCV forgets a key if another one follows before it was asked for.
        """
        until_s = time.monotonic() + end_s
        while time.monotonic() < until_s:
            had_ended = self.has_ended()
            if is_so():
                return True
            assert not had_ended, f"it ended with {self.process.returncode}: {self.stderr.read_text()}"
            action()
            time.sleep(0.5)
        return False


@contextmanager
def started(screen: Screen, folder: Path) -> Iterator[Command]:
    """The command, with its results in OUT; it is killed at the end if it has not ended."""
    stderr = folder / "stderr.txt"
    words = [sys.executable, "-c", COMMAND, str(folder / "out")]
    with stderr.open("w") as written:
        process = subprocess.Popen(words, env=with_screen(screen), stdout=subprocess.DEVNULL, stderr=written)
        try:
            yield Command(process, stderr)
        finally:
            process.kill()
            process.wait()


def has_box(screen: Screen) -> bool:
    """Whether there is a box in the colour of female; the drawn faces are red and blue."""
    return int((np.abs(screen.picture().astype(int) - FEMALE_RGB).max(axis=2) <= 2).sum()) > 100


@pytest.mark.skipif(not XVFB, reason="Xvfb is not installed: apt-get install xvfb")
def test_the_window_shows_boxes_and_its_keys_pause_save_and_end(tmp_path: Path) -> None:
    for attempt in range(ATTEMPTS):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        with x_screen(folder) as screen, started(screen, folder) as command:
            if command.repeats_until(partial(has_box, screen), end_s=PAINTED_S):
                press_all_keys(command, screen, folder / "out")
                return
    pytest.fail(f"no box was seen; the last command wrote: {command.stderr.read_text()}")


def press_all_keys(command: Command, screen: Screen, out: Path) -> None:
    """Presses the keys one after the other, and looks for what each one does."""
    screen.press("p")
    time.sleep(1)
    screen.press("p")
    assert command.repeats_until(lambda: bool(list((out / "tallies").glob("*"))), lambda: screen.press("s"))
    assert command.repeats_until(command.has_ended, lambda: screen.press("q"))
    assert command.process.returncode == 0, command.stderr.read_text()
    assert "paused" in next(Ledger(out).rows()).note


@pytest.mark.parametrize("hw", [(120, 160), (900, 300), (60, 2), (300, 559)])
def test_a_small_picture_is_made_wide_enough_for_the_text_below_it(hw: tuple[int, int]) -> None:
    shown = wide_enough(np.full((*hw, 3), 200, np.uint8))
    assert shown.shape[1] == MIN_WIDTH_PX and shown.shape[0] <= max(ENLARGED_HEIGHT_PX, hw[0])
    assert shown[:, MIN_WIDTH_PX // 2].min() == 200


def test_a_picture_that_is_wide_enough_stays_as_it_is() -> None:
    image = np.zeros((100, MIN_WIDTH_PX, 3), np.uint8)
    assert wide_enough(image) is image
