"""A log whose lines no file can forge."""

from __future__ import annotations

from pathlib import Path

import pytest

from facetally.log import LOGGER, logged_to

FORGED = "a\n2026-01-01 00:00:00,000 ERROR forged\x1b[31m\r\u2028"


def test_a_text_from_a_file_cannot_look_like_a_record_or_colour_a_terminal(tmp_path: Path) -> None:
    with logged_to(tmp_path):
        LOGGER.info("read %s", FORGED)
        try:
            raise ValueError(FORGED)
        except ValueError:
            LOGGER.exception("stopped")
    lines = (tmp_path / "log.txt").read_text(encoding="utf-8").split("\n")
    assert sum(line.startswith("20") for line in lines) == 2
    assert all(line.isprintable() for line in lines)
    assert sum(line.startswith("    2026-01-01 00:00:00,000 ERROR forged\\x1b[31m\\r\\u2028") for line in lines) == 2


def test_the_home_folder_is_not_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/zoe")
    with logged_to(tmp_path):
        LOGGER.info("read /home/zoe/a.mp4")
    assert (tmp_path / "log.txt").read_text(encoding="utf-8").endswith("INFO read ~/a.mp4\n")
