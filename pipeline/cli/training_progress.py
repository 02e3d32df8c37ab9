"""Shows the progress of a training on stderr, and its result on stdout."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, TaskID, TextColumn
from rich.table import Table

from facetally.formatting import printable
from facetally.training.face_crops import CuttingReport

if TYPE_CHECKING:
    from facetally.gender.training.trainer import EpochResult
    from facetally.training.train import TrainedModel


class TrainingDisplay:
    """Shows a bar for the crops of each source, one for the training, and a line per epoch."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def cutting(self, source: str, done: int, total: int) -> None:
        self._update(f"cutting {source}", done, total)

    def teaching(self, done: int, total: int) -> None:
        self._update("computing the teachers' predictions", done, total)

    def step(self, step: int, steps: int, loss: float) -> None:
        self._update("training", step, steps, note=f", loss {loss:.3f}")

    def epoch(self, result: EpochResult) -> None:
        parts = [f"loss {result.train_loss:.3f}", f"selection loss {result.selection_loss:.3f}"]
        if not math.isnan(result.selection_accuracy):
            parts.append(f"accuracy {result.selection_accuracy:.2%}")
        if not math.isnan(result.selection_age_mae):
            parts.append(f"age error {result.selection_age_mae:.2f} years")
        line = f"epoch {result.epoch}: {', '.join(parts)}, {result.seconds:.0f} s"
        self._progress.console.print(line, highlight=False, soft_wrap=True)

    def _update(self, name: str, done: int, total: int, *, note: str = "") -> None:
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(name, total=total)
        self._progress.update(self._tasks[name], completed=done, total=total, description=printable(name) + note)


@contextmanager
def shown_training() -> Iterator[TrainingDisplay]:
    """A display on stderr: bars and lines on a terminal, lines only elsewhere."""
    console = Console(stderr=True, emoji=False)
    columns = (TextColumn("{task.description}", markup=False), *Progress.get_default_columns()[1:])
    with Progress(*columns, console=console, disable=not sys.stderr.isatty()) as progress:
        yield TrainingDisplay(progress)


def print_trained(trained: TrainedModel) -> None:
    """Prints how many images were used, and the metrics of the test split."""
    print_evaluation(trained.metrics, trained.cutting)
    print(f"Weights, card and evaluation are in {printable(str(trained.folder))}", file=sys.stderr)


def print_evaluation(metrics: Mapping[str, Any], cutting: Mapping[str, CuttingReport]) -> None:
    """Prints the metrics by set as tables on stdout, and how many images of each source were used on stderr."""
    for name, report in cutting.items():
        counts = ", ".join(f"{count} {what.replace('_', ' ')}" for what, count in report.counts.items() if count)
        print(f"{printable(name)}: {counts}", file=sys.stderr)
    for kind, columns in (("gender", GENDER_COLUMNS), ("age", AGE_COLUMNS)):
        if metrics[kind]:
            Console(emoji=False).print(_table(kind, metrics[kind], columns))
    for what, parts in _gender_parts(metrics["gender"] or {}).items():
        Console(emoji=False).print(_gaps_table(what, parts))


def print_note(note: str) -> None:
    """Prints on stdout which labels were not understood."""
    print(f"Note: {printable(note)}", flush=True)


def _table(kind: str, figures: Mapping[str, Any], columns: Mapping[str, tuple[str, str]]) -> Table:
    table = Table()
    for heading in (kind, "faces", *columns):
        table.add_column(heading, justify="left" if heading == kind else "right")
    sets = figures["by_set"] if len(figures["by_set"]) > 1 else {}
    for name, part in {**sets, "all": figures}.items():
        table.add_row(
            escape(printable(name)), str(part["count"]), *(_cell(part, key, form) for key, form in columns.values())
        )
    return table


def _gender_parts(figures: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Accuracies of gender by what faces are broken down by, where that is known for some."""
    groups: dict[str, Any] = {}
    sets = figures.get("by_set", {})
    for name, one in sets.items():
        prefix = f"{name}: " if len(sets) > 1 else ""
        groups |= {f"{prefix}{group}": part for group, part in one.get("by_group", {}).items()}
    parts = {"gender by age": figures.get("by_age", {}), "gender by group": groups}
    return {what: rows for what, rows in parts.items() if rows}


def _gaps_table(what: str, parts: Mapping[str, Any]) -> Table:
    """A row for each part, with how many points more of its women than of its men are classified correctly."""
    table = Table()
    for heading in (what, "faces", "women", "men", "women less men"):
        table.add_column(heading, justify="left" if heading == what else "right")
    for name, part in parts.items():
        table.add_row(escape(printable(name)), *gender_cells(part, ".2%"))
    return table


def gender_cells(part: Mapping[str, Any], form: str) -> tuple[str, str, str, str]:
    """How many faces, the accuracy of women and of men, and their difference in points; empty where there are none.

    Args:
        part: of metrics.json, by age or by group.
        form: of the accuracies, such as ".1%".
    """
    if not part["count"]:
        return "", "", "", ""
    known = {gender: part[gender]["accuracy"] for gender in ("female", "male") if gender in part}
    women, men = (f"{known[gender]:{form}}" if gender in known else "" for gender in ("female", "male"))
    gap = f"{100 * (known['female'] - known['male']):+.1f}" if len(known) == 2 else ""
    return str(part["count"]), women, men, gap


def _cell(part: Mapping[str, Any], key: str, form: str) -> str:
    """A metric as text; empty for the recall of a gender that no face has."""
    label, _, kind = key.partition("_")
    if kind == "recall" and not part[f"{label}_as_female"] + part[f"{label}_as_male"]:
        return ""
    return f"{part[key]:{form}}"


GENDER_COLUMNS = {
    "accuracy": ("accuracy", ".2%"),
    "female recall": ("female_recall", ".2%"),
    "male recall": ("male_recall", ".2%"),
    "calibration error": ("calibration_error", ".3f"),
}
"""Key in metrics.json and number format, by heading."""
AGE_COLUMNS = {
    "mean error, years": ("mae_years", ".2f"),
    "median": ("median_error_years", ".2f"),
    "within 5": ("within_5", ".1%"),
    "within 10": ("within_10", ".1%"),
}
