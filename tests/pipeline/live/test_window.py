"""Where a window can be opened."""

from __future__ import annotations

import pytest

from facetally.live import window_view
from facetally.live.window_view import why_no_window


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
