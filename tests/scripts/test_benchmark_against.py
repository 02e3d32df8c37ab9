"""The comparison of two builds, on commands that take known time and memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from scripts.benchmark_against.builds import BEFORE, OURS, Build
from scripts.benchmark_against.comparison import compared, in_turn
from scripts.benchmark_against.measurements import films_in_decoding
from scripts.benchmark_against.processes import adopt_orphans, finished

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

FILMS_BENCHMARK = """
import json, pathlib, sys
words = sys.argv[1:]
assert words[:3] == ["films", "a", "b"] and words[words.index("--count") + 1] == "2"
times = {"decoding alone": 1.0, "every 0.2 s": 2.5}
report = pathlib.Path(words[words.index("--reports") + 1]) / "films.json"
report.write_text(json.dumps({"films": {"360p": {"times_first": times}}}))
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


def test_films_are_measured_in_the_decoding_of_the_same_build(tmp_path: Path) -> None:
    """A build whose benchmark took 2 s to decode and 5 s for the job."""
    (tmp_path / "scripts" / "benchmark").mkdir(parents=True)
    (tmp_path / "scripts" / "benchmark" / "__main__.py").write_text(FILMS_BENCHMARK)
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").symlink_to(sys.executable)
    assert films_in_decoding(Build(OURS, tmp_path), ["a", "b"], 2) == {"2 x 360p, every 0.2 s, x decoding": 2.5}


def test_builds_take_turns_and_medians_are_compared() -> None:
    calls: list[str] = []

    def job(build: Build) -> dict[str, float]:
        calls.append(build.name)
        return {"s": (2.0 if build.name == OURS else 4.0) + (len(calls) > 4)}

    rows = compared(in_turn([job], BUILDS, 3))
    assert calls == [OURS, BEFORE, BEFORE, OURS, OURS, BEFORE]
    assert rows == {"s": {BEFORE: 4.0, OURS: 2.0, "ratio": 0.5}}
