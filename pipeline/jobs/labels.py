"""Compares runs with hand labels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from facetally.jobs.arguments import Inputs, PathLike, optional_path, texts
from facetally.labelling.validated import grown_since, validated_sample
from facetally.results.corrections import read_corrections
from facetally.results.ledger import Ledger
from facetally.truth.check.checkup import Checkup, check_folder
from facetally.truth.files import PEOPLE_FILE, check_new, read_truth, write_truth
from facetally.truth.sample import draw_appearances
from facetally.validation.compare import compare_runs as comparison_of
from facetally.validation.contact_sheet import write_contact_sheet
from facetally.validation.metrics import Figures
from facetally.validation.report import write_json, write_validation
from facetally.validation.run_comparison import run_figures
from facetally.validation.sample_sheet import Sheets, write_sheets
from facetally.validation.unmatched import Reason, unmatched_figures, unmatched_without_run
from facetally.validation.validate import ValidateOptions, unmatched_people
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
    labels = read_truth(Path(truth))
    validation = validation_of(ledger, labels, options)
    if sample := validated_sample(ledger, Path(truth), labels, target):
        validation = replace(validation, figures=_decided_by(sample, validation.figures))
    elif grown := grown_since(ledger, Path(truth)):
        labelling = validation.figures["labelling"] | {"is_sample": False, "not_a_sample": grown}
        validation = replace(validation, figures=validation.figures | {"labelling": labelling})
    folder = Path(report_folder) if report_folder else ledger.out / "validation"
    path = write_validation(validation, folder)
    if with_crops:
        write_contact_sheet(ledger, validation, folder / "errors.png")
    figures = validation.figures
    return ValidationResult(figures["verdict"], figures["exit_code"], figures, path)


def _decided_by(sample: Figures, figures: Figures) -> Figures:
    """The figures with the verdict, and the shares of women to quote, of a labelled sample."""
    settled = figures | {"verdict": sample["verdict"], "exit_code": sample["exit_code"], "sample": sample}
    settled["further_people"] = sample["further_appearances"]
    for name, unit in (("share", "share"), ("screen_time", "screen_time")):
        if (women := sample["by"]["female"][unit])["share"] is not None:
            quote = {key: women[key] for key in ("share", "low", "high")}
            female = figures[name]["female"] | {"quote": {"method": "prediction_powered", **quote, "refusal": ""}}
            settled[name] = figures[name] | {"female": female}
    return settled


@dataclass(frozen=True)
class DrawnTemplate:
    """A truth folder to fill in, with appearances drawn from a run."""

    people_path: Path
    sheets: Sheets
    """Pictures of the faces, numbered like the lines of people.csv."""
    drawn_count: int
    appearance_count: int
    """Of the run."""


def draw_template(out: PathLike, folder: PathLike, *, appearances: int = 40, seed: int = 1) -> DrawnTemplate:
    """Draws appearances of a run at random and writes a truth folder in which only their genders are left to fill in.

    Args:
        out: a run's output folder.
        folder: the new truth folder.
        appearances: how many to draw; all where the run has fewer.
        seed: of the draw.

    Raises:
        PipelineError: no results, no appearances, or a folder that holds labels already.
    """
    ledger, folder = Ledger(Path(out)), Path(folder)
    check_new(folder)
    truth = draw_appearances(ledger, appearances, seed)
    assert truth.sample is not None
    sheets = write_sheets(ledger, truth.sample, folder)
    write_truth(truth, folder, hints=True)
    return DrawnTemplate(folder / PEOPLE_FILE, sheets, len(truth.sample.drawn), truth.sample.appearance_count)


@dataclass(frozen=True)
class LabelCheck:
    """The findings on a truth folder, and the people who cannot be matched to a run."""

    checkup: Checkup
    unmatched: dict[Reason, list[str]]
    """People to whom no track can be given, by reason: of the run where there is one, else by the labels alone."""


def check_labels(folder: PathLike, videos: Inputs, run: PathLike | None = None) -> LabelCheck:
    """Checks labels against their videos, and says who cannot be matched to a track.

    Args:
        folder: the truth folder.
        videos: the labelled videos.
        run: output folder of a run over them.

    Raises:
        PipelineError: labels that cannot be read, no video in common, no such run.
    """
    checkup = check_folder(Path(folder), texts(videos), optional_path(run))
    if run is None:
        found = unmatched_figures(checkup.truth, checkup.truth.people, unmatched_without_run(checkup.truth))
    else:
        found = unmatched_people(Ledger(Path(run)), checkup.truth)
    return LabelCheck(checkup, found)


def compare_runs(
    first: PathLike, second: PathLike, truth: PathLike | None = None, *, path: PathLike | None = None
) -> Figures:
    """Compares two runs over the same videos: their shares, and the appearances that differ.

    With labels also: which one classifies more people correctly, and is that more than chance?

    Args:
        first, second: output folders of runs.
        truth: the folder with hand labels.
        path: also writes the figures there, as JSON.

    Returns:
        corrections_ignored: a sentence for each run about corrections by hand, which a comparison of predictions does
        not apply, empty without any; videos, shares and appearances, as from
        `facetally.validation.run_comparison.run_figures`; with labels also the
        figures of `facetally.validation.compare.compare_runs`.

    Raises:
        PipelineError: no results, no video in both, labels that cannot be read, or no labelled person in both.
    """
    ledgers = Ledger(Path(first)), Ledger(Path(second))
    labels = read_truth(Path(truth)) if truth else None
    figures = {**run_figures(*ledgers), **(comparison_of(*ledgers, labels) if labels else {})}
    by_hand = [read_corrections(ledger.out).disclosure({row.video_id for row in ledger.rows()}) for ledger in ledgers]
    figures["corrections_ignored"] = dict(zip(("first", "second"), by_hand, strict=True))
    if path:
        write_json(figures, Path(path))
    return figures
