"""Processes a folder of videos, or plans to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from facetally.batch.plan import Plan, check_output, plan_run
from facetally.batch.prepare import logged_run, prepare_run
from facetally.batch.run import Progress as BatchProgress
from facetally.batch.run import run_videos
from facetally.jobs.arguments import Inputs, PathLike, optional_path, texts
from facetally.log import logged_to
from facetally.models.engines import Engines
from facetally.options import Device, RunOptions, WorkerOptions
from facetally.results.ledger import Ledger, VideoRow
from facetally.results.run_tables import Run
from facetally.tallies.aggregator import DEFAULT_BIN, parse_bin, tally_videos, write_tallies


class Progress(BatchProgress, Protocol):
    """Is notified how a run proceeds, from the loading of its networks on."""

    def loaded(self, engines: Engines) -> None: ...


class NoProgress:
    """Ignores all notifications."""

    def loaded(self, engines: Engines) -> None: ...

    def planned(self, todo: Sequence[VideoRow], done: Sequence[VideoRow]) -> None: ...

    def advanced(self, video_id: str, time_s: float) -> None: ...

    def finished(self, row: VideoRow) -> None: ...


def run_folder(
    inputs: Inputs,
    out: PathLike,
    *,
    options: RunOptions | None = None,
    every_s: float | None = None,
    device: Device = "auto",
    workers: int = 0,
    threads: int = 0,
    stall_s: float = WorkerOptions.stall_s,
    models_dir: PathLike | None = None,
    untrained_backbone: Path | None = None,
    force: bool = False,
    progress: Progress | None = None,
) -> Run:
    """Finds, tracks and classifies the people in videos; writes tables and their tallies to `out`.

    Videos that `out` already holds, made with the same options and weights, are not processed again.

    Args:
        inputs: video files, folders, globs, or "@FILE" with one of these per line.
        out: the output folder; locked against other runs meanwhile.
        options: everything that the results depend on besides videos and weights.
        every_s: seconds between two sampled frames; replaces that of `options`.
        device: where the networks run.
        workers: videos processed at the same time; 0: as many as there are cores, but at most 4.
        threads: of each worker; 0: the cores are divided among the workers.
        stall_s: seconds without progress after which a video is given up.
        models_dir: searched for weights before all other folders.
        untrained_backbone: an ImageNet backbone in place of a classifier, for trials; every gender is then unknown.
        force: process all videos again.
        progress: is notified.

    Returns:
        The run, with the rows of all videos; a video that failed has its reason in its row, and raises no error.

    Raises:
        PipelineError: no video, missing weights, an invalid option, or a folder that cannot be written; `fix` states
            what to do.
    """
    progress = progress or NoProgress()
    options, machine = _sampled(options, every_s), WorkerOptions(workers, stall_s, threads=threads)
    prepared = prepare_run(
        texts(inputs),
        options,
        device=device,
        workers=machine,
        models_dir=optional_path(models_dir),
        untrained_backbone=untrained_backbone,
    )
    ledger, engines = Ledger(Path(out)), prepared.engines
    check_output(ledger.out)
    progress.loaded(engines)
    with ledger.locked(), logged_to(ledger.out), logged_run(prepared):
        plan = plan_run(prepared.videos, ledger, prepared.digest, force=force, passed_over=prepared.passed_over)
        ledger.store_names({row.video_id: row.video for row in [*plan.done, *plan.new]}, plan.passed_over)
        new = run_videos(plan, ledger, engines, options=options, progress=progress, workers=prepared.workers)
        bin_s = parse_bin(DEFAULT_BIN)
        write_tallies(ledger, tally_videos(ledger, ledger.rows(), bin_s), bin_s)
    return Run(ledger.out, new, plan.done)


def plan_folder(
    inputs: Inputs,
    out: PathLike,
    *,
    options: RunOptions | None = None,
    every_s: float | None = None,
    device: Device = "auto",
    models_dir: PathLike | None = None,
    untrained_backbone: Path | None = None,
    force: bool = False,
) -> Plan:
    """What `run_folder` would do, without doing it; arguments and errors are the same."""
    options = _sampled(options, every_s)
    prepared = prepare_run(
        texts(inputs),
        options,
        device=device,
        workers=WorkerOptions(),
        models_dir=optional_path(models_dir),
        untrained_backbone=untrained_backbone,
    )
    ledger = Ledger(Path(out))
    return plan_run(prepared.videos, ledger, prepared.digest, force=force, passed_over=prepared.passed_over)


def _sampled(options: RunOptions | None, every_s: float | None) -> RunOptions:
    options = options or RunOptions()
    return options if every_s is None else replace(options, sampling=replace(options.sampling, every_s=every_s))
