"""Chooses between weights of one training by its selection split, with a look at each band of age.

    python -m scripts.choose_stage before.onnx after.onnx halfway.onnx --data utk=UTKFace.zip --data fairface=... \
        --cache work/crops

The first weights are those that stay if no others are better. Others are taken if their log loss of gender is lower and
they lose in no band of age: in none may the gap between women and men widen, or the accuracy of either fall, by more
than a point (`facetally.gender.gender_gaps`). Of several the one with the lowest loss is chosen. Only images that are
in the selection split of all of them count, and that are labelled with gender and age; give the data sets that all were
trained on. The table goes to stdout, and with --report into a JSON file.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
import rich_click as click

from facetally.cli.options import DETECTOR, MODELS_DIR
from facetally.cli.train import ALIGNED, CACHE, DATA, FILE, detector_path, parsed_sources
from facetally.cli.training_progress import shown_training
from facetally.detection.crops import CropRecipe
from facetally.errors import ModelError, PipelineError
from facetally.files import write_whole
from facetally.gender.classifier import FaceGenderClassifier
from facetally.gender.data.face_sets import FaceCorpus
from facetally.gender.gender_gaps import GenderGap, gender_gaps, lost_bands
from facetally.training.evaluate import held_out_faces, predictions_for
from facetally.training.face_crops import cut_sources
from scripts.provenance import machine

MIN_PROB = 1e-6
"""Probabilities are limited to [MIN_PROB, 1 - MIN_PROB], so that one face cannot decide the log loss."""


@dataclass(frozen=True)
class Candidate:
    """The figures of some weights on the selection split."""

    name: str
    log_loss: float
    """Of the calibrated probabilities of gender."""
    accuracy: float
    gaps: dict[str, GenderGap]

    @classmethod
    def of(
        cls,
        name: str,
        is_female: npt.NDArray[np.bool_],
        female_prob: npt.NDArray[np.float64],
        age_years: npt.NDArray[np.float64],
    ) -> Candidate:
        """Compares (N,) labels with (N,) probabilities."""
        right_prob = np.clip(np.where(is_female, female_prob, 1 - female_prob), MIN_PROB, 1 - MIN_PROB)
        predicted = female_prob > 0.5
        loss, accuracy = float(-np.log(right_prob).mean()), float((predicted == is_female).mean())
        return cls(name, loss, accuracy, gender_gaps(is_female, predicted, age_years))


def chosen(candidates: Sequence[Candidate]) -> Candidate:
    """The candidate with the lowest loss among the first and those that lose in no band against it."""
    first = candidates[0]
    return min((c for c in candidates if not lost_bands(first.gaps, c.gaps)), key=lambda candidate: candidate.log_loss)


def table(candidates: Sequence[Candidate]) -> str:
    """The candidates as a table in Markdown: women's accuracy less men's by band, and where each loses."""
    first, best = candidates[0], chosen(candidates)
    bands = list(first.gaps)
    rows = [
        f"| weights | log loss | accuracy | {' | '.join(f'{band}: women less men' for band in bands)} | loses in |",
        "|---" * (4 + len(bands)) + "|",
    ]
    for candidate in candidates:
        name = f"**{candidate.name}**" if candidate is best else candidate.name
        cells = [gap_cell(gap) for gap in candidate.gaps.values()]
        lost = ", ".join(lost_bands(first.gaps, candidate.gaps))
        rows.append(f"| {name} | {candidate.log_loss:.4f} | {candidate.accuracy:.2%} | {' | '.join(cells)} | {lost} |")
    counts = ", ".join(f"{name} {gap.female_count} + {gap.male_count}" for name, gap in first.gaps.items())
    return "\n".join(rows) + f"\n\nWomen + men: {counts}. In brackets: the accuracy of women. Chosen: {best.name}."


def gap_cell(gap: GenderGap) -> str:
    """A band's gap in points and the accuracy of women; a dash without women or men, a note where both are few."""
    if not gap.female_count or not gap.male_count:
        return "-"
    note = "" if gap.is_comparable else ", too few to compare"
    return f"{100 * gap.gap:+.1f} ({gap.female_accuracy:.1%}{note})"


def as_json(candidate: Candidate) -> dict[str, Any]:
    """Plain values, None where a band has no women or no men."""
    gaps = {
        name: {key: None if value != value else value for key, value in asdict(gap).items()}
        for name, gap in candidate.gaps.items()
    }
    return asdict(candidate) | {"gaps": gaps}


def loaded(path: Path) -> FaceGenderClassifier:
    """The classifier in a file; raises ModelError if it cannot be used."""
    try:
        return FaceGenderClassifier(path)
    except ValueError as error:
        raise ModelError(str(error), fix="give .onnx or .pth files that facetally train wrote") from error


def labelled(faces: FaceCorpus) -> FaceCorpus:
    """The faces with a gender and an age."""
    return faces.only(faces.faces["female"].notna() & faces.faces["age_years"].notna())


def selection_of(models: Sequence[FaceGenderClassifier], sets: Sequence[Any]) -> FaceCorpus:
    """The faces in the selection split of every model; raises click.UsageError if there are none."""
    faces = labelled(held_out_faces(sets, models[0].card, "selection"))
    for model in models[1:]:
        faces = faces.only(faces.faces["digest"].map(model.card.images_held_out.split_of) == "selection")
    if not len(faces):
        raise click.UsageError("the weights share no image for their selection, so they cannot be compared")
    return faces


@click.command(help=__doc__)
@click.argument("weights", nargs=-1, required=True, type=FILE)
@DATA
@DETECTOR
@ALIGNED
@MODELS_DIR
@CACHE
@click.option("--report", type=click.Path(path_type=Path, dir_okay=False), help="JSON to write.")
def main(
    weights: tuple[Path, ...],
    sources: tuple[str, ...],
    detector: str,
    aligned: bool,
    models_dir: Path | None,
    cache: Path | None,
    report: Path | None,
) -> None:
    try:
        models = [loaded(path) for path in weights]
        crops = CropRecipe(**models[0].card.crop)
        with TemporaryDirectory() as folder, shown_training() as watcher:
            found_by = None if aligned else detector_path(detector, models_dir)
            cut_to = cache or Path(folder)
            sets, _ = cut_sources(parsed_sources(sources), found_by, crops, cut_to, None, watcher.cutting)
            faces = selection_of(models, sets)
            is_female = faces.faces["female"].to_numpy() == 1
            years = faces.faces["age_years"].to_numpy(np.float64)
            candidates = [
                Candidate.of(str(path), is_female, predictions_for(model, faces).female_prob.astype(np.float64), years)
                for path, model in zip(weights, models, strict=True)
            ]
        click.echo(table(candidates))
        if report:
            facts = {"date": str(date.today()), "machine": machine(), "chosen": chosen(candidates).name}
            content = facts | {"candidates": [as_json(candidate) for candidate in candidates]}
            write_whole(report, json.dumps(content, indent=1, allow_nan=False) + "\n")
    except PipelineError as error:
        raise click.ClickException(f"{error}\nFix: {error.fix}") from error


if __name__ == "__main__":
    main()
