"""The commands that work through videos and tell how far they are."""

from __future__ import annotations

import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from facetally.cli.options import CLASSIFIER, DETECTOR, DEVICE, FOLDER, MODELS_DIR, OUT
from facetally.options import RunOptions, Sampling, WorkerOptions

if TYPE_CHECKING:
    from facetally.batch.plan import Plan
    from facetally.models.engines import Engines
    from facetally.results.ledger import Ledger, VideoRow

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""
UNSETTABLE = ("inputs", "out", "config", "show-options")
"""What a file of settings cannot set."""


def settings_read(context: click.Context, _: click.Parameter, path: Path | None) -> dict[str, dict[str, Any]]:
    """Makes a file's flags the command's defaults; returns what it says of the stages."""
    from facetally.cli.config import read_config

    if path is None:
        return {}
    flags = {option.opts[-1].removeprefix("--"): str(option.name) for option in context.command.params}
    known = {flag: name for flag, name in flags.items() if flag not in UNSETTABLE}
    config = read_config(path, known)
    context.default_map = {known[flag]: value for flag, value in config.flags.items()}
    return config.stages


@click.command()
@click.argument("inputs", nargs=-1, required=True)
@click.option("-o", "--out", type=FOLDER, required=True, help="Output folder.")
@click.option(
    "--config",
    "stages",
    type=click.Path(path_type=Path, dir_okay=False),
    is_eager=True,
    callback=settings_read,
    help="Settings in TOML; flags go before them.",
)
@click.option("--show-options", is_flag=True, help="Only print all settings, as a file for --config.")
@click.option(
    "--every",
    "every_s",
    type=float,
    help=f"Seconds between two looks; 0: every frame.  [default: {Sampling.every_s}]",
)
@click.option("--keyframes", is_flag=True, default=None, help="Look at keyframes only: fastest, and coarse.")
@DETECTOR
@CLASSIFIER
@DEVICE
@click.option(
    "--workers",
    type=click.IntRange(0, 64),
    default=0,
    show_default=True,
    help="Videos worked on side by side; 0: as many as there are cores, but at most 4.",
)
@click.option(
    "--threads",
    type=click.IntRange(0),
    default=WorkerOptions.threads,
    show_default=True,
    help="Threads with which each worker decodes and looks; 0: shared out, so that no core has two to serve.",
)
@click.option(
    "--stall",
    "stall_s",
    type=click.FloatRange(1),
    default=WorkerOptions.stall_s,
    show_default=True,
    help="Give a video up after so many seconds in which nothing new of it could be decoded.",
)
@MODELS_DIR
@click.option(
    "--allow-untrained",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="TRUNK",
    help="Try the pipeline without a classifier: an ImageNet trunk, every answer unknown.",
)
@click.option("--force", is_flag=True, help="Do again what is done already.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
def run(
    inputs: tuple[str, ...],
    out: Path,
    stages: dict[str, dict[str, Any]],
    show_options: bool,
    every_s: float | None,
    keyframes: bool | None,
    detector: str,
    classifier: str,
    device: str,
    workers: int,
    threads: int,
    stall_s: float,
    models_dir: Path | None,
    allow_untrained: Path | None,
    force: bool,
    dry_run: bool,
) -> None:
    """Finds, follows and labels the people in videos; writes Parquet tables and their tallies to OUT.

    INPUTS are files, folders, globs, or @FILE with one of these a line. What OUT already holds is not done again, so
    a run that was stopped goes on with the same command.

    Example: facetally run videos/ -o out --every 0.5 --workers 2
    """
    from facetally.batch.plan import check_output, plan_run
    from facetally.batch.worker_pool import allocate_workers, available_cores
    from facetally.cli.config import as_toml, with_stages
    from facetally.inputs import find_videos
    from facetally.models.engines import load_engines
    from facetally.results.ledger import Ledger

    options = with_stages(RunOptions(detector=detector, classifier=classifier), stages)
    given: dict[str, Any] = {"every_s": every_s, "keyframes": keyframes}
    given = {name: value for name, value in given.items() if value is not None}
    options = replace(options, sampling=replace(options.sampling, **given))
    if show_options:
        engine_flags = {"detector": detector, "classifier": classifier, "device": device}
        flags = engine_flags | {"workers": workers, "threads": threads, "stall": stall_s}
        click.echo(as_toml(flags, options), nl=False)
        return
    videos = find_videos(inputs)
    workers, threads = allocate_workers(available_cores(), len(videos), workers, threads)
    engines = load_engines(options, device, threads, models_dir, allow_untrained)
    ledger, digest = Ledger(out), options.digest(engines.model_hashes)
    if dry_run:
        _print_plan(plan_run(videos, ledger, digest, force))
        return
    check_output(out)
    models = ", ".join(f"{role} {model.name}" for role, model in engines.models.items())
    click.echo(f"{models}, on {engines.device}", err=True)
    with ledger.locked():
        plan = plan_run(videos, ledger, digest, force)
        ledger.store_names({row.video_id: row.video for row in [*plan.done, *plan.new]})
        rows = _worked_through(plan, ledger, engines, options, WorkerOptions(workers, stall_s, threads=threads))
        _print_sums(ledger, [*rows, *plan.done])
    if any(row.status == "failed" for row in rows):
        sys.exit(1)


def _print_plan(plan: Plan) -> None:
    for job in plan.todo:
        click.echo(f"todo  {job.row.video}")
    for copy in plan.copies:
        click.echo(f"copy  {copy.row.video}")
    for row in plan.done:
        click.echo(f"done  {row.video}")


def _worked_through(
    plan: Plan, ledger: Ledger, engines: Engines, options: RunOptions, workers: WorkerOptions
) -> list[VideoRow]:
    """The new rows; being told to stop ends the program with what is finished stored."""
    from facetally.batch.run import run_videos
    from facetally.cli.progress import shown_progress

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # to be told to stop is Ctrl-C, however it is said
    try:
        with shown_progress() as progress:
            return run_videos(plan, ledger, engines, options, progress, workers)
    except KeyboardInterrupt:
        click.echo("Stopped. What was finished is stored; the same command goes on from there.", err=True)
        sys.exit(INTERRUPTED)


def _print_sums(ledger: Ledger, rows: list[VideoRow]) -> None:
    """Writes the tallies of all that the folder holds, and tells what came of these videos."""
    from facetally.cli.printing import print_tally, print_trouble
    from facetally.tallies.aggregator import DEFAULT_BIN, parse_bin, tally_videos, write_tallies

    tallies = tally_videos(ledger, ledger.rows(), bin_s := parse_bin(DEFAULT_BIN))
    write_tallies(ledger, tallies, bin_s)
    print_tally(tallies, "all")
    print_trouble(rows)
    click.echo(f"Tables are in {ledger.out}. Next: facetally report {ledger.out}", err=True)


@click.command()
@OUT
def status(out: Path) -> None:
    """Tells where a run stands: what is done, what failed and why, what is left; exit code 1 unless all is well.

    Example: facetally status out
    """
    from facetally.cli.printing import print_status
    from facetally.results.ledger import Ledger

    if not print_status(Ledger(out)):
        sys.exit(1)
