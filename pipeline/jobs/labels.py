"""Compares runs with hand labels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from facetally.jobs.arguments import PathLike
from facetally.results.ledger import Ledger
from facetally.truth.files import read_truth
from facetally.validation.compare import compare_runs as comparison_of
from facetally.validation.contact_sheet import write_contact_sheet
from facetally.validation.metrics import Figures
from facetally.validation.report import write_json, write_validation
from facetally.validation.validate import ValidateOptions
from facetally.validation.validate import validate_run as validation_of
from facetally.validation.verdict import VerdictWord


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
