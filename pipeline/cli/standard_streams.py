"""Standard streams that cannot be written to end a command with one line, never with a traceback."""

from __future__ import annotations

import codecs
import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn

PLAIN = {"–": "-", "—": "-", "…": ".", "×": "x", "│": "|", "─": "-", "’": "'", "°": "o"}
"""What stands for our own signs on a terminal that has only ASCII, each of the same width."""
REPLACED = "facetally.replaced"
"""Name of the error handler for characters that cannot be encoded."""
WRITE_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF}
READER_GONE = 128 + 13
"""Exit code where the reader of a pipe has ended, as in `| head`: that of programs that the signal SIGPIPE ends."""


@contextmanager
def checked_streams() -> Iterator[None]:
    """Ends the program with one line on stderr if stdout is closed or full, silently if its reader has ended.

    Characters that a stream cannot encode are replaced within the block.

    Raises:
        SystemExit: 1, or 141 if the reader has ended.
    """
    was_closed = sys.stdout is None
    if None in (sys.stdin, sys.stdout, sys.stderr):
        _reopen_closed_streams()
    if was_closed:
        _fail("it is closed")
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=REPLACED)
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            _discard_output()
            sys.exit(READER_GONE)
        if error.errno not in WRITE_ERRORS or error.filename:
            raise
        _discard_output()
        _fail(error.strerror or str(error))
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):  # click and rich turn it into exit code 1
            sys.exit(READER_GONE)
        raise


def _fail(why: str) -> NoReturn:
    with suppress(OSError):
        print(f"Error: the output cannot be written to stdout: {why}", file=sys.stderr, flush=True)
    sys.exit(1)


def _discard_output() -> None:
    """Python writes what is left in its buffers when it ends, and would print a traceback if that failed."""
    with suppress(OSError, ValueError):  # in tests stdout is no file
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)


def _reopen_closed_streams() -> None:
    """Opens the null device for closed streams: otherwise the next file that is opened would get a stream's number,
    and a library's message to stderr would be written into it.
    """
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(number, True)
    os.close(number)
    sys.stdin = sys.stdin or io.TextIOWrapper(io.FileIO(0, closefd=False))
    sys.stdout = sys.stdout or io.TextIOWrapper(io.FileIO(1, "w", closefd=False))
    sys.stderr = sys.stderr or io.TextIOWrapper(io.FileIO(2, "w", closefd=False))


def _replaced(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    return "".join(PLAIN.get(c) or c.encode("ascii", "backslashreplace").decode() for c in text), error.end


codecs.register_error(REPLACED, _replaced)
