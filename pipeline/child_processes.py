"""Keeps child processes from importing the user's code."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

SAFE_PATH = "PYTHONSAFEPATH"


@contextmanager
def safe_import_path() -> Iterator[None]:
    """Python processes started within the block import nothing from the current folder, not even while they start.

    The fork server and the resource tracker of `multiprocessing` are started as `python -c`, which searches the current
    folder first: a user's `pipeline.py` or `random.py` would be executed.
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


@contextmanager
def without_main_module() -> Iterator[None]:
    """Processes of `multiprocessing` started within the block do not import the user's script.

    By default they import it, to find objects that were pickled from it. None are, and a script without
    `if __name__ == "__main__"` would start its run again in every worker.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
