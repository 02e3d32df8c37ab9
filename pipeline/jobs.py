"""One function for each job of facetally: the command line and `import facetally` both call these.

Each takes paths and options, does the whole job, and returns a typed result. Nothing is printed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import pandas as pd

from facetally.batch.plan import Plan, check_output, plan_run
from facetally.batch.prepare import logged_run, prepare_run
from facetally.batch.run import Progress as BatchProgress
from facetally.batch.run import run_videos
from facetally.images.annotate import annotated_paths, write_annotated
from facetally.images.predict import STILL_DETECTION, PredictedImage, UnreadImage, find_images
from facetally.images.predict import predict_images as predictions_of
from facetally.images.predictions import ImagePredictions
from facetally.log import logged_to
from facetally.models.engines import Engines, load_engines
from facetally.options import ClassificationOptions, Device, RunOptions, WorkerOptions
from facetally.quantification.correction import Correction
from facetally.quantification.run_shares import run_corrections
from facetally.results.ledger import Ledger, VideoRow, option_sets
from facetally.results.run_tables import Run
from facetally.tallies.aggregator import DEFAULT_BIN, parse_bin, tally_videos, without_small_cells, write_tallies
from facetally.tallies.forecast import run_forecast
from facetally.tallies.report import write_report
from facetally.truth.files import read_truth
from facetally.validation.compare import compare_runs as comparison_of
from facetally.validation.contact_sheet import write_contact_sheet
from facetally.validation.metrics import Figures
from facetally.validation.report import write_json, write_validation
from facetally.validation.validate import ValidateOptions
from facetally.validation.validate import validate_run as validation_of
from facetally.validation.verdict import VerdictWord

PathLike = str | Path
Inputs = PathLike | Iterable[PathLike]
"""Files, folders and globs: one, or several."""


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
        _texts(inputs),
        options,
        device=device,
        workers=machine,
        models_dir=_path(models_dir),
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
        _texts(inputs),
        options,
        device=device,
        workers=WorkerOptions(),
        models_dir=_path(models_dir),
        untrained_backbone=untrained_backbone,
    )
    ledger = Ledger(Path(out))
    return plan_run(prepared.videos, ledger, prepared.digest, force=force, passed_over=prepared.passed_over)


@dataclass(frozen=True)
class Tally:
    """Sums over a run."""

    table: pd.DataFrame
    """With the columns of tallies/."""
    path: Path
    """Where it was written."""
    left_out: str
    """A sentence about the small cells that were left out; empty if none were."""
    corrections: dict[str, dict[str, Correction]]
    """Shares of women by unit and method, corrected for the classifier's errors; empty without a validation report."""
    forecast: str
    """A sentence about the accuracy to expect for faces of these sizes; empty without faces."""
    option_sets: int
    """Number of different sets of options and weights in the run; if more than one, the sums mix their results."""


def tally_run(
    out: PathLike,
    *,
    bin: str = DEFAULT_BIN,
    min_confidence: float | None = None,
    min_cell: int = 0,
    calibration: PathLike | None = None,
) -> Tally:
    """Sums a run up by video, time bin, perceived gender and age, and writes OUT/tallies/.

    Args:
        out: a run's output folder.
        bin: length of a time bin: "90s", "15m", "1h".
        min_confidence: the probability below which a gender is unknown; by default the run's own.
        min_cell: appearances below which a cell is left out.
        calibration: a report of `validate_run`, or its folder: adds shares corrected for the classifier's errors.

    Raises:
        PipelineError: no results, a damaged file, or a report of other weights.
    """
    ledger, bin_s = Ledger(Path(out)), parse_bin(bin)
    rows = list(ledger.rows())
    corrections = run_corrections(ledger, rows, Path(calibration)) if calibration else {}
    tallies = tally_videos(ledger, rows, bin_s, min_confidence=min_confidence)
    table, left_out = without_small_cells(tallies, min_cell)
    path = write_tallies(ledger, table, bin_s, min_confidence=min_confidence, min_cell=min_cell)
    expected = run_forecast(ledger, rows)
    return Tally(table, path, left_out, corrections, expected.sentence, option_sets(rows))


def report_run(
    out: PathLike,
    path: PathLike | None = None,
    *,
    min_confidence: float | None = None,
    min_cell: int = 0,
    calibration: PathLike | None = None,
) -> Path:
    """Writes a run's report, one self-contained HTML page, and returns its path: OUT/report.html, or `path`.

    The other arguments and the errors are those of `tally_run`.
    """
    ledger, page = Ledger(Path(out)), _path(path)
    return write_report(ledger, page, min_confidence=min_confidence, min_cell=min_cell, calibration=_path(calibration))


@dataclass(frozen=True)
class ValidationResult:
    """A run's accuracy on hand-labelled video, and the verdict on a target."""

    verdict: VerdictWord
    exit_code: int
    """Of the command `facetally validate`: 0 pass, 1 fail, 3 not enough labels."""
    figures: Figures
    """The content of report.json."""
    report_path: Path
    """report.md; report.json and validation.png are beside it."""

    @property
    def accuracy(self) -> float | None:
        """The share of the labelled men and women found that were classified correctly, in [0, 1]; None without any."""
        accuracy: float | None = self.figures["people"]["accuracy"]
        return accuracy

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the accuracy."""
        return self.figures["people"]["low"], self.figures["people"]["high"]


def validate_run(
    out: PathLike,
    truth: PathLike,
    *,
    target: float = ValidateOptions.target,
    min_accuracy: float = ValidateOptions.min_accuracy,
    labels_sampled: bool = False,
    report_folder: PathLike | None = None,
    with_crops: bool = False,
) -> ValidationResult:
    """Compares a run with hand labels and writes the validation report.

    Args:
        out: a run's output folder.
        truth: the folder with hand labels.
        target: the accuracy over people that the verdict is about, in (0, 1).
        min_accuracy: accuracy of the predicted genders that the proposed confidence threshold must reach.
        labels_sampled: the labelled videos were drawn at random from the run's; corrections are then more precise.
        report_folder: where the report goes; OUT/validation by default.
        with_crops: also writes errors.png, with face crops of the people misclassified.

    Raises:
        PipelineError: no results, labels that cannot be read, or no video in both.
    """
    ledger, options = Ledger(Path(out)), ValidateOptions(target, min_accuracy, labels_sampled)
    validation = validation_of(ledger, read_truth(Path(truth)), options)
    folder = Path(report_folder) if report_folder else ledger.out / "validation"
    path = write_validation(validation, folder)
    if with_crops:
        write_contact_sheet(ledger, validation, folder / "errors.png")
    figures = validation.figures
    return ValidationResult(figures["verdict"], figures["exit_code"], figures, path)


def compare_runs(first: PathLike, second: PathLike, truth: PathLike, *, path: PathLike | None = None) -> Figures:
    """Compares two runs over the same videos: which one classifies more people correctly, and is that more than chance?

    Args:
        first, second: output folders of runs.
        truth: the folder with hand labels.
        path: also writes the figures there, as JSON.

    Returns:
        As `facetally.validation.compare.compare_runs`.

    Raises:
        PipelineError: no results, labels that cannot be read, or no labelled person in both.
    """
    figures = comparison_of(Ledger(Path(first)), Ledger(Path(second)), read_truth(Path(truth)))
    if path:
        write_json(figures, Path(path))
    return figures


def predict_images(
    images: Inputs,
    *,
    detector: str = RunOptions.detector,
    classifier: str = RunOptions.classifier,
    device: Device = "auto",
    models_dir: PathLike | None = None,
    min_confidence: float = ClassificationOptions.min_confidence,
    annotate: PathLike | None = None,
    on_loaded: Callable[[Engines], None] = lambda _: None,
    on_image: Callable[[PredictedImage | UnreadImage, int], None] = lambda *_: None,
) -> ImagePredictions:
    """Finds the faces in images and estimates perceived gender and age of each.

    Args:
        images: files, folders and globs.
        detector, classifier: names of weights, or paths.
        device: where the networks run.
        models_dir: searched for weights before all other folders.
        min_confidence: the probability below which a gender is unknown.
        annotate: also writes copies of the images to this folder, with boxes and predictions drawn in.
        on_loaded: called when the weights are loaded.
        on_image: called with each image's result and the total number of images.

    Raises:
        PipelineError: no image is found, or weights are missing.
    """
    settings = ClassificationOptions(min_confidence=min_confidence)
    options = RunOptions(detector=detector, classifier=classifier, detection=STILL_DETECTION, classification=settings)
    paths = find_images(_texts(images))
    targets = annotated_paths(paths, Path(annotate)) if annotate else {}
    engines = load_engines(options, device, models_dir=_path(models_dir), unit="crop")
    on_loaded(engines)
    results = []
    for result in predictions_of(paths, engines, settings):
        if targets and isinstance(result, PredictedImage):
            write_annotated(result, targets[result.path])
        on_image(result, len(paths))
        results.append(result)
    return ImagePredictions(results)


def _sampled(options: RunOptions | None, every_s: float | None) -> RunOptions:
    options = options or RunOptions()
    return options if every_s is None else replace(options, sampling=replace(options.sampling, every_s=every_s))


def _texts(inputs: Inputs) -> list[str]:
    return [str(inputs)] if isinstance(inputs, str | Path) else [str(one) for one in inputs]


def _path(path: PathLike | None) -> Path | None:
    return None if path is None else Path(path)
