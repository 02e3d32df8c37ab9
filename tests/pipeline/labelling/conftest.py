"""A drawn run with a dozen appearances, and a labelling server in a process of its own."""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from drawn_world import Film, Shot, Square, engines, filmed
from label_server import WAIT_S, DrawnRun, ForkedLabelServer, LabelServer, label_forks

from facetally.batch.plan import plan_run
from facetally.batch.run import run_videos
from facetally.inputs import find_videos
from facetally.jobs.runs import NoProgress
from facetally.labelling.sample import Sample
from facetally.options import RunOptions
from facetally.results.ledger import Ledger

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture(scope="session")
def drawn_run(tmp_path_factory: pytest.TempPathFactory) -> DrawnRun:
    """Two films of six appearances each: four women and two men. Read-only."""
    folder = tmp_path_factory.mktemp("labelled")
    shots = (
        Shot(1.4, (Square("red", (10, 40), (6, 0)), Square("blue", (105, 40)))),
        Shot(1.4, (Square("red", (60, 2)), Square("red", (60, 76))), grey=190),
        Shot(1.4, (Square("blue", (4, 4)), Square("red", (112, 76))), grey=120),
    )
    videos, out = folder / "videos", folder / "out"
    (videos / "a").mkdir(parents=True)
    filmed(videos / "a" / "first.mp4", Film(shots))
    filmed(videos / "second.mp4", Film(shots[::-1]))
    plan = plan_run(find_videos([str(videos)]), Ledger(out), RunOptions().digest(engines().model_hashes))
    run_videos(plan, Ledger(out), engines(), options=RunOptions(), progress=NoProgress())
    return DrawnRun(out, videos)


@pytest.fixture
def sample(drawn_run: DrawnRun) -> Sample:
    """All twelve appearances, and three moments."""
    return drawn_run.sample()


@pytest.fixture
def words(drawn_run: DrawnRun, tmp_path: Path) -> list[str]:
    """Of a labelling of the drawn run; the truth folder is tmp_path/truth."""
    return [str(drawn_run.out), "-o", str(tmp_path / "truth"), "--moments", "3"]


@pytest.fixture
def serve_command(words: list[str]) -> Iterator[Callable[..., LabelServer]]:
    """Starts `facetally label`, as users start it."""
    servers: list[LabelServer] = []

    def start(*options: str) -> LabelServer:
        servers.append(LabelServer([*words, *options]))
        return servers[-1].start()

    yield start
    for server in servers:
        server.kill()


@pytest.fixture(scope="session")
def forks() -> Iterator[subprocess.Popen[str]]:
    """The process that servers are forked from: importing all that the page needs takes a second."""
    with label_forks() as forks:
        yield forks


@pytest.fixture
def serve(words: list[str], forks: subprocess.Popen[str], tmp_path: Path) -> Iterator[Callable[..., ForkedLabelServer]]:
    """As `serve_command`, without the imports."""
    servers: list[ForkedLabelServer] = []
    numbers = itertools.count()

    def start(*options: str) -> ForkedLabelServer:
        servers.append(ForkedLabelServer([*words, *options], forks, tmp_path / f"printed{next(numbers)}"))
        return servers[-1].start()

    yield start
    for server in servers:
        server.kill()


@pytest.fixture
def tabs(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens pages. In the end none of them may have had an error, or have asked another host for anything."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(1000 * WAIT_S)
    troubles: list[str] = []

    def opened(server: LabelServer | ForkedLabelServer, **media: Any) -> Page:
        page = context.new_page()
        page.emulate_media(**media)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda line: troubles.append(line.text) if line.type == "error" else None)
        allowed = ("http://127.0.0.1:", "data:")
        page.on("request", lambda sent: None if sent.url.startswith(allowed) else troubles.append(sent.url))
        page.goto(server.url)
        page.wait_for_selector("body[data-shown]")
        return page

    yield opened
    context.close()
    expected = ("507", "409", "422", "503", "net::ERR_")  # what a test made happen on purpose
    assert [trouble for trouble in troubles if not any(word in trouble for word in expected)] == []
