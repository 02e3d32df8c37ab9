"""`facetally --help` and `--version`, which are answered without loading a command."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from rich_click import RichGroup

from facetally import __version__
from facetally.cli import entry
from facetally.cli.commands import COMMANDS
from facetally.cli.front_help import MAX_WIDTH, MIN_WIDTH, front_help, rendered
from facetally.cli.main import main


def by_rich_click(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: int, **variables: str
) -> str:
    for name, value in {"COLUMNS": str(width), "TERM": "xterm", **variables}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit):
        main(["--help"], prog_name="facetally")
    return capsys.readouterr().out


@pytest.mark.parametrize("width", [MIN_WIDTH, 80, 97, MAX_WIDTH])
def test_the_help_is_that_of_rich_click(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert rendered(width, is_coloured=False) == by_rich_click(monkeypatch, capsys, width)


@pytest.mark.parametrize("width", [MIN_WIDTH, 100])
def test_in_colour_too(width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert rendered(width, is_coloured=True) == by_rich_click(monkeypatch, capsys, width, FORCE_COLOR="1")


@pytest.mark.parametrize(
    ("name", "value"), [("COLUMNS", str(MIN_WIDTH - 1)), ("COLUMNS", str(MAX_WIDTH + 1)), ("NO_COLOR", "1")]
)
def test_other_terminals_are_left_to_rich_click(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv(name, value)
    assert front_help() is None


def test_each_command_has_its_place_and_its_help() -> None:
    loaded = dict(main.commands.items())
    assert loaded.keys() == COMMANDS.keys()
    for name, command in loaded.items():
        assert command.name == name
        assert (command.help or "").split("\n\n")[0].replace("\n", " ") == COMMANDS[name].help
        assert command.callback.__module__ == f"facetally.cli.{COMMANDS[name].module}" or isinstance(command, RichGroup)


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["--version"]], ids=" ".join)
def test_these_load_neither_click_nor_rich(words: list[str]) -> None:
    program = f"""import atexit, json, sys
sys.argv[1:] = {words}
atexit.register(lambda: print(json.dumps([n for n in ("click", "rich", "rich_click") if n in sys.modules])))
from facetally.cli.entry import main
main()"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PATH": "/usr/bin", "COLUMNS": "80", "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout.splitlines()[-1]) == []
    assert __version__ in done.stdout or "Usage: facetally" in done.stdout


@pytest.mark.parametrize("words", [["nothing"], ["status", "nowhere"]], ids=" ".join)
def test_a_command_ends_with_its_exit_code_and_all_that_it_wrote(words: list[str], tmp_path: Path) -> None:
    program = "import atexit; atexit.register(print, 'tidied up'); from facetally.cli.entry import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, *words], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == {"nothing": 2, "status": 1}[words[0]]
    assert "Error" in done.stderr
    assert done.stdout == "tidied up\n"


def test_only_the_front_page_is_answered_without_a_command() -> None:
    assert entry._answer(["run", "--help"]) is None
    assert entry._answer([]) is None
