"""The commands that process videos and show the state of a run."""

from __future__ import annotations

import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from facetally.cli.options import CLASSIFIER, DETECTOR, DEVICE, MODELS_DIR, OUT, OUTPUT, VERBOSE
from facetally.formatting import command, printable
from facetally.options import Device, ExecutorName, RunOptions, Sampling, WorkerOptions

if TYPE_CHECKING:
    from facetally.batch.plan import Plan
    from facetally.results.run_tables import Run

INTERRUPTED = 130
"""Exit code after Ctrl-C, by the convention of shells."""
UNSETTABLE = (
    *("inputs", "out", "config", "show-options", "verbose"),
    *("update", "retry-failed", "prune", "include-all"),
)
"""Flags that a settings file cannot set: they are about one run."""


def settings_read(context: click.Context, _: click.Parameter, path: Path | None) -> dict[str, dict[str, Any]]:
    """Makes the flags of a settings file the command's defaults; returns its options of the stages."""
    from facetally.cli.config import as_typed, read_config

    if path is None:
        return {}
    options = {option.opts[-1].removeprefix("--"): option for option in context.command.params}
    known = {flag: option for flag, option in options.items() if flag not in UNSETTABLE}
    config = read_config(path, known)
    context.default_map = {
        str(known[flag].name): as_typed(flag, value, several=known[flag].multiple)
        for flag, value in config.flags.items()
    }
    return config.stages


@click.command()
@click.argument("inputs", nargs=-1, required=True)
@click.option("-o", "--out", type=OUTPUT, required=True, help="Output folder, or its address: s3://BUCKET/FOLDER.")
@click.option("--update", is_flag=True, help="Process videos again that were made with other options or weights.")
@click.option("--force", is_flag=True, help="Process all videos again.")
@click.option("--retry-failed", is_flag=True, help="Process videos again that failed, even if the files are the same.")
@click.option("--prune", is_flag=True, help="Remove results of videos that are not among INPUTS from all tables.")
@click.option(
    "--exclude",
    multiple=True,
    metavar="GLOB",
    help="Leave out videos by name, or by a folder in it; may be repeated. Later runs into OUT leave them out too.",
)
@click.option("--include-all", is_flag=True, help="Forget what earlier runs into OUT excluded.")
@click.option(
    "--config",
    "stages",
    type=click.Path(path_type=Path, dir_okay=False),
    is_eager=True,
    callback=settings_read,
    help="Read settings from this TOML file; flags override the file.",
)
@DETECTOR
@CLASSIFIER
@MODELS_DIR
@click.option(
    "--every",
    "every_s",
    type=float,
    help=f"Seconds between two sampled frames; 0: every frame.  [default: {Sampling.every_s}]",
)
@click.option(
    "--keyframes", is_flag=True, default=None, help="Sample only keyframes, often seconds apart: fastest, but coarse."
)
@click.option(
    "--stream",
    type=click.IntRange(0),
    help="Which video stream to read, from 0, of files with several cameras or programmes; by default the one that "
    "players show.",
)
@click.option(
    "--people/--no-people",
    default=None,
    help="Also count distinct people within each video: appearances with the same face are one person.",
)
@DEVICE
@click.option(
    "--workers",
    type=click.IntRange(0, 64),
    default=0,
    show_default=True,
    help="Videos processed at the same time; 0: one for each core, but at most 4.",
)
@click.option(
    "--threads",
    type=click.IntRange(0),
    default=WorkerOptions.threads,
    show_default=True,
    help="Threads per worker; 0: divide the cores among the workers.",
)
@click.option(
    "--stall",
    "stall_s",
    type=click.FloatRange(1),
    default=WorkerOptions.stall_s,
    show_default=True,
    help="Give up on a video after this many seconds without progress.",
)
@click.option(
    "--executor",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="Where videos are processed: on this machine, or on the machines of a Ray cluster.",
)
@click.option(
    "--address",
    default="",
    metavar="HOST:PORT",
    help="Address of the Ray cluster, or auto; by default one is started on this machine for the run.",
)
@click.option(
    "--cache-size",
    "cache_gb",
    type=click.FloatRange(0.001),
    metavar="GB",
    default=20.0,
    show_default=True,
    help="Space for copies of videos that are read from addresses; each is deleted after use.",
)
@VERBOSE
@click.option("--show-options", is_flag=True, help="Only print all settings, as a file for --config.")
@click.option("--dry-run", is_flag=True, help="Only list what would be done.")
@click.option(
    "--allow-untrained",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="BACKBONE",
    help="Run without a trained classifier, with this ImageNet backbone (.pth): every gender is unknown.",
)
@click.option_panel("Input and output", options=["inputs", "--out", "--exclude", "--include-all", "--config"])
@click.option_panel("Results that OUT already holds", options=["--update", "--force", "--retry-failed", "--prune"])
@click.option_panel("Models", options=["--detector", "--classifier", "--models-dir"])
@click.option_panel("Sampling", options=["--every", "--keyframes", "--stream", "--people"])
@click.option_panel(
    "Machine", options=["--device", "--workers", "--threads", "--stall", "--executor", "--address", "--cache-size"]
)
@click.option_panel(
    "Trying things out", options=["--dry-run", "--show-options", "--allow-untrained", "--verbose", "--help"]
)
def run(
    inputs: tuple[str, ...],
    out: Path | str,
    stages: dict[str, dict[str, Any]],
    show_options: bool,
    every_s: float | None,
    keyframes: bool | None,
    stream: int | None,
    people: bool | None,
    detector: str,
    classifier: str,
    device: Device,
    workers: int,
    threads: int,
    stall_s: float,
    executor: ExecutorName,
    address: str,
    cache_gb: float,
    models_dir: Path | None,
    allow_untrained: Path | None,
    dry_run: bool,
    **changes: Any,
) -> None:
    """Finds, tracks and classifies the people in videos; writes Parquet tables and their tallies to OUT.

    INPUTS are files, folders, globs, addresses (s3://BUCKET/FOLDER/), or @FILE with one of these per line. Videos that
    are already done in OUT are not processed again, so a run that was stopped resumes with the same command.

    \b
    What OUT already holds               What a run does
    -----------------------------------  ------------------------------------
    the same options and weights         resumes: only what is new or changed
    other options or weights             stops; --update does these again
    a table of a newer schema            stops; --update does these again
    a damaged table                      does this video again
    a video that failed                  keeps that; --retry-failed tries again
    a video that is not among INPUTS     still counts it; --prune removes it
    a video that --exclude fits          keeps it, without counting it

    Another folder with -o keeps both; --force does everything again. A newer facetally resumes too, as long as its
    options and weights are the same.

    Example: facetally run videos/ -o out --every 0.5 --workers 2
    """
    from facetally.cli.config import as_toml, with_stages

    options = with_stages(RunOptions(detector=detector, classifier=classifier), stages)
    sampling = {"every_s": every_s, "keyframes": keyframes, "stream": stream}
    given_sampling: dict[str, Any] = {name: value for name, value in sampling.items() if value is not None}
    options = replace(options, sampling=replace(options.sampling, **given_sampling))
    if people is not None:
        options = replace(options, people=replace(options.people, count=people))
    if show_options:
        engine_flags = {"detector": detector, "classifier": classifier, "device": device}
        flags = engine_flags | {"workers": workers, "threads": threads, "stall": stall_s}
        flags |= {"executor": executor, "address": address}
        click.echo(as_toml(flags, options), nl=False)
        return
    given: dict[str, Any] = {
        **{"options": options, "device": device, "models_dir": models_dir},
        **{"untrained_backbone": allow_untrained, **changes},
    }
    if dry_run:
        from facetally.jobs.runs import plan_folder

        _print_plan(plan_folder(inputs, out, **given), prune=bool(changes["prune"]))
        return
    machine = {"workers": workers, "threads": threads, "stall_s": stall_s, "executor": executor, "address": address}
    machine["cache_gb"] = cache_gb
    _run_and_print(inputs, out, given | machine)


def _print_plan(plan: Plan, *, prune: bool) -> None:
    from facetally.batch.notices import notices

    for sentence in notices(plan, prune=prune):
        click.echo(f"note: {sentence}", err=True)
    for job in plan.todo:
        click.echo(f"todo  {job.row.video}")
    for copy in plan.copies:
        click.echo(f"copy  {copy.row.video}")
    for row in plan.done:
        click.echo(f"{'fail' if row.status == 'failed' else 'done'}  {row.video}")
    for name in sorted(plan.gone.values()) if prune else ():
        click.echo(f"gone  {name}")
    for name in sorted(plan.excluded.values()):
        click.echo(f"skip  {name}")
    for file in plan.passed_over:
        click.echo(f"pass  {file.name}: {file.reason}")


def _run_and_print(inputs: tuple[str, ...], out: Path | str, given: dict[str, Any]) -> None:
    """Runs and prints the tally; after Ctrl-C or SIGTERM the finished videos stay stored."""
    from facetally.child_processes import start_fork_server

    if given["executor"] == "local":
        start_fork_server()  # beside the imports below, which take as long
    from facetally.cli.progress import shown_progress
    from facetally.jobs.runs import run_folder

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with shown_progress() as progress:
            finished = run_folder(inputs, out, progress=progress, **given)
    except KeyboardInterrupt:
        click.echo("Stopped. Finished videos are stored; the same command continues with the others.", err=True)
        sys.exit(INTERRUPTED)
    _print_run(finished, out)


def _print_run(finished: Run, out: Path | str) -> None:
    from facetally.cli.printing_run import print_passed_over, print_problems
    from facetally.cli.printing_tally import print_tally
    from facetally.results.ledger import Ledger

    print_tally(finished.tallies(), "all")
    print_problems([*finished.new, *finished.done])
    print_passed_over(Ledger(finished.out).passed_over())
    click.echo(f"Tables are in {printable(str(out))}. Next: {command('facetally', 'report', out)}", err=True)
    if finished.failed:
        sys.exit(1)


@click.command()
@OUT
@click.option("--deep", is_flag=True, help="Compare every file with its hash: finds any change.")
def status(out: Path, deep: bool) -> None:
    """Shows the state of a run: what is done, what failed and why, what is left or damaged.

    OUT is the folder that `facetally run` wrote; nothing is written to it. Exit code 1 unless all is done and intact.

    Example: facetally status out
    """
    from facetally.cli.printing_run import print_status
    from facetally.results.ledger import Ledger

    if not print_status(Ledger(out), is_deep=deep):
        sys.exit(1)
