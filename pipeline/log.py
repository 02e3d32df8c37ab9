"""The log of a run: its options, its results and every traceback.

All modules log to the logger `facetally` of the standard library. A run adds a handler that writes OUT/log.txt, `-v`
one that writes to the terminal; programs that use facetally as a library may add their own.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from facetally.errors import OutputError
from facetally.formatting import printable

LOGGER = logging.getLogger("facetally")
LOGGER.addHandler(logging.NullHandler())
LOG_NAME = "log.txt"
LINE_FORMAT = "%(asctime)s %(levelname)s %(message)s"


class HomelessFormatter(logging.Formatter):
    """Writes the home folder as `~`, so that a log can be sent to somebody else.

    All lines of a record but its first are indented, and control characters escaped: a text from a file in it, as in
    the last line of a traceback, cannot look like another record or colour a terminal.
    """

    def format(self, record: logging.LogRecord) -> str:
        home = str(Path.home())
        text = "\n    ".join(printable(line) for line in super().format(record).split("\n"))
        return text.replace(home, "~") if len(home) > 1 else text


class _LogFile(logging.FileHandler):
    """Ignores errors while writing: a full disk stops the run at its next table, with a clear error."""

    def handleError(self, record: logging.LogRecord) -> None:
        pass


@contextmanager
def logged_to(folder: Path) -> Iterator[None]:
    """Appends everything that is logged within the block to the folder's log.txt.

    Raises:
        OutputError: the file cannot be written.
    """
    path = folder / LOG_NAME
    try:
        handler = _LogFile(path, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise OutputError(
            f"cannot write {path}: {error.strerror}", fix="choose another folder with -o, or fix its permissions"
        ) from error
    handler.setFormatter(HomelessFormatter(LINE_FORMAT))
    level = LOGGER.level
    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.INFO)
    try:
        yield
    finally:
        LOGGER.setLevel(level)
        LOGGER.removeHandler(handler)
        with suppress(OSError):  # a full disk; its own error says more
            handler.close()


def show_log() -> None:
    """Also writes the log to stderr."""
    if not any(type(handler) is logging.StreamHandler for handler in LOGGER.handlers):
        handler = logging.StreamHandler()
        handler.setFormatter(HomelessFormatter(LINE_FORMAT))
        LOGGER.addHandler(handler)
        LOGGER.setLevel(logging.INFO)
