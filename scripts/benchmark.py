"""Times facetally against decoding alone and against a simple loop with insightface, and measures time by stage.

    python -m scripts.benchmark whole-job ../shared/videos
    python -m scripts.benchmark films ../shared/videos
    python -m scripts.benchmark stages ../shared/videos
    python -m scripts.benchmark scaling ../shared/videos
    python -m scripts.benchmark models
    python -m scripts.benchmark sums out
    python -m scripts.benchmark report-page out

`sums` times `facetally tally` and `facetally report` over a finished run, multiplied to many videos, against an
earlier commit. `report-page` opens the report of such a run in a browser, and sorts and filters its table of videos.

Repeats are interleaved and medians compared, so that noise on the machine affects all jobs equally: the ratios within a
run are more reliable than the seconds. Each command writes JSON into reports/benchmarks.
"""

from __future__ import annotations

import json
import os
import platform
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import av
import click
import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from facetally.batch.plan import plan_run
from facetally.batch.run import run_videos
from facetally.batch.worker import Heartbeat, Job, WorkerTask
from facetally.batch.worker_pool import allocate_workers
from facetally.detection.scrfd import ScrfdDetector, ScrfdOptions
from facetally.inputs import InputVideo, find_videos
from facetally.jobs.runs import NoProgress
from facetally.models.engines import Engines, load_engines
from facetally.options import ComputeDevice, RunOptions, Sampling, WorkerOptions
from facetally.reporting.pdf import find_browser
from facetally.results.ledger import Ledger, VideoRow
from facetally.threads import usable_cores
from scripts.long_films import Film, distinct_copy, looped
from scripts.no_detector import NoDetector
from scripts.provenance import machine
from scripts.stage_clock import StageClock

Figures = dict[str, Any]
Jobs = dict[str, Callable[[], Figures]]
DECODING = "decoding alone"
FILMS = {
    "360p": Film((640, 360)),
    "720p": Film((1280, 720)),
    "1080p": Film(),
    "1080p HEVC": Film(codec="libx265", options={"preset": "fast", "x265-params": "log-level=error"}),
}
CLIP_COUNTS = (1, 2, 4, 8, 16, 32, 64)
INPUT_SIZES_PX = (320, 480, 640)
BATCHES: dict[ComputeDevice, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "cpu": ((8,), (1, 8, 32)),
    "cuda": ((1, 8, 32, 64), (1, 8, 32, 256)),
}
"""Frames per call of the detector, and faces per call of the classifier, by device."""
CALLS = 5

INPUTS = click.argument("inputs", nargs=-1, required=True)
REPEATS = click.option("--repeats", default=3, show_default=True)
MINUTES = click.option("--minutes", default=2.0, show_default=True, help="Length of the films.")
DETECTOR = click.option("--detector", default=RunOptions.detector, show_default=True)
EVERY = click.option("--every", "every_s", default=Sampling.every_s, show_default=True)
REPORTS = click.option("--reports", type=click.Path(path_type=Path), default=Path("reports/benchmarks"))


@click.group(help=__doc__)
def main() -> None:
    pass


@main.command("whole-job")
@INPUTS
@REPEATS
@DETECTOR
@EVERY
@REPORTS
def whole_job(inputs: tuple[str, ...], repeats: int, detector: str, every_s: float, reports: Path) -> None:
    """Decoding alone, facetally, and a loop with insightface on the same frames and weights."""
    videos, options = find_videos(inputs), RunOptions(detector=detector, sampling=Sampling(every_s))
    engines = load_engines(options, device="cpu")
    jobs: Jobs = {
        DECODING: partial(decode_all, videos),
        "facetally": whole_job_of(videos, options),
        "insightface loop": partial(run_insightface_loop, videos, engines, options),
    }
    name = f"whole-job-{engines.models['detector'].name}"
    write(reports, name, {"videos": len(videos), "detector": detector, **compared(jobs, repeats)})


@main.command()
@INPUTS
@REPEATS
@MINUTES
@DETECTOR
@click.option("--film", "names", type=click.Choice(list(FILMS)), multiple=True, default=list(FILMS))
@click.option("--count", default=1, show_default=True, help="Films of each size, processed as one job.")
@click.option("--every", "intervals", type=float, multiple=True, default=[1.0, 0.2, 0.0], show_default=True)
@click.option("--floor", is_flag=True, help="Also the same without any network: no face is looked for.")
@REPORTS
def films(
    inputs: tuple[str, ...],
    repeats: int,
    minutes: float,
    detector: str,
    names: tuple[str, ...],
    count: int,
    intervals: tuple[float, ...],
    floor: bool,
    reports: Path,
) -> None:
    """The whole job against decoding alone, on films of several sizes made from the videos."""
    clips = [video.path for video in find_videos(inputs)]
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            paths = [Path(folder) / f"{name} {number}.mp4" for number in range(count)]
            videos = [
                InputVideo(looped(clips[number::count], path, minutes, FILMS[name]), path.stem)
                for number, path in enumerate(paths)
            ]
            jobs: Jobs = {DECODING: partial(decode_all, videos)}
            for every_s in intervals:
                label = f"every {every_s:g} s" if every_s else "every frame"
                options = RunOptions(detector=detector, sampling=Sampling(every_s))
                jobs[label] = whole_job_of(videos, options)
                if floor:
                    jobs[f"{label}, no network"] = whole_job_of(videos, options, finds_nobody=True)
            results[name] = compared(jobs, repeats, name)
    figures = {"minutes": minutes, "count": count, "detector": detector, "films": results}
    write(reports, f"films-{count}", figures)


@main.command()
@INPUTS
@MINUTES
@DETECTOR
@EVERY
@click.option("--film", "name", type=click.Choice(list(FILMS)), default="1080p", show_default=True)
@REPORTS
def stages(inputs: tuple[str, ...], minutes: float, detector: str, every_s: float, name: str, reports: Path) -> None:
    """Time by stage for one film. Stages in two threads overlap; "waits" is the detection thread waiting for frames."""
    options = RunOptions(detector=detector, sampling=Sampling(every_s))
    engines = load_engines(options, device="cpu")
    task = WorkerTask(engines.detector, engines.recipe, options)
    clock = StageClock()
    with tempfile.TemporaryDirectory() as folder:
        path = looped([video.path for video in find_videos(inputs)], Path(folder) / "film.mp4", minutes, FILMS[name])
        wall_s, core_s = time.perf_counter(), time.process_time()
        with clock.running():
            for event in task.events(Job(path, VideoRow("id", "film", str(path))), Heartbeat()):
                for track in getattr(event, "ended", ()):
                    engines.classifier.predict(track.crops)
        wall_s, core_s = time.perf_counter() - wall_s, time.process_time() - core_s
    table = Table("stage", "s", "share of total")
    for stage, seconds in clock.seconds.most_common():
        table.add_row(stage, f"{seconds:.1f}", f"{seconds / wall_s:.0%}")
    table.add_row("whole", f"{wall_s:.1f}", f"{core_s / wall_s:.2f} cores")
    Console(width=100).print(table)
    figures = {"film": name, "minutes": minutes, "every_s": every_s, "whole_s": wall_s, "core_s": core_s}
    write(reports, "stages", figures | {"stage_s": dict(clock.seconds)})


@main.command()
@INPUTS
@DETECTOR
@click.option("--clips", "counts", type=int, multiple=True, default=CLIP_COUNTS, show_default=True)
@click.option("--workers", "worker_counts", type=int, multiple=True, default=[1, 2], show_default=True)
@click.option("--minutes", default=0.5, show_default=True, help="Length of each clip.")
@REPORTS
def scaling(
    inputs: tuple[str, ...],
    detector: str,
    counts: tuple[int, ...],
    worker_counts: tuple[int, ...],
    minutes: float,
    reports: Path,
) -> None:
    """Time over the number of clips, by number of workers; the exponent is that of a power law fitted to the times."""
    options = RunOptions(detector=detector)
    results: Figures = {}
    with tempfile.TemporaryDirectory() as folder:
        clip = looped([video.path for video in find_videos(inputs)], Path(folder) / "clip.mp4", minutes, FILMS["360p"])
        videos = [InputVideo(distinct_copy(clip, number), f"clip{number:03}") for number in range(max(counts))]
        for workers in worker_counts:
            jobs: Jobs = {str(count): whole_job_of(videos[:count], options, workers) for count in counts}
            result = compared(jobs, 1, f"{workers} workers")
            seconds = [result["median_s"][str(count)] for count in counts]
            exponent = float(np.polyfit(np.log(counts), np.log(seconds), 1)[0])
            results[str(workers)] = result | {"exponent": round(exponent, 3)}
            click.echo(f"{workers} workers: time grows with clips to the power of {exponent:.3f}")
    write(reports, "scaling", {"detector": detector, "minutes": minutes, "workers": results})


@main.command()
@REPEATS
@DETECTOR
@click.option("--device", type=click.Choice(list(BATCHES)), default="cpu", show_default=True)
@REPORTS
def models(repeats: int, detector: str, device: ComputeDevice, reports: Path) -> None:
    """Frames per second of the detector, and faces per second of the classifier, by input size and batch."""
    engines = load_engines(RunOptions(detector=detector), device)
    frame_counts, crop_counts = BATCHES[device]
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 256, (1080, 1920, 3)).astype(np.uint8) for _ in range(max(frame_counts))]
    jobs: Jobs = {}
    for input_px in INPUT_SIZES_PX:
        network = ScrfdDetector(engines.models["detector"].path, ScrfdOptions(input_px, min_score=1.0), device)
        size_wh = network.input_wh((1080, 1920))
        shrunk = [np.asarray(cv2.resize(frame, size_wh), np.uint8) for frame in frames]
        for count in frame_counts:
            job = partial(count_of, network.detect, shrunk[:count], (1080, 1920))
            jobs[f"detector, {input_px} px, {count} frames"] = job
    side = engines.recipe.size_px
    for count in crop_counts:
        crops = rng.integers(0, 256, (count, side, side, 3)).astype(np.uint8)
        jobs[f"classifier, {count} faces"] = partial(count_of, engines.classifier.predict, crops)
    figures = compared(jobs, repeats)
    seconds, counts = figures["median_s"], figures["counts"]
    per_s = {name: round(counts[name]["frames"] / median_s) for name, median_s in seconds.items()}
    live = {name: round(rate * Sampling.every_s) for name, rate in per_s.items() if name.startswith("detector")}
    shown = Table("", "per second", f"live streams, sampled every {Sampling.every_s:g} s")
    for name, rate in per_s.items():
        shown.add_row(name, str(rate), str(live.get(name, "")))
    Console(width=100).print(shown)
    figures |= {"per_second": per_s, "live_streams": live}
    write(reports, "models", {"detector": detector, "device": engines.device, **figures})


@main.command()
@click.argument("out", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--videos", "counts", type=int, multiple=True, default=[300, 3000], show_default=True)
@click.option("--before", default="a47eb84", show_default=True, help="The earlier commit.")
@REPEATS
@REPORTS
def sums(out: Path, counts: tuple[int, ...], before: str, repeats: int, reports: Path) -> None:
    """Tally and report over a finished run, multiplied to many videos, at an earlier commit and now.

    Each is a command of its own, from its start to its end. The first time makes the copies of the tables that later
    times read; a run makes them at its end.
    """
    results: Figures = {}
    with tempfile.TemporaryDirectory() as folder:
        codes = {f"at {before}": earlier_code(before, Path(folder)), "now": earlier_code("", Path(folder))}
        columns = columns_of(codes[f"at {before}"])
        for count in counts:
            run = multiplied(out, Path(folder) / f"run-{count}", count, columns)
            for name in ("tally", "report"):
                words, now = [name, str(run)], codes["now"]
                jobs: Jobs = {f"{name} at {before}": partial(run_command, codes[f"at {before}"], words)}
                if name == "tally":
                    jobs["tally now, first time"] = partial(run_command, now, words, forget=run)
                jobs[f"{name} now"] = partial(run_command, now, words)
                results[f"{name}, {count} videos"] = compared(jobs, repeats, f"{count} videos")
    write(reports, "sums", {"before": before, "results": results})


@main.command(name="report-page")
@click.argument("out", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--videos", "counts", type=int, multiple=True, default=[300, 3000], show_default=True)
@REPEATS
@REPORTS
def report_page(out: Path, counts: tuple[int, ...], repeats: int, reports: Path) -> None:
    """The report of a finished run, multiplied to many videos, in Chromium: opening, unfolding, sorting, filtering.

    Opening ends when the page has loaded and one frame was drawn; the others end when a frame was drawn after them.
    """
    from playwright.sync_api import sync_playwright

    results: Figures = {}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        code = earlier_code("", Path(folder))
        browser = driver.chromium.launch(executable_path=find_browser(), args=["--no-sandbox"])
        for count in counts:
            run = multiplied(out, Path(folder) / f"run-{count}", count, columns_of(code))
            run_command(code, ["report", str(run)])
            path = run / "report.html"
            times = [page_times(browser.new_page, path) for _ in range(repeats)]
            medians = {name: round(statistics.median(one[name] for one in times), 3) for name in times[0]}
            results[f"{count} videos"] = {"page_mb": round(path.stat().st_size / 1e6, 2), "median_s": medians}
            click.echo(f"{count} videos: {json.dumps(results[f'{count} videos'])}")
        browser.close()
    write(reports, "report-page", results)


def page_times(new_page: Callable[[], Any], path: Path) -> dict[str, float]:
    """Seconds that a page takes to open, and its table to unfold, to sort and to filter, until it is drawn."""
    page = new_page()
    drawn = "new Promise(done => requestAnimationFrame(() => setTimeout(done)))"
    click_on = "const e = document.querySelector(%s); e.click()"
    steps = {
        "unfold": click_on % "'details:has(#videos) > summary'",
        "sort by appearances": click_on % "'#videos th:nth-child(2) button'",
        "sort by name": click_on % "'#videos th:nth-child(1) button'",
        "filter": "const e = document.querySelector('input[type=search]'); e.value = '1'; "
        "e.dispatchEvent(new Event('input'))",
    }
    started = time.perf_counter()
    page.goto(path.as_uri())
    page.evaluate(drawn)
    seconds = {"open": time.perf_counter() - started}
    for name, step in steps.items():
        program = f"async () => {{ const t = performance.now(); {step}; await {drawn}; return performance.now() - t; }}"
        seconds[name] = page.evaluate(program) / 1000
    page.close()
    return seconds


def earlier_code(commit: str, folder: Path) -> Path:
    """A folder for PYTHONPATH with the package as of a commit; of the present checkout for an empty one."""
    source, package = Path.cwd(), folder / f"package-{commit or 'now'}" / "facetally"
    package.mkdir(parents=True)
    if commit:
        source = folder / commit
        source.mkdir()
        archive = subprocess.run(["git", "archive", commit], capture_output=True, check=True).stdout
        subprocess.run(["tar", "-x", "-C", str(source)], input=archive, check=True)
    for path in [*(source / "pipeline").iterdir(), source / "detection", source / "gender"]:
        (package / path.name).symlink_to(path)
    (package / "bundled").symlink_to(source / "models")
    return package.parent


def columns_of(code: Path) -> dict[str, list[str]]:
    """The columns of the tables of a version of the package."""
    names = "{name.lower(): getattr(t, name).names for name in ('FACES', 'TRACKS', 'VIDEOS')}"
    program = f"import json, facetally.results.tables as t; print(json.dumps({names}))"
    environment = {**os.environ, "PYTHONPATH": str(code)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, check=True, cwd="/")
    columns: dict[str, list[str]] = json.loads(done.stdout)
    return columns


def multiplied(out: Path, copy: Path, count: int, columns: dict[str, list[str]]) -> Path:
    """A run of `count` videos from the results of a run, again and again, with only these columns."""
    ids = sorted(path.stem for path in (out / "videos").glob("*.parquet"))
    for table, names in columns.items():
        tables = {video_id: pq.read_table(out / table / f"{video_id}.parquet") for video_id in ids}
        (copy / table).mkdir(parents=True)
        for number in range(count):
            video_id, round_number = ids[number % len(ids)], number // len(ids)
            own = tables[video_id].select(names)
            values = {"video_id": f"{video_id}-{round_number}"}
            if table == "videos":
                values["video"] = f"{round_number}/{own['video'][0].as_py()}"
            for name, value in values.items():
                at = own.schema.get_field_index(name)
                own = own.set_column(at, own.schema.field(at), pa.repeat(value, len(own)))
            pq.write_table(own, copy / table / f"{values['video_id']}.parquet", compression="zstd")
    return copy


def run_command(code: Path, words: list[str], forget: Path | None = None) -> Figures:
    """Runs facetally in a process of its own; returns its processor time and its largest memory.

    Args:
        code: the folder of the package.
        words: of the command.
        forget: a run of which the copies of tables are deleted first.
    """
    if forget:
        shutil.rmtree(forget / ".cache", ignore_errors=True)
    environment = {**os.environ, "PYTHONPATH": str(code)}
    command = [sys.executable, "-m", "facetally", *words]
    process = subprocess.Popen(command, env=environment, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return {"core_s": round(usage.ru_utime + usage.ru_stime, 2), "memory_mb": round(usage.ru_maxrss / 1024)}


def count_of(function: Callable[..., Any], *arguments: Any) -> Figures:
    """Calls the function `CALLS` times and returns the number of processed items."""
    for _ in range(CALLS):
        function(*arguments)
    return {"frames": CALLS * len(arguments[0])}


def compared(jobs: Jobs, repeats: int, title: str = "") -> Figures:
    """Repeats all jobs; prints and returns seconds, medians, and medians as multiples of the first job's median."""
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    counts: dict[str, Figures] = {}
    for _ in range(repeats):
        for name, job in jobs.items():
            started = time.perf_counter()
            counts[name] = job()
            seconds[name].append(time.perf_counter() - started)
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    first_s = next(iter(medians.values()))
    units = list(dict.fromkeys(key for figures in counts.values() for key in figures))
    table = Table(title, "median s", "x the first", *units)
    for name, median_s in medians.items():
        shown = (str(counts[name].get(key, "")) for key in units)
        table.add_row(name, f"{median_s:.2f}", f"{median_s / first_s:.2f}", *shown)
    Console(width=100).print(table)
    return {
        "seconds": {name: [round(value, 3) for value in times] for name, times in seconds.items()},
        "median_s": {name: round(value, 3) for name, value in medians.items()},
        "times_first": {name: round(value / first_s, 3) for name, value in medians.items()},
        "counts": counts,
    }


def write(reports: Path, name: str, figures: Figures) -> None:
    """Writes figures with date, machine and command."""
    reports.mkdir(parents=True, exist_ok=True)
    path = reports / f"{date.today()}-{name}.json"
    command = shlex.join(["python", "-m", "scripts.benchmark", *sys.argv[1:]])
    head = {"date": str(date.today()), "machine": f"{machine()}, {platform.system()}", "command": command}
    path.write_text(json.dumps(head | figures, indent=2) + "\n")
    click.echo(path, err=True)


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


def run_insightface_loop(videos: Sequence[InputVideo], engines: Engines, options: RunOptions) -> Figures:
    """OpenCV decodes, insightface's SCRFD runs on every sampled frame at 640 px, and each face is classified alone."""
    from insightface.model_zoo.scrfd import SCRFD
    from insightface.utils.face_align import norm_crop

    detector = SCRFD(str(engines.models["detector"].path))
    detector.prepare(0, input_size=(options.detection.input_px, options.detection.input_px))
    sampled = faces = 0
    for video in videos:
        capture = cv2.VideoCapture(str(video.path))
        before_s = -1.0
        while capture.grab():
            time_s = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
            is_due = before_s < 0 or options.sampling.is_due(before_s, time_s)
            before_s = time_s
            if not is_due:
                continue
            image = capture.retrieve()[1]
            sampled += 1
            _, landmarks = detector.detect(image)
            for points in landmarks:
                crop = cv2.cvtColor(norm_crop(image, points), cv2.COLOR_BGR2RGB)
                engines.classifier.predict(np.ascontiguousarray(crop[None]))
                faces += 1
        capture.release()
    return {"sampled": sampled, "faces": faces}


if __name__ == "__main__":
    main()
