"""Where the command starts: answers what needs no command at once, and ends without tidying up memory.

Freeing every object of the loaded libraries takes a quarter of a second, and the system does it anyway.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
from contextlib import suppress
from typing import NoReturn

from facetally import __version__
from facetally.cli.standard_streams import checked_streams
from facetally.cli.starting import quiet_until_started


def main() -> NoReturn:
    """Runs the command line of this process."""
    with quiet_until_started():
        if (text := _answer(sys.argv[1:])) is not None:
            with checked_streams():
                sys.stdout.write(text)
            sys.exit(0)
        from facetally.cli.main import main as commands
    try:
        commands(prog_name="facetally")
    except SystemExit as end:
        if isinstance(end.code, int | None):
            _end(end.code or 0)
        raise
    sys.exit(0)


def _answer(words: list[str]) -> str | None:
    """The output for these words, if no command need be loaded for it."""
    if words == ["--version"]:
        return f"facetally, version {__version__}\n"
    if words not in ([], ["-h"], ["--help"]) or sys.stdout is None:
        return None
    from facetally.cli.front_help import front_help

    return front_help() if words else None


def _end(code: int) -> None:
    """Ends the process, unless threads are left that must end by themselves."""
    if any(not thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread()):
        return
    with suppress(Exception):
        atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)
