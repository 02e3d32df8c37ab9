"""Workers that crash, hang and run out of memory: their video is told, the others are finished, and nobody is left."""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from drawn_world import FailingDetector, Silent, UnstartableDetector, engines

from facetally.batch.plan import plan_run
from facetally.batch.run import run_videos
from facetally.batch.worker import Heartbeat, Job, WorkerTask, _send_heartbeats
from facetally.batch.worker_pool import allocate_workers, run_workers
from facetally.errors import OptionError
from facetally.inputs import find_videos
from facetally.options import RunOptions, WorkerOptions
from facetally.results.ledger import Ledger, VideoRow
from facetally.results.tables import FACES, read_table

OPTIONS = RunOptions()
ROOT = Path(__file__).resolve().parents[3]


def run(folder: Path, out: Path, detector: FailingDetector, workers: WorkerOptions) -> dict[str, VideoRow]:
    using = replace(engines(), detector=detector)
    plan = plan_run(find_videos([str(folder)]), Ledger(out), OPTIONS.digest(using.model_hashes))
    return {row.video: row for row in run_videos(plan, Ledger(out), using, OPTIONS, Silent(), workers)}


@pytest.mark.parametrize(
    ("cores", "videos", "asked", "shared"),
    [
        (2, 95, (0, 0), (2, 1)),
        (2, 1, (0, 0), (1, 0)),  # libraries choose
        (1, 95, (0, 0), (1, 0)),
        (16, 95, (0, 0), (4, 4)),
        (16, 3, (0, 0), (3, 5)),
        (16, 95, (16, 0), (16, 1)),
        (2, 95, (8, 0), (8, 1)),
        (8, 95, (0, 3), (4, 3)),
        (8, 0, (0, 0), (1, 0)),
    ],
)
def test_cores_are_shared_out_among_workers(
    cores: int, videos: int, asked: tuple[int, int], shared: tuple[int, int]
) -> None:
    assert allocate_workers(cores, videos, *asked) == shared


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("SIGSEGV", r"mixed\.mp4 crashed \(SIGSEGV\)"),
        ("SIGKILL", "killed, most likely because memory ran out"),
        ("hang", r"nothing of .*mixed\.mp4 could be decoded for 3 s"),
    ],
)
def test_a_worker_that_is_lost_costs_its_video_only(
    films: Path, tmp_path: Path, how: str, reason: str, count: int
) -> None:
    rows = run(films, tmp_path, FailingDetector(how), WorkerOptions(count, stall_s=3.0))
    assert {name: row.status for name, row in rows.items()} == {
        **{"man.mp4": "ok", "mixed.mp4": "failed", "woman.mp4": "ok"}
    }
    assert rows["mixed.mp4"] == Ledger(tmp_path).row(rows["mixed.mp4"].video_id)
    assert re.search(reason, rows["mixed.mp4"].reason)
    assert rows["mixed.mp4"].fix
    faces = read_table(Ledger(tmp_path).path("faces", rows["mixed.mp4"].video_id), FACES)
    assert faces.num_rows == 0  # what was found before is no result
    assert multiprocessing.active_children() == []


def test_a_killed_worker_gets_no_other_video_though_it_seems_to_live(
    films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(multiprocessing.process.BaseProcess, "is_alive", lambda _: True)
    rows = run(films, tmp_path, FailingDetector("hang"), WorkerOptions(stall_s=3.0))
    assert [rows[name].status for name in ("man.mp4", "mixed.mp4", "woman.mp4")] == ["ok", "failed", "ok"]


def test_memory_that_runs_out_in_one_video_leaves_the_worker_to_the_others(films: Path, tmp_path: Path) -> None:
    rows = run(films, tmp_path, FailingDetector("memory"), WorkerOptions())
    assert "MemoryError" in rows["mixed.mp4"].reason
    assert rows["woman.mp4"].status == "ok"


def test_a_lost_video_is_tried_again_by_the_next_run(films: Path, tmp_path: Path) -> None:
    run(films, tmp_path, FailingDetector("SIGSEGV"), WorkerOptions())
    plan = plan_run(find_videos([str(films)]), Ledger(tmp_path), OPTIONS.digest(engines().model_hashes))
    assert [job.row.video for job in plan.todo] == ["mixed.mp4"]
    assert [row.status for row in run_videos(plan, Ledger(tmp_path), engines(), OPTIONS, Silent())] == ["ok"]


def test_a_worker_that_cannot_even_start_ends_the_run_and_fails_no_video(films: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="a worker could not be started"):
        run(films, tmp_path, UnstartableDetector("raise"), WorkerOptions())
    assert Ledger(tmp_path).video_ids() == []


def jobs_in(folder: Path) -> list[Job]:
    return [Job(video.path, VideoRow(video.video_id, video.name, "")) for video in find_videos([str(folder)])]


def test_a_worker_that_has_done_its_share_is_replaced(films: Path) -> None:
    task = WorkerTask(engines().detector, engines().recipe, OPTIONS)
    pids = []
    for job, _ in filter(None, run_workers(jobs_in(films), task, WorkerOptions(share=2))):
        (child,) = multiprocessing.active_children()
        pids.append((job.row.video, child.pid))
    by_video = dict(pids)
    assert by_video["man.mp4"] == by_video["mixed.mp4"] != by_video["woman.mp4"]


def test_nobody_is_left_where_the_caller_stops_early(films: Path) -> None:
    task = WorkerTask(FailingDetector("hang"), engines().recipe, OPTIONS)
    with closing(run_workers(jobs_in(films), task, WorkerOptions(2))) as events:
        next(filter(None, events))
        assert len(multiprocessing.active_children()) == 2
    assert multiprocessing.active_children() == []


def test_a_worker_is_heard_as_long_as_something_is_decoded() -> None:
    class Reading(Heartbeat):
        counts = iter([1, 2, 2, 2, 3])

        def count(self) -> int:
            try:
                return next(self.counts)
            except StopIteration:
                raise OSError from None  # the parent is gone

    said: list[None] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("facetally.batch.worker.HEARTBEAT_S", 0.0)
        _send_heartbeats(Reading(), said.append)
    assert len(said) == 3


HANGING_RUN = """
import sys
from pathlib import Path
sys.path[:0] = [{root!r}, {tests!r}]
import facetally.models.engines
from drawn_world import FailingDetector, engines
from dataclasses import replace
facetally.models.engines.load_engines = lambda *_: replace(engines(), detector=FailingDetector("hang", Path({pid!r})))
from facetally.cli.main import main
main(["run", {films!r}, "-o", {out!r}, "--workers", "1"])
"""


def hanging_run(films: Path, folder: Path) -> tuple[subprocess.Popen[str], int]:
    """`facetally run` in a process of its own, and its worker's number, which hangs in the second film of three."""
    pid_path = folder / "pid"
    places = {"films": films, "out": folder / "out", "pid": pid_path, "root": ROOT, "tests": ROOT / "tests"}
    code = HANGING_RUN.format(**{name: str(path) for name, path in places.items()})
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # jobs in a script's background start deaf to it
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
    signal.signal(signal.SIGINT, before)
    assert is_so_within(60, lambda: pid_path.exists() and pid_path.read_text())
    return process, int(pid_path.read_text())


def is_so_within(seconds: float, is_so: Callable[[], object]) -> bool:
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s:
        if is_so():
            return True
        time.sleep(0.05)
    return False


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_told_to_stop_does_so_within_seconds_and_keeps_what_is_done(
    films: Path, tmp_path: Path, number: signal.Signals
) -> None:
    process, worker = hanging_run(films, tmp_path)
    assert is_so_within(30, lambda: list((tmp_path / "out" / "videos").glob("man*.parquet")))
    process.send_signal(number)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "the same command goes on from there" in said
    assert is_so_within(10, lambda: is_gone(worker))
    assert [row.video for row in Ledger(tmp_path / "out").rows()] == ["man.mp4"]


def test_a_run_that_is_killed_takes_its_workers_along(films: Path, tmp_path: Path) -> None:
    process, worker = hanging_run(films, tmp_path)
    process.kill()
    process.communicate(timeout=10)
    assert is_so_within(10, lambda: is_gone(worker))
