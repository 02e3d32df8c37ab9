"""The text of `facetally --help`, as rich-click would print it, without loading rich, click or any command.

Loading them takes most of the time of `facetally --help`, which is what people type first.
"""

from __future__ import annotations

import os
import sys

from facetally.cli.commands import COMMANDS

SUMMARY = "Who appears in a folder of videos, for how long, and how sure can you be?"
EXAMPLE = ("Example: facetally run videos/ ", "-o", " out && facetally report out")
OPTIONS = (
    ("--version", "", "Show the version and exit."),
    ("--verbose", "-v", "Also write the log to stderr."),
    ("--help", "-h", "Show this message and exit."),
)
MIN_WIDTH, DEFAULT_WIDTH = 76, 80
"""In characters."""
LONGEST_NAME = max(map(len, COMMANDS))
MAX_WIDTH = 6 + LONGEST_NAME + max(len(command.help) for command in COMMANDS.values())
"""Terminals that are narrower or wider are left to rich-click, which wraps lines or widens columns there."""
STYLING = (
    *("FORCE_COLOR", "GITHUB_ACTIONS", "JUPYTER_COLUMNS", "JUPYTER_LINES", "MAX_WIDTH", "NO_COLOR"),
    *("PY_COLORS", "RICH_CLICK_THEME", "TERMINAL_WIDTH", "TTY_COMPATIBLE", "TTY_INTERACTIVE"),
)
"""Variables that change what rich-click prints: with one of them it is asked itself."""
COLOUR_TERMS = ("xterm", "xterm-color", "xterm-256color", "screen", "screen-256color", "tmux-256color", "linux")

YELLOW, BOLD, CYAN, DIM, GREEN = "33", "1", "1;36", "2", "1;32"


def front_help() -> str | None:
    """The help for stdout as it is; None where that is better left to rich-click."""
    if sys.platform == "win32" or any(name in os.environ for name in STYLING):
        return None
    is_terminal = sys.stdout.isatty()
    encoding = (getattr(sys.stdout, "encoding", None) or "").lower()
    if not encoding.startswith("utf") or (is_terminal and os.environ.get("TERM", "") not in COLOUR_TERMS):
        return None
    width = _width()
    return rendered(width, is_terminal) if MIN_WIDTH <= width <= MAX_WIDTH else None


def rendered(width: int, is_coloured: bool) -> str:
    """The help for a terminal of a width in characters, from `MIN_WIDTH` to `MAX_WIDTH`."""

    def styled(text: str, style: str) -> str:
        return f"\x1b[{style}m{text}\x1b[0m" if is_coloured and text else text

    def panel(title: str, rows: list[str]) -> list[str]:
        top = f" {title} "
        line = "─" * (width - 4 - len(top))
        head = styled("╭─", DIM) + styled(top, DIM) + styled(line, DIM) + styled("─╮", DIM)
        return [head, *rows, styled(f"╰{'─' * (width - 2)}╯", DIM)]

    def row(start: str, text: str, length: int) -> str:
        side = styled("│", DIM)
        return f"{side} {start}{text:<{width - 4 - length}} {side}"

    words = (("OPTIONS", "[{}]"), ("COMMAND", "{}"), ("ARGS", "[{}]..."))
    usage = " ".join(shape.format(styled(word, CYAN)) for word, shape in words)
    length = sum(len(word) + len(shape) - 2 for word, shape in words) + 2
    start, flag, end = EXAMPLE
    lines = [
        " " * width,
        f" {styled('Usage:', YELLOW)} {styled('facetally', BOLD)} {usage}{' ' * (width - 18 - length)}",
        " " * width,
        f" {SUMMARY:<{width - 1}}",
        f" {styled(start, DIM)}{styled(flag, '1;2;32')}{styled(end, DIM)}{' ' * (width - 1 - len(''.join(EXAMPLE)))}",
        " " * width,
    ]
    options = []
    for name, short, text in OPTIONS:
        shown = styled(short, GREEN) if short else "  "
        options.append(row(f"{styled(f'{name:<9}', CYAN)}  {shown}  ", text, 15))
    lines += panel("Options", options)
    commands, longest = [], LONGEST_NAME
    for name, command in sorted(COMMANDS.items()):
        for number, text in enumerate(_wrapped(command.help, width - 6 - longest)):
            shown = styled(f"{'' if number else name:<{longest + (number > 0)}}", CYAN)
            commands.append(row(f"{shown}{'' if number else styled(' ', CYAN)} ", text, longest + 2))
    return "\n".join([*lines, *panel("Commands", commands), ""])


def _wrapped(text: str, width: int) -> list[str]:
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".lstrip()
    return lines


def _width() -> int:
    if (columns := os.environ.get("COLUMNS", "")).isdigit() and int(columns):
        return int(columns)
    for number in range(3):
        try:
            return os.get_terminal_size(number).columns or DEFAULT_WIDTH
        except OSError:
            continue
    return DEFAULT_WIDTH
