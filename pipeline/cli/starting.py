"""What happens when Ctrl+C is pressed while the command line is still being loaded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_until_started() -> Iterator[None]:
    """Ends the process as click ends a running command at Ctrl+C: with one word and exit code 1, and no traceback.

    Raises:
        SystemExit: at Ctrl+C.
    """
    try:
        yield
    except KeyboardInterrupt:
        raise SystemExit("Aborted.") from None
