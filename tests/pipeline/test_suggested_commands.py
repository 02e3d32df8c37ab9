"""Commands in messages can be pasted into a shell, whatever names are in them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(
    path for folder in ("pipeline", "detection", "gender", "scripts") for path in (ROOT / folder).rglob("*.py")
)
COMMAND = re.compile(
    r"(?:^|[\s:;|`('\"])(?:facetally [a-z]+|ffmpeg|ffprobe|ffplay|mpv|vlc|pip install|python -m|cp|mv|rm|cat|tail|head|"
    r"mkdir|unzip|tar|chmod|git|curl) [^;`]*$"
)
"""A command that a text ends in, with its words so far."""
QUOTED = re.compile(r"(command|shlex\.quote|shlex\.join)\(")
NUMBER = re.compile(r"[.,]?\d*[dgf]$")


def unquoted(source: str) -> Iterator[int]:
    """The lines of f-strings that put a value into a command without quoting it; numbers need none."""
    for node in (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.JoinedStr)):
        text = ""
        for part in node.values:
            if isinstance(part, ast.Constant):
                text += str(part.value)
            elif isinstance(part, ast.FormattedValue):
                form = part.format_spec.values if isinstance(part.format_spec, ast.JoinedStr) else []
                is_number = bool(form) and isinstance(form[0], ast.Constant) and NUMBER.search(str(form[0].value))
                is_quoted = QUOTED.match(ast.unparse(part.value))
                if COMMAND.search(text) and not is_number and not is_quoted:
                    yield node.lineno
                text += "x"


@pytest.mark.parametrize(
    ("source", "is_found"),
    [
        ("fix=f'make one: facetally tally {out}'", True),
        ("""fix=f"ffmpeg -i '{path}' -c copy out.mp4" """, True),
        ("fix = f'delete {path}, then: rm {path}'", True),
        ("wrong(fix=f'choose another --out, or: ' f'cp {a} {b}')", True),
        ('fix=f\'make one: {command("facetally", "tally", out)}\'', False),
        ("fix=f'facetally show {shlex.quote(out)}'", False),
        ("fix=f'give more time: facetally run --stall {seconds:g}'", False),
        ("fix=f'was written by a newer facetally: version {written_as}'", False),
        ("fix=f'copy {path} again'", False),
    ],
)
def test_a_name_without_quotes_in_a_command_is_found(source: str, is_found: bool) -> None:
    assert bool(list(unquoted(f"dict({source})"))) == is_found


def test_every_name_in_a_suggested_command_is_quoted() -> None:
    found = [f"{path}:{line}" for path in SOURCES for line in unquoted(path.read_text(encoding="utf-8"))]
    assert not found, f"write {{command(...)}} of facetally.formatting: {found}"
