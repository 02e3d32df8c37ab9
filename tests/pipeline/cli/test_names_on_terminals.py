"""Names of files are shown as they are: no emoji, colours or other markup are made of them."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from facetally.cli.printing import console
from facetally.cli.progress import shown_progress
from facetally.results.ledger import VideoRow

PIPELINE = Path(__file__).resolve().parents[3] / "pipeline"
NEEDED = {"Console": ("emoji", False), "TextColumn": ("markup", False)}
"""What rich must be told, by class: it makes a heart of :red_heart: even in text that is escaped."""
NAMES = (
    ":red_heart:.mp4",
    "[bold]a[/bold].mp4",
    "[link=http://x]b.mp4",
    "back\\[i]slash.mp4",
)


def unsafe(source: str) -> Iterator[int]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in NEEDED:
            name, value = NEEDED[node.func.id]
            given = {keyword.arg: getattr(keyword.value, "value", None) for keyword in node.keywords}
            if given.get(name) is not value:
                yield node.lineno


def test_no_console_makes_emoji_or_markup_of_names() -> None:
    assert list(unsafe("Console(stderr=True)\nTextColumn('{task.description}')\nConsole(emoji=False)")) == [1, 2]
    found = [f"{path}:{line}" for path in PIPELINE.rglob("*.py") for line in unsafe(path.read_text(encoding="utf-8"))]
    assert not found, f"give emoji=False, markup=False: {found}"


@pytest.mark.parametrize("name", NAMES)
def test_the_bar_of_a_run_shows_every_name_as_it_is(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "120")
    row = VideoRow("v", name, f"/in/{name}", "failed", reason=f"/in/{name} is empty")
    with shown_progress() as progress:
        progress.finished(row)
    assert f"{name}: /in/{name} is empty" in capsys.readouterr().err


def test_consoles_for_tables_make_no_emoji(capsys: pytest.CaptureFixture[str]) -> None:
    shown = console()
    assert isinstance(shown, Console)
    shown.print(":red_heart:.mp4")
    assert capsys.readouterr().out == ":red_heart:.mp4\n"
