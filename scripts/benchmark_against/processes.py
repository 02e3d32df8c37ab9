"""Runs a command, and measures its time, its processor time and memory with all that it starts, and its frames.

Used by `scripts/benchmark_against/`.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
SAMPLE_S = 0.1
"""Seconds between two readings of the memory."""
MARKS = "FACETALLY_BENCHMARK_MARKS"
PROBE = f'''
"""Writes when the first frame of a video was given by VideoReader and when the last one was, in any process."""
import importlib.abc, importlib.machinery, os, sys, time

def mark(what):
    with open(os.environ["{MARKS}"], "a") as file:
        file.write(f"{{what}} {{time.monotonic()}}\\n")

def marked(frames):
    def iterate(self):
        for number, frame in enumerate(frames(self)):
            if number == 0:
                mark("first")
            yield frame
        mark("last")
    return iterate

class Loader(importlib.machinery.SourceFileLoader):
    def exec_module(self, module):
        super().exec_module(module)
        module.VideoReader.__iter__ = marked(module.VideoReader.__iter__)

class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name not in ("pipeline.video", "facetally.video.reader"):
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        if spec is not None:
            spec.loader = Loader(name, spec.origin)
        return spec

sys.meta_path.insert(0, Finder())
'''
"""A `sitecustomize.py`, which Python imports when it starts."""


@dataclass
class Finished:
    """What a process and all its descendants took."""

    started_s: float
    ended_s: float
    """On the monotonic clock; of the command itself."""
    core_s: float
    """Processor time of the command and of all processes that it started."""
    peak_mb: float
    """Largest sum of their proportional set sizes, which count a page that N processes share as 1/N; 0 if unasked."""
    marks: dict[str, list[float]] = field(default_factory=dict)

    @property
    def wall_s(self) -> float:
        return self.ended_s - self.started_s


def adopt_orphans() -> None:
    """Makes this process the parent of orphaned descendants, so that their processor time can be read."""
    if ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError("this system has no child subreaper")


def finished(words: Sequence[str], *, with_memory: bool = False, with_marks: bool = False) -> Finished:
    """Runs a command, and waits until all that it started has ended.

    Raises:
        subprocess.CalledProcessError: its exit code is not 0.
    """
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    environment.pop("PYTHONPATH", None)  # a build is what its environment holds
    with tempfile.TemporaryDirectory() as folder:
        marks = Path(folder) / "marks.txt"
        if with_marks:
            (Path(folder) / "sitecustomize.py").write_text(PROBE)
            environment |= {"PYTHONPATH": folder, MARKS: str(marks)}
        started_s = time.monotonic()
        process = subprocess.Popen(
            words,
            cwd=folder,  # older builds import modules of the working folder
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        peak = _Peak(process.pid if with_memory else 0)
        ended_s, core_s, status, message = _ended(process)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, words, stderr=message)
        found: dict[str, list[float]] = {}
        for line in marks.read_text().splitlines() if marks.exists() else []:
            what, time_s = line.split()
            found.setdefault(what, []).append(float(time_s))
        return Finished(started_s, ended_s, core_s, peak.stop(), found)


def _ended(process: subprocess.Popen[bytes]) -> tuple[float, float, int, bytes]:
    """When the process ended, the processor time of it and its descendants, its status, and what it wrote to stderr."""
    chunks: list[bytes] = []
    assert process.stderr
    reader = threading.Thread(target=lambda stream: chunks.append(stream.read()), args=(process.stderr,))
    reader.start()
    _, status, usage = os.wait4(process.pid, 0)
    ended_s, core_s = time.monotonic(), usage.ru_utime + usage.ru_stime
    while True:  # the server that workers are forked from, and workers
        try:
            _, _, usage = os.wait4(-process.pid, 0)  # of its process group, which none of them leaves
        except ChildProcessError:
            break
        core_s += usage.ru_utime + usage.ru_stime
    reader.join()
    process.stderr.close()
    return ended_s, core_s, status, b"".join(chunks)


class _Peak:
    """Samples the memory of a session of processes, until it is stopped."""

    def __init__(self, session: int) -> None:
        self._session, self._peak_kb, self._is_over = session, 0, threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        if session:
            self._thread.start()

    def _sample(self) -> None:
        while not self._is_over.wait(SAMPLE_S):
            self._peak_kb = max(self._peak_kb, proportional_kb(self._session))

    def stop(self) -> float:
        """The peak in megabytes."""
        self._is_over.set()
        if self._session:
            self._thread.join()
        return self._peak_kb * 1024 / 1e6


def proportional_kb(session: int) -> int:
    """Sum of the proportional set sizes of the processes of a session."""
    total = 0
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if int((path / "stat").read_text().rpartition(")")[2].split()[3]) == session:
                lines = (path / "smaps_rollup").read_text().splitlines()
                total += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        except (OSError, StopIteration, IndexError):  # it has ended meanwhile
            continue
    return total
