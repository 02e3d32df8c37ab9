"""Starts the server of worker processes early, keeps child processes from importing the user's code, frees memory."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import ModuleType

SAFE_PATH = "PYTHONSAFEPATH"
PR_SET_PDEATHSIG = 1
"""Of Linux's `prctl`: the signal that a process gets when its parent ends."""
METHOD = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
PRELOADED = [
    *("onnxruntime", "facetally.batch.worker", "facetally.batch.warm"),
    *("facetally.detection.embedding", "facetally.detection.scrfd", "facetally.detection.tracker"),
]
"""Modules that are imported once, by the server that workers are forked from."""


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


def end_with_parent() -> None:
    """Lets Linux end this process when its parent ends, even while a library keeps all Python threads waiting."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def start_fork_server() -> None:
    """Starts the process that workers are forked from, and does not wait until it has imported their modules.

    Called first thing in a run, this happens while the run itself is still being prepared. A process that has started
    the server before keeps it. Ctrl-C is left to this process.
    """
    if METHOD != "forkserver":
        return
    from multiprocessing import forkserver, resource_tracker

    multiprocessing.get_context(METHOD).set_forkserver_preload(PRELOADED)
    with safe_import_path(), without_main_module():
        resource_tracker.ensure_running()  # the server would start it, and it ends with no signal blocked
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # the server inherits this
        try:
            forkserver.ensure_running()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def free_unused_memory() -> None:
    """Gives memory that the C library keeps for later back to the system, where it is glibc that does so.

    Parsing a network needs several times its size, once.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
