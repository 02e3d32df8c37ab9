"""The progress of a run, as lines and as a bar."""

from __future__ import annotations

import sys
import threading
from importlib import import_module

import pytest

from facetally.cli import progress as progress_module
from facetally.cli.progress import planned_line, shown_progress
from facetally.results.ledger import VideoRow

NAME = ":red_heart: [red]a.mp4"
OK = VideoRow("id", NAME, "/a.mp4", "ok", track_count=1)


@pytest.mark.parametrize("is_terminal", [False, True])
def test_names_are_shown_as_they_are(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, is_terminal: bool
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: is_terminal)
    with shown_progress() as progress:
        progress.planned([OK], [])
        progress.noted(f"changed: {NAME}")
        progress.finished(OK)
    shown = capsys.readouterr().err
    assert f"note: changed: {NAME}" in shown
    assert f"{NAME}: 1 appearance, length 0.0 s" in shown


def test_videos_that_failed_before_are_not_called_done() -> None:
    failed = VideoRow("id", "b.mp4", "/b.mp4", "failed")
    assert planned_line([OK], [OK, failed]) == "1 video to do, 1 done before, 1 failed before"
    assert planned_line([OK, OK], [OK]) == "2 videos to do, 1 done before"


@pytest.mark.parametrize("is_terminal", [False, True])
def test_the_end_is_loaded_once_when_the_first_frame_is_done(
    monkeypatch: pytest.MonkeyPatch, is_terminal: bool
) -> None:
    loaded: list[str] = []
    is_loaded = threading.Event()
    monkeypatch.setattr(progress_module, "import_module", loaded.append)
    monkeypatch.setattr(progress_module, "free_unused_memory", is_loaded.set)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: is_terminal)
    with shown_progress() as progress:
        progress.planned([OK], [])
        assert not loaded
        progress.advanced("id", 0.0)
        progress.advanced("id", 0.2)
        assert is_loaded.wait(20)
    assert loaded == list(progress_module.AT_END)


@pytest.mark.parametrize("name", progress_module.AT_END)
def test_what_is_loaded_for_the_end_exists(name: str) -> None:
    assert import_module(name)
