"""Workers that crash, hang or run out of memory: their video fails, the others are finished, no process is left."""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from drawn_world import FailingDetector, UnstartableDetector, engines
from waiting import becomes_true

from facetally.batch.plan import plan_run
from facetally.batch.run import run_videos
from facetally.batch.worker import Heartbeat, Job, WorkerTask, _send_heartbeats
from facetally.batch.worker_pool import allocate_workers, run_workers
from facetally.errors import OptionError
from facetally.inputs import find_videos
from facetally.jobs.runs import NoProgress
from facetally.options import RunOptions, WorkerOptions
from facetally.results.ledger import Ledger, VideoRow
from facetally.results.tables import FACES, read_table

OPTIONS = RunOptions()
ROOT = Path(__file__).resolve().parents[3]


def run(folder: Path, out: Path, *, detector: FailingDetector, workers: WorkerOptions) -> dict[str, VideoRow]:
    using = replace(engines(), detector=detector)
    plan = plan_run(find_videos([str(folder)]), Ledger(out), OPTIONS.digest(using.model_hashes))
    rows = run_videos(plan, Ledger(out), using, options=OPTIONS, progress=NoProgress(), workers=workers)
    return {row.video: row for row in rows}


@pytest.mark.parametrize(
    ("cores", "videos", "requested", "allocated"),
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
def test_cores_are_divided_among_workers(
    cores: int, videos: int, requested: tuple[int, int], allocated: tuple[int, int]
) -> None:
    workers, threads = requested
    assert allocate_workers(cores, videos, workers=workers, threads=threads) == allocated


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("SIGSEGV", r"mixed\.mp4 crashed \(SIGSEGV\)"),
        ("SIGKILL", "killed, most likely because memory ran out"),
        ("hang", r"mixed\.mp4 was given up after 3 s without progress"),
    ],
)
def test_a_worker_that_is_lost_costs_its_video_only(
    films: Path, tmp_path: Path, how: str, reason: str, count: int
) -> None:
    rows = run(films, tmp_path, detector=FailingDetector(how), workers=WorkerOptions(count, stall_s=3.0))
    assert {name: row.status for name, row in rows.items()} == {
        **{"man.mp4": "ok", "mixed.mp4": "failed", "woman.mp4": "ok"}
    }
    assert rows["mixed.mp4"] == Ledger(tmp_path).row(rows["mixed.mp4"].video_id)
    assert re.search(reason, rows["mixed.mp4"].reason)
    assert rows["mixed.mp4"].fix
    faces = read_table(Ledger(tmp_path).path("faces", rows["mixed.mp4"].video_id), FACES)
    assert faces.num_rows == 0  # faces that were found before the failure are discarded
    assert multiprocessing.active_children() == []


def test_a_killed_worker_gets_no_other_video_even_if_it_still_seems_alive(
    films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(multiprocessing.process.BaseProcess, "is_alive", lambda _: True)
    rows = run(films, tmp_path, detector=FailingDetector("hang"), workers=WorkerOptions(stall_s=3.0))
    assert [rows[name].status for name in ("man.mp4", "mixed.mp4", "woman.mp4")] == ["ok", "failed", "ok"]


def test_a_worker_that_ran_out_of_memory_processes_the_next_videos(films: Path, tmp_path: Path) -> None:
    rows = run(films, tmp_path, detector=FailingDetector("memory"), workers=WorkerOptions())
    assert "MemoryError" in rows["mixed.mp4"].reason
    assert rows["woman.mp4"].status == "ok"


def test_a_lost_video_is_tried_again_by_the_next_run(films: Path, tmp_path: Path) -> None:
    run(films, tmp_path, detector=FailingDetector("SIGSEGV"), workers=WorkerOptions())
    plan = plan_run(find_videos([str(films)]), Ledger(tmp_path), OPTIONS.digest(engines().model_hashes))
    assert [job.row.video for job in plan.todo] == ["mixed.mp4"]
    (row,) = run_videos(plan, Ledger(tmp_path), engines(), options=OPTIONS, progress=NoProgress())
    assert row.status == "ok"


def test_a_video_that_stalled_is_tried_again_by_the_next_run(films: Path, tmp_path: Path) -> None:
    run(films, tmp_path, detector=FailingDetector("hang"), workers=WorkerOptions(stall_s=3.0))
    plan = plan_run(find_videos([str(films)]), Ledger(tmp_path), OPTIONS.digest(engines().model_hashes))
    assert ([job.row.video for job in plan.todo], plan.changed) == (["mixed.mp4"], [])


def test_a_worker_that_cannot_even_start_ends_the_run_and_fails_no_video(films: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="a worker could not be started"):
        run(films, tmp_path, detector=UnstartableDetector("raise"), workers=WorkerOptions())
    assert Ledger(tmp_path).video_ids() == []


def jobs_in(folder: Path) -> list[Job]:
    return [Job(video.path, VideoRow(video.video_id, video.name, "")) for video in find_videos([str(folder)])]


def test_a_worker_is_replaced_after_its_share_of_videos(films: Path) -> None:
    task = WorkerTask(engines().detector, engines().recipe, OPTIONS)
    pids = []
    for job, _ in filter(None, run_workers(jobs_in(films), task, WorkerOptions(share=2))):
        (child,) = multiprocessing.active_children()
        pids.append((job.row.video, child.pid))
    by_video = dict(pids)
    assert by_video["man.mp4"] == by_video["mixed.mp4"] != by_video["woman.mp4"]


def test_no_process_is_left_if_the_caller_stops_early(films: Path) -> None:
    task = WorkerTask(FailingDetector("hang"), engines().recipe, OPTIONS)
    with closing(run_workers(jobs_in(films), task, WorkerOptions(2))) as events:
        next(filter(None, events))
        assert len(multiprocessing.active_children()) == 2
    assert multiprocessing.active_children() == []


def test_a_worker_sends_heartbeats_as_long_as_something_is_decoded() -> None:
    class Reading(Heartbeat):
        counts = iter([1, 2, 2, 2, 3])

        def count(self) -> int:
            try:
                return next(self.counts)
            except StopIteration:
                raise OSError from None  # the parent has ended

    sent: list[None] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("facetally.batch.worker.HEARTBEAT_S", 0.0)
        _send_heartbeats(Reading(), sent.append)
    assert len(sent) == 3


HANGING_RUN = """
import sys
from pathlib import Path
sys.path[:0] = [{root!r}, {tests!r}]
import facetally.models.engines
from drawn_world import FailingDetector, engines
from dataclasses import replace
detector = FailingDetector("hang", Path({pid!r}))
facetally.models.engines.load_engines = lambda *_, **__: replace(engines(), detector=detector)
from facetally.cli.main import main
main(["run", {films!r}, "-o", {out!r}, "--workers", "1"])
"""


def hanging_run(films: Path, folder: Path) -> tuple[subprocess.Popen[str], int]:
    """Starts `facetally run`; returns its process and the id of its worker, which hangs in the second of 3 films."""
    pid_path = folder / "pid"
    places = {"films": films, "out": folder / "out", "pid": pid_path, "root": ROOT, "tests": ROOT / "tests"}
    code = HANGING_RUN.format(**{name: str(path) for name, path in places.items()})
    before = signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # background jobs of a shell start with it ignored
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
    signal.signal(signal.SIGINT, before)
    assert becomes_true(60, lambda: pid_path.exists() and pid_path.read_text())
    return process, int(pid_path.read_text())


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_stops_within_seconds_and_keeps_the_finished_videos(
    films: Path, tmp_path: Path, number: signal.Signals
) -> None:
    process, worker = hanging_run(films, tmp_path)
    assert becomes_true(30, lambda: list((tmp_path / "out" / "videos").glob("man*.parquet")))
    process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "the same command continues with the others" in errors
    assert becomes_true(10, lambda: is_gone(worker))
    assert [row.video for row in Ledger(tmp_path / "out").rows()] == ["man.mp4"]


def test_the_workers_of_a_killed_run_end_too(films: Path, tmp_path: Path) -> None:
    process, worker = hanging_run(films, tmp_path)
    process.kill()
    process.communicate(timeout=10)
    assert becomes_true(10, lambda: is_gone(worker))
