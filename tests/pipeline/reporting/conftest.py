"""Pages of drawn figures, and a way to open them in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from browser import Opens, opener
from report_pages import full_page, many_videos

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Opens]:
    with opener(browser) as opened:
        yield opened


@pytest.fixture(scope="module")
def every_part(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with every part that there can be, labels included."""
    return full_page(tmp_path_factory.mktemp("every_part"))


@pytest.fixture(scope="module")
def of_many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of 500 videos."""
    return many_videos(tmp_path_factory.mktemp("of_many") / "many.html", 500)
