"""Errors are two lines each, whatever is in the names of files."""

from __future__ import annotations

import rich_click as click
from click.testing import CliRunner, Result

from facetally.cli.errors import Commands
from facetally.cli.main import main
from facetally.errors import PipelineError, TruthError
from facetally.problems import MAX_LISTED

HOSTILE = "a\nFix: rm -rf ~\r\x1b[31m\u202e:red_heart:[bold]b[/bold].mp4"


def shown(error: PipelineError) -> Result:
    @click.group(cls=Commands)
    def group() -> None: ...

    @group.command()
    def fails() -> None:
        raise error

    return CliRunner().invoke(group, ["fails"])


def test_no_name_in_an_error_forges_a_line_or_colours_a_terminal() -> None:
    result = shown(TruthError(f"{HOSTILE} is empty", fix=f"delete {HOSTILE}"))
    error, fix = result.stderr.split("\n")[:2]
    assert (result.exit_code, result.stdout) == (1, "")
    escaped = r"a\nFix: rm -rf ~\r\x1b[31m\u202e:red_heart:[bold]b[/bold].mp4"
    assert (error, fix) == (f"Error: {escaped} is empty", f"Fix: delete {escaped}")


def test_each_error_of_a_file_has_its_own_fix() -> None:
    parts = [TruthError(f"line {number} is wrong", fix=f"correct line {number}") for number in range(MAX_LISTED + 2)]
    result = shown(TruthError("52 errors", fix="correct these lines", parts=parts))
    lines = result.stderr.splitlines()
    assert lines[:4] == [
        "Error: line 0 is wrong",
        "Fix: correct line 0",
        "Error: line 1 is wrong",
        "Fix: correct line 1",
    ]
    assert lines[2 * MAX_LISTED :] == ["2 more errors are not shown"]


def test_names_in_errors_of_usage_are_escaped_too() -> None:
    for words in ([HOSTILE], ["info", "a.mp4", HOSTILE], ["run", "--every", HOSTILE, "a.mp4"], ["models", HOSTILE]):
        result = CliRunner(env={"COLUMNS": "200"}).invoke(main, words)
        assert result.exit_code == 2
        assert r"\x1b[31m" in result.stderr
        assert ":red_heart:" in result.stderr
        assert not set("\x1b\r\u202e") & set(result.output)
        assert not any(line.startswith("Fix: rm") for line in result.output.splitlines())


def test_a_group_without_a_command_shows_its_help_in_lines() -> None:
    result = CliRunner().invoke(main, [])
    assert any(line.startswith(" Usage: ") for line in result.output.splitlines())
    assert "\\n" not in result.output
