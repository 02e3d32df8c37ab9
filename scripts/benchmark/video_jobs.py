"""What `scripts/benchmark/` times on videos: decoding alone, the whole work of a run, and the stages of one video."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import av

from facetally.batch.plan import plan_run
from facetally.batch.run import run_videos
from facetally.batch.worker import Heartbeat, Job, WorkerTask
from facetally.batch.worker_pool import allocate_workers
from facetally.inputs import InputVideo
from facetally.jobs.runs import NoProgress
from facetally.models.engines import Engines, load_engines
from facetally.options import RunOptions, WorkerOptions
from facetally.results.ledger import Ledger, VideoRow
from facetally.threads import usable_cores
from scripts.benchmark.comparison import Figures
from scripts.no_detector import NoDetector
from scripts.stage_clock import StageClock


def decode_all(videos: Sequence[InputVideo]) -> Figures:
    """Only decodes every frame of every video, through PyAV with FFmpeg's threads."""
    frame_count = 0
    for video in videos:
        with av.open(str(video.path)) as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            frame_count += sum(1 for _ in container.decode(stream))
    return {"frames": frame_count}


def whole_job_of(
    videos: Sequence[InputVideo], options: RunOptions, workers: int = 0, *, finds_nobody: bool = False
) -> Callable[[], Figures]:
    """A job that does the work of `facetally run` on these videos; its models are already loaded.

    Args:
        videos: the videos.
        options: of the run.
        workers: processes; 0: as many as a run takes.
        finds_nobody: leave out the networks, to see what all else takes.
    """
    workers, threads = allocate_workers(usable_cores(), len(videos), workers=workers)
    engines = load_engines(options, "cpu", threads=threads)
    if finds_nobody:
        engines = replace(engines, detector=NoDetector(engines.detector))
    return partial(run_whole_job, videos, engines, options, WorkerOptions(workers, threads=threads))


def run_whole_job(
    videos: Sequence[InputVideo], engines: Engines, options: RunOptions, workers: WorkerOptions
) -> Figures:
    """A whole run, with tables and ledger, into a temporary folder."""
    with tempfile.TemporaryDirectory() as out:
        ledger = Ledger(Path(out))
        plan = plan_run(videos, ledger, options.digest(engines.model_hashes))
        rows = run_videos(plan, ledger, engines, options=options, progress=NoProgress(), workers=workers)
    return {
        "frames": sum(row.frame_count for row in rows),
        "sampled": sum(row.sampled_count for row in rows),
        "faces": sum(row.face_count for row in rows),
    }


def time_stages(path: Path, engines: Engines, options: RunOptions) -> tuple[StageClock, float, float]:
    """Processes one video in this process: the time of each stage, and seconds passed and of the processor."""
    task = WorkerTask(engines.detector, engines.recipe, options)
    clock = StageClock()
    wall_s, core_s = time.perf_counter(), time.process_time()
    with clock.running():
        for event in task.events(Job(path, VideoRow("id", "film", str(path))), Heartbeat()):
            for track in getattr(event, "ended", ()):
                engines.classifier.predict(track.crops)
    return clock, time.perf_counter() - wall_s, time.process_time() - core_s
