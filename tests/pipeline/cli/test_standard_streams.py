"""A stdout that is full, closed, or without a reader; and streams that cannot encode every character."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from facetally.cli.main import main
from facetally.cli.standard_streams import checked_streams

needs_full_device = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")


def commands(group: click.Group, before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        yield (*before, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*before, name))


def ended_with(*words: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(words, prog_name="facetally")
    assert isinstance(end.value.code, int)
    return end.value.code


def in_shell(command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    words = ["bash", "-c", f"set -o pipefail; {command}".replace("facetally", f"'{sys.executable}' -m facetally")]
    return subprocess.run(words, env=os.environ | environment, capture_output=True, text=True, check=False)


@needs_full_device
@pytest.mark.parametrize("words", list(commands(main)), ids=" ".join)
def test_a_full_stdout_is_one_line_for_every_command(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        code = ended_with(*words, "--help")
    line = "Error: the output cannot be written to stdout: No space left on device\n"
    assert (code, capsys.readouterr().err) == (1, line)


@pytest.mark.parametrize("words", list(commands(main)), ids=" ".join)
def test_a_closed_stdout_is_one_line_for_every_command(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    assert ended_with(*words, "--help") == 1
    assert capsys.readouterr().err == "Error: the output cannot be written to stdout: it is closed\n"


@pytest.mark.parametrize("words", list(commands(main)), ids=" ".join)
def test_a_pipe_without_a_reader_ends_every_command_in_silence(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    monkeypatch.setattr(sys, "stderr", sys.stderr)  # click replaces both
    with os.fdopen(writer, "w") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        assert ended_with(*words, "--help") == 141
    assert capsys.readouterr().err == ""


@needs_full_device
@pytest.mark.parametrize("command", ["models list", "doctor"])
def test_a_process_leaves_neither_a_traceback_nor_a_late_warning(command: str) -> None:
    full, closed = in_shell(f"facetally {command} >/dev/full"), in_shell(f"facetally {command} >&-")
    assert (full.returncode, len(full.stderr.splitlines())) == (1, 1)
    assert (closed.returncode, len(closed.stderr.splitlines())) == (1, 1)
    gone = in_shell(f"facetally {command} | true")
    assert (gone.returncode, gone.stderr) == (141, "")


def test_a_closed_stderr_takes_nothing_away_and_adds_nothing_to_stdout() -> None:
    assert in_shell("facetally models list 2>&-").stdout == in_shell("facetally models list").stdout


def test_files_never_get_the_number_of_a_closed_stream(tmp_path: Path) -> None:
    opened = (
        "from facetally.cli.standard_streams import checked_streams as c\nwith c(), open('a') as f: print(f.fileno())"
    )
    (tmp_path / "a").touch()
    words = ["bash", "-c", f'"$0" -c "{opened}" 0<&- 2>&-', sys.executable]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert int(done.stdout) > 2


def test_what_a_stream_cannot_encode_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    written = {"stdout": io.BytesIO(), "stderr": io.BytesIO()}
    for name, encoding in (("stdout", "ascii"), ("stderr", "utf-8")):
        monkeypatch.setattr(sys, name, io.TextIOWrapper(written[name], encoding=encoding, write_through=True))
    with checked_streams():
        print("Zoë 1 – 2 … 日 \udcff")
        print("Zoë – \udcff", file=sys.stderr)
    assert written["stdout"].getvalue() == rb"Zo\xeb 1 - 2 . \u65e5 \udcff" + b"\n"
    assert written["stderr"].getvalue() == "Zoë – \\udcff\n".encode()


def test_a_table_is_shown_on_a_terminal_that_has_only_ascii() -> None:
    done = in_shell("facetally models list", PYTHONIOENCODING="ascii", COLUMNS="60")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.isascii()


def test_other_errors_of_files_are_not_taken_for_errors_of_stdout(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), checked_streams():
        (tmp_path / "missing").read_text()
