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
import statistics
import tempfile
from functools import partial
from pathlib import Path

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from facetally.inputs import find_videos
from facetally.models.engines import load_engines
from facetally.networks import ComputeDevice
from facetally.options import RunOptions, Sampling
from facetally.reporting.pdf import find_browser
from scripts.benchmark.comparison import Figures, Jobs, compared, write
from scripts.benchmark.films import FILMS, make_clips, make_films
from scripts.benchmark.finished_runs import columns_of, earlier_code, multiplied, page_times, run_command
from scripts.benchmark.insightface_loop import run_insightface_loop
from scripts.benchmark.networks import BATCHES, network_jobs
from scripts.benchmark.video_jobs import decode_all, time_stages, whole_job_of
from scripts.long_films import looped

DECODING = "decoding alone"
CLIP_COUNTS = (1, 2, 4, 8, 16, 32, 64)

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
            videos = make_films(clips, Path(folder), name, minutes, count)
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
    with tempfile.TemporaryDirectory() as folder:
        path = looped([video.path for video in find_videos(inputs)], Path(folder) / "film.mp4", minutes, FILMS[name])
        clock, wall_s, core_s = time_stages(path, engines, options)
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
        videos = make_clips([video.path for video in find_videos(inputs)], Path(folder), minutes, max(counts))
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
    figures = compared(network_jobs(engines, device), repeats)
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


if __name__ == "__main__":
    main()
