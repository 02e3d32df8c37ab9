"""The comparison of two builds, on commands that take known time and memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from scripts.benchmark_against import BEFORE, OURS, Build, adopt_orphans, compared, finished, in_turn

BUILDS = (Build(BEFORE, Path("before")), Build(OURS, Path("now")))
ORPHAN = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'sum(range(10**7))'])"
MARKED = """
import importlib.util, os, pathlib, sys
package = pathlib.Path("pipeline"); package.mkdir(); (package / "__init__.py").touch()
(package / "video.py").write_text("class VideoReader:\\n    def __iter__(self):\\n        yield from 'abc'\\n")
sys.path.insert(0, "")
from pipeline.video import VideoReader
assert list(VideoReader()) == ["a", "b", "c"]
"""


@pytest.fixture(scope="module", autouse=True)
def adopted() -> None:
    adopt_orphans()


def test_the_processor_time_of_processes_that_outlive_the_command_counts() -> None:
    alone = finished([sys.executable, "-c", "pass"])
    assert finished([sys.executable, "-c", ORPHAN]).core_s > alone.core_s + 0.05


def test_the_memory_is_that_of_all_processes_at_their_peak() -> None:
    program = "import time; held = bytearray(b'x') * 200_000_000; time.sleep(1)"
    assert 190 < finished([sys.executable, "-c", program], with_memory=True).peak_mb < 260


def test_the_first_and_the_last_frame_are_marked_in_any_process() -> None:
    done = finished([sys.executable, "-c", MARKED], with_marks=True)
    (first,), (last,) = done.marks["first"], done.marks["last"]
    assert done.started_s < first <= last < done.ended_s


def test_a_command_that_fails_is_an_error() -> None:
    with pytest.raises(subprocess.CalledProcessError):
        finished([sys.executable, "-c", "raise SystemExit(3)"])


def test_builds_take_turns_and_medians_are_compared() -> None:
    calls: list[str] = []

    def job(build: Build) -> dict[str, float]:
        calls.append(build.name)
        return {"s": (2.0 if build.name == OURS else 4.0) + (len(calls) > 4)}

    rows = compared(in_turn([job], BUILDS, 3))
    assert calls == [OURS, BEFORE, BEFORE, OURS, OURS, BEFORE]
    assert rows == {"s": {BEFORE: 4.0, OURS: 2.0, "ratio": 0.5}}
