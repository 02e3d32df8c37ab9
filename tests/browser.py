"""A browser that is installed on this machine, for tests of pages; none is downloaded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from facetally.errors import OptionError
from facetally.reporting.pdf import find_browser

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

WAIT_S = 10.0
Opens = Callable[..., "Page"]
"""Opens a file, in a window of some size, with some media features."""


@contextmanager
def launched() -> Iterator[Browser]:
    """Chromium; without one the test is skipped."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
    try:
        path = find_browser()
    except OptionError:
        pytest.skip("needs a browser: install chromium, or give its path in FACETALLY_BROWSER")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def opener(browser: Browser) -> Iterator[Opens]:
    """A function that opens files. In the end no page may have had an error, or have asked for anything else."""
    context = browser.new_context()
    context.set_default_timeout(1000 * WAIT_S)
    troubles: list[str] = []

    def opened(path: Path, width: int = 1280, **media: Any) -> Page:
        page = context.new_page()
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(**media)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda line: troubles.append(line.text) if line.type in ("error", "warning") else None)
        page.on("request", lambda sent: None if sent.url.startswith(path.as_uri()) else troubles.append(sent.url))
        page.goto(path.as_uri())
        return page

    yield opened
    context.close()
    assert troubles == []
