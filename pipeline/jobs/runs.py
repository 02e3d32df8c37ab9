"""Processes a folder of videos, or plans to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from facetally.batch.differences import refuse_newer_tables, refuse_other_options
from facetally.batch.executors import executor_of
from facetally.batch.notices import notices
from facetally.batch.plan import Plan, check_output, plan_run, refuse_damage_elsewhere, refuse_to_prune_all
from facetally.batch.prepare import PreparedRun, logged_run, prepare_run
from facetally.batch.run import Progress as BatchProgress
from facetally.batch.run import run_videos
from facetally.errors import OptionError
from facetally.jobs.arguments import Inputs, PathLike, optional_path, texts
from facetally.log import LOGGER, logged_to
from facetally.models.engines import Engines
from facetally.options import Device, ExecutorName, RunOptions, WorkerOptions
from facetally.results.corrections_file import FILE_NAME as CORRECTIONS
from facetally.results.ledger import Ledger, VideoRow
from facetally.storage.addresses import is_address, parsed_address
from facetally.storage.outputs import RemoteFolder, named_by_address, output_folder
from facetally.storage.read_ahead import DEFAULT_CACHE_GB
from facetally.storage.uploads import run_output

if TYPE_CHECKING:
    from facetally.results.run_tables import Run


class Progress(BatchProgress, Protocol):
    """Is notified how a run proceeds, from the loading of its networks on."""

    def loaded(self, engines: Engines) -> None: ...

    def noted(self, sentence: str) -> None: ...


class NoProgress:
    """Ignores all notifications."""

    def loaded(self, engines: Engines) -> None: ...

    def noted(self, sentence: str) -> None: ...

    def planned(self, todo: Sequence[VideoRow], done: Sequence[VideoRow]) -> None: ...

    def advanced(self, video_id: str, time_s: float) -> None: ...

    def finished(self, row: VideoRow) -> None: ...


@dataclass(frozen=True)
class Changes:
    """What a run may change of the results in its output folder, and which videos it leaves out."""

    force: bool = False
    """Process all videos again."""
    update: bool = False
    """Process videos again that were made with other options or weights."""
    retry_failed: bool = False
    """Process videos again that failed, even if their files are the same."""
    prune: bool = False
    """Remove results of videos that are not among the inputs."""
    exclude: tuple[str, ...] = ()
    """Patterns of videos that are neither processed nor counted, besides those of earlier runs into the folder."""
    include_all: bool = False
    """Forget the patterns of earlier runs."""


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
    executor: ExecutorName = "local",
    address: str = "",
    models_dir: PathLike | None = None,
    untrained_backbone: Path | None = None,
    force: bool = False,
    update: bool = False,
    retry_failed: bool = False,
    prune: bool = False,
    exclude: Inputs = (),
    include_all: bool = False,
    cache_gb: float = DEFAULT_CACHE_GB,
    progress: Progress | None = None,
) -> Run:
    """Finds, tracks and classifies the people in videos; writes tables and their tallies to `out`.

    Videos that `out` already holds, made with the same options and weights, are not processed again. If it holds
    videos made with others, nothing is changed without `update` or `force`.

    Args:
        inputs: video files, folders, globs, addresses such as "s3://bucket/folder/", or "@FILE" with one of these per
            line.
        out: the output folder, or its address; locked against other runs meanwhile.
        options: everything that the results depend on besides videos and weights.
        every_s: seconds between two sampled frames; replaces that of `options`.
        device: where the networks run.
        workers: videos processed at the same time; 0: as many as there are cores, but at most 4.
        threads: of each worker; 0: the cores are divided among the workers.
        stall_s: seconds without progress after which a video is given up.
        executor: "local" for processes of this machine, or "ray" for a Ray cluster.
        address: of the Ray cluster: HOST:PORT, or "auto"; empty: one is started on this machine for the run, unless the
            variable RAY_ADDRESS names one.
        models_dir: searched for weights before all other folders.
        untrained_backbone: an ImageNet backbone in place of a classifier, for trials; every gender is then unknown.
        force, update, retry_failed, prune, exclude, include_all: as in `Changes`.
        cache_gb: gigabytes that copies of videos at addresses may take on this machine; each is deleted after use.
        progress: is notified.

    Returns:
        The run, with the rows of all videos; a video that failed has its reason in its row, and raises no error.

    Raises:
        PipelineError: no video, missing weights, an invalid option, a folder that cannot be written, or one with
            results of other options or weights; `fix` states what to do.
    """
    progress = progress or NoProgress()
    where = executor_of(executor, address)
    changes = Changes(force, update, retry_failed, prune, tuple(texts(exclude)), include_all)
    prepared = prepare_run(
        texts(inputs),
        _sampled(options, every_s),
        device=device,
        workers=WorkerOptions(workers, stall_s, threads=threads),
        models_dir=optional_path(models_dir),
        untrained_backbone=untrained_backbone,
        executor=where,
    )
    remote = RemoteFolder(parsed_address(str(out))) if is_address(out) else None
    ledger = Ledger(remote.path if remote else Path(out))
    check_output(ledger.out)
    progress.loaded(prepared.engines)
    with _locked(ledger, remote, progress), logged_to(ledger.out), logged_run(prepared):
        plan = _planned(prepared, ledger, changes)
        new = _done(plan, prepared, ledger, prune=prune, progress=progress, cache_bytes=cache_gb * 1e9)
    from facetally.results.run_tables import Run

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
    update: bool = False,
    retry_failed: bool = False,
    prune: bool = False,
    exclude: Inputs = (),
    include_all: bool = False,
) -> Plan:
    """What `run_folder` would do, without doing it; arguments and errors are the same."""
    prepared = prepare_run(
        texts(inputs),
        _sampled(options, every_s),
        device=device,
        workers=WorkerOptions(),
        models_dir=optional_path(models_dir),
        untrained_backbone=untrained_backbone,
    )
    changes = Changes(force, update, retry_failed, prune, tuple(texts(exclude)), include_all)
    with output_folder(str(out)) if is_address(out) else nullcontext(Path(out)) as folder:
        return _planned(prepared, Ledger(folder), changes)


@contextmanager
def _locked(ledger: Ledger, remote: RemoteFolder | None, progress: Progress) -> Iterator[None]:
    """Locks an output folder; one at an address is made equal to it first, and stored there from then on."""
    if not remote:
        with ledger.locked():
            yield
        return
    with named_by_address(remote), ledger.locked(), run_output(remote, progress.noted) as uploads:
        ledger.uploads = uploads
        yield


def _planned(prepared: PreparedRun, ledger: Ledger, changes: Changes) -> Plan:
    """The plan of a run; stops before anything is changed if the run would replace results that nobody asked it to."""
    if not all(pattern.strip("/") for pattern in changes.exclude):
        raise OptionError("--exclude got an empty pattern", fix="give a name or a pattern: --exclude 'trailers/*'")
    earlier = () if changes.include_all else ledger.newest_run().exclude
    plan = plan_run(
        prepared.videos,
        ledger,
        prepared.digest,
        force=changes.force,
        retry_failed=changes.retry_failed,
        exclude=dict.fromkeys([*earlier, *changes.exclude]),
        passed_over=prepared.passed_over,
    )
    if not changes.force and not changes.update:
        models = prepared.engines.provenance()
        refuse_newer_tables(plan)
        refuse_other_options(plan, ledger, prepared.options, models, prune=changes.prune)
    if changes.prune:
        refuse_to_prune_all(plan, ledger.out)
    else:
        refuse_damage_elsewhere(plan)
    return plan


def _done(
    plan: Plan, prepared: PreparedRun, ledger: Ledger, *, prune: bool, progress: Progress, cache_bytes: float
) -> list[VideoRow]:
    """Does what is planned, and tallies; returns the new rows."""
    _note(notices(plan, prune=prune), progress)
    if (ledger.out / CORRECTIONS).exists():
        from facetally.results.rematching import anchor_corrections

        anchor_corrections(ledger)  # while the appearances that they are about are still there
    ledger.store_names(plan.names, plan.passed_over, exclude=plan.exclude, excluded=plan.excluded)
    new = run_videos(
        plan,
        ledger,
        prepared.engines,
        options=prepared.options,
        progress=progress,
        workers=prepared.workers,
        executor=prepared.executor,
        cache_bytes=cache_bytes,
    )
    for video_id in plan.gone if prune else ():
        ledger.remove(video_id)
    _sum_up(ledger, progress)
    return new


def _sum_up(ledger: Ledger, progress: Progress) -> None:
    """Brings the corrections by hand up to date, and writes the tallies."""
    from facetally.results.corrections import read_corrections  # pandas loads late: the workers need the memory first
    from facetally.results.rematching import rematched
    from facetally.tallies.aggregator import DEFAULT_BIN, parse_bin, tally_videos, write_tallies

    _note(rematched(ledger).sentences, progress)
    by_hand = read_corrections(ledger.out).disclosure({row.video_id for row in ledger.rows()})
    _note([f"the sums count {by_hand}"] if by_hand else [], progress)
    bin_s = parse_bin(DEFAULT_BIN)
    write_tallies(ledger, tally_videos(ledger, ledger.rows(), bin_s), bin_s)


def _note(sentences: Iterable[str], progress: Progress) -> None:
    for sentence in sentences:
        LOGGER.info("%s", sentence)
        progress.noted(sentence)


def _sampled(options: RunOptions | None, every_s: float | None) -> RunOptions:
    options = options or RunOptions()
    return options if every_s is None else replace(options, sampling=replace(options.sampling, every_s=every_s))
