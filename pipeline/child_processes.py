"""Where the Python processes that we start look for modules."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

SAFE_PATH = "PYTHONSAFEPATH"


@contextmanager
def safe_import_path() -> Iterator[None]:
    """Python processes started within import nothing from the current folder, not even while they start.

    The fork server and the resource tracker of `multiprocessing` start as `python -c`, which looks there first: a
    user's `pipeline.py` or `random.py` would be executed.
    """
    before = os.environ.get(SAFE_PATH)
    os.environ[SAFE_PATH] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[SAFE_PATH]
        else:
            os.environ[SAFE_PATH] = before
